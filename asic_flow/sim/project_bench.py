"""Command line of the bench that lies in every generated project (``tb/run_bench.py``)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from asic_flow.errors import FlowError
from asic_flow.links import MAX_LINKS
from asic_flow.sim.rtl import SimResult, simulate_rtl

_PLAIN_WIDTH = 120


def run_project(project: Path, arguments: list[str]) -> int:
    """Run the bench of a project; returns 0 (all agrees), 1 (something differs) or 2 (bad input, missing tool).

    Args:
        project: generated project with vectors in ``tb_data``.
        arguments: command-line arguments, see ``--help``.
    """
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    outcome: list[int] = []

    @app.command()
    def bench(
        simulator: Annotated[str, typer.Option(help="verilator or icarus (small designs)")] = "verilator",
        events: Annotated[int | None, typer.Option(help="only the first so many events", min=1)] = None,
        links: Annotated[int, typer.Option(help="links in use", min=0, max=MAX_LINKS)] = MAX_LINKS,
        khz: Annotated[int, typer.Option(help="I2C bus speed in kHz", min=1, max=1000)] = 1000,
        readback: Annotated[bool, typer.Option("--readback", help="read every weight byte back")] = False,
        waves: Annotated[bool, typer.Option("--waves", help="write an FST waveform")] = False,
        output: Annotated[Path | None, typer.Option(help="results folder (default: tb/results)")] = None,
    ) -> None:
        """Weights over I2C, then every vector, one event per clock; every output integer and link word is compared."""
        if simulator not in {"verilator", "icarus"}:
            raise FlowError(f"simulator {simulator!r} is unknown; choose verilator or icarus")
        work = output or project / "tb" / "results"
        result = simulate_rtl(
            project, project / "tb_data", simulator="icarus" if simulator == "icarus" else "verilator", events=events,
            links=links, i2c_khz=khz, full_readback=readback, waves=waves, work_dir=work,
        )  # fmt: skip
        result.coverage.write(work / "coverage.json")
        _print(result)
        outcome.append(0 if result.passed else 1)

    try:
        app(arguments, standalone_mode=True)
    except FlowError as error:
        Console(stderr=True).print(f"{project / 'tb'}: {error}", markup=False, highlight=False, soft_wrap=True)
        return 2
    except SystemExit as ended:
        return outcome[0] if outcome else int(ended.code or 0)
    return 0


def main(project: Path) -> None:
    """Entry point of ``tb/run_bench.py``."""
    sys.exit(run_project(project, sys.argv[1:]))


def _print(result: SimResult) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)
    console.print(result.coverage.table())
    console.print(
        f"{result.simulator}: {result.events} events; {result.values} latents and sum codes, {result.mismatches} differ; "
        f"{result.link_values} link words, {result.link_mismatches} differ; latency {result.latency_clocks} clocks; "
        f"weights {'read back' if result.readback_ok else 'NOT read back'}",
        soft_wrap=True, highlight=False,
    )  # fmt: skip
    for line in (*result.failures, *(f"waveform: {path}" for path in [result.waves] if path)):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    console.print(
        f"{'pass' if result.passed else 'FAIL'}; JUnit: {result.results_xml}", soft_wrap=True, highlight=False
    )
