"""Budgets asked for beside what is known: from simulation, from synthesis, or not yet."""

from __future__ import annotations

from typing import Literal

from reports import inputs
from reports.model import BudgetRow, Physics, Status, VerificationSummary
from reports.reader import RunFiles
from reports.reference import LINK_BITS, PUBLISHED_ECONT

COMES_WITH_SYNTHESIS = "comes with synthesis (asic_flow estimate, then asic_flow check)"
COMES_WITH_VERIFY = "comes with simulation (asic_flow verify)"
_SHOWN_ABOVE = {"latency", "latency_ns", "rate_mhz", "bits_per_event", "dose_mrad"}
"""Rows of ``estimate/budgets.json`` that other results of the run tell, too."""
COMES_WITH_RADIATION = "comes with the radiation studies (rad_tolerance, part 6)"


def build_budgets(
    files: RunFiles, verification: VerificationSummary | None, physics: Physics | None
) -> list[BudgetRow]:
    """All budget rows; a value nobody measured or estimated stays None and its source says what it waits for."""
    asked = files.budgets
    rows = [
        _simulated("Latency, encoder block", "ns", "at most", asked.latency_ns, latency_ns(verification), "latency"),
        _simulated("Event rate", "MHz", "at least", asked.rate_mhz, rate_mhz(verification), None),
        _estimated(files, "Power, encoder block", "mW", asked.power_mw, "power"),
        _estimated(files, "Power, whole chip", "mW", asked.chip_power_mw, "chip_power"),
        _estimated(files, "Energy per inference", "nJ", asked.energy_nj, "energy"),
        _estimated(files, "Area, encoder with weight registers", "mm²", asked.area_mm2, "area"),
    ]
    if physics is not None:
        rows.append(_link_row(physics))
    dose = BudgetRow(
        quantity="Total ionising dose",
        unit="Mrad",
        relation="at least",
        budget=asked.dose_mrad,
        published=PUBLISHED_ECONT["dose"],
        value=None,
        status=Status.UNKNOWN,
        source=COMES_WITH_RADIATION,
    )
    return [*rows, dose, *_other_estimates(files)]


def latency_ns(verification: VerificationSummary | None) -> float | None:
    """Latency measured in RTL simulation, ns."""
    if verification is None or verification.latency_clocks is None:
        return None
    return verification.latency_clocks * verification.clock_ns


def rate_mhz(verification: VerificationSummary | None) -> float | None:
    """Rate at which RTL simulation accepted events, one per clock; known only if an RTL check passed."""
    if verification is None:
        return None
    streamed = any(
        check.status == "pass" and check.events > 0 and "rtl" in f"{check.level_a} {check.level_b}".lower()
        for check in verification.checks
    )
    return 1000.0 / verification.clock_ns if streamed else None


def judge(value: float | None, budget: float | None, relation: Literal["at most", "at least"]) -> Status:
    """Compare a value with its budget."""
    if value is None or budget is None:
        return Status.UNKNOWN
    good = value <= budget if relation == "at most" else value >= budget
    return Status.MET if good else Status.MISSED


def estimate_row(files: RunFiles, name: str) -> inputs.EstimateRow | None:
    """Row of ``estimate/budgets.json`` for a quantity, with or without its unit in the name."""
    if files.estimate is None:
        return None
    wanted = {name, f"{name}_mw", f"{name}_mm2", f"{name}_nj"}
    return next((row for row in files.estimate.rows if _plain(row.quantity) in wanted), None)


def _simulated(
    quantity: str,
    unit: str,
    relation: Literal["at most", "at least"],
    budget: float,
    value: float | None,
    published: str | None,
) -> BudgetRow:
    return BudgetRow(
        quantity=quantity,
        unit=unit,
        relation=relation,
        budget=budget,
        published=PUBLISHED_ECONT[published] if published else None,
        value=value,
        status=judge(value, budget, relation),
        source=COMES_WITH_VERIFY if value is None else "measured in RTL simulation (verify/results.json)",
    )


def _estimated(files: RunFiles, quantity: str, unit: str, budget: float, name: str) -> BudgetRow:
    row = estimate_row(files, name)
    value = row.value if row else None
    return BudgetRow(
        quantity=quantity,
        unit=unit,
        relation="at most",
        budget=budget,
        published=PUBLISHED_ECONT.get(name),
        value=value,
        status=judge(value, budget, "at most"),
        source=_source(row),
    )


def _link_row(physics: Physics) -> BudgetRow:
    capacity = float(LINK_BITS * physics.links)
    bits = physics.autoencoder.payload_bits
    return BudgetRow(
        quantity=f"Bits per event on {physics.links} link{'s' if physics.links > 1 else ''}",
        unit="bit",
        relation="at most",
        budget=capacity,
        published=None,
        value=bits,
        status=judge(bits, capacity, "at most"),
        source="packet format (evaluate/metrics.json)",
    )


def _other_estimates(files: RunFiles) -> list[BudgetRow]:
    """Rows of the estimate that have no line of their own above."""
    if files.estimate is None:
        return []
    shown = [estimate_row(files, name) for name in ("power", "chip_power", "energy", "area")]
    return [
        BudgetRow(
            quantity=_words(row),
            unit=row.unit.replace("mm2", "mm²"),
            relation=row.relation,
            budget=row.budget,
            published=None,
            value=row.value,
            status=judge(row.value, row.budget, row.relation),
            source=_source(row),
        )
        for row in files.estimate.rows
        if not any(row is known for known in shown) and _plain(row.quantity) not in _SHOWN_ABOVE
    ]


def _words(row: inputs.EstimateRow) -> str:
    """What a row is about, for a person."""
    text = row.label or row.quantity.replace("_", " ")
    return text[:1].upper() + text[1:]


def _source(row: inputs.EstimateRow | None) -> str:
    """How a value is known, or what it waits for."""
    if row is None or (row.value is None and not row.detail):
        return COMES_WITH_SYNTHESIS
    return ": ".join(part for part in (row.source, row.detail) if part) or "estimate/budgets.json"


def _plain(quantity: str) -> str:
    return quantity.strip().lower().replace(" ", "_")
