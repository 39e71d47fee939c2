"""``python -m rad_tolerance``: sensitivity, rates.

Exit codes: 0 done and good, 1 a check failed, 2 wrong usage, bad input or a missing tool.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from asic_flow.errors import FlowError
from hgcal_data.errors import DataError
from rad_tolerance.errors import RadiationError

app = typer.Typer(
    help="Upsets of the weight bank: what they do to the latents, and how often they happen.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
_PLAIN_WIDTH = 130
_DEFAULT_EMD_EVENTS = 500

out = Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)
err = Console(stderr=True)

JsonOption = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
LinksOption = Annotated[int | None, typer.Option(min=1, max=5, help="link count; default: the only weight file")]


@app.command()
def sensitivity(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="run folder written by python -m econ_ae.train")],
    links: LinksOption = None,
    events: Annotated[int, typer.Option(min=1, help="test modules of the run")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="seed of everything drawn at random")] = 1,
    patterns: Annotated[int, typer.Option(min=0, help="random multi-bit patterns of every multiplicity")] = 10,
    checked: Annotated[int, typer.Option(min=1, help="random flips compared with brute force")] = 24,
    emd_events: Annotated[
        int | None,
        typer.Option(min=0, help="modules on which EMD is measured; default: 500 if the run has a decoder; 0: none"),
    ] = None,
    emd_flips: Annotated[int, typer.Option(min=1, help="most damaging flips whose EMD is measured")] = 20,
    threads: Annotated[int | None, typer.Option(min=1, help="default: one per processor")] = None,
    figures: Annotated[bool, typer.Option(help="draw heat maps into RUN/rad/figures")] = True,
    as_json: JsonOption = False,
) -> None:
    """Every single-bit flip of every weight and bias through the bit-exact integer arithmetic.

    Also all double flips within a word, random multi-bit patterns, and flips of the values between the layers. Writes
    RUN/rad/sensitivity.json, RUN/rad/flips.npz (all single flips in stream order) and heat maps.
    """
    from rad_tolerance import emd_damage
    from rad_tolerance.outputs import write_flips, write_json
    from rad_tolerance.sensitivity import SensitivityOptions, analyse, run_folder

    folder = run_folder(run)
    options = SensitivityOptions(
        links=links, events=events, seed=seed, patterns=patterns, checked=checked, threads=threads
    )
    with err.status("flipping every bit"):
        result = analyse(folder, options)
    wanted = emd_events
    if wanted is None:
        wanted = _DEFAULT_EMD_EVENTS if emd_damage.has_decoder(folder) else 0
    with err.status("measuring EMD"):
        emd = emd_damage.emd_damage(folder, result, wanted, emd_flips, seed) if wanted else None
    target = run / "rad"
    content = {**result.summary, "emd": emd, "flips_file": "flips.npz", "figures": []}
    if figures:
        from rad_tolerance.heat_maps import draw

        content["figures"] = [f"figures/{name}" for name in draw(result, target / "figures")]
    write_flips(result, target / "flips.npz")
    write_json(content, target / "sensitivity.json")
    _print(content, as_json, _sensitivity_tables(content))
    if content["verdict"] != "pass":
        raise typer.Exit(1)


@app.command()
def rates(
    run: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="run folder: its weights' bits; writes RUN/rad/rates.json")
    ] = None,
    links: LinksOption = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with keys of the rate model")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="one key of the rate model, e.g. fill_hours=12"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="file to write in place of RUN/rad/rates.json")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Rates of upsets, corrections and failures for unprotected, triplicated, refreshed, selective and SECDED storage.

    Checked against two public beam tests and a seeded Monte Carlo.
    """
    from rad_tolerance.outputs import write_json
    from rad_tolerance.rate_config import read_config
    from rad_tolerance.rate_report import rate_report
    from rad_tolerance.stored import stored_bits

    model = read_config(config, changes or [])
    content = rate_report(model, stored_bits(run, links))
    target = output or (run / "rad" / "rates.json" if run else None)
    if target is not None:
        write_json(content, target)
    _print(content, as_json, _rate_tables(content))
    if content["verdict"] != "pass":
        raise typer.Exit(1)


def _print(content: dict[str, Any], as_json: bool, tables: list[Table]) -> None:
    if as_json:
        sys.stdout.write(json.dumps(content, indent=1) + "\n")
        return
    for table in tables:
        out.print(table)
    out.print(f"verdict: {content['verdict']}")


def _sensitivity_tables(content: dict[str, Any]) -> list[Table]:
    title = (
        f"{content['single_flips']['flips']:,} single flips on {content['events']:,} events in "
        f"{content['single_flip_seconds']:.2f} s ({content['profile']}, {content['links']} links)"
    )
    ranking = _table(
        title, ["tensor", "flips", "harmless", "events changed", "as sent", "mean |change| LSB", "worst LSB"]
    )
    for row in content["by_layer"]:
        ranking.add_row(
            row["tensor"], f"{row['flips']:,}", f"{row['harmless_flips']:,}", f"{row['changed_event_fraction_average']:.2%}",
            f"{row['sent_changed_event_fraction_average']:.2%}", f"{row['mean_abs_change_lsb_average']:.4g}",
            f"{row['mean_abs_change_lsb_worst']:.4g}",
        )  # fmt: skip
    worst = _table(
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


def _rate_tables(content: dict[str, Any]) -> list[Table]:
    tables = []
    for case in content["cases"]:
        sigma = f"{case['sigma_0_cm2']:.3g} (0) {case['sigma_1_cm2']:.3g} (1) cm2"
        title = f"{case['name']}: {case['flux_cm2_s']:.3g} /cm2/s, {sigma}"
        table = _table(
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
            table.add_row(
                row["scheme"],
                f"{row['flip_flops']:,}",
                *("-" if row[key] is None else f"{row[key]:.3g}" for key in numbers),
            )
        tables.append(table)
    beam = _table("public beam tests", ["test", "observed", "interval", "model", "predicted", "consistent"])
    for test in content["beam_tests"]:
        for row in test["predictions"]:
            low, high = row["expected_low"], row["expected_high"]
            beam.add_row(
                test["name"], str(test["observed"]), f"{test['interval'][0]:.2f} .. {test['interval'][1]:.2f}",
                row["model"], f"{low:.3g} .. {high:.3g}", "yes" if row["consistent"] else "no",
            )  # fmt: skip
    return [*tables, beam]


def _table(title: str, columns: list[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for index, name in enumerate(columns):
        table.add_column(name, justify="left" if index == 0 else "right")
    return table


def main() -> None:
    """Entry point: errors become one message and exit code 2."""
    try:
        app()
    except (RadiationError, FlowError, DataError) as error:
        err.print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(2)
