"""Energy mover's distance on the 48 trigger cells, and how it is summarised (facts/data.md section 4).

``emd2(p, q, M)`` with p, q the charges divided by their sums and M the Euclidean cell distances in half pitches
(1.2084 cm). Rows with an empty input or an empty output have no EMD: they are NaN here and counted apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from hgcal_data.geometry import COUNTS_PER_MIPT, N_CELLS, distance_matrix

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

OCCUPANCY_BINS: Final[FloatArray] = np.array([0, 1, 2, 5, 10, 15, np.inf])
"""Edges of the occupancy bins of every table: [0,1), [1,2), [2,5), [5,10), [10,15), [15,inf) cells above 35
counts."""
OCCUPANCY_LABELS: Final = ("0", "1", "2-4", "5-9", "10-14", ">=15")

_MASS_FLOOR = 1e-15  # shares below this are rounding; moving one across the module costs 1.4e-14


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _transport(  # noqa: PLR0912, PLR0915 - one compiled loop
    supply: FloatArray, demand: FloatArray, cost: FloatArray, floor: float
) -> float:
    """Cost of the cheapest transport from supply[n] to demand[m], by successive shortest paths with potentials.

    Every augmentation exhausts a source, fills a sink or empties a reverse edge; Dijkstra runs on reduced costs >= 0.
    """
    n, m = supply.size, demand.size
    flow = np.zeros((n, m))
    u, v = np.zeros(n), np.zeros(m)
    dist, row_dist = np.empty(m), np.empty(n)
    from_row = np.empty(m, np.int64)
    from_col = np.empty(n, np.int64)
    done_col, done_row = np.zeros(m, np.bool_), np.zeros(n, np.bool_)
    for source in range(n):
        while supply[source] > floor:
            done_col[:] = False
            done_row[:] = False
            done_row[source] = True
            row_dist[source] = 0.0
            from_col[source] = -1
            for j in range(m):
                dist[j] = cost[source, j] - u[source] - v[j]
                from_row[j] = source
            sink = -1
            shortest = 0.0
            while sink < 0:
                column = -1
                shortest = np.inf
                for j in range(m):
                    if not done_col[j] and dist[j] < shortest:
                        shortest = dist[j]
                        column = j
                if column < 0:
                    break
                done_col[column] = True
                if demand[column] > floor:
                    sink = column
                    break
                for i in range(n):
                    if flow[i, column] > 0.0 and not done_row[i]:
                        done_row[i] = True
                        row_dist[i] = shortest
                        from_col[i] = column
                        for j in range(m):
                            if not done_col[j]:
                                length = shortest + cost[i, j] - u[i] - v[j]
                                if length < dist[j]:
                                    dist[j] = length
                                    from_row[j] = i
            if sink < 0:  # only rounding is left over
                break
            for i in range(n):
                if done_row[i]:
                    u[i] += shortest - row_dist[i]
            for j in range(m):
                if done_col[j]:
                    v[j] -= shortest - dist[j]
            amount = min(supply[source], demand[sink])
            column = sink
            while True:
                previous = from_col[from_row[column]]
                if previous < 0:
                    break
                amount = min(amount, flow[from_row[column], previous])
                column = previous
            column = sink
            while True:
                row = from_row[column]
                flow[row, column] += amount
                previous = from_col[row]
                if previous < 0:
                    break
                flow[row, previous] -= amount
                if flow[row, previous] < floor:
                    flow[row, previous] = 0.0
                column = previous
            supply[source] -= amount
            demand[sink] -= amount
    total = 0.0
    for i in range(n):
        for j in range(m):
            total += flow[i, j] * cost[i, j]
    return total


def _emd_rows(true: FloatArray, reco: FloatArray, cost: FloatArray, floor: float) -> FloatArray:
    """EMD of every row; charge present on both sides stays where it is, which is optimal because cost is a metric."""
    rows, cells = true.shape
    result = np.empty(rows)
    for row in numba.prange(rows):
        true_sum, reco_sum = true[row].sum(), reco[row].sum()
        if not (true_sum > 0.0 and reco_sum > 0.0):
            result[row] = np.nan
            continue
        difference = true[row] / true_sum - reco[row] / reco_sum
        n, m = 0, 0
        for i in range(cells):
            if difference[i] > floor:
                n += 1
            elif difference[i] < -floor:
                m += 1
        sources, sinks = np.empty(n, np.int64), np.empty(m, np.int64)
        n, m = 0, 0
        for i in range(cells):
            if difference[i] > floor:
                sources[n] = i
                n += 1
            elif difference[i] < -floor:
                sinks[m] = i
                m += 1
        sub_cost = np.empty((n, m))
        for i in range(n):
            for j in range(m):
                sub_cost[i, j] = cost[sources[i], sinks[j]]
        result[row] = _transport(difference[sources], -difference[sinks], sub_cost, floor)
    return result


_PARALLEL_ROWS = 4096  # below it, starting threads costs more than it saves
_emd_rows_serial = numba.njit(cache=True)(_emd_rows)
_emd_rows_parallel = numba.njit(cache=True, parallel=True)(_emd_rows)


def _checked(values: npt.ArrayLike, name: str) -> FloatArray:
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"emd: {name} has shape {array.shape}, expected (n, cells)")
    if not np.isfinite(array).all() or (array.size and float(array.min()) < 0.0):
        raise ValueError(f"emd: {name} holds negative or non-finite charges")
    return array


def emd(true: npt.ArrayLike, reco: npt.ArrayLike, distance: FloatArray | None = None) -> FloatArray:
    """Exact EMD of every row, float64[n].

    Args:
        true: charges [n,48] in TC order, any scale.
        reco: reconstructed charges [n,48], same order; only the shape of the pattern counts.
        distance: metric float64[48,48]; default the cell distances in half pitches.

    Returns:
        EMD in half pitches; NaN where the input or the output is empty.

    Raises:
        ValueError: negative or non-finite charges, or shapes that differ.
    """
    a, b = _checked(true, "true"), _checked(reco, "reco")
    cost = distance_matrix() if distance is None else np.ascontiguousarray(distance, dtype=np.float64)
    if a.shape != b.shape or cost.shape != (a.shape[1], a.shape[1]):
        raise ValueError(f"emd: shapes true {a.shape}, reco {b.shape}, distance {cost.shape} do not fit")
    if a.shape[0] == 0:
        return np.empty(0)
    rows = _emd_rows_parallel if a.shape[0] >= _PARALLEL_ROWS else _emd_rows_serial
    result: FloatArray = rows(a, b, cost, _MASS_FLOOR)
    return result


def occupancy(charges: npt.ArrayLike, threshold: float = COUNTS_PER_MIPT) -> IntArray:
    """Cells above ``threshold`` counts (default 35 = 1 transverse MIP), int64[n]."""
    return np.asarray((np.asarray(charges) > threshold).sum(axis=-1), dtype=np.int64)


def occupancy_bin(cells: npt.ArrayLike) -> IntArray:
    """Index 0..5 of the occupancy bin (:data:`OCCUPANCY_BINS`)."""
    return np.asarray(np.digitize(np.asarray(cells), OCCUPANCY_BINS[1:-1]), dtype=np.int64)


@dataclass(frozen=True)
class EmdSummary:
    """Statistics of the EMD over events that have one, and the number of those that have none."""

    mean: float
    median: float
    q16: float
    q84: float
    events: int
    empty_input: int
    empty_output: int

    @classmethod
    def from_events(cls, true: npt.ArrayLike, reco: npt.ArrayLike, values: FloatArray | None = None) -> EmdSummary:
        """Summary for charges [n,48]; ``values`` spares the computation when :func:`emd` has already been called."""
        a, b = np.asarray(true, dtype=np.float64), np.asarray(reco, dtype=np.float64)
        result = emd(a, b) if values is None else values
        empty_input = ~(a.sum(axis=1) > 0)
        empty_output = ~empty_input & ~(b.sum(axis=1) > 0)
        good = result[np.isfinite(result)]
        if good.size == 0:
            nan = float("nan")
            return cls(nan, nan, nan, nan, 0, int(empty_input.sum()), int(empty_output.sum()))
        q16, median, q84 = (float(q) for q in np.percentile(good, [16, 50, 84]))
        return cls(
            float(good.mean()), median, q16, q84, int(good.size), int(empty_input.sum()), int(empty_output.sum())
        )


def uniform_image(rows: int) -> FloatArray:
    """The pattern of someone who knows nothing: equal charge in all cells, float64[rows,48]."""
    return np.full((rows, N_CELLS), 1.0 / N_CELLS)
