"""Typed contents of ``cycle.rpt``, ``rtl.rpt``, ``power.rpt`` and of the values that ``solution get`` returned.

Layouts as described in `asic_flow.catapult.report_text`; column names are those of Catapult Ultra 2023.1. Areas are the
library's area scores (um^2 for the libraries that come with the tool), delays ns, powers uW before layout.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asic_flow.catapult.report_text import ReportError, ReportHeader, ReportText, integer, number, read_report


@dataclass(frozen=True)
class ProcessRow:
    """One row of *Processes/Blocks in Design* (clocks; None where the tool printed ``?`` or nothing)."""

    name: str
    operations: int | None
    latency: int | None
    throughput: int | None


@dataclass(frozen=True)
class Port:
    """One row of *I/O Data Ranges*."""

    name: str
    mode: str
    width: int


@dataclass(frozen=True)
class Resource:
    """One entry of *Memory Resources*: what a variable was mapped to."""

    name: str
    component: str
    words: int
    width: int
    external: bool

    @property
    def bits(self) -> int:
        """Size in bits."""
        return self.words * self.width


@dataclass(frozen=True)
class CycleReport:
    """``cycle.rpt``: schedule, ports, mapping of variables. `total` is None for a purely structural top."""

    header: ReportHeader
    processes: tuple[ProcessRow, ...]
    total: ProcessRow | None
    clock_period_ns: float | None
    clock_uncertainty_ns: float | None
    ports: tuple[Port, ...]
    resources: tuple[Resource, ...]


@dataclass(frozen=True)
class Area:
    """Area score, and its combinational and sequential parts."""

    score: float
    combinational: float
    sequential: float


@dataclass(frozen=True)
class RtlReport:
    """``rtl.rpt``: area, registers, timing.

    Attributes:
        total_area: *TOTAL AREA (After Assignment)*.
        area_by_class: post-assignment score by class (MUX, FUNC, LOGIC, BUFFER, MEM, ROM, REG, FSM-REG, FSM-COMB).
        registers: bits by register name.
        register_bits: the report's own total.
        max_delay_ns: longest path.
        slack_ns: clock period minus uncertainty minus longest path.
    """

    header: ReportHeader
    total: ProcessRow | None
    total_area: Area
    area_by_class: dict[str, float]
    registers: dict[str, int]
    register_bits: int
    max_delay_ns: float
    slack_ns: float


@dataclass(frozen=True)
class PowerRow:
    """Power of one instance in uW."""

    memory: float
    register: float
    combinational: float
    clock_network: float
    total: float


@dataclass(frozen=True)
class PowerReport:
    """``power.rpt`` of the design: activity coverage in percent, and power (pre-layout, modelled clock tree)."""

    header: ReportHeader
    activity_percent: tuple[float, ...]
    static: PowerRow
    dynamic: PowerRow
    total: PowerRow


@dataclass(frozen=True)
class SolutionValues:
    """What ``solution get`` returned at the end of extract; None where the release knows no such value."""

    run_id: str
    latency_cycles: float | None
    latency_ns: float | None
    throughput_cycles: float | None
    throughput_ns: float | None
    slack_ns: float | None
    area_score: float | None


def newest_solution(project: Path, design: str) -> Path:
    """Folder of the solution ``<design>.v<N>`` with the largest number: v10 comes after v9.

    Raises:
        ReportError: there is none.
    """
    found: dict[int, Path] = {}
    for path in project.glob(f"{design}.v*"):
        if path.is_dir() and (match := re.fullmatch(r".*\.v(\d+)", path.name)):
            found[int(match[1])] = path
    if not found:
        raise ReportError(f"looking for solutions of {design} in {project}: none; did Catapult get past 'compile'?")
    return found[max(found)]


def read_cycle_report(path: Path, *, solution: str, not_before: datetime | None = None) -> CycleReport:
    """Parse ``cycle.rpt`` (state schedule or later).

    Raises:
        ReportError: missing, partial, stale, of another solution, or of another layout.
    """
    text = read_report(path, minimum_state="schedule", solution=solution, not_before=not_before)
    processes, total = _processes(text)
    clocks = _columns(text, "Clock Information", ("Period", "Uncertainty"))
    ports = tuple(
        Port(row["Port"], row["Mode"], integer(row["DeclWidth"]) or 0)
        for row in _columns(text, "I/O Data Ranges", ("Port", "Mode", "DeclWidth"))
        if row["Port"]
    )
    return CycleReport(
        text.header, processes, total,
        number(clocks[0]["Period"]) if clocks else None,
        number(clocks[0]["Uncertainty"]) if clocks else None,
        ports, tuple(_resources(text)),
    )  # fmt: skip


def _processes(text: ReportText) -> tuple[tuple[ProcessRow, ...], ProcessRow | None]:
    rows = [
        ProcessRow(
            row["Process"].rstrip(":"),
            *(integer(row[key]) for key in ("Real Operation(s) count", "Latency", "Throughput")),
        )
        for row in _columns(
            text, "Processes/Blocks in Design", ("Process", "Real Operation(s) count", "Latency", "Throughput")
        )
    ]
    total = next((row for row in rows if row.name == "Design Total"), None)
    return tuple(row for row in rows if row is not total), total


def _columns(text: ReportText, title: str, names: tuple[str, ...]) -> list[dict[str, str]]:
    rows = text.table(title)
    if rows and (missing := set(names) - set(rows[0])):
        raise ReportError(
            f"reading {text.header.path}: section {title!r} has no column {sorted(missing)[0]!r}, found {list(rows[0])}"
        )
    return rows


def _resources(text: ReportText) -> list[Resource]:
    entry = re.compile(
        r"Resource Name: (?P<name>\S+)\s+Memory Component: (?P<component>\S+)\s+"
        r"Size:\s+(?P<words>\d+) x (?P<width>\d+)\s+External:\s+(?P<external>\w+)"
    )
    return [
        Resource(item["name"], item["component"], int(item["words"]), int(item["width"]), item["external"] == "true")
        for item in entry.finditer("\n".join(text.section("Memory Resources")))
    ]


def read_rtl_report(path: Path, *, solution: str, not_before: datetime | None = None) -> RtlReport:
    """Parse ``rtl.rpt`` (state extract or later). Errors as in `read_cycle_report`."""
    text = read_report(path, minimum_state="extract", solution=solution, not_before=not_before)
    body = "\n".join(text.lines)
    _, total = _processes(text)
    area = _figures(text, body, r"TOTAL AREA \(After Assignment\):\s+(\S+)\s+(\S+)\s+(\S+)")
    bits = _figures(text, "\n".join(text.section("Register-to-Variable Mappings")), r"^\s+Total:\s+(\d+)")
    classes = {}
    for line in text.section("Area Scores"):
        if match := re.match(r"\s+([A-Z]+(?:-[A-Z]+)?):\s+(.*)", line):
            columns = re.findall(r"(-?\d+(?:\.\d+)?)(?:\s+\(\d+%\))?", match[2])
            if len(columns) == 3:
                classes[match[1]] = float(columns[2])
    registers = {
        row["Register"]: integer(row["Size(bits)"]) or 0
        for row in _columns(text, "Register-to-Variable Mappings", ("Register", "Size(bits)"))
        if row["Register"] and row["Size(bits)"]
    }
    return RtlReport(
        text.header, total, Area(*area), classes, registers, int(bits[0]),
        *_figures(text, body, r"Max Delay:\s+(\S+)\s+Slack:\s+(\S+)"),
    )  # fmt: skip


def _figures(text: ReportText, body: str, pattern: str) -> list[float]:
    match = re.search(pattern, body, re.MULTILINE)
    figures = [number(item) for item in match.groups()] if match else []
    if not figures or any(figure is None for figure in figures):
        raise ReportError(
            f"reading {text.header.path}: found no figures like {pattern!r}; is this another release's layout?"
        )
    return [figure for figure in figures if figure is not None]


def read_power_report(path: Path, *, solution: str, not_before: datetime | None = None) -> PowerReport:
    """Parse ``power.rpt`` (state extract or later). Errors as in `read_cycle_report`, and zero or partial activity.

    Assumes that the first block of *Power Report (uW)* is the design, with rows Static, Dynamic and Total, and that the
    first row of *Switching Activity (Percent Asserted)* is the design too; all its percentages must be 100.
    """
    text = read_report(path, minimum_state="extract", solution=solution, not_before=not_before)
    activity_rows = text.table("Switching Activity (Percent Asserted)")
    activity = tuple(
        value for cell in list(activity_rows[0].values())[1:] if (value := number(cell)) is not None
    ) if activity_rows else ()  # fmt: skip
    if not activity or min(activity) < 100.0:
        raise ReportError(
            f"reading {path}: switching activity covers {list(activity)} percent, expected 100: "
            "the simulation was not used"
        )
    rows: dict[str, PowerRow] = {}
    for cells in text.table("Power Report (uW)"):
        name, *values = cells.values()
        figures = [number(value) for value in values]
        if name in {"Static", "Dynamic", "Total"} and name not in rows:
            if len(figures) != 5 or any(figure is None for figure in figures):
                raise ReportError(
                    f"reading {path}: row {name!r} of the power table has figures {figures}, expected five"
                )
            rows[name] = PowerRow(*(figure or 0.0 for figure in figures))
    if set(rows) != {"Static", "Dynamic", "Total"}:
        raise ReportError(
            f"reading {path}: the power table has rows {sorted(rows)}, expected Static, Dynamic and Total"
        )
    if rows["Dynamic"].total <= 0:
        raise ReportError(
            f"reading {path}: dynamic power is {rows['Dynamic'].total} uW: the switching simulation ran nothing"
        )
    return PowerReport(text.header, activity, rows["Static"], rows["Dynamic"], rows["Total"])


def read_solution_values(path: Path, *, run_id: str) -> SolutionValues:
    """Parse the ``name value`` lines that build_prj.tcl wrote.

    Raises:
        ReportError: missing, malformed, or written by another run.
    """
    try:
        pairs = dict(line.split(maxsplit=1) for line in path.read_text().splitlines() if line.strip())
    except (OSError, ValueError) as error:
        raise ReportError(f"reading {path}: {error}") from error
    if pairs.get("run_id", "").strip() != run_id:
        raise ReportError(f"reading {path}: written by run {pairs.get('run_id')!r}, expected {run_id!r}")
    names = ("latency_cycles", "latency_ns", "throughput_cycles", "throughput_ns", "slack_ns", "area_score")
    return SolutionValues(run_id, *(number(pairs.get(name, "unavailable")) for name in names))
