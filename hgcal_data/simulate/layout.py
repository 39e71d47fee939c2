"""Modules of one endcap of CE-E, V11-like, in compact form: a hexagonal lattice cut by two radii per layer.

Sources: facts/data.md section 3 (pitch, radius of a wafer, radii and thicknesses) and section 6 (z of the layers);
the cuts reproduce the number of modules per layer of the public position list (288 to 330, tests/hgcal_data).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from hgcal_data.geometry import N_CELLS, PITCH_CM

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

TRIGGER_LAYERS: Final = tuple(range(1, 28, 2))
"""Layers of CE-E that send trigger data (the odd ones)."""
WAFER_PITCH_CM: Final = 16.744
SUB_CELLS: Final = 9
"""Places for the sensor cells of one trigger cell (9 in high-density modules, 4 used in low-density ones)."""
CELLS_PER_SIDE: Final = np.array([3, 2, 2])
"""Sensor cells along one side of a trigger cell, per wafer type."""

_Z_LAYERS = np.array([1.0, 5, 9, 13, 21, 27])
_Z_CM = np.array([323.6, 329.6, 335.9, 342.3, 354.8, 363.7])
_HD_RADIUS, _LD300_RADIUS = 75.0, 105.0
_SPAN = 16  # |u|, |v| stay below this
_DIRECTIONS: Final = np.deg2rad(np.array([-30.0, 90.0, 210.0]))  # edges of the three rhombi of cells, from the centre
_INNER_NORM = 3  # smallest u^2 + v^2 - u v, in every layer


def _outer_norm(layer: int) -> int:
    """Largest squared wafer radius u^2 + v^2 - u v (units of the squared pitch) in a layer."""
    return 79 if layer < 9 else 84 if layer < 25 else 93


def _on_ring_91(u: IntArray, v: IntArray, layer: int) -> npt.NDArray[np.bool_]:
    """Wafers of norm 91 that exist: (10,1) and its rotations from layer 21 on, its mirror images too in layer 27."""
    uu, vv = np.full_like(u, 10), np.full_like(v, 1)
    found = np.zeros(u.shape, dtype=np.bool_)
    for _ in range(6):
        found |= (u == uu) & (v == vv)
        if layer == 27:
            found |= (u == vv) & (v == uu)
        uu, vv = uu - vv, uu
    return found & (layer >= 21)


@dataclass(frozen=True)
class Layout:
    """Modules of one endcap; every array has one entry per module.

    layer, wafer_u, wafer_v, wafer_type: int64; x, y, z, r: float64 cm; eta, phi: float64 (rad);
    index: int64[layers, 2 * 16 + 1, 2 * 16 + 1], module number of (layer place, u + 16, v + 16), -1 where there is
    none.
    """

    layers: tuple[int, ...]
    layer: IntArray
    wafer_u: IntArray
    wafer_v: IntArray
    wafer_type: IntArray
    x: FloatArray
    y: FloatArray
    z: FloatArray
    r: FloatArray
    eta: FloatArray
    phi: FloatArray
    index: IntArray

    def __len__(self) -> int:
        return int(self.layer.size)

    def find(self, layer_place: IntArray, x: FloatArray, y: FloatArray) -> tuple[IntArray, FloatArray, FloatArray]:
        """Module number under points (x, y) in cm (-1: none), and the points relative to its centre."""
        v = y / (WAFER_PITCH_CM * np.sqrt(0.75))
        u = v / 2.0 - x / WAFER_PITCH_CM
        cube = np.stack([u, -v, v - u])
        rounded = np.rint(cube)
        error = np.abs(rounded - cube)
        worst = error.argmax(axis=0)
        columns = np.arange(worst.size)
        rounded[worst, columns] -= rounded.sum(axis=0)
        ru, rv = rounded[0].astype(np.int64), -rounded[1].astype(np.int64)
        inside = (np.abs(ru) <= _SPAN) & (np.abs(rv) <= _SPAN)
        module = self.index[layer_place, np.where(inside, ru, 0) + _SPAN, np.where(inside, rv, 0) + _SPAN]
        cx, cy = wafer_centre(ru, rv)
        return np.where(inside, module, -1), x - cx, y - cy


def wafer_centre(u: IntArray, v: IntArray) -> tuple[FloatArray, FloatArray]:
    """Centre of wafer (u, v), cm; its radius is 16.744 sqrt(u^2 + v^2 - u v)."""
    return WAFER_PITCH_CM * (v / 2.0 - u), WAFER_PITCH_CM * np.sqrt(0.75) * v


def layer_z(layer: npt.ArrayLike) -> FloatArray:
    """Position z of layers, cm (data.md section 6, +-1.5 cm)."""
    return np.asarray(np.interp(np.asarray(layer, dtype=np.float64), _Z_LAYERS, _Z_CM), dtype=np.float64)


def cell_of(x: FloatArray, y: FloatArray, wafer_type: IntArray) -> tuple[IntArray, IntArray]:
    """Trigger cell (TC number) and sensor cell in it (0..8) of points relative to the centre of their module, cm.

    The hexagon is three rhombi of 4x4 trigger cells that meet in its centre. Points just outside go to the nearest
    cell.
    """
    angle = np.arctan2(y, x) - _DIRECTIONS[0]
    sector = np.floor_divide(np.mod(angle, 2 * np.pi), 2 * np.pi / 3).astype(np.int64) % 3
    first, second = _DIRECTIONS[sector], _DIRECTIONS[(sector + 1) % 3]
    area = np.sin(second - first)
    s = (x * np.sin(second) - y * np.cos(second)) / (area * PITCH_CM)
    t = (y * np.cos(first) - x * np.sin(first)) / (area * PITCH_CM)
    s, t = np.clip(s, 0.0, 3.999999), np.clip(t, 0.0, 3.999999)
    row, col = np.floor(s).astype(np.int64), np.floor(t).astype(np.int64)
    per_side = CELLS_PER_SIDE[wafer_type]
    sub = np.floor((s - row) * per_side).astype(np.int64) * per_side + np.floor((t - col) * per_side).astype(np.int64)
    return 16 * sector + 4 * row + 3 - col, sub


def random_points(rng: np.random.Generator, count: int) -> tuple[FloatArray, FloatArray]:
    """Points uniform over a module, relative to its centre, cm."""
    sector = rng.integers(0, 3, count)
    s, t = 4.0 * PITCH_CM * rng.random((2, count))
    first, second = _DIRECTIONS[sector], _DIRECTIONS[(sector + 1) % 3]
    return s * np.cos(first) + t * np.cos(second), s * np.sin(first) + t * np.sin(second)


@lru_cache(maxsize=8)
def build_layout(layers: tuple[int, ...] = TRIGGER_LAYERS) -> Layout:
    """Modules of the given layers, one endcap, full azimuth."""
    u, v = (
        grid.ravel() for grid in np.meshgrid(np.arange(-_SPAN, _SPAN + 1), np.arange(-_SPAN, _SPAN + 1), indexing="ij")
    )
    norm = u * u + v * v - u * v
    index = np.full((len(layers), 2 * _SPAN + 1, 2 * _SPAN + 1), -1, dtype=np.int64)
    parts = []
    total = 0
    for place, layer in enumerate(layers):
        in_disc = (norm >= _INNER_NORM) & (norm <= _outer_norm(layer)) & (norm != 91)
        keep = np.flatnonzero(in_disc | _on_ring_91(u, v, layer))
        index[place, u[keep] + _SPAN, v[keep] + _SPAN] = total + np.arange(keep.size)
        total += keep.size
        parts.append(np.stack([np.full(keep.size, layer), u[keep], v[keep]]))
    layer_all, u_all, v_all = np.concatenate(parts, axis=1).astype(np.int64)
    x, y = wafer_centre(u_all, v_all)
    r = np.hypot(x, y)
    z = layer_z(layer_all)
    wafer_type = np.where(r < _HD_RADIUS, 0, np.where(r < _LD300_RADIUS, 1, 2)).astype(np.int64)
    return Layout(layers, layer_all, u_all, v_all, wafer_type, x, y, z, r, np.arcsinh(z / r), np.arctan2(y, x), index)


CELL_NUMBERS: Final = np.arange(N_CELLS)
