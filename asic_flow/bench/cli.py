"""``asic_flow bench``: measure the flow on this machine."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from asic_flow.bench.data import DataBench, Timing, run_data_bench
from asic_flow.errors import FlowError

bench_app = typer.Typer(help="Measure the flow on this machine.", no_args_is_help=True, rich_markup_mode=None)


@bench_app.callback()
def _group() -> None:
    """Measure the flow on this machine."""


def _row(timing: Timing) -> list[str]:
    return [
        timing.name,
        f"{timing.items:,} {timing.unit}",
        f"{timing.wall_seconds:.2f}",
        f"{timing.cpu_seconds:.2f}",
        f"{timing.per_minute:,.0f}",
        f"{timing.per_cpu_minute:,.0f}",
    ]


def _document(bench: DataBench) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "cores": bench.cores,
        "load_average_at_start": bench.load_average,
        "timings": [
            asdict(t) | {"per_minute": t.per_minute, "per_cpu_minute": t.per_cpu_minute} for t in bench.timings
        ],
        "emd_max_difference_half_pitch": bench.emd.max_difference,
        "emd_speedup": bench.emd.speedup,
        "conversion_file_bytes": bench.conversion.file_bytes,
        "conversion_peak_bytes": bench.conversion.peak_bytes,
        "conversion_start_bytes": bench.conversion.start_bytes,
    }


@bench_app.command()
def data(
    readings: Annotated[int, typer.Option(help="module readings simulated per process", min=1)] = 40_000,
    csv_rows: Annotated[
        int, typer.Option(help="rows of the generated CSV that is converted; 10000000 takes about 2 GB", min=1)
    ] = 200_000,
    pairs: Annotated[int, typer.Option(help="pairs of modules for the EMD", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="seed of the random numbers", min=0)] = 1,
    folder: Annotated[
        Path | None, typer.Option(help="where the generated files go (removed at the end); default: system's")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Throughput of simulation, CSV loading, conversion and EMD, the last beside the plain POT loop."""
    if folder is not None and not folder.is_dir():
        raise FlowError(f"measuring: no folder {folder}; create it or leave --folder out")
    bench = run_data_bench(readings, csv_rows, pairs, seed, folder)
    if as_json:
        sys.stdout.write(json.dumps(_document(bench), indent=1) + "\n")
        return
    out = Console() if sys.stdout.isatty() else Console(width=140)
    table = Table(
        title=f"Data side, {bench.cores} cores, load average {bench.load_average:.1f} at the start",
        title_justify="left",
    )
    for i, name in enumerate(("what", "amount", "wall s", "CPU s", "per minute", "per CPU minute")):
        table.add_column(name, justify="left" if i == 0 else "right")
    for timing in bench.timings:
        table.add_row(*_row(timing))
    out.print(table)
    out.print(f"Conversion: {bench.conversion.timing.note}.")
    out.print(
        f"EMD: ours is {bench.emd.speedup:.1f} times as fast as the POT loop on the same {bench.emd.ours.items:,} "
        f"pairs; largest difference {bench.emd.max_difference:.1e} half pitches."
    )
