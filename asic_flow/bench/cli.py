"""Commands of ``asic_flow bench``."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from asic_flow.bench.core import Measurement, append_history, entry, machine, table

bench_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_PLAIN_WIDTH = 150

HistoryOption = Annotated[Path | None, typer.Option("--history", help="JSON file to which this run is added")]
JsonOption = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
FolderOption = Annotated[Path | None, typer.Option("--folder", help="where the files are written (default: temporary)")]


def show(
    bench: str, title: str, described: dict[str, object], results: Sequence[Measurement], history: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Print the results (table or JSON) and add them to the history."""
    console = Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)
    if history is not None:
        append_history(history, bench, described, results)
    if as_json:
        console.print_json(data={"bench": bench, **entry(described, results)})
    else:
        console.print(table(title, described, results))


@bench_app.command()
def data(
    readings: Annotated[int, typer.Option(help="module readings simulated and loaded", min=100)] = 20_000,
    pairs: Annotated[int, typer.Option(help="pairs of modules for the EMD", min=10)] = 5_000,
    repeats: Annotated[int, typer.Option(help="repeats of every measurement; the median counts", min=1)] = 3,
    history: HistoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Throughput of simulation, loading (CSV, HDF5) and EMD; exit code 1 if an EMD differs from POT's by over 1e-9."""
    from asic_flow.bench.data import bench_data

    described = machine()
    with tempfile.TemporaryDirectory(prefix="bench-data-") as folder:
        results = bench_data(readings, pairs, repeats, Path(folder))
    show("data", f"bench data, median of {repeats}", described, results, history, as_json)


@bench_app.command()
def streaming(
    rows: Annotated[int, typer.Option(help="rows of the file that is made, converted and read", min=1)] = 10_000_000,
    folder: FolderOption = None,
    history: HistoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Convert and read a file of any length in bounded memory; prints the peak (10 million rows need 3 GB of disk)."""
    from asic_flow.bench.streaming import bench_streaming

    described = machine()
    with tempfile.TemporaryDirectory(prefix="bench-streaming-", dir=folder) as inner:
        results = bench_streaming(rows, Path(inner))
    show("streaming", f"bench streaming, {rows:,} rows", described, results, history, as_json)


@bench_app.command()
def emulator(
    events: Annotated[int, typer.Option(help="events of every call", min=20_000)] = 500_000,
    repeats: Annotated[int, typer.Option(help="repeats of every measurement; the median counts", min=1)] = 5,
    peers: Annotated[bool, typer.Option(help="measure hls4ml's and Keras' predict too")] = True,
    history: HistoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Events per second and core of the emulator in both profiles, beside hls4ml and Keras on the same machine."""
    from asic_flow.bench.emulator import bench_emulator

    described = machine()
    with tempfile.TemporaryDirectory(prefix="bench-emulator-") as folder:
        results = bench_emulator(events, repeats, Path(folder), peers=peers)
    show("emulator", f"bench emulator, median of {repeats}", described, results, history, as_json)
