"""Benchmarks: timing and history, our EMD asserted against POT's, a file streamed through fresh processes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from asic_flow.bench.core import Measurement, append_history, machine, timed
from asic_flow.bench.data import compare_emd
from asic_flow.bench.streaming import bench_streaming
from asic_flow.cli import run_cli
from asic_flow.errors import FlowError, MismatchError
from hgcal_data.emd import emd
from hgcal_data.readings import ModuleReadings


@pytest.fixture
def rows() -> ModuleReadings:
    return ModuleReadings(charges=np.random.default_rng(1).poisson(0.3, (200, 48)) * 7)


def test_timing_counts_only_the_repeats() -> None:
    calls: list[int] = []
    seconds = timed(lambda: calls.append(1), 3)
    assert (len(seconds), len(calls)) == (3, 4)
    with pytest.raises(FlowError, match="0 repeats"):
        timed(lambda: None, 0)


def test_rates_come_from_the_median() -> None:
    result = Measurement("x", "rows", 100, (1.0, 2.0, 50.0), "peer", 10, (1.0, 1.0))
    assert (result.rate, result.peer_rate) == (50.0, 10.0)
    assert Measurement("x", "rows", 100, (1.0,)).peer_rate is None


def test_history_grows_and_refuses_other_files(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    for _ in range(2):
        append_history(path, "data", machine(), [Measurement("x", "rows", 1, (0.5,))])
    history = json.loads(path.read_text())
    assert [run["results"][0]["rate"] for run in history["runs"]] == [2.0, 2.0]
    before = path.read_text()
    with pytest.raises(FlowError, match="no history of the benchmark 'other'"):
        append_history(path, "other", machine(), [])
    assert path.read_text() == before
    path.write_text("no json")
    with pytest.raises(FlowError, match="no JSON history"):
        append_history(path, "data", machine(), [])


def test_emd_equals_pot_and_a_wrong_one_is_caught(rows: ModuleReadings) -> None:
    result = compare_emd(rows, 50, 1, seed=1)
    assert (result.amount, result.peer_amount) == (50, 50)
    with pytest.raises(MismatchError, match="differs from POT's"):
        compare_emd(rows, 50, 1, 1, ours=lambda a, b: emd(a, b) + 1e-8)


def test_streaming_keeps_every_row_and_removes_its_files(tmp_path: Path) -> None:
    converted, read = bench_streaming(3_000, tmp_path)
    assert (converted.amount, read.amount) == (3_000, 3_000)
    assert "peak memory" in converted.note
    assert "peak memory" in read.note
    assert list(tmp_path.iterdir()) == []


def test_command_prints_and_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = tmp_path / "h.json"
    arguments = ["bench", "data", "--readings", "300", "--pairs", "20", "--repeats", "1", "--history", str(history)]
    assert run_cli([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    names = [result["name"] for result in document["results"]]
    assert names == ["simulation, default", "loading CSV", "loading HDF5", "EMD"]
    assert document["results"][-1]["peer_rate"] > 0
    assert len(json.loads(history.read_text())["runs"]) == 1
    assert run_cli([*arguments]) == 0
    assert "POT ot.emd2 loop" in capsys.readouterr().out
