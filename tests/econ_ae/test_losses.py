from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from econ_ae.losses import (
    LOSSES,
    energy_distance,
    sinkhorn_divergence,
    telescope,
    telescope_groups,
    transport_distance,
    weighted_mse,
)
from hgcal_data.emd import emd
from hgcal_data.geometry import STC4, STC16, distance_matrix


def patterns(rows: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    charges = rng.exponential(1.0, (rows, 48)) * (rng.random((rows, 48)) < rng.random((rows, 1)))
    charges[:, 0] += 1e-3
    return (charges / charges.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_zero_only_for_equal_patterns(name: str) -> None:
    p, q = patterns(50, 1), patterns(50, 2)
    assert np.abs(LOSSES[name](tf.constant(p), tf.constant(p)).numpy()).max() < 1e-4
    assert LOSSES[name](tf.constant(p), tf.constant(q)).numpy().min() > 0


def test_energy_and_transport_of_two_cells_are_their_distance() -> None:
    cells = np.eye(48, dtype=np.float32)
    first, second = cells[[0, 5, 20]], cells[[47, 6, 21]]
    distance = distance_matrix()[[0, 5, 20], [47, 6, 21]]
    assert np.allclose(energy_distance(tf.constant(first), tf.constant(second)), distance, rtol=1e-5)
    assert np.allclose(transport_distance(tf.constant(first), tf.constant(second)), distance, rtol=1e-5)


def test_transport_is_a_tight_lower_bound_of_the_emd() -> None:
    p, q = patterns(300, 3), patterns(300, 4)
    exact = emd(p, q)
    bound = transport_distance(tf.constant(p), tf.constant(q)).numpy()
    assert np.all(bound <= exact + 1e-4)
    assert bound.mean() > 0.8 * exact.mean()
    finer = transport_distance(tf.constant(p), tf.constant(q), regularisation=0.2, iterations=200).numpy()
    assert finer.mean() > 0.95 * exact.mean()


def test_transport_gradient_moves_charge_the_right_way() -> None:
    p = np.eye(48, dtype=np.float32)[[3]]
    start = np.full((1, 48), 1 / 48, dtype=np.float32)
    logits = tf.Variable(np.log(start))
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(transport_distance(tf.constant(p), tf.nn.softmax(logits)))
        logits.assign_sub(2.0 * tape.gradient(loss, logits))
    assert np.argmax(logits.numpy()) == 3
    assert emd(p, tf.nn.softmax(logits).numpy())[0] < 0.25 * emd(p, start)[0]


def test_sinkhorn_divergence_tends_to_the_emd() -> None:
    p, q = patterns(100, 3), patterns(100, 4)
    exact = emd(p, q)
    coarse, fine = (
        sinkhorn_divergence(tf.constant(p), tf.constant(q), width, steps).numpy()
        for width, steps in ((0.4, 10), (0.2, 300))
    )
    assert abs(fine.mean() - exact.mean()) < 0.08 * exact.mean()
    assert np.corrcoef(fine, exact)[0, 1] > 0.999
    assert abs(fine.mean() - exact.mean()) < abs(coarse.mean() - exact.mean())
    assert np.corrcoef(coarse, exact)[0, 1] > 0.97


def test_sinkhorn_gradient_is_that_of_its_value() -> None:
    p = tf.constant(patterns(1, 3))
    logits = tf.Variable(np.random.default_rng(5).normal(size=(1, 48)).astype(np.float32))

    def value() -> tf.Tensor:
        return tf.reduce_sum(sinkhorn_divergence(p, tf.nn.softmax(logits), 1.0, 300))

    with tf.GradientTape() as tape:
        loss = value()
    slope = tape.gradient(loss, logits).numpy()
    start = logits.numpy()
    steps = []
    for sign in (1.0, -1.0):
        logits.assign(start + sign * 0.02 * slope / np.linalg.norm(slope))
        steps.append(float(value()))
    assert np.isclose((steps[0] - steps[1]) / 0.04, np.linalg.norm(slope), rtol=0.03)


def test_weighted_mse_by_hand() -> None:
    p, q = np.zeros((2, 48), np.float32), np.zeros((2, 48), np.float32)
    p[0, 3], q[0, 4] = 1.0, 1.0
    p[1, :2], q[1, :2] = (0.75, 0.25), (0.5, 0.5)
    expected = [2.0, 0.0625 * 0.75 + 0.0625 * 0.5]
    assert np.allclose(weighted_mse(tf.constant(p), tf.constant(q)), expected)


def test_telescope_groups_are_the_published_ones() -> None:
    groups, weights = telescope_groups()
    assert groups.shape == (36, 48)
    assert set(groups.sum(axis=1)) == {4.0}
    sets = {frozenset(np.flatnonzero(row).tolist()) for row in groups}
    assert {frozenset(group.tolist()) for group in STC4} <= sets
    # a weight is a quarter of the sum over members of 1 / (number of groups the member is in); the published figures
    # of groups with the cells 3, 19 and 35 (three groups each) are larger than that, and are kept as published
    multiplicity = groups.sum(axis=0)
    formula = 0.25 * (groups / multiplicity).sum(axis=1)
    regular = ~groups[:, multiplicity == 3].any(axis=1)
    assert regular.sum() == 30
    assert np.allclose(weights[regular], formula[regular])
    assert np.all(weights[~regular] > formula[~regular])


def test_telescope_by_hand() -> None:
    p = np.zeros((1, 48), np.float32)
    q = np.zeros((1, 48), np.float32)
    p[0, 5] = 1.0
    q[0, 6] = 1.0
    groups, weights = telescope_groups()
    cells = 2.0 / 48.0
    squares = float((np.abs(groups @ (p - q)[0]) * weights).sum()) / 36.0
    same = bool(np.any([{5, 6} <= set(g.tolist()) for g in STC16]))
    assert same
    assert np.allclose(telescope(tf.constant(p), tf.constant(q)), 4 * cells + 2 * squares, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_finite_under_xla_even_for_equal_patterns(name: str) -> None:
    p, q = tf.constant(patterns(20, 5)), tf.constant(patterns(20, 6))

    @tf.function(jit_compile=True)
    def slope(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(b)
            loss = LOSSES[name](a, b)
        return loss, tape.gradient(loss, b)

    for other in (p, q):
        loss, gradient = slope(p, other)
        assert np.isfinite(loss.numpy()).all()
        assert np.isfinite(gradient.numpy()).all()
