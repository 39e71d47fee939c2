"""``python -m rad_tolerance campaign``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from rad_tolerance.console import JsonOption, LinksOption, err, show, table
from rad_tolerance.errors import RadiationError

_CHIPS = ("chip", "small", "both")
_COUNTS = ("injections", "masked", "corrected", "visible", "stuck", "wrong_output")


def campaign(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="run folder; writes RUN/rad/campaign.json")],
    links: LinksOption = None,
    chip: Annotated[
        str, typer.Option(help="chip: the run's; small: its smallest relative, with a shadow bank; both")
    ] = "both",
    random: Annotated[
        int, typer.Option(min=0, help="upsets at random place and time, beyond every flip-flop once")
    ] = 20_000,
    control: Annotated[int, typer.Option(min=1, help="injections of each negative control")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="seed of everything drawn at random")] = 1,
    chunk: Annotated[int, typer.Option(min=1, help="injections of one call of the simulation")] = 4_000,
    jobs: Annotated[int | None, typer.Option(min=1, help="simulations at once; default: one per processor")] = None,
    fresh: Annotated[bool, typer.Option(help="forget the results of an earlier, perhaps unfinished campaign")] = False,
    cocotb: Annotated[bool, typer.Option(help="every flip-flop of the small chip also through cocotb (Icarus)")] = True,
    as_json: JsonOption = False,
) -> None:
    """Inject upsets and transients into the running RTL: every flip-flop, random ones, stopped clocks, negative controls.

    Results go to RUN/rad/campaign.jsonl as they come; the same command goes on where a killed campaign ended.
    """  # fmt: skip
    from rad_tolerance.campaign.command import run_campaign
    from rad_tolerance.campaign.experiments import CampaignOptions

    if chip not in _CHIPS:
        raise RadiationError(f"injecting upsets: --chip {chip}: expected one of {', '.join(_CHIPS)}")
    options = CampaignOptions(seed=seed, random=random, control=control, chunk=chunk)
    with err.status("beginning") as status:
        content = run_campaign(
            run,
            links,
            chip,
            options,
            jobs=jobs or len(os.sched_getaffinity(0)),
            fresh=fresh,
            cocotb=cocotb,
            progress=status.update,
        )
    show(content, as_json, _tables(content))


def _tables(content: dict[str, Any]) -> list[Table]:
    single = content["single_upsets_of_triplicated_storage"]
    title = (
        f"{content['injections']:,} injections; {single['injections']:,} single upsets of triplicated storage: "
        f"{single['visible'] + single['stuck']} wrong (below {single['wrong_high']:.2g} at {content['confidence']:.0%})"
    )
    main = table(title, ["experiment", *(name.replace("_", " ") for name in _COUNTS), "expected", "as expected"])
    for row in content["experiments"]:
        good = "yes" if row["as_expected"] else "NO"
        counts = [f"{row[key]:,}" if key in row else "-" for key in _COUNTS]
        if "wrong_clocks" in row:
            counts[-1] = f"{row['wrong_clocks']:,} clocks"
        main.add_row(row["name"], *counts, row["expected"], good)
    return [main, _part_table(content), *_cocotb_table(content["cocotb"]), *_rate_table(content["single_storage"])]


def _part_table(content: dict[str, Any]) -> Table:
    rows = table("every flip-flop once, by part of the chip", ["part", "storage", *_COUNTS[:-1], "wrong output"])
    for row in content["experiments"]:
        if row["name"].endswith(": every flip-flop"):
            for part in row["by_part"]:
                counts = [f"{part[key]:,}" for key in _COUNTS]
                rows.add_row(f"{row['chip']}: {part['part']}", part["storage"], *counts)
    return rows


def _cocotb_table(found: dict[str, Any] | None) -> list[Table]:
    if found is None:
        return []
    rows = table("the same upsets through cocotb", ["simulator", "upsets", "wrong output", "equal to the above"])
    rows.add_row(found["simulator"], *(f"{found[key]:,}" for key in ("upsets", "wrong_output", "equal")))
    return [rows]


def _rate_table(single: list[dict[str, Any]]) -> list[Table]:
    if not single:
        return []
    columns = ["part", "from", "bits", "wrong share", "wrong clocks", "wrong /s"]
    rows = table("what the run's chip lets through", columns)
    for row in single:
        rows.add_row(
            row["part"], row["source"], f"{row['bits']:,}", f"{row['wrong_fraction']:.3f}", f"{row['most_wrong_clocks']:,}",
            f"{row['wrong_per_s']:.2g}",
        )  # fmt: skip
    return [rows]
