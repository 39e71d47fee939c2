"""Batched EMD against POT and by hand."""

from __future__ import annotations

import numpy as np
import ot
import pytest

from hgcal_data import emd as e
from hgcal_data.geometry import distance_matrix


def _pairs(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Sparse, dense, integer and real patterns of widely different size."""
    rng = np.random.default_rng(3)
    a, b = rng.exponential(1.0, (2, rows, 48)) ** 3
    a[rng.random(a.shape) < rng.random((rows, 1))] = 0
    b[rng.random(b.shape) < rng.random((rows, 1))] = 0
    a, b = np.floor(1000 * a), b * 1e4
    a[a.sum(axis=1) == 0, 0] = 1
    b[b.sum(axis=1) == 0, 47] = 1
    return a, b


def test_equals_pot_on_many_pairs() -> None:
    a, b = _pairs(1200)
    ours = e.emd(a, b)
    cost = distance_matrix()
    pot = np.array([ot.emd2(x / x.sum(), y / y.sum(), cost) for x, y in zip(a, b, strict=True)])
    assert np.abs(ours - pot).max() < 1e-9


def test_single_cells_give_the_distance_and_scale_does_not_matter() -> None:
    cost = distance_matrix()
    eye = np.eye(48)
    assert np.allclose(e.emd(eye, np.roll(eye, 1, axis=0) * 77), [cost[i, i - 1] for i in range(48)])
    assert (e.emd(eye, eye * 5) == 0).all()


def test_symmetry_and_triangle() -> None:
    a, b = _pairs(100)
    c = np.roll(a, 1, axis=0)
    assert np.allclose(e.emd(a, b), e.emd(b, a))
    assert (e.emd(a, c) <= e.emd(a, b) + e.emd(b, c) + 1e-9).all()


def test_empty_rows_are_nan_and_counted_apart() -> None:
    true, reco = np.ones((4, 48)), np.ones((4, 48))
    true[1], reco[2], reco[3, 0] = 0, 0, 100
    values = e.emd(true, reco)
    assert np.isnan(values).tolist() == [False, True, True, False]
    summary = e.EmdSummary.from_events(true, reco)
    assert (summary.events, summary.empty_input, summary.empty_output) == (2, 1, 1)
    assert summary.mean == pytest.approx(values[[0, 3]].mean())
    nothing = e.EmdSummary.from_events(true[1:2], reco[1:2])
    assert nothing.events == 0
    assert np.isnan(nothing.mean)


@pytest.mark.parametrize("bad", [np.full((1, 48), -1.0), np.full((1, 48), np.nan), np.ones((1, 47)), np.ones(48)])
def test_refuses_nonsense(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="emd"):
        e.emd(bad, np.ones((1, 48)))


def test_occupancy_bins() -> None:
    assert e.occupancy(np.array([[35, 36, 0]])).tolist() == [1]
    assert e.occupancy_bin([0, 1, 2, 4, 5, 9, 10, 14, 15, 48]).tolist() == [0, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert len(e.OCCUPANCY_LABELS) == len(e.OCCUPANCY_BINS) - 1
