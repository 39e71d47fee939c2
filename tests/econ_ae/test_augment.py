from __future__ import annotations

import numpy as np

from econ_ae.augment import augment, symmetries
from econ_ae.config import AugmentConfig
from hgcal_data.geometry import NEIGHBOUR_PAIRS, distance_matrix


def test_symmetries_form_the_group_of_the_module() -> None:
    turns = symmetries()
    assert turns.shape == (6, 48)
    assert np.array_equal(turns[0], np.arange(48))
    known = {tuple(turn) for turn in turns.tolist()}
    assert len(known) == 6
    assert {tuple(a[b].tolist()) for a in turns for b in turns} == known


def test_symmetries_keep_neighbours_and_rotations_keep_distances() -> None:
    pairs = {frozenset(pair) for pair in NEIGHBOUR_PAIRS.tolist()}
    distances = distance_matrix()
    kept = []
    for turn in symmetries():
        assert {frozenset(turn[list(pair)].tolist()) for pair in pairs} == pairs
        kept.append(np.abs(distances[turn][:, turn] - distances).max())
    assert (np.array(kept) < 1e-4).sum() == 3
    assert max(kept) < 0.65


def test_augmentation_changes_only_what_it_may() -> None:
    rng = np.random.default_rng(1)
    charges = rng.integers(0, 40, (500, 48)) * (rng.random((500, 48)) < 0.2)
    charges[:, 3] += 1
    partners = np.ones_like(charges)
    turned = augment(charges, partners, AugmentConfig(), np.ones(500, bool), np.random.default_rng(2))
    assert np.array_equal(np.sort(turned, axis=1), np.sort(charges, axis=1))
    assert not np.array_equal(turned, charges)
    options = AugmentConfig(symmetry=False, scale=2.0, scale_share=1.0, overlay=1.0)
    frozen = np.arange(500) % 2 == 0
    changed = augment(charges, partners, options, frozen, np.random.default_rng(2))
    assert np.array_equal(changed[~frozen], charges[~frozen])
    assert not np.array_equal(changed[frozen], charges[frozen])
    assert changed.sum(axis=1).min() > 0
