"""``estimate/estimate.json`` (area, timing, power) and ``estimate/budgets.json`` (what was compared with budgets)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from reports.inputs.base import Count, File, Input, Number


class EstimateRow(Input):
    """One quantity of ``estimate/budgets.json``."""

    quantity: str
    label: str | None = None
    unit: str
    relation: Literal["at most", "at least"] = "at most"
    budget: Number = None
    value: Number = None
    source: str | None = None
    detail: str | None = None
    margin: Number = None
    status: str | None = None


class Estimate(File):
    """``estimate/budgets.json``."""

    rows: list[EstimateRow]


class AreaEstimate(Input):
    """NAND2 equivalents by block and class of cell."""

    by_block_nand2: dict[str, dict[str, float]]
    total_nand2: float


class PathEstimate(Input):
    """Worst path of a group: in the typical library, derated, and derated and scaled to the target technology."""

    group: str
    endpoints: Count = 0
    path_ns: float
    slack_ns: float
    derated_path_ns: float
    derated_slack_ns: float
    scaled_path_ns: float
    scaled_slack_ns: float


class TimingEstimate(Input):
    """Static timing."""

    clock_ns: float
    derate: float
    groups: list[PathEstimate] = Field(default_factory=list)


class PowerEstimate(Input):
    """Power by block in the library's technology; keys of the inner mapping end in ``_mw``."""

    events: Count = 0
    activity: str
    library_by_block: dict[str, dict[str, float]]


class ScaledNumber(Input):
    """A number in the target technology with its range and the factors that led to it."""

    value: float
    low: float
    high: float
    detail: str


class SynthesisEstimate(File):
    """``estimate/estimate.json``."""

    method: Literal["synthesised", "fast"]
    structure_sha256: str
    area: AreaEstimate
    timing: TimingEstimate | None = None
    power: PowerEstimate | None = None
    result: dict[str, ScaledNumber | None] = Field(default_factory=dict)
    error: str | None = None
