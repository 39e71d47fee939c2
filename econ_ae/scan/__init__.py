"""Search for encoders: any key of the run's configuration, several objectives, resumable, local or on a Dask cluster.

`python -m econ_ae.scan --config configs/scan.yml`. This package starts without TensorFlow; only trials import it.
"""
