"""Formal proofs of the RTL with Yosys: triplication, refresh, commit, counters, I2C, arithmetic.

`prove` runs one `Proof`; `run_suite` runs all of them, with the planted faults that must give counter-examples. What is
proven, and under which assumptions, stands in docs/proofs.md and at the head of each file in ``harness/``.
"""

from __future__ import annotations

from asic_flow.formal.engine import Proof, ProofResult, prove
from asic_flow.formal.suite import run_suite

__all__ = ["Proof", "ProofResult", "prove", "run_suite"]
