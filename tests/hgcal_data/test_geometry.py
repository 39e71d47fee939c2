"""Closed formulas of the geometry against the public table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from hgcal_data import geometry as g


def test_permutations_and_counts() -> None:
    for order in (g.TC_TO_AE, g.TC_TO_CHIP, g.MUX_P1, g.MUX_PRODUCTION):
        assert sorted(order.tolist()) == list(range(48))
    assert (g.TC_TO_AE[g.AE_TO_TC] == np.arange(48)).all()
    assert (g.TC_TO_CHIP[g.CHIP_TO_TC] == np.arange(48)).all()
    assert g.NEIGHBOUR_PAIRS.shape == (120, 2)
    assert sum(len(cells) for cells in g.NEIGHBOURS) == 240


def test_stc_groups_are_two_by_two_blocks() -> None:
    assert {frozenset(group) for group in g.STC4[4:8].tolist()} == {
        frozenset(s) for s in ({0, 1, 4, 5}, {2, 3, 6, 7}, {8, 9, 12, 13}, {10, 11, 14, 15})
    }
    assert [set((group // 16).tolist()) for group in g.STC16] == [{1}, {0}, {2}]


def test_image_places() -> None:
    rows, columns = np.divmod(g.IMAGE_POSITIONS, 8)
    assert not ((rows >= 4) & (columns >= 4)).any()
    assert g.IMAGE_POSITIONS[g.TC_TO_AE[[0, 28, 47, 32]]].tolist() == [4, 0, 32, 59]


def test_distances() -> None:
    distance = g.distance_matrix()
    assert distance.max() == pytest.approx(13.757, abs=5e-4)
    assert (distance == distance.T).all()
    near = g.distance_matrix("cm")[g.NEIGHBOUR_PAIRS[:, 0], g.NEIGHBOUR_PAIRS[:, 1]]
    assert [int((np.abs(near - d) < 2e-3).sum()) for d in (2.417, 2.178, 2.769)] == [99, 12, 9]


def test_hexagons_surround_their_cells() -> None:
    vertices = g.hexagon_vertices()
    assert vertices.shape == (48, 6, 2)
    assert np.allclose(vertices.mean(axis=1), g.XY_CM)


def test_tables_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        g.TC_TO_AE[0] = 1


def test_public_table(public_data: Path) -> None:
    with (public_data / "geometry" / "tc48_geometry.csv").open() as handle:
        rows = list(csv.DictReader(handle))

    def column(name: str) -> np.ndarray:
        return np.array([float(row[name]) for row in rows])

    assert (np.stack([column("u"), column("v")], axis=1) == g.UV).all()
    assert np.abs(g.XY_CM - np.stack([column("x_cm"), column("y_cm")], axis=1)).max() < 2e-5
    assert (column("AEblock") == g.TC_TO_AE).all()
    assert (column("ECON_postmux") == g.TC_TO_CHIP).all()
    assert (g.IMAGE_POSITIONS[g.TC_TO_AE] == 8 * column("row8") + column("col8")).all()
    assert (column("STC4") == g.TC_TO_CHIP // 4).all()
    assert (column("STC16") == g.TC_TO_CHIP // 16).all()
    for cells, row in zip(g.NEIGHBOURS, rows, strict=True):
        assert list(cells) == [int(x) for x in row["neighbours"].split()]
