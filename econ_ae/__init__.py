"""Training and evaluation of on-detector autoencoders in the arithmetic of the hardware.

`econ_ae.config` (run configuration) and this file start without TensorFlow; everything else imports it.
"""
