"""The RTL of every topology: lint, whole chips under Icarus, long streams through Verilator."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from test_chip import write_project

import asic_flow.long_verify as long
from asic_flow.errors import FlowError, ToolFailedError
from asic_flow.formats import Integers
from asic_flow.generate import render_design
from asic_flow.ir import Profile, Structure, econ_t_structure
from asic_flow.rtl import MODULES, PACKAGE_FILE, TOP, render_rtl
from asic_flow.sim import simulate_rtl
from asic_flow.sim.stream import run_stream
from asic_flow.sim.tools import verilator_executable
from asic_flow.topologies import verified_topologies
from asic_flow.weights import WeightSet, random_weights

pytestmark = pytest.mark.tools


def lint(structure: Structure, folder: Path) -> str:
    for file, text in render_rtl(structure).items():
        (folder / file).write_text(text)
    sources = [str(folder / file) for file in (PACKAGE_FILE, *MODULES)]
    command = [str(verilator_executable()), "--lint-only", "-Wall", "--quiet", "--top-module", TOP, *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"{done.returncode}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("name", [name for name in verified_topologies("exact") if name != "econ_t_encoder"])
def test_lint_is_clean(tmp_path: Path, name: str) -> None:
    for profile in Profile:
        assert lint(verified_topologies(profile)[name], tmp_path) == "0: "


@pytest.mark.parametrize(("filters", "units", "bits"), [(1, 1, 3), (1, 2, 5), (2, 1, 7), (4, 4, 5)])
def test_banks_that_end_inside_a_byte(tmp_path: Path, filters: int, units: int, bits: int) -> None:
    """One block or several, the last byte only partly there: lint-clean, and the registers can be described."""
    structure = econ_t_structure("exact", filters=filters, units=units, weight_bits=bits)
    assert structure.weight_bits % 8, "a whole number of bytes tests nothing here"
    assert lint(structure, tmp_path) == "0: "
    assert "registers/econ_ae.rdl" in render_design(structure)


@pytest.mark.parametrize(
    ("name", "profile"),
    [("pooled_encoder", "econ_t"), pytest.param("deep_4x4x3_encoder", "exact", marks=pytest.mark.slow)],
)
def test_whole_chip(tmp_path: Path, model_cache: Path, name: str, profile: str) -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    structure = verified_topologies(profile)[name]
    project = write_project(tmp_path / "asic", structure, 110)
    result = simulate_rtl(project, project / "tb_data", simulator="icarus", cache=model_cache, events=60)
    assert result.failures == ()
    assert result.passed
    assert (result.values, result.latency_clocks) == (60 * (structure.n_latents + 1), structure.latency_clocks)


@pytest.mark.slow
def test_long_verification(tmp_path: Path) -> None:
    options = long.LongOptions(
        events=3000, rtl_events=1500, topologies=("strided_encoder",), profiles=(Profile.EXACT,), exhaustive=False
    )
    results = long.verify_long(options, tmp_path)
    assert results.verdict == "pass"
    assert [(c.level_b, c.events, c.values) for c in results.checks] == [
        ("cpp", 3000, 3000 * 9), ("rtl", 1500, 1500 * 9),
    ] * 3  # fmt: skip
    assert [control.caught for control in results.negative_controls] == [True, True]
    assert json.loads((tmp_path / "results.json").read_text())["verdict"] == "pass"


@pytest.mark.parametrize("fault", ["latent", "code", "short"])
def test_long_comparison_finds_a_difference(fault: str) -> None:
    structure = econ_t_structure("exact", filters=1, units=2)
    weights = random_weights(structure, np.random.default_rng(1))

    def faulty(used: WeightSet, charges: Integers) -> tuple[Integers, Integers]:
        latents, codes = (v.copy() for v in long._expected(used, charges, threads=1).values())
        if fault == "latent":
            latents[17, 1] ^= 1
        elif fault == "code":
            codes[17] ^= 1
        else:
            latents = latents[:-1]
        return latents, codes

    check = long._compare("test", "cpp", weights, 500, long.LongOptions(), faulty)
    assert check.status == "fail"
    assert check.first_mismatch is not None
    place = {"latent": (17, "latents", 1), "code": (17, "sum_code", 0), "short": (499, "latents", 0)}[fault]
    assert (check.first_mismatch.event, check.first_mismatch.layer, check.first_mismatch.index) == place


def test_a_dead_model_and_no_events_are_errors(tmp_path: Path) -> None:
    weights = random_weights(econ_t_structure(), np.random.default_rng(1))
    with pytest.raises(FlowError, match="nothing would be compared"):
        run_stream(tmp_path / "none", weights, np.zeros((0, 48), dtype=np.int64))
    program = tmp_path / "dead"
    program.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(ToolFailedError, match="status 1\nbroken"):
        run_stream(program, weights, np.zeros((3, 48), dtype=np.int64))
