"""Where the parts of a run lie, and how they are read: structure, weights, events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from asic_flow.errors import FlowError, WeightError
from asic_flow.formats import Integers
from asic_flow.ir import Structure, read_structure
from asic_flow.weights import WeightSet, read_weights
from hgcal_data.errors import DataError
from hgcal_data.readings import load_hdf5

TEST_SPLIT = 2
"""Value of the ``split`` column in data/readings.h5 for rows that training never saw."""


@dataclass(frozen=True)
class RunFolder:
    """A run folder as `econ_ae.train` leaves it (design.md section 2)."""

    path: Path

    def __post_init__(self) -> None:
        """Refuse a folder that is not there.

        Raises:
            FlowError: the folder does not exist.
        """
        if not self.path.is_dir():
            raise FlowError(
                f"opening run {self.path}: no such folder. Train first: python -m econ_ae.train --config ..."
            )

    @property
    def asic(self) -> Path:
        """Generated project."""
        return self.path / "asic"

    def structure(self) -> Structure:
        """The run's ``encoder.json``."""
        return read_structure(self.path / "encoder.json")

    def weights(self, links: int | None = None) -> WeightSet:
        """The run's weight set for a link count; without one, the only set there is.

        Raises:
            WeightError: there is no such file, or several and none was chosen.
        """
        structure = self.structure()
        if links is not None:
            return read_weights(self.path / "weights" / f"links{links}.json", structure)
        found = sorted((self.path / "weights").glob("links*.json"))
        if len(found) != 1:
            names = ", ".join(path.name for path in found) or "none"
            raise WeightError(f"choosing weights in {self.path / 'weights'}: found {names}; say which with --links N")
        return read_weights(found[0], structure)

    def test_charges(self, events: int, seed: int) -> Integers:
        """Charges of modules that training never saw, drawn evenly over the file: int64[n, 48], TC order.

        Raises:
            FlowError: the run has no readings, or no test rows.
        """
        path = self.path / "data" / "readings.h5"
        try:
            readings = load_hdf5(path)
            with h5py.File(path, "r") as handle:
                split = np.asarray(handle["split"])
        except (DataError, KeyError, OSError) as error:
            raise FlowError(f"reading events from {path}: {error}") from error
        rows = np.flatnonzero(split == TEST_SPLIT)
        if len(rows) == 0:
            raise FlowError(f"reading events from {path}: no row is marked as test (split {TEST_SPLIT})")
        rng = np.random.default_rng(seed)
        chosen = rng.choice(rows, size=events, replace=len(rows) < events)
        charges: Integers = readings.charges[chosen]
        return charges
