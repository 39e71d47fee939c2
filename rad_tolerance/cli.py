"""``python -m rad_tolerance``: sensitivity, rates, campaign, gates, prove, plan.

Exit codes: 0 done and good, 1 a check failed, 2 wrong usage, bad input or a missing tool.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from asic_flow.errors import FlowError
from hgcal_data.errors import DataError
from rad_tolerance.campaign.cli import campaign
from rad_tolerance.console import JsonOption, LinksOption, err, show
from rad_tolerance.errors import RadiationError
from rad_tolerance.tables import gate_table, plan_tables, proof_table, rate_tables, sensitivity_tables

app = typer.Typer(
    help="Upsets of weights and registers: what they do, how often they happen, what stops them, and what to protect.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
_DEFAULT_EMD_EVENTS = 500


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
        emd = emd_damage.emd_damage(folder, result, wanted, result.order[:emd_flips], seed) if wanted else None
    target = run / "rad"
    content = {**result.summary, "emd": emd, "flips_file": "flips.npz", "figures": []}
    if figures:
        from rad_tolerance.heat_maps import draw

        content["figures"] = [f"figures/{name}" for name in draw(result, target / "figures")]
    write_flips(result, target / "flips.npz")
    write_json(content, target / "sensitivity.json")
    show(content, as_json, sensitivity_tables(content))


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
    show(content, as_json, rate_tables(content))


@app.command()
def prove(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="run folder; writes RUN/rad/proofs.json")],
    quick: Annotated[bool, typer.Option("--quick", help="only proofs that take seconds")] = False,
    synthesis: Annotated[
        bool, typer.Option(help="also count copies and voters behind synthesis (minutes, once)")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Formal proofs about triplicated storage, their negative controls, and the census behind synthesis."""
    from asic_flow.config import read_asic_section
    from rad_tolerance.outputs import write_json
    from rad_tolerance.proofs import prove as prove_all
    from rad_tolerance.sensitivity import run_folder

    structure = run_folder(run).structure()
    with err.status("proving") as status:
        content = prove_all(
            structure, read_asic_section(run).hardware, quick=quick, synthesis=synthesis, progress=status.update
        )
    write_json(content, run / "rad" / "proofs.json")
    show(content, as_json, [proof_table(content)])


app.command()(campaign)


@app.command()
def gates(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="run folder; writes RUN/rad/gates.json")],
    links: LinksOption = None,
    chip: Annotated[str, typer.Option(help="chip: the run's; small: its smallest relative")] = "small",
    transients: Annotated[int, typer.Option(min=1, help="transients; every net once before any net twice")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="seed of everything drawn at random")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Transients of 0.2 to 2 ns on the nets of the synthesised netlist: masked, corrected, visible, stuck."""
    from rad_tolerance.gate_command import run_gates
    from rad_tolerance.gate_level import GateOptions

    if chip not in {"chip", "small"}:
        raise RadiationError(f"transients at gate level: --chip {chip}: expected chip or small")
    with err.status("beginning") as status:
        options = GateOptions(transients=transients, seed=seed)
        content = run_gates(run, links, small=chip == "small", options=options, progress=status.update)
    show(content, as_json, [gate_table(content)])


@app.command()
def plan(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="run folder with a decoder; writes RUN/rad/plan.json")],
    links: LinksOption = None,
    keep: Annotated[float, typer.Option(help="share of the unprotected harm that may remain, above 0, below 1")] = 0.01,
    events: Annotated[int, typer.Option(min=1, help="test modules for the change of the latents")] = 2_000,
    emd_events: Annotated[int, typer.Option(min=1, help="test modules for EMD")] = 300,
    emd_flips: Annotated[int, typer.Option(min=2, help="flips whose EMD is measured")] = 120,
    seed: Annotated[int, typer.Option(min=0, help="seed of everything drawn at random")] = 1,
    area: Annotated[bool, typer.Option(help="synthesise a word for the area saved (needs Yosys)")] = True,
    apply: Annotated[bool, typer.Option("--apply", help="write the mask into RUN/config.yml")] = False,
    as_json: JsonOption = False,
) -> None:
    """Which weight bits to triplicate for a damage budget, by expected harm; compared with other rankings.

    The mask is the value of asic.hardware.triplicated in a configuration; generate and campaign honour it.
    """
    from rad_tolerance.outputs import write_json
    from rad_tolerance.plan import PlanOptions, write_mask
    from rad_tolerance.plan import plan as make_plan
    from rad_tolerance.plan_area import AreaPerBit
    from rad_tolerance.plan_figure import draw_plan
    from rad_tolerance.rate_config import read_config
    from rad_tolerance.sensitivity import run_folder

    if not 0.0 < keep < 1.0:
        raise RadiationError(f"planning triplication: --keep {keep:g}: expected a share above 0 and below 1")
    folder = run_folder(run)
    options = PlanOptions(links=links, keep=keep, events=events, emd_events=emd_events, emd_flips=emd_flips, seed=seed)
    with err.status("planning") as status:
        size = AreaPerBit.synthesised() if area else None
        content = make_plan(folder, options, read_config(None, []), size, status.update)
    content["figures"] = [f"figures/{name}" for name in draw_plan(content, run / "rad" / "figures")]
    write_json(content, run / "rad" / "plan.json")
    if apply:
        write_mask(run / "config.yml", content["triplicated"])
    show(content, as_json, plan_tables(content))


def main() -> None:
    """Entry point: errors become one message and exit code 2."""
    try:
        app()
    except (RadiationError, FlowError, DataError) as error:
        err.print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(2)
