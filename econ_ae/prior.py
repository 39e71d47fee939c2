"""What quiet modules look like before anything is received: how many cells are hit, how they cluster, how much they hold.

A Markov random field on the 48 cells, for each octave S of the module sum:
``log p(x) = sum over hit cells (mu_S + g_S(x_i)) + J_S * (neighbouring pairs of hit cells)``. mu and J are fitted by
pseudo-likelihood (Besag, J. R. Stat. Soc. B 36 (1974) 192), g is the logarithm of the density of the cell counts in octaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Integers
from hgcal_data.codes import bit_length
from hgcal_data.geometry import N_CELLS, NEIGHBOUR_PAIRS

FloatArray = NDArray[np.float64]

OCTAVES = 24
_MIN_ROWS = 50
_ITERATIONS = 30
_START = (-2.0, 0.5)
_RIDGE = 1e-9
_UNSEEN = 1e-3


@dataclass(frozen=True)
class CountPrior:
    """Parameters of the field.

    Attributes:
        hit: mu, float64[OCTAVES], by octave of the module sum.
        pair: J, float64[OCTAVES].
        spectrum: g, float64[OCTAVES, OCTAVES], by octave of the module sum and octave of the cell's counts.
    """

    hit: FloatArray
    pair: FloatArray
    spectrum: FloatArray

    @classmethod
    def fit(cls, samples: list[Integers]) -> Self:
        """Fit to training rows; every sample has the same total weight.

        Args:
            samples: charges int64[n,48] of each sample. Octaves with fewer than 50 rows take the next lower octave's values.
        """
        rows = np.concatenate(samples)
        weights = np.concatenate([np.full(len(s), 1.0 / max(1, len(s))) for s in samples])
        octave = bit_length(rows.sum(axis=1)) - 1
        hit, pair, spectrum = np.zeros(OCTAVES), np.zeros(OCTAVES), np.zeros((OCTAVES, OCTAVES))
        for o in range(OCTAVES):
            chosen = octave == o
            if chosen.sum() >= _MIN_ROWS:
                hit[o], pair[o] = _field(rows[chosen] > 0, weights[chosen])
                spectrum[o] = _spectrum(rows[chosen], weights[chosen])
            elif o:
                hit[o], pair[o], spectrum[o] = hit[o - 1], pair[o - 1], spectrum[o - 1]
        return cls(hit, pair, spectrum)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"hit": self.hit.tolist(), "pair": self.pair.tolist(), "spectrum": self.spectrum.tolist()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From JSON values.

        Raises:
            ValueError: a table is missing or has another shape.
        """
        hit, pair, spectrum = (np.asarray(values.get(key, ()), dtype=np.float64) for key in ("hit", "pair", "spectrum"))
        if hit.shape != (OCTAVES,) or pair.shape != (OCTAVES,) or spectrum.shape != (OCTAVES, OCTAVES):
            raise ValueError(f"the prior's tables have shapes {hit.shape}, {pair.shape}, {spectrum.shape}")
        return cls(hit, pair, spectrum)


def _adjacency() -> FloatArray:
    matrix = np.zeros((N_CELLS, N_CELLS))
    matrix[NEIGHBOUR_PAIRS[:, 0], NEIGHBOUR_PAIRS[:, 1]] = 1.0
    return matrix + matrix.T


def _field(hits: NDArray[np.bool_], weights: FloatArray) -> FloatArray:
    """(mu, J): logistic regression of every cell on the number of its hit neighbours, by Newton's method."""
    around = hits.astype(np.float64) @ _adjacency()
    features = np.stack([np.ones(hits.size), around.ravel()], axis=1)
    truth = hits.ravel().astype(np.float64)
    weight = np.repeat(weights, N_CELLS) / (weights.sum() * N_CELLS)
    found = np.array(_START)
    for _ in range(_ITERATIONS):
        expected = 1.0 / (1.0 + np.exp(-features @ found))
        slope = features.T @ (weight * (truth - expected))
        curvature = (features.T * (weight * expected * (1.0 - expected))) @ features + _RIDGE * np.eye(2)
        found = found + np.linalg.solve(curvature, slope)
    return found


def _spectrum(rows: Integers, weights: FloatArray) -> FloatArray:
    """Log density per count of the counts of hit cells, by octave; unseen octaves have a thousandth of a row."""
    full = rows > 0
    weight = np.broadcast_to(weights[:, None], rows.shape)[full]
    content = np.bincount(bit_length(rows[full]) - 1, weights=weight, minlength=OCTAVES) + _UNSEEN * weight.mean()
    return np.asarray(np.log(content / content.sum() / 2.0 ** np.arange(OCTAVES)), dtype=np.float64)
