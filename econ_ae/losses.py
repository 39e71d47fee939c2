"""Losses between two charge patterns on the 48 trigger cells, TC order, each pattern a distribution (sums to one)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from hgcal_data.geometry import distance_matrix

Tensor = Any
Loss = Callable[[Tensor, Tensor], Tensor]

_FLOOR = 1e-12
_TINY = 1e-20
"""Smallest Sinkhorn denominator; the reciprocal of much smaller ones overflows in XLA."""

_SMALLEST = 1e-36
"""Smallest argument of a logarithm, near the end of float32: the Sinkhorn kernel reaches it below 0.2 half pitches."""


def energy_distance(true: Tensor, reco: Tensor) -> Tensor:
    """Hexagonal energy distance ``-(p - q)^T M (p - q) / 2``, float32[n]; half pitches (design.md section 6).

    M is the matrix of Euclidean cell distances. For two single cells the value is their distance, as for the EMD; a
    small misplaced share ``e`` costs ``e**2``, where the EMD costs ``e``.
    """
    matrix = tf.constant(distance_matrix(), dtype=tf.float32)
    difference = true - reco
    return -0.5 * tf.reduce_sum(tf.matmul(difference, matrix) * difference, axis=-1)


def root_energy_distance(true: Tensor, reco: Tensor, softening: float = 1e-3) -> Tensor:
    """``sqrt(energy_distance + s**2) - s``: linear in a small misplaced share, as the EMD is, float32[n]."""
    return tf.sqrt(tf.maximum(energy_distance(true, reco), 0.0) + softening**2) - softening


def telescope(true: Tensor, reco: Tensor) -> Tensor:
    """Telescope loss on three scales (cells, overlapping 2x2 groups, 4x4 groups), float32[n]; data.md section 4.

    ``4 L1 + 2 L2 + L3``, each the mean of squared differences weighted by the larger of the two values. Meant for
    patterns normalised to the sum; a decoder that outputs a distribution needs no other scale.
    """
    groups, weights = telescope_groups()
    coarse = tf.constant(groups.T, dtype=tf.float32)
    thirds = tf.constant(np.kron(np.eye(3), np.ones((1, 16))).T, dtype=tf.float32)
    cells = _weighted_square(true, reco, tf.ones(48))
    squares = _weighted_square(tf.matmul(true, coarse), tf.matmul(reco, coarse), tf.constant(weights, dtype=tf.float32))
    rhombi = _weighted_square(tf.matmul(true, thirds), tf.matmul(reco, thirds), tf.ones(3))
    return 4.0 * cells + 2.0 * squares + rhombi


def _weighted_square(a: Tensor, b: Tensor, weights: Tensor) -> Tensor:
    return tf.reduce_mean(tf.square(a - b) * tf.maximum(a, b) * weights, axis=-1)


def telescope_groups() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 36 overlapping 2x2 groups of the telescope loss: members float64[36,48] (TC order), weights float64[36].

    Source: facts/data.md section 4. The published weights are kept, also for the six groups with the cells 3, 19 and
    35, where they exceed a quarter of the sum of 1 / multiplicity. 27 groups lie inside one rhombus, nine join two.
    """
    inside = [
        ((0, 1, 4, 5), 0.375), ((2, 3, 6, 7), 0.25 + 1 / 12), ((8, 9, 12, 13), 0.5625), ((10, 11, 14, 15), 0.375),
        ((4, 5, 8, 9), 0.375), ((6, 7, 10, 11), 0.25), ((1, 2, 5, 6), 0.25), ((9, 10, 13, 14), 0.375),
        ((5, 6, 9, 10), 0.25),
    ]  # fmt: skip
    across = [
        ((0, 1, 27, 31), 0.375), ((1, 2, 23, 27), 0.25), ((2, 3, 19, 23), 0.25 + 1 / 6), ((3, 7, 34, 35), 0.25 + 1 / 6),
        ((7, 11, 33, 34), 0.25), ((11, 15, 32, 33), 0.375), ((16, 17, 47, 43), 0.375), ((17, 18, 43, 39), 0.25),
        ((18, 19, 39, 35), 0.25 + 1 / 6),
    ]  # fmt: skip
    shifted = [(tuple(cell + 16 * k for cell in cells), weight) for k in range(3) for cells, weight in inside]
    everything = [*shifted, *across]
    groups = np.zeros((len(everything), 48))
    for row, (cells, _) in enumerate(everything):
        groups[row, list(cells)] = 1.0
    return groups, np.array([weight for _, weight in everything])


def transport_distance(true: Tensor, reco: Tensor, regularisation: float = 0.4, iterations: int = 10) -> Tensor:
    """Lower bound of the EMD with the EMD's own kind of gradient, float32[n]; half pitches.

    Charge present on both sides stays where it is (the cost is a metric), so only the surplus and the deficit are
    transported. Sinkhorn iterations between the two (no gradient through them) give a potential; its c-transform
    phi is 1-Lipschitz, hence by Kantorovich and Rubinstein ``<phi, p - q>`` never exceeds the EMD, and its gradient
    with respect to q is ``-phi``.

    Args:
        true: p, float32[n,48], rows sum to one.
        reco: q, float32[n,48], rows sum to one.
        regularisation: entropic regularisation in half pitches; smaller is closer to the EMD and slower to converge.
        iterations: Sinkhorn iterations.
    """
    distances = tf.constant(distance_matrix(), dtype=tf.float32)
    kernel = tf.exp(-distances / regularisation)
    difference = tf.stop_gradient(true - reco)
    surplus, deficit = tf.nn.relu(difference), tf.nn.relu(-difference)
    surplus /= tf.maximum(tf.reduce_sum(surplus, axis=-1, keepdims=True), _FLOOR)
    deficit /= tf.maximum(tf.reduce_sum(deficit, axis=-1, keepdims=True), _FLOOR)
    v = tf.ones_like(deficit)
    for _ in range(iterations):
        u = surplus / tf.maximum(tf.matmul(v, kernel), _TINY)
        v = deficit / tf.maximum(tf.matmul(u, kernel), _TINY)
    potential = regularisation * tf.math.log(tf.maximum(v, _TINY))
    phi = tf.stop_gradient(tf.reduce_min(distances[None] - potential[:, None, :], axis=-1))
    return tf.reduce_sum(phi * (true - reco), axis=-1)


def weighted_mse(true: Tensor, reco: Tensor) -> Tensor:
    """``sum_i w_i (p_i - q_i)^2`` with ``w_i = max(p_i, q_i)``, float32[n]; the cell term of the telescope loss, as a sum.

    Both patterns are shares of the module sum, which is sent on its own: the sum is kept whatever the loss.
    """
    return tf.reduce_sum(tf.square(true - reco) * tf.maximum(true, reco), axis=-1)


def sinkhorn_divergence(true: Tensor, reco: Tensor, regularisation: float = 0.4, iterations: int = 10) -> Tensor:
    """``W(p, q) - W(p, p) / 2 - W(q, q) / 2`` with the entropic optimal transport cost W, float32[n]; half pitches.

    Zero for equal patterns, unlike W itself, and tends to the EMD as the regularisation tends to zero (Feydy et al.,
    arXiv:1810.08278). The potentials are iterated without gradient (symmetric updates, averaged); by the
    envelope theorem the gradient of the converged cost with respect to q is then its potential.

    Args:
        true: p, float32[n,48], rows sum to one.
        reco: q, float32[n,48], rows sum to one.
        regularisation: entropic regularisation in half pitches, at least 0.2.
        iterations: iterations of the potentials.
    """
    kernel = tf.exp(-tf.constant(distance_matrix(), dtype=tf.float32) / regularisation)

    def update(weights: Tensor, potential: Tensor) -> Tensor:
        """Soft c-transform of a potential on a pattern, stable because the largest exponent is taken out."""
        exponent = potential / regularisation
        top = tf.reduce_max(exponent, axis=-1, keepdims=True)
        total = tf.matmul(weights * tf.exp(exponent - top), kernel)
        return -regularisation * (tf.math.log(tf.maximum(total, _SMALLEST)) + top)

    p, q = tf.stop_gradient(true), tf.stop_gradient(reco)
    f = g = own_p = own_q = tf.zeros_like(p)
    for _ in range(iterations):
        f, g = 0.5 * (f + update(q, g)), 0.5 * (g + update(p, f))
        own_p, own_q = 0.5 * (own_p + update(p, own_p)), 0.5 * (own_q + update(q, own_q))
    potentials = tf.stop_gradient(update(q, g) - update(p, own_p)), tf.stop_gradient(update(p, f) - update(q, own_q))
    return tf.reduce_sum(potentials[0] * true + potentials[1] * reco, axis=-1)


LOSSES: dict[str, Loss] = {
    "energy": energy_distance,
    "root_energy": root_energy_distance,
    "telescope": telescope,
    "transport": transport_distance,
    "sinkhorn": sinkhorn_divergence,
    "weighted_mse": weighted_mse,
}
"""Losses by their name in the configuration."""
