"""A generated C++ project with vectors, compiled once per session and profile."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hls_support import write_files

from asic_flow.errors import ToolNotFoundError
from asic_flow.hls import CompiledBench, render_hls
from asic_flow.hls.compiler import Toolchain, find_toolchain
from asic_flow.ir import Structure, econ_t_structure
from asic_flow.vectors import make_vectors, stress_charges
from asic_flow.weights import WeightSet, random_weights


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    try:
        return find_toolchain()
    except ToolNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session", params=["econ_t", "exact"])
def structure(request: pytest.FixtureRequest) -> Structure:
    return econ_t_structure(str(request.param))


@pytest.fixture(scope="session")
def weights(structure: Structure) -> WeightSet:
    return random_weights(structure, np.random.default_rng(7))


@pytest.fixture(scope="session")
def project(structure: Structure, weights: WeightSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_files(tmp_path_factory.mktemp(structure.profile) / "asic", render_hls(structure))
    (folder / "encoder.json").write_text(structure.to_json())
    (folder / "tb_data").mkdir()
    make_vectors(weights, stress_charges(np.random.default_rng(8), 400)).write(folder / "tb_data")
    return folder


@pytest.fixture(scope="session")
def bench(project: Path, toolchain: Toolchain) -> CompiledBench:
    return CompiledBench.build(project, ac_types=toolchain.ac_types)


@pytest.fixture
def edited(project: Path, tmp_path: Path) -> Callable[[], Path]:
    """A private copy of the vectors, to be damaged."""

    def copy() -> Path:
        return Path(shutil.copytree(project / "tb_data", tmp_path / "tb_data"))

    return copy
