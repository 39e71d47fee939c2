"""Test vectors as the chip bench reads them: plain decimal text, one event per line (written by `asic_flow.vectors`)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asic_flow.errors import FlowError
from asic_flow.vectors import CHARGES, MAX_CHARGE, PREDICTIONS, SUM_CODES, WEIGHTS

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class ChipVectors:
    """Stimulus and expected output of the chip bench.

    Attributes:
        charges: int64[n, cells], 22-bit charges in encoder order.
        latents: int64[n, latents].
        sum_codes: int64[n], code of the module sum.
    """

    charges: Integers
    latents: Integers
    sum_codes: Integers


def read_chip_vectors(folder: Path, *, cells: int, latents: int, events: int | None = None) -> ChipVectors:
    """Read charges, latents and sum codes.

    Args:
        folder: folder with the ``tb_*.dat`` files.
        cells: charges per event.
        latents: latents per event.
        events: use only the first so many events.

    Raises:
        FlowError: a file is missing, empty, malformed, of the wrong width or length, or has too few events.
    """
    charges = _read(folder / CHARGES, cells)
    expected = _read(folder / PREDICTIONS, latents)
    sums = _read(folder / SUM_CODES, 1)[:, 0]
    lengths = {CHARGES: len(charges), PREDICTIONS: len(expected), SUM_CODES: len(sums)}
    if len(set(lengths.values())) > 1:
        raise FlowError(f"reading vectors in {folder}: the files have different numbers of events: {lengths}")
    if charges.min() < 0 or charges.max() > MAX_CHARGE:
        raise FlowError(f"reading vectors {folder / CHARGES}: a charge lies outside 0..{MAX_CHARGE}")
    if events is not None and len(charges) < events:
        raise FlowError(f"reading vectors in {folder}: found {len(charges)} events, {events} were asked for")
    return ChipVectors(charges[:events], expected[:events], sums[:events])


def read_weight_words(folder: Path) -> Integers:
    """Weight words in register order, int64[n_weights].

    Raises:
        FlowError: the file is missing, empty or malformed.
    """
    return _read(folder / WEIGHTS, 1)[:, 0]


def _read(path: Path, columns: int) -> Integers:
    """One file of decimal integers with a fixed number of columns."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an empty file is an error below
            values = np.loadtxt(path, dtype=np.int64, ndmin=2)
    except OSError as error:
        raise FlowError(
            f"reading vectors {path}: {error.strerror or 'no such file'}. Run: asic_flow generate"
        ) from error
    except ValueError as error:
        raise FlowError(f"reading vectors {path}: {error}") from error
    if values.size == 0:
        raise FlowError(f"reading vectors {path}: the file is empty, there would be nothing to compare")
    if values.shape[1] != columns:
        raise FlowError(f"reading vectors {path}: found {values.shape[1]} columns, expected {columns}")
    return values
