"""``python -m econ_ae.anomaly``: areas from the integer latents, wrong files refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from econ_ae.anomaly import app
from econ_ae.model import IntegerModel
from econ_ae.variational import anomaly_score, area_under_curve

runner = CliRunner()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, tuple[Path, np.ndarray]]:
    """Many soft cells, and one hard cell a module."""
    rng = np.random.default_rng(5)
    soft = rng.integers(1, 5, (50, 48))
    hard = np.zeros((40, 48), dtype=np.int64)
    hard[np.arange(40), rng.integers(0, 48, 40)] = rng.integers(100, 5000, 40)
    found = {}
    for name, charges in (("soft", soft), ("hard", hard)):
        np.savetxt(tmp_path / f"{name}.csv", charges, fmt="%d", delimiter=",")
        found[name] = (tmp_path / f"{name}.csv", charges)
    return found


def test_areas_are_those_of_the_integer_latents(
    tiny_run: Path, files: dict[str, tuple[Path, np.ndarray]], tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    (soft, soft_rows), (hard, hard_rows) = files["soft"], files["hard"]
    arguments = [str(tiny_run), "--background", str(soft), "--signal", str(hard), "--json", str(out)]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    content = json.loads(out.read_text())
    assert (content["background_events"], content["signal_events"], content["links"]) == (50, 40, 2)
    model = IntegerModel.load(tiny_run)
    for name, drop in (("whole_latents", 0), ("sent_bits", 6)):  # two links send 3 of 9 bits
        scores = [anomaly_score(model.encode(rows), drop) for rows in (soft_rows, hard_rows)]
        assert content[name]["area_under_curve"] == area_under_curve(*scores)
    same = runner.invoke(app, [str(tiny_run), "--background", str(soft), "--signal", str(soft), "--json", str(out)])
    assert same.exit_code == 0
    assert json.loads(out.read_text())["whole_latents"]["area_under_curve"] == 0.5


def test_wrong_files_end_with_exit_code_2(
    tiny_run: Path, files: dict[str, tuple[Path, np.ndarray]], tmp_path: Path
) -> None:
    soft = str(files["soft"][0])
    (tmp_path / "empty.csv").write_text("")
    for run, background in ((tiny_run, "/nowhere.csv"), (tiny_run, tmp_path / "empty.csv"), (tmp_path / "none", soft)):
        done = runner.invoke(app, [str(run), "--background", str(background), "--signal", soft])
        assert done.exit_code == 2
        assert "error:" in done.output
