"""Batches for training from an HDF5 table that does not fit in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from hgcal_data.errors import DataError
from hgcal_data.readings import ModuleReadings, iter_hdf5, read_rows, row_count

BLOCK_ROWS: Final = 16_384
"""Neighbouring rows read at once, in four chunks of the file."""


def shuffled_batches(
    path: str | os.PathLike[str],
    batch: int,
    rng: np.random.Generator | None = None,
    start: int = 0,
    stop: int | None = None,
    blocks: int = 4,
) -> Iterator[ModuleReadings]:
    """One epoch over rows ``start`` to ``stop`` of a table in batches of ``batch`` rows, each row once.

    The order: blocks of 16,384 neighbouring rows in random order, and rows shuffled inside groups of ``blocks`` blocks;
    without ``rng``, as in the file. Memory is bounded by that group (48 integers of 8 bytes per row, copied while it
    is shuffled), whatever the file's size. The last batch may be shorter.

    Raises DataError for a file that cannot be read, or for bounds outside it.
    """
    source = Path(path)
    total = row_count(source)
    end = total if stop is None else stop
    if batch < 1 or blocks < 1 or not 0 <= start < end <= total:
        raise DataError(
            f"reading batches from {source}: batch {batch}, blocks {blocks}, rows {start} to {end}; expected positive "
            f"sizes and rows within 0 to {total}"
        )
    firsts = np.arange(start, end, BLOCK_ROWS)
    if rng is not None:
        rng.shuffle(firsts)
    held: list[ModuleReadings] = []
    for group in range(0, firsts.size, blocks):
        chosen = firsts[group : group + blocks].tolist()
        held += [read_rows(source, first, min(first + BLOCK_ROWS, end)) for first in chosen]
        rows = ModuleReadings.concat(held)
        if rng is not None:
            rows = rows.select(rng.permutation(len(rows)))
        last = group + blocks >= firsts.size
        whole = len(rows) if last else len(rows) - len(rows) % batch
        for first in range(0, whole, batch):
            yield rows.select(slice(first, min(first + batch, whole)))
        held = [rows.select(slice(whole, len(rows)))]


__all__ = ["BLOCK_ROWS", "iter_hdf5", "shuffled_batches"]
