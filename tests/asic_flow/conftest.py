"""A run folder made without training: random weights, random modules."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from asic_flow.ir import econ_t_structure
from asic_flow.vectors import stress_charges
from asic_flow.weights import random_weights, write_weights
from hgcal_data.readings import ModuleReadings, save_hdf5


def make_run(folder: Path, profile: str, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    structure = econ_t_structure(profile)
    (folder / "weights").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "encoder.json").write_text(structure.to_json())
    write_weights(random_weights(structure, rng), folder / "weights" / "links5.json")
    readings = ModuleReadings(charges=stress_charges(rng, 600)[1:], sample="random")
    save_hdf5(readings, folder / "data" / "readings.h5")
    with h5py.File(folder / "data" / "readings.h5", "a") as handle:
        handle["split"] = np.arange(len(readings)) % 3
    return folder


@pytest.fixture
def econ_t_run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", "econ_t")


@pytest.fixture
def exact_run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", "exact")
