"""The formal rung of the ladder: what it records, and that it can fail."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import asic_flow.verify as ladder
from asic_flow.config import AsicConfig
from asic_flow.formal.engine import Proof, ProofResult
from asic_flow.formal.suite import as_check, as_control
from asic_flow.ir import econ_t_structure
from asic_flow.results import VerifyResults

PROOF = Proof("word", "stays right", {}, "")


def climbing() -> Any:
    structure = econ_t_structure()
    results = VerifyResults(structure.sha256, "econ_t", clock_ns=25.0)
    return ladder.Ladder(None, AsicConfig(), SimpleNamespace(structure=structure), None, results)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("proved", "planted", "verdict"),
    [("proved", "refuted", "pass"), ("unknown", "refuted", "fail"), ("refuted", "refuted", "fail"), ("proved", "proved", "fail")],
)  # fmt: skip
def test_formal_rung(proved: Any, planted: Any, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [as_check(ProofResult(PROOF, proved, 1, 2, 0.1))], [as_control(ProofResult(PROOF, planted, 3, 2, 0.1))]
    monkeypatch.setattr(ladder, "run_suite", lambda _structure, full: found)
    climb = climbing()
    ladder._formal_rung(climb)
    assert climb.results.verdict == verdict
    assert climb.results.checks[0].detail.startswith("stays right; ")
