"""``asic_flow bench data``: throughput of simulation, loading and EMD; our batched EMD beside the plain POT loop."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asic_flow.bench.core import Measurement, timed
from asic_flow.errors import MismatchError
from hgcal_data.csv_files import load_csv, save_csv
from hgcal_data.emd import emd
from hgcal_data.geometry import distance_matrix
from hgcal_data.readings import ModuleReadings, load_hdf5, save_hdf5
from hgcal_data.simulate import SimulationConfig, simulate

FloatArray = NDArray[np.float64]

TOLERANCE = 1e-9
"""Largest difference from POT that passes, half pitches."""


def bench_data(readings: int, pairs: int, repeats: int, folder: Path, seed: int = 1) -> list[Measurement]:
    """All measurements of the data part.

    Args:
        readings: module readings simulated and loaded per repeat (default configuration: ttbar, 200 collisions).
        pairs: pairs of modules whose EMD is computed both ways.
        repeats: repeats of every measurement.
        folder: for the files that are loaded.
        seed: seed of simulation and pairs.

    Raises:
        MismatchError: an EMD differs from POT's by more than `TOLERANCE`.
    """
    config = SimulationConfig(readings=readings)
    made: list[ModuleReadings] = []

    def make() -> None:
        made[:] = [simulate(config, seed)]

    seconds = timed(make, repeats)
    rows = made[0]
    results = [
        Measurement(
            "simulation, default", "readings", len(rows), seconds, note=f"{_per_minute(rows, seconds)} a minute"
        )
    ]
    results += _loading(rows, repeats, folder)
    results.append(compare_emd(rows, pairs, repeats, seed))
    return results


def _per_minute(rows: ModuleReadings, seconds: tuple[float, ...]) -> str:
    return f"{60 * len(rows) / float(np.median(seconds)):,.0f}"


def _loading(rows: ModuleReadings, repeats: int, folder: Path) -> list[Measurement]:
    """CSV (peer: numpy.loadtxt on the same file) and HDF5."""
    text, table = folder / "rows.csv", folder / "rows.h5"
    save_csv(rows, text)
    save_hdf5(rows, table)

    def numpy_text() -> NDArray[np.int64]:
        return np.loadtxt(text, delimiter=",", skiprows=1, dtype=np.int64)

    if not np.array_equal(load_csv(text).charges, numpy_text()):
        raise MismatchError(f"benchmark: {text} reads differently through numpy.loadtxt")
    return [
        Measurement(
            "loading CSV", "rows", len(rows), timed(lambda: load_csv(text), repeats),
            "numpy.loadtxt", len(rows), timed(numpy_text, repeats, warm_up=False), "same counts",
        ),
        Measurement("loading HDF5", "rows", len(rows), timed(lambda: load_hdf5(table), repeats)),
    ]  # fmt: skip


def emd_pairs(rows: ModuleReadings, pairs: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Charges float64[pairs,48] of modules and of other modules of the same sample, drawn at random."""
    rng = np.random.default_rng(seed)
    full = rows.charges[rows.charges.sum(axis=1) > 0].astype(np.float64)
    first, second = rng.integers(0, len(full), (2, pairs))
    return full[first], full[second]


def pot_loop(true: FloatArray, reco: FloatArray) -> FloatArray:
    """The plain way: ``ot.emd2`` of one pair after the other."""
    os.environ.setdefault("POT_BACKEND_DISABLE_TENSORFLOW", "1")  # POT imports every backend it finds
    import ot

    cost = distance_matrix()
    return np.array([ot.emd2(a / a.sum(), b / b.sum(), cost) for a, b in zip(true, reco, strict=True)])


def compare_emd(
    rows: ModuleReadings,
    pairs: int,
    repeats: int,
    seed: int,
    ours: Callable[[FloatArray, FloatArray], FloatArray] = emd,
) -> Measurement:
    """Our EMD of all pairs in one call, and POT's of the same pairs in a loop, in the same run.

    Raises:
        MismatchError: they differ by more than `TOLERANCE`.
    """
    true, reco = emd_pairs(rows, pairs, seed)
    difference = float(np.abs(ours(true, reco) - pot_loop(true, reco)).max())
    if not difference <= TOLERANCE:
        raise MismatchError(
            f"benchmark: the EMD of {pairs} pairs differs from POT's by up to {difference:.3g}, allowed {TOLERANCE:g}"
        )
    return Measurement(
        "EMD", "pairs", pairs, timed(lambda: ours(true, reco), repeats),
        "POT ot.emd2 loop", pairs, timed(lambda: pot_loop(true, reco), repeats, warm_up=False),
        f"largest difference {difference:.1e}",
    )  # fmt: skip
