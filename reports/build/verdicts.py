"""The six questions of the first screen."""

from __future__ import annotations

from typing import Literal

from reports import inputs
from reports.build.budgets import (
    COMES_WITH_RADIATION,
    COMES_WITH_SYNTHESIS,
    COMES_WITH_VERIFY,
    estimate_row,
    judge,
    latency_ns,
)
from reports.build.physics import bins_won, charged_emd
from reports.model import AlgorithmResult, OccupancyBin, Physics, RadiationSummary, Status, Verdict, VerificationSummary
from reports.reader import RunFiles
from reports.reference import EMD_OF_A_LOST_MODULE

_DEFAULTS = {
    "latency_ns": "default; ECON-T published: 50 ns",
    "power_mw": "default; ECON-T published: 95 mW",
    "area_mm2": "default; ECON-T published: 3.6 mm² in 65 nm",
    "dose_mrad": "default; the goal of ECON-T",
}
_GIVEN = "budget of config.yml"


def build_verdicts(
    files: RunFiles,
    physics: Physics | None,
    verification: VerificationSummary | None,
    radiation: list[RadiationSummary],
) -> list[Verdict]:
    """Physics, bits exact, latency, power, area, radiation: in this order."""
    return [
        _physics(files, physics),
        _bits(verification),
        _latency(files, verification),
        _synthesised(files, "power", "Does it fit the power budget?", "mW"),
        _synthesised(files, "area", "Does it fit the area?", "mm²"),
        _radiation(files, radiation),
    ]


def occupancy_label(low: int, high: int | None) -> str:
    """An occupancy bin ``low <= cells < high`` in words."""
    if high is None:
        return f"≥ {low}"
    return str(low) if high == low + 1 else f"{low}–{high - 1}"


def _physics(files: RunFiles, physics: Physics | None) -> Verdict:
    question = "Does it keep the physics?"
    unit = "half pitches (mean EMD)"
    if physics is None:
        comment = "comes with evaluation (python -m econ_ae.evaluate)"
        return _verdict("physics", question, Status.UNKNOWN, None, unit, None, "reference at equal links", "", comment)
    ours, best = physics.autoencoder, physics.best_reference
    ceiling = files.budgets.emd_half_pitches.get(physics.links)
    source = f"evaluate/metrics.json: {ours.events:,} test modules, sample '{ours.sample}', {_links(physics.links)}"
    value = charged_emd(ours)
    if ceiling is not None:
        status, comment = judge(value, ceiling, "at most"), _bins_comment(physics) + _lost_comment(ours)
        return _verdict("physics", question, status, value, unit, ceiling, _GIVEN, source, comment)
    if best is None:
        return _verdict(
            "physics", question, Status.INCOMPLETE, value, unit, None, "reference at equal links", source,
            "no reference was evaluated at the same links, so nothing says whether this is good",
        )  # fmt: skip
    mark = charged_emd(best)
    status = Status.MET if value <= mark else Status.BEHIND
    label = f"{best.label} at the same {_links(physics.links)}"
    comment = _bins_comment(physics) + _lost_comment(ours) + _lost_comment(best)
    return _verdict("physics", question, status, value, unit, mark, label, source, comment)


def _lost_comment(result: AlgorithmResult) -> str:
    lost = result.empty_fraction or 0.0
    if not lost:
        return ""
    return (
        f"; {result.label} has {result.emd_mean:.3f} and loses {100 * lost:.1f} % of the modules, "
        f"each charged {EMD_OF_A_LOST_MODULE:g}"
    )


def _bins_comment(physics: Physics) -> str:
    best = physics.best_reference
    if best is None:
        return "0 is perfect"
    counted = bins_won(physics)
    distance = f"{_percent_from(charged_emd(physics.autoencoder), charged_emd(best))} {best.label}"
    if counted is None:
        return distance
    won, common = counted
    if not won:
        return f"{distance}, which is better in all {common} occupancy bins"
    if len(won) == common:
        return f"{distance}, better in all {common} occupancy bins"
    return f"{distance}, better in {len(won)} of {common} occupancy bins ({_ranges(won)} cells above 1 MIP_T)"


def _percent_from(value: float, reference: float) -> str:
    if not reference:
        return "beside"
    change = 100 * (value / reference - 1)
    return f"{abs(change):.1f} % {'above' if change > 0 else 'below'}"


def _ranges(bins: list[OccupancyBin]) -> str:
    return ", ".join(occupancy_label(b.low, b.high) for b in bins)


def _bits(verification: VerificationSummary | None) -> Verdict:
    question = "Is it bit for bit the trained network?"
    if verification is None:
        return _verdict("bits", question, Status.UNKNOWN, None, "differences", 0.0, "", "", COMES_WITH_VERIFY)
    controls = verification.negative_controls
    caught = sum(control.caught for control in controls)
    skipped = [check.name for check in verification.checks if check.status == "skipped"]
    broken = [check.name for check in verification.checks if check.status == "fail" or check.mismatches]
    comment = f"{caught} of {len(controls)} negative controls caught"
    if skipped:
        comment += f"; not run: {', '.join(skipped)}"
    if broken:
        comment += f"; failed: {', '.join(broken)}"
    if verification.i2c is not None and verification.i2c.readback_ok is False:
        comment += "; the weights read back over I2C differ"
    ran = len(verification.checks) - len(skipped)
    source = f"verify/results.json: {ran} checks, up to {verification.events:,} events each"
    value = float(verification.mismatches) if verification.values else None
    unit = f"differences in {verification.values:,} values"
    return _verdict("bits", question, verification.status, value, unit, 0.0, "", source, comment)


def _latency(files: RunFiles, verification: VerificationSummary | None) -> Verdict:
    question = "Is it fast enough?"
    budget, label = files.budgets.latency_ns, _label(files, "latency_ns")
    value = latency_ns(verification)
    if verification is None or value is None:
        return _verdict("latency", question, Status.UNKNOWN, None, "ns", budget, label, "", COMES_WITH_VERIFY)
    source = (
        f"verify/results.json: RTL simulation, {verification.latency_clocks} clocks of {verification.clock_ns:g} ns"
    )
    comment = "counted in clocks; whether the gates close timing at this clock comes with synthesis"
    return _verdict("latency", question, judge(value, budget, "at most"), value, "ns", budget, label, source, comment)


def _synthesised(files: RunFiles, key: Literal["power", "area"], question: str, unit: str) -> Verdict:
    name = {"power": "power_mw", "area": "area_mm2"}[key]
    budget, label = float(getattr(files.budgets, name)), _label(files, name)
    row = estimate_row(files, key)
    if row is None or row.value is None:
        return _verdict(key, question, Status.UNKNOWN, None, unit, budget, label, "", COMES_WITH_SYNTHESIS)
    source = f"estimate/budgets.json: {row.source or 'source not given'}"
    return _verdict(key, question, judge(row.value, budget, "at most"), row.value, unit, budget, label, source, "")


def _radiation(files: RunFiles, radiation: list[RadiationSummary]) -> Verdict:
    question = "Does it survive the radiation?"
    budget, label = files.budgets.dose_mrad, _label(files, "dose_mrad")
    if not radiation:
        return _verdict(
            "radiation", question, Status.UNKNOWN, None, "Mrad", budget, label, "", COMES_WITH_RADIATION, "at least"
        )
    found = [summary.status for summary in radiation]
    order = (Status.MISSED, Status.INCOMPLETE, Status.UNKNOWN, Status.MET)
    worst = next(status for status in order if status in found)
    status = Status.INCOMPLETE if worst in {Status.UNKNOWN, Status.MET} else worst
    passed = sum(status is Status.MET for status in found)
    comment = f"{passed} of {len(found)} upset studies passed; the dose itself is not measured by this flow"
    source = f"rad/: {', '.join(summary.title for summary in radiation)}"
    return _verdict("radiation", question, status, None, "Mrad", budget, label, source, comment, "at least")


def _verdict(
    key: Literal["physics", "bits", "latency", "power", "area", "radiation"],
    question: str,
    status: Status,
    value: float | None,
    unit: str,
    budget: float | None,
    budget_label: str,
    source: str,
    comment: str,
    relation: Literal["at most", "at least", "exactly"] = "at most",
) -> Verdict:
    return Verdict(
        key=key, question=question, status=status, value=value, unit=unit, budget=budget, budget_label=budget_label,
        relation="exactly" if key == "bits" else relation, source=source, comment=comment,
    )  # fmt: skip


def _label(files: RunFiles, key: str) -> str:
    standard = inputs.Budgets.model_fields[key].default
    return _DEFAULTS[key] if getattr(files.budgets, key) == standard else _GIVEN


def _links(count: int) -> str:
    return f"{count} link{'s' if count != 1 else ''}"
