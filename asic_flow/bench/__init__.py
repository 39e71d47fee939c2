"""Benchmarks: ``asic_flow bench ...`` prints our figures beside those of a peer, with the machine they hold for.

One module per benchmark; :mod:`asic_flow.bench.core` times, describes the machine, keeps the history and prints.
"""
