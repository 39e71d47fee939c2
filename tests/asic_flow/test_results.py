"""Comparison and bookkeeping of the verification ladder: it must be able to fail in every way."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from asic_flow.results import Check, NegativeControl, VerifyResults, compare


def check(status: str) -> Check:
    return Check("c", "a", "b", 1, 16, 0 if status == "pass" else 1, status, 0.1)  # type: ignore[arg-type]


def test_equal_arrays() -> None:
    values = np.arange(32).reshape(2, 16)
    assert compare("dense", values, values.copy()) == (0, None)


def test_the_first_difference_is_named() -> None:
    expected = np.zeros((3, 2, 2), dtype=np.int64)
    found = expected.copy()
    found[1, 1, 0] = 5
    found[2, 0, 0] = 7
    count, first = compare("conv", expected, found)
    assert count == 2
    assert str(first) == "event 1, conv[2]: expected 0, found 5"


def test_a_short_output_is_a_failure() -> None:
    count, first = compare("dense", np.zeros((5, 16), dtype=np.int64), np.zeros((4, 16), dtype=np.int64))
    assert count == 80
    assert first is not None
    assert first.event == 4


@pytest.mark.parametrize(
    ("statuses", "caught", "verdict"),
    [
        (["pass", "pass"], True, "pass"),
        (["pass", "fail"], True, "fail"),
        (["pass", "pass"], False, "fail"),
        (["pass", "skipped"], True, "incomplete"),
        ([], True, "incomplete"),
    ],
)
def test_verdict(statuses: list[str], caught: bool, verdict: str, tmp_path: Path) -> None:
    results = VerifyResults(
        "0" * 64, "exact", 25.0, [check(s) for s in statuses], [NegativeControl("flip", caught, "")]
    )
    assert results.verdict == verdict
    results.write(tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["verdict"] == verdict
    suite = ET.fromstring((tmp_path / "junit.xml").read_text())  # noqa: S314 - our own file
    assert int(suite.get("failures", "-1")) == statuses.count("fail") + (not caught)
