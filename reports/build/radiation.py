"""The radiation studies: their verdicts, tables and remaining values."""

from __future__ import annotations

from pathlib import PurePosixPath

from reports import inputs
from reports.build.flat import flat
from reports.model import RadiationSummary, RadiationTable, Status
from reports.reader import RunFiles

_STATUS = {"pass": Status.MET, "fail": Status.MISSED, "incomplete": Status.INCOMPLETE, None: Status.UNKNOWN}
_LONGEST_VALUE = 60
_EXPECTED = {"none": "nothing wrong", "some": "errors (negative control)", "reported": "reported only"}


def build_radiation(files: RunFiles) -> list[RadiationSummary]:
    """One summary per file in ``rad/``."""
    return [
        RadiationSummary(
            file=f"rad/{name}",
            title=content.title or PurePosixPath(name).stem.replace("_", " ").capitalize(),
            status=_STATUS[content.verdict],
            values={key: text for key, text in flat(content.model_extra or {}).items() if len(text) <= _LONGEST_VALUE},
            tables=[table for table in _tables(content) if table.rows],
        )
        for name, content in files.radiation.items()
    ]


def _tables(content: inputs.RadiationFile) -> list[RadiationTable]:
    return [
        _injections(content.experiments),
        *(_rates(case) for case in content.cases),
        RadiationTable(
            caption="Formal proofs", columns=["Claim", "Result"],
            rows=[[row.name.removeprefix("formal: "), f"{row.status}: {row.detail}"] for row in content.proofs],
        ),
        _damage(content.by_layer),
        RadiationTable(
            caption="Transients in the netlist that meet a clock edge, by where they start",
            columns=["Driven in", "Transients", "Latched", "Masked", "Corrected", "Visible", "Stuck"],
            rows=[
                [row.part, *(f"{n:,}" for n in (row.transients, row.latched, row.masked, row.corrected, row.visible, row.stuck))]
                for row in content.parts
            ],
        ),
        RadiationTable(
            caption="Bits to triplicate for the damage budget", columns=["Ranking", "Bits", "Share"],
            rows=[
                [row.ranking, f"{row.bits_for_budget:,}", "" if row.share_of_bits is None else f"{row.share_of_bits:.1%}"]
                for row in content.rankings
            ],
        ),
    ]  # fmt: skip


def _injections(experiments: list[inputs.InjectionExperiment]) -> RadiationTable:
    rows = []
    for row in experiments:
        if row.injections is None:
            counts = ["", "", "", f"wrong in {row.wrong_clocks or 0:,} clocks", ""]
        else:
            counts = [f"{count:,}" for count in (row.injections, row.masked, row.corrected, row.visible, row.stuck)]
        rows.append([row.name, *counts, _EXPECTED[row.expected], "yes" if row.as_expected else "NO"])
    return RadiationTable(
        caption="Injections into the running RTL; expected of triplicated storage",
        columns=["Experiment", "Injections", "Masked", "Corrected", "Visible", "Stuck", "Expected", "As expected"],
        rows=rows,
    )


def _rates(case: inputs.RateCase) -> RadiationTable:
    return RadiationTable(
        caption=f"Rates, {case.name}" + ("" if case.flux_cm2_s is None else f": {case.flux_cm2_s:.3g} hadrons/cm2/s"),
        columns=["Storage", "Flip-flops", "Upsets /s", "Corrections /s", "Wrong bits per fill", "Failures /s, limit"],
        rows=[
            [
                row.scheme.replace("_", " "), f"{row.flip_flops:,}", _number(row.upsets_per_s),
                _number(row.corrections_per_s), _number(row.wrong_bits_per_fill), _number(row.failure_limit_per_s),
            ]
            for row in case.storage
        ],
    )  # fmt: skip


def _damage(layers: list[inputs.LayerDamage]) -> RadiationTable:
    return RadiationTable(
        caption="Single flips of the weights: share of events changed and mean |change| of the latents as sent",
        columns=["Tensor", "Flips", "Harmless", "Events changed", "Mean change (LSB)", "Worst (LSB)"],
        rows=[
            [
                row.tensor, f"{row.flips:,}", "" if row.sent_harmless_flips is None else f"{row.sent_harmless_flips:,}",
                "" if row.sent_changed_event_fraction_average is None else f"{row.sent_changed_event_fraction_average:.2%}",
                _number(row.sent_mean_abs_change_lsb_average), _number(row.sent_mean_abs_change_lsb_worst),
            ]
            for row in layers
        ],
    )  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
