"""``asic_flow``: the command line of the hardware side.

Exit codes: 0 done and good, 1 a check failed, 2 wrong usage, bad input or a missing tool.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from asic_flow import __version__
from asic_flow.bench.cli import bench_app
from asic_flow.config import AsicConfig, read_asic_section
from asic_flow.errors import FlowError, MismatchError
from asic_flow.estimate.cli import check_command, estimate_command
from asic_flow.formal.cli import prove_run
from asic_flow.ir import read_structure
from asic_flow.registers.cli import weights_app
from asic_flow.results import VerifyResults
from asic_flow.run_folder import RunFolder
from hgcal_data.errors import DataError

app = typer.Typer(
    help="From a trained encoder to a verified ASIC block.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
)
_PLAIN_WIDTH = 120
"""Columns of tables that do not go to a terminal, which would tell its own width."""

out = Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)
err = Console(stderr=True)

app.add_typer(bench_app, name="bench", help="Throughput of the parts, beside that of peers.")
app.add_typer(weights_app, name="weights", help="Pack, unpack, compare and load weight images.")

app.command(name="prove")(prove_run)
app.command(name="estimate")(estimate_command)
app.command(name="check")(check_command)

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="run folder written by python -m econ_ae.train")]
JsonOption = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
LinksOption = Annotated[int | None, typer.Option("--links", help="weight set of this link count (1..5)", min=1, max=5)]


def _version(asked: bool) -> None:
    if asked:
        out.print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="log what is being done")] = False,
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print version")
    ] = False,
) -> None:
    level = logging.INFO if verbose else logging.WARNING
    handler = RichHandler(level=level, console=err)  # at the handler, because cocotb's runner sets its logger to INFO
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler])


@app.command()
def generate(
    run: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="run folder; writes RUN/asic")] = None,
    structure: Annotated[Path | None, typer.Option(help="encoder.json, to generate a design without a run")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="project folder (with --structure)")] = None,
    links: LinksOption = None,
    force: Annotated[bool, typer.Option("--force", help="replace a folder that asic_flow did not write")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="write nothing; exit 1 if the project on disk is stale")
    ] = False,
) -> None:
    """Write Catapult C++, SystemVerilog, registers and test vectors.

    Examples: asic_flow generate runs/demo; asic_flow generate --structure encoder.json -o chip
    """
    from asic_flow.generate import stale_files, write_project
    from asic_flow.vectors import make_vectors

    if (run is None) == (structure is None):
        raise FlowError("generating: give either a run folder or --structure with --output")
    if run is not None:
        folder = RunFolder(run)
        design, target = folder.structure(), output or folder.asic
    else:
        if structure is None or output is None:
            raise FlowError("generating: --structure needs --output")
        design, target = read_structure(structure), output
    options = read_asic_section(run) if run is not None else AsicConfig()
    if check:
        if stale := stale_files(design, target, options.catapult, options.hardware):
            raise MismatchError(f"{target}: {len(stale)} design files are stale or missing, first: {stale[0]}")
        out.print(f"{target}: up to date")
        return
    vectors = None
    if run is not None:
        weights = folder.weights(links or options.links)
        vectors = make_vectors(weights, folder.test_charges(options.verify.rtl_events, options.verify.seed))
    count = write_project(design, target, vectors, catapult=options.catapult, hardware=options.hardware, force=force)
    out.print(f"{target}: {count} design files, structure {design.sha256[:12]}, {design.n_weights} weights")


@app.command()
def verify(
    run: RunArgument,
    events: Annotated[int | None, typer.Option(help="events compared Keras = emulator = C++", min=200)] = None,
    rtl_events: Annotated[int | None, typer.Option(help="events streamed through the RTL", min=1)] = None,
    gate_events: Annotated[
        int | None, typer.Option(help="events streamed through the gate netlist; 0: off", min=0)
    ] = None,
    links: LinksOption = None,
    simulator: Annotated[str | None, typer.Option(help="verilator or icarus")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="climb only these rungs: keras, cpp, rtl, gates, formal")
    ] = None,
    long: Annotated[
        bool, typer.Option("--long", help="verify the generator: many encoders and events; writes RUN/verify_long")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Climb the proof ladder: Keras = emulator = C++ = RTL with weights over I2C = gate netlist, formal proofs, planted faults.

    The gate netlist is compared with --gate-events N (or asic.verify.gate_events): its first synthesis takes minutes.

    With --long: three topologies in both profiles with all-minimum, all-maximum and random weights, 1,000,000 events
    emulator = C++ and 100,000 emulator = RTL each (or --events, --rtl-events), 4,096 (or --gate-events) through the netlist of
    the default design; RUN is then any folder.
    """
    from asic_flow.verify import RUNGS, verify_run

    if long:
        from asic_flow.long_verify import LongOptions, verify_long

        ac_types = read_asic_section(run).ac_types
        default = LongOptions()
        gates = default.gate_events if gate_events is None else gate_events
        options = replace(default, events=events or default.events, rtl_events=rtl_events or default.rtl_events)
        options = replace(options, gate_events=gates)
        results = verify_long(replace(options, ac_types=ac_types), run / "verify_long", err.print)
        _report_verification(results, run, as_json)
        return
    config = read_asic_section(run)
    changes = {"events": events, "rtl_events": rtl_events, "gate_events": gate_events, "simulator": simulator}
    merged = config.verify.model_dump() | {key: value for key, value in changes.items() if value is not None}
    for name, asked in (("rtl_events", rtl_events), ("gate_events", gate_events)):
        if asked is None:
            merged[name] = min(merged[name], merged["events"])
        elif asked > merged["events"]:
            option = f"--{name.replace('_', '-')}"
            raise FlowError(
                f"verifying: {option} {asked} is more than the {merged['events']} events compared; raise --events"
            )
    if merged["simulator"] not in {"verilator", "icarus"}:
        raise FlowError(f"verifying: simulator {simulator!r} is unknown; choose verilator or icarus")
    if "gates" in (only or ()) and not merged["gate_events"]:
        raise FlowError("verifying: --only gates needs the number of events; add --gate-events N")
    config = config.model_copy(
        update={"verify": type(config.verify).model_validate(merged), "links": links or config.links}
    )
    rungs = tuple(only) if only else RUNGS
    if unknown := set(rungs) - set(RUNGS):
        raise FlowError(f"verifying: unknown rungs {sorted(unknown)}; choose from {', '.join(RUNGS)}")
    results = verify_run(RunFolder(run), config, rungs, lambda line: err.print(line) if err.is_terminal else None)
    _report_verification(results, run, as_json)


def _report_verification(results: VerifyResults, run: Path, as_json: bool) -> None:
    """Print the results; a failed check ends the command with exit code 1."""
    if as_json:
        out.print_json(json.dumps({"verdict": results.verdict, **asdict(results)}))
    else:
        _print_ladder(results)
        if results.latency_clocks is not None:
            out.print(f"latency {results.latency_clocks} clocks of {results.clock_ns:g} ns; I2C: {results.i2c}")
    if results.verdict == "fail":
        first = next((c.first_mismatch for c in results.checks if c.status == "fail"), None)
        raise MismatchError(f"verification of {run} failed" + (f": {first}" if first else ""))


def _print_ladder(results: VerifyResults) -> None:
    table = Table(title="Proof ladder", title_justify="left")
    for column in ("check", "events", "values", "differ", "status", "seconds"):
        table.add_column(column, justify="left" if column in {"check", "status"} else "right")
    for check in results.checks:
        status = check.status + (f" ({check.detail})" if check.status == "skipped" else "")
        table.add_row(
            check.name, f"{check.events:,}", f"{check.values:,}", str(check.mismatches), status, f"{check.seconds:.1f}"
        )
    for control in results.negative_controls:
        table.add_row(f"planted: {control.name}", "", "", "", "caught" if control.caught else "NOT CAUGHT", "")
    out.print(table)


@app.command()
def build(
    run: RunArgument,
    resume: Annotated[bool, typer.Option("--resume", help="continue after the last finished stage")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print what would be run, and start nothing")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run Catapult on the generated project, stage by stage, and read its reports.

    Needs a Catapult installation and licence; everything up to there works without.
    """
    from asic_flow.catapult import catapult_command, plan_build, run_build
    from asic_flow.catapult.runner import SCRIPT

    folder = RunFolder(run)
    config = read_asic_section(run).catapult
    plan = plan_build(folder.asic, config, resume=resume)
    if dry_run:
        command = catapult_command(config.executable or Path("catapult"), plan.work / SCRIPT)
        out.print(f"in {plan.work}: {' '.join(command)}", soft_wrap=True, highlight=False)
        out.print(f"stages: {', '.join(plan.stages) or 'none left'}", highlight=False)
        return
    result = run_build(plan, progress=lambda stage: err.print(f"── {stage}"))
    if result is None:
        out.print(f"{plan.work}: stages up to {config.last_stage} done")
        return
    if as_json:
        out.print_json(json.dumps(asdict(result), default=str))
    else:
        out.print(f"{result.solution}: Verilog {result.rtl}")
    if result.violations:
        raise MismatchError(f"building {run}: " + "; ".join(result.violations))


@app.command()
def conformance(
    vectors: Annotated[Path, typer.Option("--vectors", help="folder with case folders (init.yaml, testOutput.csv)")],
    case: Annotated[list[str] | None, typer.Option("--case", help="only these cases")] = None,
    level: Annotated[list[str] | None, typer.Option("--level", help="emulator (default), cpp, rtl")] = None,
    rtl_events: Annotated[
        int | None, typer.Option("--events", "--rtl-events", help="crossings replayed in the RTL (default: all)", min=1)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Replay public ECON-T vectors and compare every output word.

    Example: asic_flow conformance --vectors econ_t_vectors --case AE --level emulator --level cpp --level rtl
    """
    from asic_flow.conformance import LEVELS, run_conformance

    levels = tuple(level) if level else LEVELS[:1]
    if unknown := set(levels) - set(LEVELS):
        raise FlowError(f"conformance: unknown levels {sorted(unknown)}; choose from {', '.join(LEVELS)}")
    results = run_conformance(vectors, set(case or []), levels, rtl_events)
    if as_json:
        out.print_json(json.dumps([asdict(result) for result in results]))
    else:
        table = Table(title=f"ECON-T vectors in {vectors}", title_justify="left")
        for column in ("case", "algorithm", "level", "packets exact/total", "status"):
            table.add_column(column, justify="right" if "packets" in column else "left")
        for r in results:
            table.add_row(r.case, r.algorithm, r.level, f"{r.exact}/{r.total}", r.status)
        exact, total = sum(r.exact for r in results), sum(r.total for r in results)
        table.add_section()
        table.add_row("total", "", "", f"{exact}/{total}", "")
        out.print(table)
        for r in results:
            if r.status == "known" or (r.status == "exact" and r.detail):
                out.print(f"{r.case}: {r.detail}", soft_wrap=True, markup=False, highlight=False)
    if failed := [r for r in results if r.status == "differs"]:
        raise MismatchError(f"conformance: {len(failed)} of {len(results)} replays differ; {failed[0].detail}")


@app.command(name="run")
def run_command(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="configuration file, e.g. configs/demo.yml")],
) -> None:
    """The main job: data, training, design, verification, report; ends with a table of steps."""
    from asic_flow.pipeline import run_name, run_steps

    folder = run_name(config)
    outcomes = run_steps(config, folder, lambda step: err.print(f"── {step.name}: python -m {' '.join(step.command)}"))
    table = Table(title=f"{config} → {folder}", title_justify="left")
    table.add_column("step")
    table.add_column("time", justify="right")
    table.add_column("result", overflow="fold")
    for outcome in outcomes:
        table.add_row(outcome.name, f"{outcome.seconds:.0f} s", outcome.result)
    out.print(table)
    if bad := [o for o in outcomes if o.exit_code]:
        raise typer.Exit(code=max(o.exit_code for o in bad) if len(bad) == 1 else bad[0].exit_code)


def run_cli(arguments: list[str]) -> int:
    """Run one command; errors become one message on stderr and an exit code (0 good, 1 check failed, 2 bad input)."""
    try:
        app(arguments, standalone_mode=True)
    except (FlowError, DataError) as error:
        err.print(f"asic_flow: {error}", markup=False, highlight=False, soft_wrap=True)
        return 2
    except MismatchError as error:
        err.print(f"asic_flow: {error}", markup=False, highlight=False, soft_wrap=True)
        return 1
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def main() -> None:
    """Entry point of the ``asic_flow`` program."""
    sys.exit(run_cli(sys.argv[1:]))
