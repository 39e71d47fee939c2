"""Progress of a training, its validation rows, and ``history.csv``."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Integers

FloatArray = NDArray[np.float32]
HISTORY_COLUMNS = ("epoch", "loss", "val_loss", "learning_rate", "seconds", "val_emd", "phase")


@dataclass
class TrainingState:
    """Progress of a training, saved with every checkpoint."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_emd: float = math.inf
    best_loss: float = math.inf
    stopped_early: bool = False
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class ValidationSet:
    """Validation rows of one sample."""

    name: str
    charges: Integers
    modules: FloatArray | None = None
    """Decoder conditions of the modules float32[n, m], besides the sum's (`econ_ae.conditions`)."""


def history_text(history: Sequence[dict[str, float]]) -> str:
    """``history.csv``: one row per validated epoch."""
    out = io.StringIO()
    writer = csv.DictWriter(out, HISTORY_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in history:
        writer.writerow({key: f"{row[key]:.6g}" for key in HISTORY_COLUMNS})
    return out.getvalue()
