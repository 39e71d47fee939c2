"""``python -m reports`` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from report_run import edit
from typer.testing import CliRunner

from reports.cli import app
from reports.model import Results

runner = CliRunner()


def test_good_run_exits_0(light_run: Path) -> None:
    result = runner.invoke(app, [str(light_run), "--examples", "0"])
    assert result.exit_code == 0, result.output
    assert "Yes" in result.output
    assert (light_run / "report/report.html").is_file()
    assert not list((light_run / "report").glob(".*"))


def test_failed_check_exits_1_and_still_writes(light_run: Path) -> None:
    edit(light_run / "verify/results.json", latency_clocks=9)
    result = runner.invoke(app, [str(light_run), "--examples", "0", "--json"])
    assert result.exit_code == 1
    summary = json.loads(result.stdout)
    assert summary["failed"] is True
    assert {v["key"]: v["status"] for v in summary["verdicts"]}["latency"] == "missed"
    assert Path(summary["files"]["report.html"]).is_file()


def test_malformed_file_exits_2_and_writes_nothing(light_run: Path) -> None:
    edit(light_run / "verify/results.json", verdict="maybe")
    result = runner.invoke(app, [str(light_run)])
    assert result.exit_code == 2
    assert "verify/results.json" in result.stderr
    assert "verdict" in result.stderr
    assert "asic_flow verify" in result.stderr
    assert not (light_run / "report").exists()


@pytest.mark.parametrize("arguments", [[], ["/no/such/run"], ["--examples", "99", "."]])
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    assert runner.invoke(app, arguments).exit_code == 2


def test_help_version_output(light_run: Path, tmp_path: Path) -> None:
    help_text = runner.invoke(app, ["-h"]).output
    assert "Exit codes" in help_text
    assert "--json" in help_text
    assert runner.invoke(app, ["--version"]).exit_code == 0
    assert runner.invoke(app, [str(light_run), "-o", str(tmp_path / "x"), "--examples", "1", "-v"]).exit_code == 0
    assert Results.model_validate_json((tmp_path / "x/results.json").read_text()).run == "demo"
    assert not (light_run / "report").exists()


def test_report_is_reproducible(light_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1750000000")
    pages = []
    for _ in range(2):
        assert runner.invoke(app, [str(light_run), "--examples", "0"]).exit_code == 0
        pages.append((light_run / "report/report.html").read_bytes())
    assert pages[0] == pages[1]
    assert b"2025-06-15 15:06 UTC" in pages[0]


def test_module_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reports", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2])
    assert done.returncode == 2
    assert "found no result file" in done.stderr
