"""Changes to training rows that physics allows: symmetries of the module, more or less charge, overlaid modules."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from econ_ae.config import AugmentConfig
from hgcal_data.geometry import UV

Integers = NDArray[np.int64]


@cache
def symmetries() -> Integers:
    """The six permutations of the cells that map the module onto itself, int64[6,48], TC order; first the identity.

    Three rotations by 120 degrees and three reflections of the trigger-cell lattice. Rotations keep all cell
    distances; reflections change some by up to 0.64 half pitches, because the three rhombi are shifted against each
    other.
    """
    lattice = UV @ np.array([[1.0, 0.0], [-0.5, np.sqrt(3.0) / 2.0]])
    lattice = lattice - lattice.mean(axis=0)
    found = []
    for mirror in (np.array([1.0, 1.0]), np.array([1.0, -1.0])):
        for step in range(12):
            angle = step * np.pi / 6.0
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            moved = (lattice * mirror) @ turn.T
            gaps = np.linalg.norm(moved[:, None] - lattice[None], axis=2)
            if gaps.min(axis=1).max() < 1e-6:
                found.append(gaps.argmin(axis=1))
    return np.array(found, dtype=np.int64)


def augment(
    charges: Integers, partners: Integers, config: AugmentConfig, changed: NDArray[np.bool_], rng: np.random.Generator
) -> Integers:
    """Changed copy of training rows.

    Args:
        charges: int64[n,48], TC order.
        partners: int64[n,48], rows that may be overlaid.
        config: what to change.
        changed: rows that may be scaled and overlaid (bool[n]); the symmetry applies to all.
        rng: generator.

    Returns:
        int64[n,48]; no row becomes empty.
    """
    rows = len(charges)
    result = charges
    if config.overlay > 0:
        chosen = changed & (rng.random(rows) < config.overlay)
        result = result + partners * chosen[:, None]
    if config.scale > 0:
        chosen = changed & (rng.random(rows) < config.scale_share)
        factor = np.exp(rng.uniform(-config.scale, config.scale, rows))
        scaled = np.floor(result * factor[:, None]).astype(np.int64)
        usable = chosen & (scaled.sum(axis=1) > 0)
        result = np.where(usable[:, None], scaled, result)
    if config.symmetry:
        turns = symmetries()
        result = np.take_along_axis(result, turns[rng.integers(0, len(turns), rows)], axis=1)
    return result
