"""Statistics of module readings, as tabulated for the public files (facts/data.md sections 1 and 6)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hgcal_data.geometry import COUNTS_PER_MIPT, N_CELLS, NEIGHBOUR_PAIRS

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FRACTIONS: Final = 6


@dataclass(frozen=True)
class Summary:
    """Statistics of the non-empty rows of a sample.

    occupied_*: cells above 0 counts (median, 16 and 84 %, mean); above_mip: mean number of cells above 35 counts;
    log_sum_*: log10 of the module sum in transverse MIP; fractions: mean share of the six largest cells in the sum;
    corr_neighbour, corr_other: mean correlation of log(1 + charge) of neighbouring and of all other cell pairs;
    log_max_*: log10 of the largest cell in transverse MIP.
    """

    rows: int
    empty: int
    occupied_median: float
    occupied_q16: float
    occupied_q84: float
    occupied_mean: float
    above_mip: float
    log_sum_mean: float
    log_sum_std: float
    log_max_mean: float
    log_max_std: float
    fractions: tuple[float, ...]
    corr_neighbour: float
    corr_other: float

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)


def _other_pairs() -> IntArray:
    near = {(i, j) for i, j in NEIGHBOUR_PAIRS.tolist()}
    pairs = [(i, j) for i in range(N_CELLS) for j in range(i + 1, N_CELLS) if (i, j) not in near]
    return np.array(pairs, dtype=np.int64)


OTHER_PAIRS: Final = _other_pairs()


def charge_correlation(charges: npt.ArrayLike) -> tuple[float, float]:
    """Mean correlation of log(1 + charge) over neighbouring pairs and over all other pairs (cells that vary)."""
    logs = np.log1p(np.asarray(charges, dtype=np.float64))
    logs = logs - logs.mean(axis=0)
    width = logs.std(axis=0)
    if len(logs) < 2 or not (width > 0).any():
        return float("nan"), float("nan")
    matrix = (logs.T @ logs) / len(logs)
    scale = np.outer(width, width)
    matrix = np.divide(matrix, scale, out=np.full_like(matrix, np.nan), where=scale > 0)
    near, other = (matrix[pairs[:, 0], pairs[:, 1]] for pairs in (NEIGHBOUR_PAIRS, OTHER_PAIRS))
    means = [float(np.nanmean(part)) if np.isfinite(part).any() else float("nan") for part in (near, other)]
    return means[0], means[1]


def summarise(charges: npt.ArrayLike) -> Summary:
    """Statistics of charges int64[n,48]; rows without charge are counted and left out.

    Raises ValueError if all are empty.
    """
    q = np.asarray(charges, dtype=np.int64)
    total = q.sum(axis=1)
    full = q[total > 0]
    if len(full) == 0:
        raise ValueError("summarise: no row with charge")
    total = total[total > 0]
    occupied = (full > 0).sum(axis=1)
    q16, median, q84 = np.percentile(occupied, [16, 50, 84])
    ordered = -np.sort(-full, axis=1)[:, :FRACTIONS]
    log_sum = np.log10(total / COUNTS_PER_MIPT)
    log_max = np.log10(ordered[:, 0] / COUNTS_PER_MIPT)
    near, other = charge_correlation(full)
    return Summary(
        rows=len(full),
        empty=len(q) - len(full),
        occupied_median=float(median),
        occupied_q16=float(q16),
        occupied_q84=float(q84),
        occupied_mean=float(occupied.mean()),
        above_mip=float((full > COUNTS_PER_MIPT).sum(axis=1).mean()),
        log_sum_mean=float(log_sum.mean()),
        log_sum_std=float(log_sum.std()),
        log_max_mean=float(log_max.mean()),
        log_max_std=float(log_max.std()),
        fractions=tuple(float(x) for x in (ordered / total[:, None]).mean(axis=0)),
        corr_neighbour=near,
        corr_other=other,
    )


def mip_cells(charges: npt.ArrayLike, counts_per_mip: npt.ArrayLike, threshold: float = 1.35) -> IntArray:
    """Cells above ``threshold`` transverse MIP, int64[n].

    With the counts of one MIP given per row (they depend on thickness).
    """
    limit = threshold * np.asarray(counts_per_mip, dtype=np.float64)
    rows = np.asarray(charges)
    over = rows > np.broadcast_to(limit, (len(rows),))[:, None]
    return np.asarray(over.sum(axis=1), dtype=np.int64)
