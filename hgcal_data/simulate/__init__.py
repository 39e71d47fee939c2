"""Parametrised simulation of module readings, the default data source (see :mod:`hgcal_data.simulate.run`)."""

from __future__ import annotations

from hgcal_data.simulate.config import SAMPLES, SimulationConfig
from hgcal_data.simulate.run import simulate, simulate_blocks

__all__ = ["SAMPLES", "SimulationConfig", "simulate", "simulate_blocks"]
