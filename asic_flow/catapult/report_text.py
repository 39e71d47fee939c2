"""Reading the text layout of Catapult reports: header, sections, tables ruled with dashes.

Assumptions, from public reports of Catapult Ultra 2023.1 and records of 2024.2 (facts/hls4ml-and-catapult.md 2.4):

* the header has ``-- Version:``, ``-- Generated date:``, ``Solution Settings: <solution>``, ``Current state: <state>``;
* a section starts with its title at column 0; a table is a line of column names, a line of dashes that marks the extent
  of each column, and rows until a blank line;
* a complete report ends with ``End of Report``;
* ``?`` and negative numbers are legitimate values (unknown; free-running).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from asic_flow.errors import ToolFailedError

STATES = (
    "new",
    "analyze",
    "compile",
    "libraries",
    "assembly",
    "architect",
    "allocate",
    "schedule",
    "dpfsm",
    "extract",
    "switching",
    "power",
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_DATE = re.compile(r"\w{3} (\w{3}) +(\d+) (\d+:\d+:\d+) (?:\S+ )?(\d{4})")


class ReportError(ToolFailedError):
    """A report is missing, partial, stale, or not in the expected layout."""


@dataclass(frozen=True)
class ReportHeader:
    """Identification of a report.

    Attributes:
        path: file it was read from.
        version: release of the tool.
        generated: local time of the machine that wrote it.
        solution: such as ``econ_encoder.v3``.
        state: stage the solution had reached.
    """

    path: Path
    version: str
    generated: datetime
    solution: str
    state: str


@dataclass(frozen=True)
class ReportText:
    """Lines of a complete report and its header."""

    header: ReportHeader
    lines: tuple[str, ...]

    def section(self, title: str) -> list[str]:
        """Lines after a section title up to the next unindented, non-empty line.

        Raises:
            ReportError: there is no such section.
        """
        for index, line in enumerate(self.lines):
            if line.rstrip() == title:
                rest = self.lines[index + 1 :]
                end = next((i for i, text in enumerate(rest) if text and not text[0].isspace()), len(rest))
                return list(rest[:end])
        raise ReportError(f"reading {self.header.path}: no section {title!r}; is this another release's layout?")

    def table(self, title: str) -> list[dict[str, str]]:
        """Rows of the first table of a section, cells by column name."""
        return list(table_rows(self.section(title)))


def read_report(path: Path, *, minimum_state: str, solution: str, not_before: datetime | None = None) -> ReportText:
    """Read a report and refuse it unless it is complete, current and of the solution asked for.

    Args:
        path: the report.
        minimum_state: stage the solution must have reached when it was written.
        solution: solution it must describe.
        not_before: local time the run started (whole seconds, as in reports); older reports are stale.

    Raises:
        ReportError: with the reason.
    """
    try:
        lines = tuple(path.read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError as error:
        raise ReportError(f"reading {path}: {error.strerror}; the tool did not write it") from error
    header = _header(path, lines)
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    if last != "End of Report":
        raise ReportError(
            f"reading {path}: the report is cut short (last line {last[:60]!r}, expected 'End of Report')"
        )
    if header.solution != solution:
        raise ReportError(f"reading {path}: it describes solution {header.solution!r}, expected {solution!r}")
    if header.state not in STATES or STATES.index(header.state) < STATES.index(minimum_state):
        raise ReportError(f"reading {path}: written in state {header.state!r}, expected {minimum_state!r} or later")
    if not_before is not None and header.generated < not_before.replace(microsecond=0):
        raise ReportError(
            f"reading {path}: stale, generated {header.generated}, but this run started {not_before:%Y-%m-%d %H:%M:%S}"
        )
    return ReportText(header, lines)


def _header(path: Path, lines: tuple[str, ...]) -> ReportHeader:
    fields: dict[str, str] = {}
    for line in lines[:40]:
        for key in ("-- Version:", "-- Generated date:", "Solution Settings:", "Current state:"):
            if line.strip().startswith(key):
                fields.setdefault(key, line.strip().removeprefix(key).strip())
    missing = [
        key
        for key in ("-- Version:", "-- Generated date:", "Solution Settings:", "Current state:")
        if key not in fields
    ]
    if missing:
        raise ReportError(f"reading {path}: header line {missing[0]!r} is missing; this is no complete Catapult report")
    date = _DATE.search(fields["-- Generated date:"])
    if date is None:
        raise ReportError(f"reading {path}: cannot read the date {fields['-- Generated date:']!r}")
    month, day, clock, year = date.groups()
    try:
        generated = datetime.strptime(f"{day} {month} {year} {clock}", "%d %b %Y %H:%M:%S")
    except ValueError as error:
        raise ReportError(f"reading {path}: cannot read the date {fields['-- Generated date:']!r}") from error
    solution = fields["Solution Settings:"].split("::")[-1]
    return ReportHeader(path, fields["-- Version:"], generated, solution, fields["Current state:"])


def table_rows(lines: list[str]) -> Iterator[dict[str, str]]:
    """Rows of the first ruled table in `lines`, cells by column name; rows end at a blank line."""
    rule = next((i for i, line in enumerate(lines) if i and line.strip() and not line.replace("-", "").strip()), None)
    if rule is None:
        return
    starts = [match.start() for match in re.finditer(r"-+", lines[rule])]
    names = _cells(lines[rule - 1], starts)
    for line in lines[rule + 1 :]:
        if not line.strip():
            return
        yield dict(zip(names, _cells(line, starts), strict=True))


def _cells(line: str, starts: list[int]) -> list[str]:
    """Text of each column; one blank separates columns, so text across an edge means that the layout is another one."""
    edges = [0, *starts[1:], max(len(line), starts[-1])]
    if any(line[edge - 1 : edge].strip() for edge in starts[1:]):
        raise ReportError(f"reading a report: text runs across a column edge in the line {line.strip()[:80]!r}")
    return [line[a:b].strip() for a, b in pairwise(edges)]


def number(text: str) -> float | None:
    """First number in a cell; None for an empty cell or ``?``."""
    match = _NUMBER.search(text)
    return float(match[0]) if match else None


def integer(text: str) -> int | None:
    """First integer in a cell; None for an empty cell or ``?``."""
    value = number(text)
    return None if value is None else int(value)
