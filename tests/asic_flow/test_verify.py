"""The proof ladder on a run with random weights: it passes, its planted faults are caught, and it can fail."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import asic_flow.verify as ladder
from asic_flow.cli import run_cli
from asic_flow.config import AsicConfig
from asic_flow.errors import FlowError
from asic_flow.generate import write_project
from asic_flow.long_verify import LongOptions
from asic_flow.results import Check, Status
from asic_flow.run_folder import RunFolder
from asic_flow.verify import verify_run

CONFIG = AsicConfig.model_validate({"verify": {"events": 600, "rtl_events": 600}})
CONTROLS = 4


def generated(run: Path) -> RunFolder:
    folder = RunFolder(run)
    write_project(folder.structure(), folder.asic)
    return folder


def climb(folder: RunFolder, *rungs: str) -> ladder.VerifyResults:
    return verify_run(folder, CONFIG, rungs, lambda _line: None)


@pytest.mark.parametrize("profile", ["econ_t", "exact"])
def test_cpp_rung_and_negative_controls(profile: str, request: pytest.FixtureRequest) -> None:
    folder = generated(request.getfixturevalue(f"{profile}_run"))
    results = climb(folder, "cpp")
    assert results.verdict == "incomplete"  # two rungs were not asked for
    (cpp,) = [check for check in results.checks if check.level_b == "cpp"]
    assert (cpp.events, cpp.mismatches, cpp.status) == (600, 0, "pass")
    assert cpp.values >= 600 * (64 - 16 + 1 + 16)
    assert [control.caught for control in results.negative_controls] == [True] * CONTROLS
    written = json.loads((folder.path / "verify" / "results.json").read_text())
    assert len(written["negative_controls"]) == CONTROLS


def test_a_difference_stops_the_climb(econ_t_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One wrong expected latent: the rung fails, names the place, and later rungs are not climbed."""
    folder = generated(econ_t_run)
    honest = ladder.make_vectors

    def wrong(*arguments: Any) -> Any:
        vectors = honest(*arguments)
        latents = vectors.latents.copy()
        latents[7, 3] ^= 1
        return replace(vectors, latents=latents)

    monkeypatch.setattr(ladder, "make_vectors", wrong)
    results = climb(folder, "cpp", "rtl")
    assert results.verdict == "fail"
    failed = next(check for check in results.checks if check.status == "fail")
    assert failed.first_mismatch is not None
    assert (failed.first_mismatch.event, failed.first_mismatch.index) == (7, 3)
    assert results.checks[-1].status == "skipped"
    assert results.negative_controls == []


def test_a_bench_that_cannot_fail_is_a_failure(econ_t_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = generated(econ_t_run)
    honest = ladder.run_csim

    def blind(*arguments: Any, **options: Any) -> Any:
        result = honest(*arguments, **options)
        return replace(result, exit_code=0, mismatches=0, events=1, values=1, message="")

    monkeypatch.setattr(ladder, "run_csim", blind)
    results = climb(folder, "cpp")
    assert results.verdict == "fail"
    assert not any(control.caught for control in results.negative_controls)


def test_missing_and_stale_projects(econ_t_run: Path) -> None:
    with pytest.raises(FlowError, match="run: asic_flow generate"):
        climb(RunFolder(econ_t_run), "cpp")
    folder = generated(econ_t_run)
    (folder.asic / "rtl" / "econ_top.sv").write_text("")
    with pytest.raises(FlowError, match=r"econ_top\.sv"):
        climb(folder, "cpp")


def test_command_line_exit_codes(econ_t_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["generate", str(econ_t_run)]) == 0
    assert run_cli(["generate", str(econ_t_run), "--check"]) == 0
    (econ_t_run / "asic" / "registers" / "econ_ae.h").write_text("")
    assert run_cli(["generate", str(econ_t_run), "--check"]) == 1
    assert "econ_ae.h" in capsys.readouterr().err
    assert run_cli(["verify", str(econ_t_run), "--only", "layout"]) == 2
    assert run_cli(["verify", str(econ_t_run), "--simulator", "questa"]) == 2
    assert run_cli(["verify", str(econ_t_run / "none")]) == 2
    assert run_cli(["no-such-command"]) == 2
    (econ_t_run / "config.yml").write_text("asic: {verify: {evnts: 5}}")
    assert run_cli(["verify", str(econ_t_run)]) == 2
    assert "asic.verify.evnts" in capsys.readouterr().err


def test_a_damaged_weight_file_changes_nothing(econ_t_run: Path) -> None:
    assert run_cli(["generate", str(econ_t_run)]) == 0
    before = (econ_t_run / "asic" / "manifest.json").read_bytes()
    weights = econ_t_run / "weights" / "links5.json"
    weights.write_text(weights.read_text()[:-50])
    assert run_cli(["generate", str(econ_t_run)]) == 2
    assert (econ_t_run / "asic" / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(("status", "code"), [("pass", 0), ("fail", 1)])
def test_long_verification_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: Status, code: int
) -> None:
    """Options arrive, results go beside the run, and a difference decides the exit code."""
    asked = []

    def fake(options: LongOptions, folder: Path, _progress: Any) -> ladder.VerifyResults:
        asked.append((options.events, options.rtl_events, folder))
        results = ladder.VerifyResults("several", "econ_t and exact", clock_ns=25.0)
        results.checks.append(Check("one", "emulator", "cpp", 5, 5, int(code), status, 0.1))
        return results

    monkeypatch.setattr("asic_flow.long_verify.verify_long", fake)
    assert run_cli(["verify", str(tmp_path), "--long", "--rtl-events", "7"]) == code
    assert asked == [(1_000_000, 7, tmp_path / "verify_long")]
