"""Figures in two layers: `content` says what to draw, `draw` says how; the radiation studies draw their own."""

from __future__ import annotations

from reports.figures.content import figures_of
from reports.figures.draw import draw_svg, tidy_svg
from reports.figures.radiation import radiation_figure

__all__ = ["draw_svg", "figures_of", "radiation_figure", "tidy_svg"]
