"""Catapult C++ of an encoder: emitter, g++ simulation and Python binding."""

from __future__ import annotations

from asic_flow.hls.binding import CompiledEncoder
from asic_flow.hls.compiler import find_ac_types
from asic_flow.hls.csim import CompiledBench, CsimResult, run_csim
from asic_flow.hls.emitter import render_hls

__all__ = ["CompiledBench", "CompiledEncoder", "CsimResult", "find_ac_types", "render_hls", "run_csim"]
