"""Results of verification: typed, written as JSON (schema 1) and as JUnit XML."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree as ET

import numpy as np

from asic_flow.formats import Integers
from hgcal_data.files import atomic_write_text

Status = Literal["pass", "fail", "skipped"]


@dataclass(frozen=True)
class FirstMismatch:
    """Where two levels part: event, layer, flat index inside the layer's output, and both integers."""

    event: int
    layer: str
    index: int
    expected: int
    found: int

    def __str__(self) -> str:
        """One line for a person."""
        return f"event {self.event}, {self.layer}[{self.index}]: expected {self.expected}, found {self.found}"


@dataclass(frozen=True)
class Check:
    """One rung of the ladder: two levels compared integer by integer."""

    name: str
    level_a: str
    level_b: str
    events: int
    values: int
    mismatches: int
    status: Status
    seconds: float
    detail: str = ""
    first_mismatch: FirstMismatch | None = None
    optional: bool = False
    """Whether the configuration leaves the check out by its own choice: skipped, it does not make the verdict incomplete."""


@dataclass(frozen=True)
class NegativeControl:
    """A fault planted on purpose, and whether the check that guards against it failed as it must."""

    name: str
    caught: bool
    detail: str


@dataclass
class VerifyResults:
    """Everything `asic_flow verify` found out."""

    structure_sha256: str
    profile: str
    clock_ns: float
    checks: list[Check] = field(default_factory=list)
    negative_controls: list[NegativeControl] = field(default_factory=list)
    latency_clocks: int | None = None
    i2c: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """``fail`` if a check failed or a planted fault went unseen, ``incomplete`` if something needed was skipped."""
        if any(c.status == "fail" for c in self.checks) or not all(n.caught for n in self.negative_controls):
            return "fail"
        if not self.checks or any(c.status == "skipped" and not c.optional for c in self.checks):
            return "incomplete"
        return "pass"

    def write(self, folder: Path) -> None:
        """Write ``results.json`` and ``junit.xml`` into `folder`."""
        payload = {"schema_version": 1, "verdict": self.verdict, **asdict(self)}
        atomic_write_text(folder / "results.json", json.dumps(payload, indent=2) + "\n")
        atomic_write_text(folder / "junit.xml", self._junit())

    def _junit(self) -> str:
        suite = ET.Element(
            "testsuite", name="asic_flow verify", tests=str(len(self.checks) + len(self.negative_controls))
        )
        for check in self.checks:
            case = ET.SubElement(suite, "testcase", classname="ladder", name=check.name, time=f"{check.seconds:.3f}")
            if check.status == "fail":
                ET.SubElement(case, "failure", message=str(check.first_mismatch or check.detail))
            elif check.status == "skipped":
                ET.SubElement(case, "skipped", message=check.detail)
        for control in self.negative_controls:
            case = ET.SubElement(suite, "testcase", classname="negative_control", name=control.name)
            if not control.caught:
                ET.SubElement(case, "failure", message=f"the planted fault was not seen: {control.detail}")
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
        ET.indent(suite)
        return ET.tostring(suite, encoding="unicode") + "\n"


def compare(layer: str, expected: Integers, found: Integers) -> tuple[int, FirstMismatch | None]:
    """Number of differing integers, and the first of them in event order.

    Arrays of different shape count as wholly different: a short output is a failure, never a shorter comparison.
    """
    if expected.shape != found.shape:
        return max(expected.size, found.size), FirstMismatch(
            min(len(expected), len(found)), layer, 0, len(expected), len(found)
        )
    wrong = np.argwhere((expected != found).reshape(len(expected), -1))
    if len(wrong) == 0:
        return 0, None
    event, index = (int(v) for v in wrong[0])
    want, have = (int(values.reshape(len(values), -1)[event, index]) for values in (expected, found))
    return len(wrong), FirstMismatch(event, layer, index, want, have)
