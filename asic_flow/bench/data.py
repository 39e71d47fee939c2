"""Throughput of the data side: simulation, CSV loading, conversion in bounded memory, EMD against plain POT."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from hgcal_data.csv_files import CHARGE_COLUMNS, load_csv
from hgcal_data.emd import emd
from hgcal_data.errors import DataError
from hgcal_data.geometry import distance_matrix
from hgcal_data.simulate import SimulationConfig, simulate

T = TypeVar("T")
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_TEMPLATE_ROWS: Final = 20_000
_MEBI: Final = 1 << 20


@dataclass(frozen=True)
class Timing:
    """One measurement: ``items`` processed in ``wall_seconds`` with ``cpu_seconds`` of processor time.

    ``cpu_seconds`` sums over threads and processes; ``note`` says what else was seen.
    """

    name: str
    items: int
    unit: str
    wall_seconds: float
    cpu_seconds: float
    note: str = ""

    @property
    def per_minute(self) -> float:
        """Items per minute of wall time."""
        return 60.0 * self.items / max(self.wall_seconds, 1e-9)

    @property
    def per_cpu_minute(self) -> float:
        """Items per minute of processor time."""
        return 60.0 * self.items / max(self.cpu_seconds, 1e-9)


@dataclass(frozen=True)
class EmdComparison:
    """Our batched EMD and the plain POT loop on the same pairs; ``max_difference`` in half pitches."""

    ours: Timing
    pot: Timing
    max_difference: float

    @property
    def speedup(self) -> float:
        """Wall time of the POT loop over ours."""
        return self.pot.wall_seconds / max(self.ours.wall_seconds, 1e-9)


@dataclass(frozen=True)
class ConversionMemory:
    """A conversion in a process of its own: its timing, the size of the source and the peak resident memory."""

    timing: Timing
    file_bytes: int
    peak_bytes: int
    start_bytes: int


def timed(name: str, unit: str, work: Callable[[], T], count: Callable[[T], int]) -> tuple[Timing, T]:
    """Run ``work`` once and time it (wall and processor time of this process)."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Timing(name, count(result), unit, wall, cpu), result


def _simulate_part(task: tuple[SimulationConfig, int]) -> tuple[int, float]:
    cpu = time.process_time()
    rows = len(simulate(*task))
    return rows, time.process_time() - cpu


def bench_simulation(readings: int, seed: int, processes: int) -> Timing:
    """The default parametrised source (ttbar, 200 collisions), ``readings`` rows spread over ``processes``."""
    config = SimulationConfig(readings=max(1, readings // processes))
    tasks = [(config, seed + i) for i in range(processes)]
    if processes == 1:
        simulate(SimulationConfig(readings=1), seed)
        wall = time.perf_counter()
        done = [_simulate_part(tasks[0])]
        wall = time.perf_counter() - wall
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            list(pool.map(_simulate_part, [(SimulationConfig(readings=1), seed)] * processes))
            wall = time.perf_counter()
            done = list(pool.map(_simulate_part, tasks))
            wall = time.perf_counter() - wall
    rows, cpu = sum(d[0] for d in done), sum(d[1] for d in done)
    return Timing(f"simulation, {processes} process(es)", rows, "readings", wall, cpu)


def write_csv(path: Path, rows: int, seed: int) -> int:
    """Write ``rows`` simulated rows in the ``calq`` layout and return the bytes; 20,000 rows are made and repeated."""
    charges = simulate(SimulationConfig(readings=min(rows, _TEMPLATE_ROWS)), seed).charges
    lines = [",".join(map(str, row)) + "\n" for row in charges.tolist()]
    block = "".join(lines).encode("ascii")
    with path.open("wb") as handle:
        handle.write((",".join(CHARGE_COLUMNS) + "\n").encode("ascii"))
        for _ in range(rows // len(lines)):
            handle.write(block)
        handle.write("".join(lines[: rows % len(lines)]).encode("ascii"))
    return path.stat().st_size


def _peak_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit


def _convert_child(source: str, target: str) -> tuple[int, float, float, int, int]:
    from hgcal_data.convert import convert

    start = _peak_bytes()
    wall, cpu = time.perf_counter(), time.process_time()
    done = convert(source, target)
    return done.rows_read, time.perf_counter() - wall, time.process_time() - cpu, start, _peak_bytes()


def bench_conversion(source: Path, target: Path) -> ConversionMemory:
    """Convert ``source`` in a process of its own and measure its peak resident memory (getrusage)."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        rows, wall, cpu, start, peak = pool.submit(_convert_child, str(source), str(target)).result()
    size = source.stat().st_size
    note = f"{size / _MEBI:,.0f} MiB of CSV; peak memory {peak / _MEBI:,.0f} MiB ({start / _MEBI:,.0f} before)"
    return ConversionMemory(Timing("conversion CSV to HDF5", rows, "rows", wall, cpu, note), size, peak, start)


def emd_pairs(pairs: int, seed: int) -> tuple[IntArray, IntArray]:
    """Pairs of simulated modules with charge: row i against row i + pairs."""
    charges = simulate(SimulationConfig(readings=2 * pairs), seed).charges
    return charges[:pairs], charges[pairs:]


def bench_emd(pairs: int, seed: int) -> EmdComparison:
    """Our batched EMD beside the plain POT loop on the same pairs. Raises DataError where POT is missing."""
    try:
        import ot
    except ImportError as error:
        raise DataError("comparing EMD throughput needs the package POT: pip install POT") from error
    true, reco = emd_pairs(pairs, seed)
    cost = distance_matrix()
    emd(true[:2], reco[:2])  # compiled once, not timed
    ot.emd2(np.full(48, 1 / 48), np.full(48, 1 / 48), cost)

    def loop() -> FloatArray:
        return np.array([ot.emd2(a / a.sum(), b / b.sum(), cost) for a, b in zip(true, reco, strict=True)])

    ours, values = timed("EMD, ours (batched)", "pairs", lambda: emd(true, reco), len)
    pot, reference = timed("EMD, plain POT loop", "pairs", loop, len)
    return EmdComparison(ours, pot, float(np.abs(values - reference).max()))


@dataclass(frozen=True)
class DataBench:
    """All measurements of ``asic_flow bench data``."""

    timings: tuple[Timing, ...]
    emd: EmdComparison
    conversion: ConversionMemory
    cores: int
    load_average: float


def run_data_bench(readings: int, csv_rows: int, pairs: int, seed: int, folder: Path | None) -> DataBench:
    """Run every measurement; files go to a temporary folder inside ``folder`` and are removed at the end."""
    load = os.getloadavg()[0]
    timings = [bench_simulation(readings, seed, 1), bench_simulation(2 * readings, seed, 2)]
    with tempfile.TemporaryDirectory(prefix="bench_data_", dir=folder) as name:
        small, source = Path(name) / "small.csv", Path(name) / "source.csv"
        write_csv(small, 100, seed)
        load_csv(small)  # compiled once, not timed
        write_csv(small, min(csv_rows, 200_000), seed)
        timings.append(timed("CSV loading, whole file", "rows", lambda: load_csv(small), len)[0])
        small.unlink()
        write_csv(source, csv_rows, seed)
        conversion = bench_conversion(source, Path(name) / "target.h5")
    comparison = bench_emd(pairs, seed)
    timings += [conversion.timing, comparison.ours, comparison.pot]
    return DataBench(tuple(timings), comparison, conversion, os.cpu_count() or 1, load)
