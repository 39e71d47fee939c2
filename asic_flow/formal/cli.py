"""``asic_flow prove``: all formal proofs of the RTL."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from asic_flow.errors import MismatchError
from asic_flow.formal.suite import run_suite
from asic_flow.results import VerifyResults
from asic_flow.run_folder import RunFolder

_PLAIN_WIDTH = 120


def prove_run(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="run folder; writes RUN/verify/formal")],
    quick: Annotated[bool, typer.Option("--quick", help="only what takes seconds, as in asic_flow verify")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Prove the RTL formally with Yosys: triplication, refresh, commit, counters, I2C, arithmetic.

    Every proof says whether it holds for all time or to which depth; planted faults must give counter-examples.
    """
    structure = RunFolder(run).structure()
    out = Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)
    err = Console(stderr=True)
    results = VerifyResults(structure.sha256, str(structure.profile), clock_ns=25.0)
    checks, controls = run_suite(
        structure, full=not quick, progress=lambda line: err.print(line) if err.is_terminal else None
    )
    results.checks.extend(checks)
    results.negative_controls.extend(controls)
    results.write(run / "verify" / "formal")
    if as_json:
        out.print_json(json.dumps({"verdict": results.verdict, **asdict(results)}))
    else:
        table = Table(title="Formal proofs", title_justify="left")
        for column in ("claim", "result", "seconds"):
            table.add_column(column, justify="right" if column == "seconds" else "left")
        for check in checks:
            table.add_row(
                check.name.removeprefix("formal: "), f"{check.status}: {check.detail}", f"{check.seconds:.1f}"
            )
        for control in controls:
            table.add_row(f"planted: {control.name}", "caught" if control.caught else "NOT CAUGHT", "")
        out.print(table)
    if results.verdict != "pass":
        bad = [item.name for item in checks if item.status == "fail"] + [c.name for c in controls if not c.caught]
        raise MismatchError(f"proving {run}: {len(bad)} of {len(checks) + len(controls)} failed, first: {bad[0]}")
