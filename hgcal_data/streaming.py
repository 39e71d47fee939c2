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


class RowStream:
    """Rows of a table as a training draws them: any number at a time, one shuffled epoch after the other.

    The order depends only on the generator: a new generator starts a new epoch of the file, so that an epoch of
    training can be repeated from its seed. Memory is bounded as in :func:`shuffled_batches`.
    """

    def __init__(self, path: str | os.PathLike[str], stop: int) -> None:
        """Stream rows 0 to ``stop`` of a table. Raises DataError for a file that cannot be read, or too short."""
        self.path = Path(path)
        self.rows = stop
        if not 0 < stop <= row_count(self.path):
            raise DataError(f"streaming {self.path}: rows 0 to {stop} of {row_count(self.path)}; expected some of them")
        self._rng: np.random.Generator | None = None
        self._batches: Iterator[ModuleReadings] = iter(())
        self._left: ModuleReadings | None = None

    def __len__(self) -> int:
        return self.rows

    def draw(self, rows: int, rng: np.random.Generator) -> ModuleReadings:
        """The next ``rows`` rows with charge. Raises DataError where the table has none."""
        if rng is not self._rng:
            self._rng, self._batches, self._left = rng, iter(()), None
        parts: list[ModuleReadings] = [] if self._left is None else [self._left]
        have, fruitless = sum(map(len, parts)), 0
        while have < rows or not parts:
            batch = next(self._batches, None)
            if batch is None:
                fruitless += 1
                if fruitless > 2 and have == 0:
                    raise DataError(f"streaming {self.path}: no row with charge")
                self._batches = shuffled_batches(self.path, BLOCK_ROWS // 4, rng, 0, self.rows)
                continue
            full, _ = batch.without_empty()
            parts.append(full)
            have += len(full)
        merged = ModuleReadings.concat(parts)
        self._left = merged.select(slice(rows, None))
        return merged.select(slice(0, rows))


__all__ = ["BLOCK_ROWS", "RowStream", "iter_hdf5", "shuffled_batches"]
