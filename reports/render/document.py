"""Building blocks of the report's text; sections consist of them, and each renderer knows how to show them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from reports.model import FigureEntry, Gap, Results


@dataclass(frozen=True)
class Paragraph:
    """Plain text; `backticks` mark code."""

    text: str
    kind: Literal["paragraph"] = "paragraph"


@dataclass(frozen=True)
class Heading:
    """Heading inside a section."""

    text: str
    kind: Literal["heading"] = "heading"


@dataclass(frozen=True)
class Table:
    """A table of preformatted cells.

    Attributes:
        caption: what it shows, with units.
        columns: column headings.
        rows: cells; each row is as long as ``columns``. The first cell names the row.
        numeric: indices of right-aligned columns.
        stack: on a narrow screen show each row as a small block instead of a line.
        strong: indices of rows to stress.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    stack: bool = False
    strong: frozenset[int] = frozenset()
    kind: Literal["table"] = "table"

    def __post_init__(self) -> None:
        """Check that no row is longer or shorter than the heading."""
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.caption!r}: a row does not have {len(self.columns)} cells")


@dataclass(frozen=True)
class FigureRow:
    """Figures side by side; each keeps its own caption."""

    figures: tuple[FigureEntry, ...]
    kind: Literal["figures"] = "figures"


@dataclass(frozen=True)
class Missing:
    """A stated gap."""

    gap: Gap
    kind: Literal["gap"] = "gap"


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]
    kind: Literal["bullets"] = "bullets"


@dataclass(frozen=True)
class Code:
    """Verbatim text."""

    caption: str
    text: str
    language: str
    kind: Literal["code"] = "code"


Block = Paragraph | Heading | Table | FigureRow | Missing | Bullets | Code


@dataclass(frozen=True)
class Section:
    """A titled part of the report."""

    key: str
    title: str
    blocks: list[Block] = field(default_factory=list)


def figure_rows(results: Results, section: str) -> list[Block]:
    """The figures of a section, those of one group side by side."""
    groups: dict[str, list[int]] = {}
    for index, figure in enumerate(results.figures):
        if figure.section == section:
            groups.setdefault(figure.group, []).append(index)
    return [FigureRow(tuple(results.figures[i] for i in members)) for members in groups.values()]
