"""Bad HDF5 tables and ROOT cells: every rule refuses with the file and the rows or events it concerns."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from hgcal_data.errors import DataError
from hgcal_data.published import published_statistics
from hgcal_data.readings import ModuleReadings, iter_hdf5, load_hdf5, save_hdf5


def _table(path: Path) -> Path:
    save_hdf5(ModuleReadings(charges=np.ones((300, 48), dtype=np.int64)), path)
    return path


@pytest.mark.parametrize("value", [-1, 1 << 22])
def test_hdf5_counts_out_of_range_name_file_and_rows(tmp_path: Path, value: int) -> None:
    path = _table(tmp_path / "bad.h5")
    with h5py.File(path, "a") as handle:
        handle["charges"][250, 3] = value
    with pytest.raises(DataError, match=r"bad\.h5, rows 1 to 300: .*0\.\.4194303"):
        load_hdf5(path)
    blocks = iter_hdf5(path, rows=100)
    assert len(next(blocks)) == len(next(blocks)) == 100
    with pytest.raises(DataError, match=r"bad\.h5, rows 201 to 300"):
        next(blocks)


@pytest.mark.parametrize("fill", [2.5, np.nan])
def test_hdf5_fractional_and_nan_counts_are_refused(tmp_path: Path, fill: float) -> None:
    path = _table(tmp_path / "bad.h5")
    with h5py.File(path, "a") as handle:
        del handle["charges"]
        handle["charges"] = np.full((2, 48), fill)
    with pytest.raises(DataError, match=r"bad\.h5, rows 1 to 2: .*expected integers"):
        load_hdf5(path)


def test_hdf5_missing_and_short_columns_are_refused(tmp_path: Path) -> None:
    path = _table(tmp_path / "bad.h5")
    with h5py.File(path, "a") as handle:
        handle["layer"] = np.ones(7, dtype=np.int16)
    with pytest.raises(DataError, match=r"bad\.h5, rows 1 to 300: .*column layer"):
        load_hdf5(path)
    with h5py.File(path, "a") as handle:
        del handle["charges"]
    with pytest.raises(DataError, match=r"bad\.h5: dataset 'charges' is missing"):
        load_hdf5(path)


def test_truncated_hdf5_is_refused(tmp_path: Path) -> None:
    path = _table(tmp_path / "cut.h5")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"cut\.h5: not a complete HDF5 file"):
        load_hdf5(path)


def test_published_statistics_belong_to_public_files_only() -> None:
    statistics = published_statistics("ttbar_0PU")
    assert statistics == published_statistics("data/ttbar_0PU.csv")
    assert statistics is not None
    assert (statistics["occupancy_mean"], statistics["log10_sum_mip_mean"]) == (2.5, -0.23)
    assert published_statistics("jet_0PU") == published_statistics("jet_pt20_eta15-30_0PU")
    assert published_statistics("ttbar_200PU") is None
