"""Which rows a training has seen: in quiet data the same few counts come again and again, in test rows too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from econ_ae.dataset import TRAIN, VALIDATION, load_data
from econ_ae.errors import TrainingError
from hgcal_data.readings import ModuleReadings


def is_seen(run: Path, readings: ModuleReadings) -> NDArray[np.bool_]:
    """Whether each row equals a training or validation row of a run, bool[n].

    Raises:
        TrainingError: the run has no data.
    """
    path = run / "data" / "readings.h5"
    if not path.is_file():
        raise TrainingError(f"looking for rows that a training saw: {run} has no data/readings.h5 to compare with")
    own = load_data(path)
    rows = np.concatenate([own.charges(TRAIN), own.charges(VALIDATION)])
    known = {row.tobytes() for row in rows}
    found = np.ascontiguousarray(readings.charges, dtype=rows.dtype)
    return np.array([row.tobytes() in known for row in found], dtype=bool)


def unseen_rows(run: Path, readings: ModuleReadings) -> ModuleReadings:
    """Rows that equal no training or validation row of a run; errors as in `is_seen`."""
    return readings.select(np.flatnonzero(~is_seen(run, readings)))
