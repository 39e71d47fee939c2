"""``asic_flow estimate`` and ``asic_flow check``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from asic_flow.config import read_asic_section
from asic_flow.errors import MismatchError
from asic_flow.run_folder import RunFolder
from asic_flow.synthesis.liberty import DEFAULT_LIBRARY
from hgcal_data.files import atomic_write_text

_PLAIN_WIDTH = 120
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="run folder; writes RUN/estimate")]
JsonOption = Annotated[bool, typer.Option("--json", help="print the result as JSON")]


def estimate_command(
    run: RunArgument,
    fast: Annotated[bool, typer.Option("--fast", help="no synthesis: from encoder.json, in a second")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="with --fast: leave a synthesised estimate of this very design as it is")
    ] = False,
    library: Annotated[Path, typer.Option(help="Liberty file to map to")] = DEFAULT_LIBRARY,
    node: Annotated[int | None, typer.Option(help="technology of that library (nm): 180, 130, 65 or 45")] = None,
    events: Annotated[int, typer.Option(help="events streamed through the netlist", min=64)] = 1024,
    seed: Annotated[int, typer.Option(help="seed of their choice", min=0)] = 1,
    refresh_period: Annotated[
        int, typer.Option(help="weights are refreshed once in this number of clocks plus one", min=0, max=65535)
    ] = 0,
    links: Annotated[int | None, typer.Option("--links", help="weight set of this link count", min=1, max=5)] = None,
    assumptions: Annotated[Path | None, typer.Option(help="YAML file with other derates, densities, loads")] = None,
    timing: Annotated[bool, typer.Option("--timing/--no-timing", help="static timing with OpenSTA")] = True,
    power: Annotated[bool, typer.Option("--power/--no-power", help="stream events through the netlist")] = True,
    beside: Annotated[
        Path | None, typer.Option(help="another estimate.json, to print both in one table (docs/estimates holds some)")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Area, timing and power of the generated design: synthesis, OpenSTA, toggles of real events, scaled to 65 nm.

    The first run maps every module (minutes); later ones take them from the cache. Ends with exit code 1 if synthesis
    merged copies of triplicated registers. Examples: asic_flow estimate runs/demo; asic_flow estimate runs/demo --fast
    """
    from asic_flow.estimate.derates import read_assumptions
    from asic_flow.estimate.fast import estimate_fast
    from asic_flow.estimate.known import ESTIMATE, read_estimate, synthesised_estimate
    from asic_flow.estimate.synthesised import Options, estimate_run
    from asic_flow.estimate.tables import print_beside, print_estimate

    out, err = _consoles()
    other = read_estimate(beside) if beside is not None else None
    folder, config, assumed = RunFolder(run), read_asic_section(run), read_assumptions(assumptions)
    if links is not None:
        config = config.model_copy(update={"links": links})
    if fast and keep and (there := synthesised_estimate(folder, config)):
        content = there
    elif fast:
        content = estimate_fast(folder.structure(), config.hardware, assumed)
    else:
        options = Options(library, node, events, seed, refresh_period, timing, power)
        content = estimate_run(
            folder, config, options, assumed, lambda line: err.print(line) if err.is_terminal else None
        )
    _write(run / ESTIMATE, content)
    if as_json:
        out.print_json(json.dumps(content))
    else:
        print_estimate(content, out)
        if other is not None:
            print_beside(content, other, str(beside), out)


def check_command(
    run: RunArgument,
    budgets: Annotated[
        Path | None, typer.Option("--budgets", help="YAML file; default: the budgets section of RUN/config.yml")
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="exit 0 even if a value with a budget is not measured")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare what the run measured with budgets: value, source, margin, pass or fail.

    Exit code 1 if a budget is passed, or if a value that has a budget is not measured. Example: asic_flow check runs/demo
    --budgets configs/budgets.yml
    """
    from asic_flow.estimate.budgets import budgets_json, compare, read_budgets, verdict
    from asic_flow.estimate.known import known_emd, known_values, trained_links
    from asic_flow.estimate.tables import print_budgets

    out, _ = _consoles()
    folder = RunFolder(run)
    asked, source = read_budgets(budgets, run)
    trained = trained_links(folder)
    asked = asked.model_copy(
        update={"emd_half_pitches": {n: v for n, v in asked.emd_half_pitches.items() if n in trained}}
    )
    rows = compare(asked, known_values(folder), known_emd(folder))
    content = budgets_json(rows, source)
    _write(run / "estimate" / "budgets.json", content)
    if as_json:
        out.print_json(json.dumps(content))
    else:
        print_budgets(rows, source, out)
    passed = [row.label for row in rows if row.status == "fail"]
    missing = [row.label for row in rows if row.status == "not measured"]
    if passed:
        raise MismatchError(f"checking {run}: {len(passed)} of {len(rows)} budgets are not kept: {', '.join(passed)}")
    if verdict(rows) == "incomplete" and not allow_missing:
        raise MismatchError(
            f"checking {run}: {len(missing)} of {len(rows)} budgets have no measured value: {', '.join(missing)} "
            "(--allow-missing accepts that)"
        )


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def _consoles() -> tuple[Console, Console]:
    out = Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)
    return out, Console(stderr=True)
