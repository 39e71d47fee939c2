"""Content of ``rad/campaign.json``: experiments, what they had to show, and rates of what single storage lets through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rad_tolerance.campaign.experiments import CHIP, CampaignOptions, Experiment
from rad_tolerance.campaign.injections import PULSE
from rad_tolerance.campaign.machine import Machine
from rad_tolerance.campaign.outcomes import CLASSES, CONFIDENCE, summarise
from rad_tolerance.intervals import clopper_pearson
from rad_tolerance.rate_config import Case, Voters

SCATTERED: Final = ("every flip-flop", "random upsets")
"""Experiments whose injections are single upsets spread over the whole chip."""
_CLOCK_S: Final = 25e-9


def report(
    experiments: Sequence[Experiment], lines: dict[str, list[dict[str, Any]]], options: CampaignOptions, case: Case
) -> dict[str, Any]:
    """Everything that a campaign found.

    Args:
        experiments: what was done, in order.
        lines: ledger lines of each experiment by name.
        options: how much was asked for.
        case: environment for the rates of what single storage lets through.
    """
    rows = [_experiment(item, lines[item.name]) for item in experiments]
    single = _single_upsets(experiments, rows)
    return {
        "schema_version": 1,
        "title": "Upsets injected into the running RTL",
        "verdict": "pass" if all(row["as_expected"] for row in rows) and single["injections"] else "fail",
        "injections": sum(row.get("injections", 0) for row in rows),
        "single_upsets_of_triplicated_storage": single,
        "negative_controls": sum(row["expected"] == "some" for row in rows),
        "negative_controls_caught": sum(row["expected"] == "some" and row["as_expected"] for row in rows),
        "confidence": CONFIDENCE,
        "options": options.model_dump(),
        "chips": _chips(experiments),
        "experiments": rows,
        "single_storage": _single_storage(experiments, rows, case),
        "seconds": round(sum(line["seconds"] for found in lines.values() for line in found), 1),
    }


def _experiment(item: Experiment, lines: list[dict[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": item.name, "title": item.title, "chip": item.chip, "expected": item.expected,
        "clocks": len(item.stimulus.rows),
    }  # fmt: skip
    if item.reference is not None:
        row["wrong_clocks"] = sum(line["wrong_clocks"] for line in lines)
        wrong = row["wrong_clocks"]
    else:
        row |= summarise(lines)
        tripled = [part for part in row["by_part"] if part["storage"] == "triplicated"]
        row["wrong_in_triplicated_storage"] = sum(part["visible"] + part["stuck"] for part in tripled)
        shown = sum(part["wrong_output"] for part in tripled)
        wrong = shown if item.expected == "some" else row["wrong_in_triplicated_storage"]
    good = {"none": wrong == 0, "some": wrong > 0, "reported": True}[item.expected]
    return {**row, "as_expected": good}


def _single_upsets(experiments: Sequence[Experiment], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """All single upsets of triplicated storage together, with the limit on the wrong share."""
    parts = [
        part
        for item, row in zip(experiments, rows, strict=True)
        if item.expected == "none" and item.reference is None
        for part in row["by_part"]
        if part["storage"] == "triplicated"
    ]
    counts = {name: sum(part[name] for part in parts) for name in CLASSES}
    total, wrong = sum(counts.values()), counts["visible"] + counts["stuck"]
    high = clopper_pearson(wrong, total, CONFIDENCE)[1] if total else 1.0
    return {"injections": total, **counts, "wrong_high": high}


def _chips(experiments: Sequence[Experiment]) -> list[dict[str, Any]]:
    machines: dict[str, Machine] = {item.chip: item.machine for item in reversed(experiments)}
    rows = []
    for name, machine in reversed(machines.items()):
        flip_flops = machine.flip_flops()
        tripled = sum(item.bits for item in flip_flops if item.copy)
        rows.append(
            {
                "chip": name, "structure_sha256": machine.structure.sha256,
                "weight_bits": machine.structure.weight_bits, "hardware": machine.hardware.model_dump(mode="json"),
                "flip_flops": sum(item.bits for item in flip_flops), "triplicated_flip_flops": tripled,
                "voters": sum(item.bits for item in machine.voters()), "clock_gates": len(machine.gates()),
            }
        )  # fmt: skip
    return rows


def _single_storage(experiments: Sequence[Experiment], rows: list[dict[str, Any]], case: Case) -> list[dict[str, Any]]:
    """Wrong outcomes per second of the run's own chip, from what is stored or voted once."""
    own = next((item.machine for item in experiments if item.chip == CHIP), None)
    if own is None:
        return []
    sigma = (case.sigma_0_cm2 + case.sigma_1_cm2) / 2.0
    voters, result = Voters(), []
    for item, row in zip(experiments, rows, strict=True):
        if item.chip != CHIP or item.reference is not None or not row["injections"]:
            continue
        pulses = bool(item.injections[0, 1] == PULSE)
        if not pulses and item.name != f"{CHIP}: {SCATTERED[0]}":
            continue
        members = own.voters() if pulses else own.flip_flops()
        for part in row["by_part"]:
            if not pulses and part["storage"] != "single":
                continue
            bits = sum(register.bits for register in members if register.part == part["part"])
            rate = case.flux_cm2_s * bits * (voters.sigma_set_cm2 * voters.width_s / _CLOCK_S if pulses else sigma)
            result.append(
                {
                    "part": part["part"], "source": "transients in voters" if pulses else "upsets of single flip-flops",
                    "bits": bits, "hits_per_s": rate, "wrong_fraction": part["wrong_fraction"],
                    "wrong_per_s": rate * part["wrong_fraction"], "wrong_per_s_high": rate * part["wrong_high"],
                    "most_wrong_clocks": part["most_wrong_clocks"],
                }
            )  # fmt: skip
    return result
