"""Budgets: which quantities have one, how a file with budgets looks, and the comparison with what is known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from asic_flow.errors import FlowError

Relation = Literal["at most", "at least"]
Status = Literal["pass", "fail", "not measured"]
SourceKind = Literal["measured in simulation", "evaluated", "synthesised", "scaled", "estimated", "structure"]


class Limit(BaseModel):
    """One budget."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: float = Field(description="the number that must not be passed")
    source: str = Field(default="", description="where the number comes from")


class Budgets(BaseModel):
    """Content of a budgets file; every key may be absent, and may be a plain number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_ns: Limit | None = Field(default=None, description="latency of the encoder block (ns)")
    rate_mhz: Limit | None = Field(default=None, description="events per microsecond")
    power_mw: Limit | None = Field(default=None, description="power of encoder, weight registers and I2C (mW)")
    chip_power_mw: Limit | None = Field(
        default=None, description="power of the whole chip (mW); this flow makes only a part of it"
    )
    energy_nj: Limit | None = Field(default=None, description="energy per inference (nJ)")
    area_mm2: Limit | None = Field(default=None, description="area of encoder, weight registers and I2C (mm2)")
    slack_ns: Limit | None = Field(default=None, description="worst slack at the derated corner (ns)")
    memory_bits: Limit | None = Field(default=None, description="weight bits, one copy")
    links: Limit | None = Field(default=None, description="output links in use")
    bits_per_event: Limit | None = Field(default=None, description="bits that leave per event")
    dose_mrad: Limit | None = Field(default=None, description="total ionising dose to survive (Mrad)")
    seu_failures_per_s: Limit | None = Field(default=None, description="wrong weight bits per chip and second")
    emd_half_pitches: dict[int, Limit] = Field(
        default_factory=dict, description="ceiling of the mean EMD by link count (half pitches)"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _plain_numbers(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"limit": value}
        if isinstance(value, dict) and "limit" not in value:
            return {key: {"limit": item} if isinstance(item, int | float) else item for key, item in value.items()}
        return value


UNITS: dict[str, tuple[str, Relation, str]] = {
    "latency_ns": ("ns", "at most", "latency, encoder block"),
    "rate_mhz": ("MHz", "at least", "event rate"),
    "power_mw": ("mW", "at most", "power, encoder block"),
    "chip_power_mw": ("mW", "at most", "power, whole chip"),
    "energy_nj": ("nJ", "at most", "energy per inference"),
    "area_mm2": ("mm2", "at most", "area, encoder block"),
    "slack_ns": ("ns", "at least", "worst slack, derated corner"),
    "memory_bits": ("bit", "at most", "weight bits, one copy"),
    "links": ("", "at most", "links in use"),
    "bits_per_event": ("bit", "at most", "bits per event"),
    "dose_mrad": ("Mrad", "at least", "total ionising dose"),
    "seu_failures_per_s": ("1/s", "at most", "wrong weight bits per chip"),
    "emd_half_pitches": ("half pitches", "at most", "mean EMD"),
}
"""Unit, relation and words of every quantity that can have a budget."""


@dataclass(frozen=True)
class Known:
    """A value, how it is known, and where it stands; `value` None says why it is not known in `detail`."""

    value: float | None
    source: SourceKind | None
    detail: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table; `margin` is the room left as a fraction of the budget (None for a budget of zero)."""

    quantity: str
    label: str
    unit: str
    relation: Relation
    budget: float
    budget_source: str
    value: float | None
    low: float | None
    high: float | None
    source: SourceKind | None
    detail: str
    margin: float | None
    status: Status


def compare(budgets: Budgets, known: dict[str, Known], emd: dict[int, Known]) -> list[Row]:
    """Every budget with the value that belongs to it.

    Args:
        budgets: what is asked.
        known: values by quantity; a quantity that is absent is not measured.
        emd: mean EMD by link count.
    """
    absent = Known(None, None, "no result of this run tells it")
    rows = [
        _row(name, UNITS[name][2], limit, known.get(name, absent))
        for name in UNITS
        if name != "emd_half_pitches" and (limit := getattr(budgets, name)) is not None
    ]
    for links, limit in sorted(budgets.emd_half_pitches.items()):
        label = f"{UNITS['emd_half_pitches'][2]}, {links} link{'s' if links > 1 else ''}"
        row = _row(
            "emd_half_pitches", label, limit, emd.get(links, Known(None, None, f"no evaluation with {links} links"))
        )
        rows.append(row)
    return rows


def verdict(rows: list[Row]) -> Literal["pass", "fail", "incomplete"]:
    """``fail`` if a budget is passed, ``incomplete`` if a value is not known."""
    found = {row.status for row in rows}
    return "fail" if "fail" in found else "incomplete" if "not measured" in found else "pass"


def read_budgets(path: Path | None, run: Path) -> tuple[Budgets, str]:
    """Budgets from a file, or those in the ``budgets`` section of the run's configuration; and where they were found.

    Raises:
        FlowError: no budgets are there, the file is not YAML, or it holds an unknown or wrong key.
    """
    source = path or run / "config.yml"
    try:
        content = yaml.safe_load(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise FlowError(
            f"reading budgets {source}: {error.strerror}; give a file with --budgets, e.g. configs/budgets.yml"
        ) from error
    except yaml.YAMLError as error:
        raise FlowError(f"reading budgets {source}: not valid YAML ({error})") from error
    if path is None:
        content = content.get("budgets") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not content:
        raise FlowError(
            f"reading budgets {source}: it holds none; give a file with --budgets, e.g. configs/budgets.yml"
        )
    try:
        return Budgets.model_validate(content), str(source)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "top level"
        known = ", ".join(Budgets.model_fields)
        hint = f"; known keys: {known}" if first["type"] == "extra_forbidden" and len(first["loc"]) == 1 else ""
        raise FlowError(f"reading budgets {source}: key {where}: {first['msg']}{hint}") from error


def budgets_json(rows: list[Row], source: str) -> dict[str, Any]:
    """Content of ``estimate/budgets.json``."""
    return {
        "schema_version": 1,
        "verdict": verdict(rows),
        "budgets_from": source,
        "rows": [asdict(row) for row in rows],
    }


def _row(name: str, label: str, limit: Limit, known: Known) -> Row:
    unit, relation, _ = UNITS[name]
    margin: float | None = None
    status: Status = "not measured"
    if known.value is not None:
        room = limit.limit - known.value if relation == "at most" else known.value - limit.limit
        status = "pass" if room >= 0 else "fail"
        margin = room / abs(limit.limit) if limit.limit else None
    return Row(
        name, label, unit, relation, limit.limit, limit.source, known.value, known.low, known.high, known.source, known.detail,
        margin, status,
    )  # fmt: skip
