"""Simulation of generated RTL with cocotb: find and build simulators, run the chip bench, return typed results."""

from __future__ import annotations

from asic_flow.sim.rtl import SimResult, simulate_rtl
from asic_flow.sim.simulators import Simulator, build_model, run_bench

__all__ = ["SimResult", "Simulator", "build_model", "run_bench", "simulate_rtl"]
