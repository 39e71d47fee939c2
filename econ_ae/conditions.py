"""What a decoder may know about its module besides the transmitted sum: eta, layer, wafer type and position.

These are constants of the module's place in the detector, known off the detector without a single transmitted bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from econ_ae.config import ConditionName
from econ_ae.errors import TrainingError
from hgcal_data.readings import ModuleReadings

FloatArray = NDArray[np.float32]

_LAYERS = 50
_ETA_CENTRE, _ETA_RANGE = 2.25, 0.75
_WAFER_RANGE = 12.0


def _eta(readings: ModuleReadings) -> NDArray[np.float64]:
    """``|eta|`` from 1.5 to 3 as a number from -1 to 1."""
    return np.asarray((np.abs(np.asarray(readings.eta)) - _ETA_CENTRE)[:, None] / _ETA_RANGE, dtype=np.float64)


def _layer(readings: ModuleReadings) -> NDArray[np.float64]:
    """Layer (1 to 50) as a number and one-hot."""
    layer = np.clip(np.asarray(readings.layer), 1, _LAYERS)
    return np.concatenate([layer[:, None] / _LAYERS, np.eye(_LAYERS)[layer - 1]], axis=1)


def _wafer_type(readings: ModuleReadings) -> NDArray[np.float64]:
    """Wafer type one-hot; an unknown type is all zero."""
    kind = np.asarray(readings.wafer_type)
    return np.asarray(kind[:, None] == np.arange(3), dtype=np.float64)


def _position(readings: ModuleReadings) -> NDArray[np.float64]:
    """Wafer coordinates u and v."""
    return np.stack([np.asarray(readings.wafer_u), np.asarray(readings.wafer_v)], axis=1) / _WAFER_RANGE


_Encoding = Callable[[ModuleReadings], NDArray[np.float64]]
_ENCODINGS: dict[ConditionName, tuple[tuple[str, ...], int, _Encoding]] = {
    "eta": (("eta",), 1, _eta),
    "layer": (("layer",), 1 + _LAYERS, _layer),
    "wafer_type": (("wafer_type",), 3, _wafer_type),
    "position": (("wafer_u", "wafer_v"), 2, _position),
}
"""Columns needed, number of decoder inputs, encoding."""


def module_width(names: Sequence[ConditionName]) -> int:
    """Number of decoder inputs for these conditions, the sum's own inputs not counted."""
    return sum(_ENCODINGS[name][1] for name in names if name != "sum")


def module_conditions(readings: ModuleReadings, names: Sequence[ConditionName]) -> FloatArray:
    """Decoder inputs float32[n, module_width(names)], in the order of `names`, the transmitted sum left out.

    Raises:
        TrainingError: the readings lack a column that a condition needs.
    """
    parts: list[NDArray[np.float64]] = [np.zeros((len(readings), 0))]
    for name in names:
        if name == "sum":
            continue
        columns, _, encoding = _ENCODINGS[name]
        for column in columns:
            if getattr(readings, column) is None:
                raise TrainingError(
                    f"decoder condition {name!r}: sample {readings.sample!r} has no column {column!r}; remove the "
                    "condition from decoder.conditions, or use data with the module's place (simulated or HDF5)"
                )
        parts.append(encoding(readings))
    return np.concatenate(parts, axis=1).astype(np.float32)
