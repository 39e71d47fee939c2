"""Catapult C++ of an encoder: emitter, g++ simulation and Python binding."""

from __future__ import annotations

from asic_flow.hls.emitter import render_hls

__all__ = ["render_hls"]
