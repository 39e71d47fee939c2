"""Generating a project: what depends on what, and what may be overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from asic_flow.errors import FlowError
from asic_flow.generate import render_design, stale_files, write_project
from asic_flow.ir import econ_t_structure
from asic_flow.rtl import MODULES
from asic_flow.vectors import make_vectors, stress_charges
from asic_flow.weights import random_weights, write_weights

PROFILES = ("econ_t", "exact")


@pytest.mark.parametrize("profile", PROFILES)
def test_design_is_byte_identical_for_two_weight_sets(profile: str, tmp_path: Path) -> None:
    structure = econ_t_structure(profile)
    charges = stress_charges(np.random.default_rng(0), 200)
    for seed in (1, 2):
        weights = random_weights(structure, np.random.default_rng(seed))
        write_project(structure, tmp_path / str(seed), make_vectors(weights, charges))
        write_weights(weights, tmp_path / f"{seed}.json")
    files = {p.relative_to(tmp_path / "1") for p in (tmp_path / "1").rglob("*") if p.is_file()}
    assert files == {p.relative_to(tmp_path / "2") for p in (tmp_path / "2").rglob("*") if p.is_file()}
    differ = {str(f) for f in files if (tmp_path / "1" / f).read_bytes() != (tmp_path / "2" / f).read_bytes()}
    assert differ == {"tb_data/tb_weights.dat", "tb_data/tb_output_predictions.dat"}
    assert (tmp_path / "1.json").read_bytes() != (tmp_path / "2.json").read_bytes()


def test_profiles_give_different_designs() -> None:
    first, second = (render_design(econ_t_structure(profile)) for profile in PROFILES)
    assert set(first) == set(second)
    changed = {path for path in first if first[path] != second[path]}
    assert "rtl/econ_pkg.sv" in changed
    assert "rtl/econ_neuron.sv" not in changed


def test_rendering_twice_gives_the_same_bytes() -> None:
    assert render_design(econ_t_structure()) == render_design(econ_t_structure())


def test_few_files() -> None:
    """The C++ project stays under 40 files; RTL and registers add one file per module and per format."""
    files = render_design(econ_t_structure())
    others = [name for name in files if not name.startswith(("registers/", "rtl/"))]
    assert len(others) < 30
    assert len([name for name in files if not name.startswith("registers/")]) - len(MODULES) - 1 == len(others)


def test_manifest_lists_every_file(tmp_path: Path) -> None:
    structure = econ_t_structure("exact")
    count = write_project(structure, tmp_path / "asic")
    manifest = json.loads((tmp_path / "asic" / "manifest.json").read_text())
    assert len(manifest["files"]) == count
    assert all((tmp_path / "asic" / item["path"]).stat().st_size == item["bytes"] for item in manifest["files"])
    assert [a["width"] for a in manifest["parameters"]["accumulators"]] == [18, 21]


def test_foreign_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FlowError, match="--force"):
        write_project(econ_t_structure(), tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_an_edited_file_is_stale(tmp_path: Path) -> None:
    structure = econ_t_structure()
    write_project(structure, tmp_path / "asic")
    assert stale_files(structure, tmp_path / "asic") == []
    package = tmp_path / "asic" / "rtl" / "econ_pkg.sv"
    package.write_text(package.read_text().replace("econ_pkg", "econ_pkh"))
    (tmp_path / "asic" / "registers" / "econ_ae.h").unlink()
    assert stale_files(structure, tmp_path / "asic") == ["registers/econ_ae.h", "rtl/econ_pkg.sv"]
