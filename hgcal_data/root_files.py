"""Trigger ntuples in ROOT files through uproot (extra ``root``).

Expected: a tree with one entry per event and per-cell branches of the HGCAL trigger ntuplizer, ``tc_subdet,
tc_zside, tc_layer,
tc_waferu, tc_waferv, tc_cellu, tc_cellv, tc_data, tc_eta, tc_phi``. CALQ = floor(tc_data * floor(2^12 / cosh eta) /
2^12)
(facts/data.md 1.1), eta taken per module as the mean of its cells.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hgcal_data.errors import DataError
from hgcal_data.geometry import MAX_COUNT, N_CELLS, UV
from hgcal_data.readings import ModuleReadings

IntArray = npt.NDArray[np.int64]

CELL_BRANCHES: Final = (
    "tc_subdet",
    "tc_zside",
    "tc_layer",
    "tc_waferu",
    "tc_waferv",
    "tc_cellu",
    "tc_cellv",
    "tc_data",
    "tc_eta",
    "tc_phi",
)
SILICON: Final = (1, 2)
_CELL_OF_UV: Final = np.full((8, 8), -1, dtype=np.int64)
_CELL_OF_UV[UV[:, 0], UV[:, 1]] = np.arange(N_CELLS)


def _uproot() -> Any:
    try:
        import uproot
    except ImportError as error:
        raise DataError("reading a ROOT file needs the extra 'root': pip install 'econ-ae[root]'") from error
    return uproot


def _tree(handle: Any, path: Path) -> Any:
    for name, kind in handle.classnames().items():
        if kind == "TTree" and set(CELL_BRANCHES) <= set(handle[name].keys()):
            return handle[name]
    raise DataError(
        f"reading trigger cells from {path}: no tree with the branches {', '.join(CELL_BRANCHES)}; "
        f"found {', '.join(handle.keys()) or 'nothing'}"
    )


def _whole_counts(values: npt.NDArray[Any], event: IntArray) -> IntArray:
    """Charges as int64[n]; DataError names the first that is negative, fractional, not finite or over 22 bits."""
    good = (values >= 0) & (values <= MAX_COUNT) & (values == np.floor(values))
    if not good.all():
        k = int(np.flatnonzero(~good)[0])
        raise DataError(
            f"trigger cell {k}, event {event[k]}: charge {values[k]}, expected a whole number in 0..{MAX_COUNT}"
        )
    return values.astype(np.int64)


def rows_of_cells(cells: dict[str, npt.NDArray[Any]], event: IntArray, sample: str = "") -> ModuleReadings:
    """Module rows from flat per-cell columns (names of :data:`CELL_BRANCHES`) and the event number of each cell.

    Raises DataError for cell coordinates outside the 48-cell module and for charges that are no counts.
    """
    silicon = np.isin(cells["tc_subdet"], SILICON)
    c = {name: np.asarray(values)[silicon] for name, values in cells.items()}
    number = event[silicon]
    u, v = c["tc_cellu"].astype(np.int64), c["tc_cellv"].astype(np.int64)
    inside = (u >= 0) & (u < 8) & (v >= 0) & (v < 8)
    place = np.where(inside, _CELL_OF_UV[np.where(inside, u, 0), np.where(inside, v, 0)], -1)
    if (place < 0).any():
        k = int(np.flatnonzero(place < 0)[0])
        raise DataError(f"trigger cell {k}: (u, v) = ({u[k]}, {v[k]}) is no cell of a 48-cell module")
    data = _whole_counts(c["tc_data"], number)
    names = ("tc_zside", "tc_subdet", "tc_layer", "tc_waferu", "tc_waferv")
    keys = np.stack([number, *(c[name].astype(np.int64) for name in names)], axis=1)
    unique, module = np.unique(keys, axis=0, return_inverse=True)
    module = module.reshape(-1)
    count = np.maximum(np.bincount(module, minlength=len(unique)), 1)
    eta = np.bincount(module, c["tc_eta"].astype(np.float64), len(unique)) / count
    phi = np.arctan2(
        np.bincount(module, np.sin(c["tc_phi"].astype(np.float64)), len(unique)),
        np.bincount(module, np.cos(c["tc_phi"].astype(np.float64)), len(unique)),
    )
    linear = np.zeros((len(unique), N_CELLS), dtype=np.int64)
    np.add.at(linear, (module, place), data)
    factor = np.floor(4096.0 / np.cosh(eta)).astype(np.int64)
    return ModuleReadings(
        charges=(linear * factor[:, None]) >> 12,
        event=unique[:, 0],
        layer=unique[:, 3],
        wafer_u=unique[:, 4],
        wafer_v=unique[:, 5],
        eta=eta,
        phi=phi,
        sample=sample,
    )


def iter_root(path: str | os.PathLike[str], sample: str = "", events: int = 50) -> Iterator[ModuleReadings]:
    """Module readings of a trigger ntuple, ``events`` events at a time.

    Raises DataError for a file that does not fit.
    """
    source = Path(path)
    if not source.is_file():
        raise DataError(f"reading trigger cells: no file {source}")
    uproot = _uproot()
    try:
        handle = uproot.open(source)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"reading trigger cells from {source}: not a complete ROOT file ({error})") from error
    with handle:
        tree = _tree(handle, source)
        first = 0
        for batch in tree.iterate(CELL_BRANCHES, step_size=events, library="np"):
            lengths = np.array([len(cells) for cells in batch["tc_data"]], dtype=np.int64)
            number = np.arange(first, first + lengths.size, dtype=np.int64).repeat(lengths)
            first += lengths.size
            flat = {
                name: np.concatenate(list(values)) if lengths.size else np.empty(0) for name, values in batch.items()
            }
            try:
                yield rows_of_cells(flat, number, sample or source.stem)
            except DataError as error:
                raise DataError(f"reading trigger cells from {source}, events up to {first}: {error}") from error
