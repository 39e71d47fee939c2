"""Models in and out: published Keras 2 / QKeras files, QONNX, hls4ml projects, frozen graphs.

`econ_ae.exchange.importer` reads, `econ_ae.exchange.qonnx_file`, `econ_ae.exchange.hls_project` and
`econ_ae.exchange.frozen` write. Every exporter runs what it wrote and compares it with the integer emulator before it
leaves a file behind.
"""
