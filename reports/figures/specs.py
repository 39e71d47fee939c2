"""What a figure shows, as plain data: no plotting library here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a line stands for; the drawing layer gives each role one colour, marker and line style everywhere."""

    OURS = "ours"
    BEST_CHOICE = "best_choice"
    SUPER_TRIGGER_CELL = "super_trigger_cell"
    THRESHOLD_SUM = "threshold_sum"
    OTHER = "other"
    PUBLISHED = "published"
    TRAINING = "training"
    VALIDATION = "validation"


class HexKind(StrEnum):
    """Quantity of a hexagon map: a charge (zero or more) or a signed difference."""

    CHARGE = "charge"
    DIFFERENCE = "difference"


@dataclass(frozen=True)
class Caption:
    """Words of a figure.

    Attributes:
        key: file name without suffix.
        section: section of the report it belongs to.
        group: figures of one group stand side by side.
        title: short heading.
        alt: what a reader who cannot see the figure must know.
        text: caption below the figure.
    """

    key: str
    section: str
    group: str
    title: str
    alt: str
    text: str


@dataclass(frozen=True)
class Line:
    """One line of a line figure; a None in ``y`` is a gap, ``error`` are symmetric bars."""

    label: str
    role: Role
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    error: tuple[float, ...] | None = None
    join: bool = True


@dataclass(frozen=True)
class Mark:
    """A vertical line at ``x``: strong for a result, weak for a boundary. Equal labels share one legend entry."""

    x: float
    label: str
    strong: bool


@dataclass(frozen=True)
class LineFigure:
    """Lines over one axis; ``x_ticks`` replaces the numbers of the x axis by names."""

    caption: Caption
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...] | None = None
    y_from_zero: bool = True
    log_y: bool = False
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class HexFigure:
    """One value per trigger cell (48, TC order), drawn on the module."""

    caption: Caption
    values: tuple[float, ...]
    limit: float
    unit: str
    kind: HexKind


@dataclass(frozen=True)
class BarFigure:
    """Horizontal bars, stacked: one bar per name, in reading order; ``parts`` are (label, one value per bar)."""

    caption: Caption
    names: tuple[str, ...]
    x_label: str
    parts: tuple[tuple[str, tuple[float, ...]], ...]


Figure = LineFigure | HexFigure | BarFigure
