"""The verdict over proofs and planted faults, and options that are refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from asic_flow.hardware import HardwareConfig
from asic_flow.ir import econ_t_structure
from asic_flow.results import Check, NegativeControl
from rad_tolerance import proofs
from rad_tolerance.cli import main


def check(name: str, status: Any = "pass") -> Check:
    return Check(name, "claim", "rtl", 0, 1, int(status == "fail"), status, 0.1, "proved")


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the engine says; every proof holds and every planted fault is caught unless a test changes it."""
    said: dict[str, Any] = {"check": "pass", "caught": dict.fromkeys((*proofs.NEEDED_CONTROLS, "another"), True)}

    def run(wanted: Any, planted: Any, progress: Any) -> Any:
        said["wanted"], said["planted"] = [proof.name for proof in wanted], [proof.name for proof in planted]
        controls = [NegativeControl(f"formal: {name}", caught, "") for name, caught in said["caught"].items()]
        return [check("formal: word", said["check"])], controls

    monkeypatch.setattr(proofs, "run_proofs", run)
    monkeypatch.setattr(proofs, "bank_check", lambda structure: check("formal: bank"))
    monkeypatch.setattr(proofs, "_census", lambda *arguments: check("census behind synthesis"))
    return said


def verdict(quick: bool = False, synthesis: bool = True) -> str:
    content = proofs.prove(econ_t_structure(), HardwareConfig(), quick=quick, synthesis=synthesis)
    return str(content["verdict"])


def test_everything_proven_and_caught(outcome: dict[str, Any]) -> None:
    assert verdict() == "pass"
    assert set(proofs.NEEDED_CONTROLS) <= set(outcome["planted"]), "the four are among what is planted"
    assert "commit logic" in outcome["wanted"]
    assert "CRC of the weights" in outcome["wanted"]


def test_what_was_left_out_is_incomplete(outcome: dict[str, Any]) -> None:
    assert verdict(quick=True) == verdict(synthesis=False) == "incomplete"


def test_failures(outcome: dict[str, Any]) -> None:
    outcome["check"] = "fail"
    assert verdict() == "fail"
    outcome["check"] = "pass"
    outcome["caught"]["another"] = False
    assert verdict() == "fail"
    outcome["caught"]["another"] = True
    del outcome["caught"]["voter removed"]
    assert verdict() == verdict(quick=True) == "fail"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["campaign", "RUN", "--chip", "large"], "expected one of chip, small, both"),
        (["gates", "RUN", "--chip", "both"], "expected chip or small"),
        (["plan", "RUN", "--keep", "1"], "a share above 0 and below 1"),
        (["prove", "none"], "no such folder"),
    ],
)
def test_wrong_use(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["rad_tolerance", *[str(tmp_path) if x == "RUN" else x for x in arguments]])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
