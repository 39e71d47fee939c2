"""How things look: the experiment's habits (ticks inside on all sides, frame, units), legible without colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from reports.figures.specs import Role


@dataclass(frozen=True)
class LineStyle:
    """Colour, marker and line style of a role; markers and line styles alone tell the roles apart."""

    color: str
    marker: str
    line: str | tuple[int, tuple[int, ...]]
    filled: bool
    width: float = 1.6


LINE_STYLES: Final = {
    Role.OURS: LineStyle("#b3202c", "o", "-", filled=True, width=2.2),
    Role.BEST_CHOICE: LineStyle("#20508f", "s", "--", filled=False),
    Role.SUPER_TRIGGER_CELL: LineStyle("#a85f00", "^", "-.", filled=False),
    Role.THRESHOLD_SUM: LineStyle("#6b3f86", "D", ":", filled=False),
    Role.OTHER: LineStyle("#555555", "v", (0, (5, 1, 1, 1, 1, 1)), filled=False),
    Role.PUBLISHED: LineStyle("#20508f", "s", "--", filled=False),
    Role.TRAINING: LineStyle("#20508f", "s", "--", filled=False),
    Role.VALIDATION: LineStyle("#b3202c", "o", "-", filled=True),
}

STRONG_MARK: Final[dict[str, Any]] = {"color": "#1a1a1a", "linestyle": ":", "linewidth": 1.6}
WEAK_MARK: Final[dict[str, Any]] = {"color": "#9a9a9a", "linestyle": "-", "linewidth": 0.8}

STACK_STYLES: Final[tuple[dict[str, Any], ...]] = (
    {"color": "#20508f"}, {"color": "#b3202c", "hatch": "//"}, {"color": "#e0b060", "hatch": ".."},
    {"color": "#9bb7d9", "hatch": "xx"}, {"color": "#eeeeee"}, {"color": "#777777", "hatch": "--"},
)  # fmt: skip
"""Parts of stacked bars, in order."""
STACK_AXES: Final = (0.34, 0.135, 0.63, 0.70)

LINE_SIZE: Final = (5.0, 3.9)
"""Inches. Fixed places instead of a layout engine: drawing takes a quarter of the time, and panels line up."""
LINE_AXES: Final = (0.145, 0.135, 0.825, 0.665)
PLAIN_SIZE: Final = (5.0, 3.5)
"""Without a legend above."""
PLAIN_AXES: Final = (0.145, 0.15, 0.825, 0.77)
Y_LABEL: Final = (-0.125, 0.5)
LEGEND_ANCHOR: Final = (0.5, 1.0)
HEX_SIZE: Final = (3.7, 4.3)
HEX_AXES: Final = (0.13, 0.245, 0.85, 0.745)
BAR_AXES: Final = (0.16, 0.115, 0.79, 0.03)
HEX_X_CM: Final = (-10.0, 10.0)
HEX_Y_CM: Final = (-10.2, 10.2)
"""Frame around the module's centre."""
HEX_SHRINK: Final = 0.9
"""The three rhombi of the coordinates lie up to 10 % closer than a pitch; smaller hexagons do not overlap."""
SIGN_FROM: Final = 0.05
SIGN_WHITE_FROM: Final = 0.6
HEX_TICKS_CM: Final = (-5, 0, 5)
CHARGE_MAP: Final = "YlGnBu"
"""Lightness falls evenly from almost white: small charges look small, also without colour."""
DIFFERENCE_MAP: Final = "PuOr_r"
EDGE_COLOR: Final = "#8a8a8a"
INK: Final = "#1a1a1a"
LABEL: Final = "Simulation"

RC: Final[dict[str, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["TeX Gyre Heros", "Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 11.0,
    "mathtext.default": "regular",
    "axes.labelsize": 11.5,
    "axes.linewidth": 1.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 6.0,
    "ytick.major.size": 6.0,
    "xtick.minor.size": 3.0,
    "ytick.minor.size": 3.0,
    "xtick.minor.visible": False,
    "ytick.minor.visible": True,
    "legend.frameon": False,
    "legend.fontsize": 10.0,
    "legend.handlelength": 2.6,
    "legend.columnspacing": 1.4,
    "lines.markersize": 6.0,
    "svg.fonttype": "path",
}
