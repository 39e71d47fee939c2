"""The 48 trigger cells of an 8-inch module: coordinates, neighbours, numberings and the encoder's 8x8 image.

Numberings (facts/data.md section 3, facts/econ-t.md section 1.5):

* **TC** 0..47: column ``CALQ_i`` of the public files, the order of CMSSW. Arrays of this package use it unless they
  say otherwise.
* **AE** q 0..47: post-mux channel of the autoencoder, row-major over the 48 live positions of the 8x8 image.
* **chip** 0..47: post-mux channel of the other algorithms, in which four consecutive channels form one 2x2 super
  trigger cell.
* **pre-mux** 0..47: order in which the codes arrive on the twelve input links, given by the wiring of the hexaboard.

Everything is computed from closed formulas but the wiring, which is a table.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

N_CELLS: Final = 48
N_LATENTS: Final = 16
IMAGE_SIDE: Final = 8
PITCH_CM: Final = 2.4168015
"""Distance of two neighbouring trigger cells, cm (192-cell sensor, data.md section 3)."""
HALF_PITCH_CM: Final = 1.2084
"""Unit of the published EMD: one sensor cell of a low-density module, cm (data.md section 4)."""
CELL_AREA_CM2: Final = 5.06
COUNTS_PER_MIPT: Final = 35
"""CALQ counts of one transverse minimum-ionising particle in 200 um silicon (data.md section 1)."""
MAX_COUNT: Final = (1 << 22) - 1
"""Largest CALQ value: 22 bits, unsigned (econ-t.md 1.4 d)."""

_X_STEP, _Y_STEP, _Y_SKEW = 2.09301, 2.4168015, 1.2084
_ORIGINS: Final = ((-8.37204, -12.0840), (-8.37204, -12.6882), (-7.84879, -12.3861))
_QUADRANT: Final = ((3, 2), (0, 1))  # place of a 2x2 corner (row, column) in the chip's order, on both scales


def _uv() -> IntArray:
    """(u, v) of every cell, TC order (data.md section 3)."""
    pairs = []
    for tc in range(N_CELLS):
        k = tc % 16
        row, col = divmod(k, 4)
        if tc < 16:
            pairs.append((7 - col, 4 + row))
        elif tc < 32:
            pairs.append((1 + col + row, col))
        else:
            pairs.append((3 - row, 6 - col - row))
    return np.array(pairs, dtype=np.int64)


def _xy(uv: IntArray) -> FloatArray:
    """``hexCoords`` in cm: three rhombi of 16 cells, shifted slightly against each other (data.md section 3)."""
    origin = np.array(_ORIGINS)[np.arange(N_CELLS) // 16]
    u, v = uv[:, 0], uv[:, 1]
    return np.stack([_X_STEP * v + origin[:, 0], _Y_STEP * u - _Y_SKEW * v + origin[:, 1]], axis=1)


def _image_flat() -> IntArray:
    """Flat 8x8 place (8 * row + column) of every TC."""
    places = []
    for tc in range(N_CELLS):
        row, col = divmod(tc % 16, 4)
        if tc < 16:
            places.append(8 * col + 4 + row)
        elif tc < 32:
            places.append(8 * (3 - row) + col)
        else:
            places.append(8 * (7 - col) + 3 - row)
    return np.array(places, dtype=np.int64)


def _tc_to_chip() -> IntArray:
    """Post-mux channel of the non-neural algorithms for every TC (column ECON_postmux of the geometry table)."""
    channels = []
    for tc in range(N_CELLS):
        row, col = divmod(tc % 16, 4)
        inner = 4 * _QUADRANT[row // 2][col // 2] + _QUADRANT[row % 2][col % 2]
        channels.append(inner + (16, 0, 32)[tc // 16])
    return np.array(channels, dtype=np.int64)


def _inverse(permutation: IntArray) -> IntArray:
    inverse = np.empty_like(permutation)
    inverse[permutation] = np.arange(permutation.size)
    return inverse


def _neighbour_pairs(uv: IntArray) -> IntArray:
    """Pairs (i < j) whose (u, v) differ by (1,0), (0,1) or (1,1) or their negatives.

    120 pairs, as in CMSSW's own list.
    """
    steps = {(1, 0), (0, 1), (1, 1), (-1, 0), (0, -1), (-1, -1)}
    pairs = [
        (i, j)
        for i in range(N_CELLS)
        for j in range(i + 1, N_CELLS)
        if (int(uv[j, 0] - uv[i, 0]), int(uv[j, 1] - uv[i, 1])) in steps
    ]
    return np.array(pairs, dtype=np.int64)


def _neighbours(pairs: IntArray) -> tuple[tuple[int, ...], ...]:
    lists: list[list[int]] = [[] for _ in range(N_CELLS)]
    for i, j in pairs.tolist():
        lists[i].append(j)
        lists[j].append(i)
    return tuple(tuple(sorted(cells)) for cells in lists)


def _frozen(array: npt.NDArray[np.generic]) -> None:
    array.setflags(write=False)


UV: Final[IntArray] = _uv()
"""int64[48,2], TC order."""
XY_CM: Final[FloatArray] = _xy(UV)
"""float64[48,2], TC order, cm: the coordinates of the published EMD (``hexCoords``)."""
IMAGE_POSITIONS: Final[IntArray] = np.array(
    [q if q < 32 else 32 + 8 * ((q - 32) // 4) + (q - 32) % 4 for q in range(N_CELLS)], dtype=np.int64
)
"""int64[48]: flat 8x8 place (8 * row + column) of AE cell q; the lower right 4x4 corner stays empty."""
TC_TO_AE: Final[IntArray] = np.searchsorted(IMAGE_POSITIONS, _image_flat()).astype(np.int64)
AE_TO_TC: Final[IntArray] = _inverse(TC_TO_AE)
TC_TO_CHIP: Final[IntArray] = _tc_to_chip()
CHIP_TO_TC: Final[IntArray] = _inverse(TC_TO_CHIP)
NEIGHBOUR_PAIRS: Final[IntArray] = _neighbour_pairs(UV)
"""int64[120,2], TC order, first < second."""
NEIGHBOURS: Final = _neighbours(NEIGHBOUR_PAIRS)
STC4: Final[IntArray] = CHIP_TO_TC.reshape(12, 4)
"""int64[12,4]: TC of super trigger cell g, in the chip's order inside the group."""
STC16: Final[IntArray] = CHIP_TO_TC.reshape(3, 16)
"""int64[3,16]: TC of the 4x4 group g, in the chip's order inside the group."""

MUX_P1: Final[IntArray] = np.array(
    [
        "5",
        "6",
        "7",
        "1",
        "29",
        "28",
        "20",
        "21",
        "13",
        "4",
        "0",
        "2",
        "31",
        "30",
        "22",
        "23",
        "12",
        "14",
        "11",
        "3",
        "24",
        "27",
        "17",
        "16",
        "15",
        "8",
        "9",
        "10",
        "25",
        "26",
        "19",
        "18",
        "34",
        "35",
        "43",
        "41",
        "32",
        "33",
        "42",
        "40",
        "39",
        "38",
        "44",
        "47",
        "36",
        "37",
        "45",
        "46",
    ],
    dtype=np.int64,
)
"""int64[48]: pre-mux cell of AE channel q on ECON-T-P1 (first cell of an input word in its low bits); econ-t.md
1.5."""
MUX_PRODUCTION: Final[IntArray] = 4 * (MUX_P1 // 4) + 3 - MUX_P1 % 4
"""int64[48]: the same for the production chip, whose input words carry their first cell in the high bits."""

for _table in (UV, XY_CM, IMAGE_POSITIONS, TC_TO_AE, AE_TO_TC, TC_TO_CHIP, CHIP_TO_TC, NEIGHBOUR_PAIRS, STC4, STC16):
    _frozen(_table)
for _table in (MUX_P1, MUX_PRODUCTION):
    _frozen(_table)


def distance_matrix(unit: Literal["half_pitch", "cm"] = "half_pitch") -> FloatArray:
    """Euclidean distances of the cells, float64[48,48], TC order.

    ``half_pitch`` divides by 1.2084 cm, the unit of the published EMD (largest distance 13.757).
    """
    difference = XY_CM[:, None, :] - XY_CM[None, :, :]
    distance: FloatArray = np.sqrt(np.square(difference).sum(axis=2))
    return distance / HALF_PITCH_CM if unit == "half_pitch" else distance


def hexagon_vertices() -> FloatArray:
    """Corners of a regular hexagon around every cell, float64[48,6,2] in cm, TC order (for drawing)."""
    angles = np.deg2rad(60.0 * np.arange(6))
    radius = PITCH_CM / np.sqrt(3.0)
    corners = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    vertices: FloatArray = XY_CM[:, None, :] + corners[None, :, :]
    return vertices
