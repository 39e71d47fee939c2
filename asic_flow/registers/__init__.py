"""Register map of the on-detector encoder: one SystemRDL description, and everything derived from it."""

from __future__ import annotations

from asic_flow.registers.model import RegisterLayout, WeightRegister, register_layout
from asic_flow.registers.rdl import RegisterError, compile_rdl, render_rdl
from asic_flow.registers.render import render_registers, write_peakrdl_html

__all__ = [
    "RegisterError",
    "RegisterLayout",
    "WeightRegister",
    "compile_rdl",
    "register_layout",
    "render_rdl",
    "render_registers",
    "write_peakrdl_html",
]
