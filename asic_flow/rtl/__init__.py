"""SystemVerilog of the encoder chip: hand-written modules, and the package of parameters generated from the structure."""

from __future__ import annotations

from asic_flow.rtl.render import (
    MODULES,
    PACKAGE_FILE,
    RTL_FOLDER,
    TOP,
    latency_clocks,
    module_sources,
    render_package,
    render_rtl,
)

__all__ = [
    "MODULES",
    "PACKAGE_FILE",
    "RTL_FOLDER",
    "TOP",
    "latency_clocks",
    "module_sources",
    "render_package",
    "render_rtl",
]
