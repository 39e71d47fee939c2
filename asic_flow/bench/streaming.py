"""``asic_flow bench streaming``: a large CSV converted and read in training batches, with the peak memory of both.

Every stage runs in a process of its own that is started afresh (not forked), so that its peak is its own.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asic_flow.bench.core import Measurement
from asic_flow.errors import FlowError, MismatchError
from hgcal_data.convert import convert
from hgcal_data.csv_files import save_csv
from hgcal_data.simulate import SimulationConfig, simulate
from hgcal_data.streaming import shuffled_batches

BLOCK = 20_000
"""Simulated rows; the file holds copies of them, because only its length matters here."""
BATCH = 1024


@dataclass(frozen=True)
class Stage:
    """What one process did: rows and charge seen, wall seconds, peak resident memory in MB."""

    rows: int
    charge: int
    seconds: float
    peak_mb: float


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far (VmHWM), MB.

    Raises:
        FlowError: the system does not tell.
    """
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.is_file() else []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise FlowError("benchmark: peak memory is read from /proc/self/status (VmHWM), which this system does not have")


def write_large_csv(path: Path, rows: int, seed: int = 1) -> Stage:
    """A CSV of `rows` rows (layout ``calq``): a simulated block again and again."""
    begin = time.perf_counter()
    block = simulate(SimulationConfig(readings=min(rows, BLOCK)), seed)
    save_csv(block, path)
    header, body = path.read_bytes().split(b"\n", 1)
    copies, rest = divmod(rows, len(block))
    with path.open("wb") as handle:
        handle.write(header + b"\n")
        for _ in range(copies):
            handle.write(body)
        handle.write(b"".join(line + b"\n" for line in body.split(b"\n")[:rest]))
    charge = copies * int(block.charges.sum()) + int(block.charges[:rest].sum())
    return Stage(rows, charge, time.perf_counter() - begin, peak_memory_mb())


def convert_stage(source: Path, target: Path) -> Stage:
    """Conversion of the CSV to HDF5."""
    begin = time.perf_counter()
    done = convert(source, target)
    return Stage(done.rows_written, 0, time.perf_counter() - begin, peak_memory_mb())


def epoch_stage(table: Path, batch: int = BATCH) -> Stage:
    """One shuffled epoch over the table, as a training draws it."""
    begin = time.perf_counter()
    rows = charge = 0
    for part in shuffled_batches(table, batch, np.random.default_rng(1)):
        rows += len(part)
        charge += int(part.charges.sum())
    return Stage(rows, charge, time.perf_counter() - begin, peak_memory_mb())


def _apart(work: Callable[..., Stage], *arguments: object) -> Stage:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def bench_streaming(rows: int, folder: Path) -> list[Measurement]:
    """Write, convert and read a file of `rows` rows in `folder`; both files are removed at the end.

    Raises:
        MismatchError: a row or a count was lost on the way.
    """
    text, table = folder / "large.csv", folder / "large.h5"
    try:
        written = _apart(write_large_csv, text, rows)
        size = text.stat().st_size
        converted = _apart(convert_stage, text, table)
        stored = table.stat().st_size
        seen = _apart(epoch_stage, table)
    finally:
        text.unlink(missing_ok=True)
        table.unlink(missing_ok=True)
    if not (written.rows == converted.rows == seen.rows and written.charge == seen.charge):
        raise MismatchError(
            f"benchmark: {written.rows} rows ({written.charge} counts) written, {converted.rows} converted, "
            f"{seen.rows} ({seen.charge} counts) read in batches"
        )
    return [
        Measurement("CSV to HDF5", "rows", rows, (converted.seconds,),
                    note=f"{size / 1e6:,.0f} MB of text, peak memory {converted.peak_mb:,.0f} MB"),
        Measurement(f"shuffled epoch, batches of {BATCH}", "rows", rows, (seen.seconds,),
                    note=f"{stored / 1e6:,.0f} MB of HDF5, peak memory {seen.peak_mb:,.0f} MB"),
    ]  # fmt: skip
