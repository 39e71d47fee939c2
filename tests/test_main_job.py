"""The main job from end to end on a small configuration: every step a user types, in order, at full chip size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from asic_flow.cli import run_cli
from asic_flow.pipeline import run_name


def small_config(folder: Path, profile: str) -> Path:
    config = {
        "name": "small",
        "output": str(folder / "run"),
        "seed": 3,
        "data": {"sources": [{"simulate": {"sample": "ttbar", "readings": 3000, "pileup": 200}, "sample": "ttbar"}]},
        "encoder": {"profile": profile},
        "train": {
            "links": 2,
            "phases": [{"epochs": 1, "loss": "energy"}],
            "epoch_events": 1000,
            "batch_size": 250,
            "decoder": {"width": 32, "depth": 1},
        },
        "asic": {"verify": {"events": 2000, "rtl_events": 2000}},
    }
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["econ_t", pytest.param("exact", marks=pytest.mark.long)])
def test_data_to_report(profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = small_config(tmp_path, profile)
    assert run_cli(["run", str(config)]) == 0
    run = run_name(config)
    results = json.loads((run / "verify" / "results.json").read_text())
    assert results["verdict"] == "pass"
    assert results["latency_clocks"] == 2
    assert results["i2c"]["bytes_written"] == 1608
    assert results["i2c"]["readback_ok"] is True
    rtl = next(check for check in results["checks"] if check["level_b"] == "rtl")
    assert (rtl["events"], rtl["mismatches"]) == (2000, 0)
    assert all(control["caught"] for control in results["negative_controls"])
    assert (run / "report" / "report.html").is_file()
    assert "report.html" in capsys.readouterr().out


def test_unknown_keys_and_missing_files(tmp_path: Path) -> None:
    assert run_cli(["run", str(tmp_path / "none.yml")]) == 2
    (tmp_path / "bad.yml").write_text("just text")
    assert run_cli(["run", str(tmp_path / "bad.yml")]) == 2


def test_more_rtl_events_than_events_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["verify", str(tmp_path), "--events", "1000", "--rtl-events", "2000"]) == 2
    assert "--rtl-events 2000 is more than the 1000 events" in capsys.readouterr().err
    (tmp_path / "config.yml").write_text("asic: {verify: {events: 1000, rtl_events: 2000}}")
    assert run_cli(["verify", str(tmp_path)]) == 2
    assert "rtl_events (2000) is more than events (1000)" in capsys.readouterr().err
