"""Figures in two layers: `content` says what to draw, `draw` says how."""

from __future__ import annotations

from reports.figures.content import figures_of
from reports.figures.draw import draw_svg

__all__ = ["draw_svg", "figures_of"]
