"""One proof: RTL modules, a harness with assertions, and Yosys' SAT engine; a typed result.

A harness is a SystemVerilog module named ``harness`` with ``assert`` and ``assume`` statements and free inputs. Undriven
wires inside the design (the upset inputs of `UPSET_FLIP_FLOP`) are joined to signals of the harness behind flattening; those
that are joined to nothing are zero.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from asic_flow.errors import FlowError, ToolFailedError
from asic_flow.rtl import RTL_FOLDER
from asic_flow.synthesis.yosys import run_yosys, write_sources

Outcome = Literal["proved", "bounded", "refuted", "unknown"]

HARNESS_FOLDER = Path(__file__).parent / "harness"


def harness_text(name: str) -> str:
    """Text of a harness or stand-in of this package."""
    return (HARNESS_FOLDER / f"{name}.sv").read_text(encoding="utf-8")


UPSET_FLIP_FLOP = harness_text("upset_ff")
"""Stands in for ``econ_tmr_ff.sv``: the same flip-flops with an undriven input that inverts what they take."""

_INDUCTION = re.compile(r"^\[induction step (\d+)\]", re.MULTILINE)
_ASSERTIONS = re.compile(r"Import proof for assert: (.+)\.$", re.MULTILINE)
_TIME_STEP = re.compile(r"^\[base case (\d+)\]", re.MULTILINE)


@dataclass(frozen=True)
class Proof:
    """Something to prove.

    Attributes:
        name: short title.
        claim: what holds if the proof succeeds, in one sentence.
        modules: RTL modules by file name (see `rtl_modules`).
        harness: text of the module ``harness``.
        parameters: parameters of the harness.
        wires: signals joined behind flattening: driven wire to driving one, a part as ``name[3:0]``.
        depth: clocks of a bounded proof; None: unbounded, by temporal induction.
        longest_induction: give up above this induction length.
        timeout_s: seconds for the whole run.
    """

    name: str
    claim: str
    modules: Mapping[str, str]
    harness: str
    parameters: Mapping[str, int] = field(default_factory=dict)
    wires: Mapping[str, str] = field(default_factory=dict)
    depth: int | None = None
    longest_induction: int = 8
    timeout_s: int = 300


@dataclass(frozen=True)
class ProofResult:
    """What came out of one proof.

    Attributes:
        proof: what was asked.
        outcome: ``proved`` (unbounded), ``bounded`` (no counter-example in `steps` clocks), ``refuted``, or ``unknown`` (the
            induction did not close, or time ran out).
        steps: induction length, depth, or length of the counter-example, in clocks.
        assertions: assertions that the engine checked.
        seconds: wall time.
    """

    proof: Proof
    outcome: Outcome
    steps: int
    assertions: int
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether the claim was proven as far as was asked."""
        return self.outcome == ("proved" if self.proof.depth is None else "bounded")

    def __str__(self) -> str:
        """One line for a person."""
        words = {
            "proved": f"proved for all time (induction over {self.steps} clocks)",
            "bounded": f"no counter-example within {self.steps} clocks from reset",
            "refuted": f"counter-example after {self.steps} clocks",
            "unknown": f"neither proved nor refuted up to {self.steps} clocks",
        }
        return f"{words[self.outcome]}, {self.assertions} assertions"


def rtl_modules(*names: str, upsets: bool = False) -> dict[str, str]:
    """Hand-written RTL modules by file name.

    Args:
        names: module names, without suffix.
        upsets: take `UPSET_FLIP_FLOP` for ``econ_tmr_ff``.
    """
    texts = {f"{name}.sv": (RTL_FOLDER / f"{name}.sv").read_text(encoding="utf-8") for name in names}
    if upsets:
        texts["econ_tmr_ff.sv"] = UPSET_FLIP_FLOP
    return texts


def edited(text: str, old: str, new: str) -> str:
    """`text` with `old` replaced, for a planted fault.

    Raises:
        FlowError: `old` does not occur exactly once, so that the fault would not be the one meant.
    """
    if text.count(old) != 1:
        raise FlowError(f"planting a fault: {old!r} occurs {text.count(old)} times in the RTL, expected once")
    return text.replace(old, new)


def prove(proof: Proof) -> ProofResult:
    """Run one proof.

    Raises:
        ToolNotFoundError: Yosys is not installed.
        ToolFailedError: Yosys failed, for example on the RTL's syntax; a timeout is the outcome ``unknown``.
        FlowError: the harness holds no assertion.
    """
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="econ_proof_") as scratch:
        folder = Path(scratch)
        names = write_sources({**proof.modules, "harness.sv": proof.harness}, folder)
        try:
            log = run_yosys(_script(proof, names), folder, purpose=f"proving {proof.name}", timeout_s=proof.timeout_s)
        except ToolFailedError as error:
            if "did not end" not in str(error):
                raise
            log = (folder / "yosys.log").read_text(encoding="utf-8", errors="replace")
    outcome, steps = _read(log)
    assertions = len(set(_ASSERTIONS.findall(log)))
    if not assertions:
        raise FlowError(f"proving {proof.name}: the harness holds no assertion, so nothing would be proven")
    return ProofResult(proof, outcome, steps, assertions, time.monotonic() - begin)


def _script(proof: Proof, names: str) -> str:
    parameters = [f"chparam -set {name} {value} harness" for name, value in proof.parameters.items()]
    wires = [f"connect -nounset -set {wire} {signal}" for wire, signal in proof.wires.items()]
    engine = (
        f"sat -tempinduct -prove-asserts -set-assumes -seq 1 -maxsteps {proof.longest_induction}"
        if proof.depth is None
        else f"sat -tempinduct-baseonly -prove-asserts -set-assumes -seq 1 -maxsteps {proof.depth}"
    )
    lines = [
        f"read_verilog -formal -sv -DSYNTHESIS {names}", *parameters, "hierarchy -check -top harness", "proc",
        "setattr -mod -unset keep_hierarchy *", "flatten", *wires, "setundef -undriven -zero", "opt_clean", "async2sync",
        "dffunmap", "opt", "opt_clean", engine,
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _read(log: str) -> tuple[Outcome, int]:
    """Outcome and number of clocks from the engine's log."""
    base = max((int(step) for step in _TIME_STEP.findall(log)), default=0)
    induction = max((int(step) for step in _INDUCTION.findall(log)), default=0)
    if "Induction step proven: SUCCESS!" in log:
        return "proved", induction
    if "model found for base case: FAIL!" in log:
        return "refuted", base
    if "proved base case for" in log:
        return "bounded", base
    return "unknown", max(base, induction)
