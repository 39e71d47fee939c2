"""The bench that lies in a generated project, run on its own; what it says and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from test_chip import small

from asic_flow.errors import ToolNotFoundError
from asic_flow.generate import write_project
from asic_flow.registers.model import register_layout
from asic_flow.sim import SimResult, project_bench
from asic_flow.sim.simulators import Model, build_model
from asic_flow.sim.tools import require_waveform_headers
from asic_flow.tb.coverage import I2C, LATENTS, READ, WRITTEN, Coverage, chip_coverage
from asic_flow.vectors import make_vectors, stress_charges
from asic_flow.verify import rtl_differences
from asic_flow.weights import random_weights

FST_HEADER = 0
"""Type of the first block of an FST file."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    rng = np.random.default_rng(27)  # latents at zero, in between and saturated
    weights = random_weights(small("econ_t"), rng)
    vectors = make_vectors(weights, stress_charges(rng, 150))
    write_project(weights.structure, tmp_path / "asic", vectors)
    return tmp_path / "asic"


@pytest.mark.tools
def test_project_runs_on_its_own(project: Path, tmp_path: Path, need_icarus: None) -> None:
    """150 events through the small chip under Icarus, every weight byte read back, an FST waveform, JUnit, coverage."""
    command = [sys.executable, "tb/run_bench.py", "--simulator", "icarus", "--readback", "--waves"]
    environment = {**os.environ, "ECON_AE_CACHE": str(tmp_path / "cache"), "COLUMNS": "120"}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "150 events; 450 latents and sum codes, 0 differ; 750 link words, 0 differ; latency 2 clocks" in done.stdout
    assert "Functional coverage" in done.stdout
    results = project / "tb" / "results"
    assert [case.get("name") for case in ET.parse(results / "results.xml").getroot().findall(".//testcase")] == ["chip"]  # noqa: S314
    (waveform,) = results.glob("*.fst")
    assert waveform.stat().st_size > 10_000
    coverage = Coverage.read(results / "coverage.json")
    layout = register_layout(small("econ_t"))
    weights = {f"0x{layout.byte_address(index):04X}" for index in range(layout.n_bytes)}
    missing = set(coverage.missing())
    assert not {(group, name) for group in (READ, WRITTEN) for name in weights} & missing
    assert not [name for group, name in missing if group == LATENTS]
    assert coverage.hits[I2C]["repeated START"] > 0
    assert (I2C, "nine clocks") in missing, "a bench of transfers recovers nothing"


@pytest.mark.tools
@pytest.mark.slow
def test_waveform_from_verilator(project: Path) -> None:
    try:
        require_waveform_headers()
    except ToolNotFoundError as error:
        pytest.skip(str(error))
    assert project_bench.run_project(project, ["--waves", "--events", "20"]) == 0
    (waveform,) = (project / "tb" / "results").glob("*.fst")
    content = waveform.read_bytes()
    assert content[0] == FST_HEADER
    assert len(content) > 10_000


def outcome(passed: bool) -> SimResult:
    empty = np.zeros((0, 5), dtype=np.int64)
    return SimResult(
        simulator="icarus", passed=passed, events=3, values=9, mismatches=int(not passed), first_mismatch=None,
        link_values=15, link_mismatches=0, first_link_mismatch=None, link_words=empty, latency_clocks=2,
        i2c_bytes_written=33, readback_ok=True, coverage=chip_coverage(small("econ_t")),
        failures=() if passed else ("chip: 1 of 9 values differ",), build_seconds=0, build_cached=True, run_seconds=0,
        load_seconds=0, stream_seconds=0, results_xml=Path("results.xml"), log=Path("simulation.log"), waves=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 0),
        ({"mismatches": 2, "passed": False}, 2),
        ({"link_mismatches": 3, "passed": False}, 3),
        ({"readback_ok": False, "passed": False}, 1),
        ({"latency_clocks": 3}, 1),
        ({"latency_clocks": None}, 1),
        ({"passed": False}, 1),
    ],
)
def test_every_kind_of_difference_fails_the_rung_of_verify(changes: dict[str, Any], count: int) -> None:
    assert rtl_differences(replace(outcome(True), **changes), latency_clocks=2) == count


@pytest.mark.parametrize(("passed", "code", "word"), [(True, 0, "pass"), (False, 1, "FAIL")])
def test_exit_codes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    passed: bool,
    code: int,
    word: str,
) -> None:
    monkeypatch.setattr(project_bench, "simulate_rtl", lambda *_a, **_k: outcome(passed))
    assert project_bench.run_project(tmp_path, ["--output", str(tmp_path)]) == code
    text = capsys.readouterr().out
    assert word in text
    assert ("values differ" in text) == (not passed)
    assert (tmp_path / "coverage.json").is_file()


def test_bad_input_ends_with_two(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert project_bench.run_project(project, ["--simulator", "spice"]) == 2
    assert project_bench.run_project(project, ["--events", "0"]) == 2
    (project / "tb_data" / "tb_charges.dat").unlink()
    assert project_bench.run_project(project, []) == 2
    assert "tb_charges.dat" in capsys.readouterr().err


def test_missing_waveform_headers_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verilator compiles its FST writer into the model; without its headers the build must not even begin."""
    (tmp_path / "lz4.h").write_text("#error planted\n")
    monkeypatch.setenv("CPLUS_INCLUDE_PATH", str(tmp_path))
    model = Model(sources=(), top="nothing", waves=True)
    with pytest.raises(ToolNotFoundError, match="liblz4-dev"):
        build_model("verilator", model, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
