"""Result files as tables for the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from rad_tolerance.console import table


def proof_table(content: dict[str, Any]) -> Table:
    """Proofs, and planted faults that must give counter-examples."""
    rows = table("proofs and planted faults", ["claim", "result", "seconds"])
    rows.columns[1].justify = "left"
    for proof in content["proofs"]:
        name = proof["name"].removeprefix("formal: ")
        rows.add_row(name, f"{proof['status']}: {proof['detail']}", f"{proof['seconds']:.1f}")
    for control in content["negative_controls"]:
        caught = "caught" if control["caught"] else "NOT CAUGHT"
        rows.add_row(f"planted: {control['name'].removeprefix('formal: ')}", caught, "")
    return rows


def gate_table(content: dict[str, Any]) -> Table:
    """Transients by the place they start at."""
    counts = ("transients", "latched", "masked", "corrected", "visible", "stuck")
    title = (
        f"{content['transients']:,} transients on {content['different_nets_hit']:,} of {content['nets']:,} nets, each over a "
        f"clock edge; wrong per transient of 1 ns: {content['wrong_per_transient']['1 ns']:.2%}"
    )
    rows = table(title, ["driven in", *counts, "wrong share"])
    for row in content["parts"]:
        rows.add_row(row["part"], *(f"{row[key]:,}" for key in counts), f"{row['wrong_fraction']:.1%}")
    return rows


def plan_tables(content: dict[str, Any]) -> list[Table]:
    """Rankings, protected bits, area."""
    title = (
        f"{content['protected_bits']:,} of {content['weight_bits']:,} bits triplicated: expected EMD change "
        f"{content['remaining_emd_half_pitches']:.3g} of {content['unprotected_emd_half_pitches']:.3g} half pitches"
    )
    rows = table(title, ["ranking", "bits for the budget", "share"])
    for row in content["rankings"]:
        rows.add_row(row["ranking"], f"{row['bits_for_budget']:,}", f"{row['share_of_bits']:.1%}")
    bits = table("triplicated bits by place", ["tensor", "bit", "bits", "triplicated"])
    for row in content["by_bit"]:
        bits.add_row(row["tensor"], str(row["bit"]), f"{row['bits']:,}", f"{row['protected']:,}")
    if (area := content["area"]) is None:
        return [rows, bits]
    size = table("area of the bank in two-input NANDs", ["unprotected", "selective", "all triplicated", "saved"])
    numbers = (f"{area[key]:,.0f}" for key in ("unprotected_nand2", "selective_nand2", "all_triplicated_nand2"))
    size.add_row(*numbers, f"{area['saved_fraction']:.1%}")
    return [rows, bits, size]


def sensitivity_tables(content: dict[str, Any]) -> list[Table]:
    """Damage by layer, and the worst flips."""
    title = (
        f"{content['single_flips']['flips']:,} single flips on {content['events']:,} events in "
        f"{content['single_flip_seconds']:.2f} s ({content['profile']}, {content['links']} links)"
    )
    ranking = table(
        title, ["tensor", "flips", "harmless", "events changed", "as sent", "mean |change| LSB", "worst LSB"]
    )
    for row in content["by_layer"]:
        ranking.add_row(
            row["tensor"], f"{row['flips']:,}", f"{row['harmless_flips']:,}", f"{row['changed_event_fraction_average']:.2%}",
            f"{row['sent_changed_event_fraction_average']:.2%}", f"{row['mean_abs_change_lsb_average']:.4g}",
            f"{row['mean_abs_change_lsb_worst']:.4g}",
        )  # fmt: skip
    worst = table(
        "most damaging flips", ["stream bit", "tensor", "index", "bit", "stored", "sent |change| LSB", "EMD change"]
    )
    changes = {
        row["stream_bit"]: row["emd_change_mean_half_pitches"] for row in (content["emd"] or {"flips": []})["flips"]
    }
    for row in content["worst_flips"][:10]:
        change = changes.get(row["stream_bit"])
        worst.add_row(
            str(row["stream_bit"]), row["tensor"], str(row["index"]), str(row["bit"]), str(row["stored"]),
            f"{row['sent_mean_abs_change_lsb']:.3f}", "-" if change is None else f"{change:+.4f}",
        )  # fmt: skip
    return [ranking, worst]


def rate_tables(content: dict[str, Any]) -> list[Table]:
    """Rates of every storage by environment, and the beam tests."""
    tables = []
    for case in content["cases"]:
        sigma = f"{case['sigma_0_cm2']:.3g} (0) {case['sigma_1_cm2']:.3g} (1) cm2"
        title = f"{case['name']}: {case['flux_cm2_s']:.3g} /cm2/s, {sigma}"
        rows = table(
            title, ["storage", "flip-flops", "upsets /s", "corrections /s", "wrong bits /s", "per fill", "limit /s"]
        )
        for row in case["storage"]:
            numbers = (
                "upsets_per_s",
                "corrections_per_s",
                "failures_per_s",
                "wrong_bits_per_fill",
                "failure_limit_per_s",
            )
            rows.add_row(
                row["scheme"],
                f"{row['flip_flops']:,}",
                *("-" if row[key] is None else f"{row[key]:.3g}" for key in numbers),
            )
        tables.append(rows)
    beam = table("public beam tests", ["test", "observed", "interval", "model", "predicted", "consistent"])
    for test in content["beam_tests"]:
        for row in test["predictions"]:
            low, high = row["expected_low"], row["expected_high"]
            beam.add_row(
                test["name"], str(test["observed"]), f"{test['interval'][0]:.2f} .. {test['interval'][1]:.2f}",
                row["model"], f"{low:.3g} .. {high:.3g}", "yes" if row["consistent"] else "no",
            )  # fmt: skip
    return [*tables, beam]
