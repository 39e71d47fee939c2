"""Sorting network of Best Choice: Batcher's merge exchange on 48 inputs (Knuth vol. 3, 5.2.2, Algorithm M).

The network decides which of several equal cells are sent, so its order is part of the specification (baselines.md
4.2).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hgcal_data.geometry import N_CELLS

IntArray = npt.NDArray[np.int64]


@lru_cache(maxsize=1)
def layers() -> tuple[tuple[IntArray, IntArray], ...]:
    """21 layers of disjoint comparators: arrays of upper and lower positions (367 comparators in all)."""
    result = []
    p = 32
    while p >= 1:
        q, r, d = 32, 0, p
        while True:
            i = np.arange(N_CELLS - d)
            upper = i[(i & p) == r]
            result.append((upper, upper + d))
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2
    return tuple(result)


def rank_order(values: npt.ArrayLike) -> IntArray:
    """Cell numbers int64[n,48] in descending order of values int64[n,48], ties placed as the network does."""
    v = np.array(values, dtype=np.int64).T.copy()
    cell = np.repeat(np.arange(N_CELLS, dtype=np.int64)[:, None], v.shape[1], axis=1)
    for upper, lower in layers():
        a, b = v[upper], v[lower]
        swap = a < b
        v[upper], v[lower] = np.where(swap, b, a), np.where(swap, a, b)
        a, b = cell[upper], cell[lower]
        cell[upper], cell[lower] = np.where(swap, b, a), np.where(swap, a, b)
    return np.ascontiguousarray(cell.T)
