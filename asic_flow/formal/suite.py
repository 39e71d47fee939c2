"""The proofs as checks of the verification ladder, with the planted faults that must give counter-examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from asic_flow.formal.arithmetic import neuron_controls, neuron_proofs
from asic_flow.formal.bus import bus_controls, bus_proofs, write_reachable
from asic_flow.formal.engine import Proof, ProofResult, prove
from asic_flow.formal.memory import (
    commit_proofs,
    counter_proofs,
    output_proofs,
    refresh_controls,
    refresh_proofs,
    store_proofs,
    walker_proofs,
    word_controls,
    word_proofs,
)
from asic_flow.formal.structure import bank_check
from asic_flow.ir import Structure
from asic_flow.results import Check, NegativeControl

_WORKERS = 2
_CRC_CONDITION = " && (crc_i == expected_crc_i)"
_HALF_A_COMMIT = ("econ_weight_bank", "assign byte_mask   = '1;", "assign byte_mask   = 8'h7F;")
_OLD_PASS = ("econ_weight_store", "(we_i && hit_i) || request_i", "we_i && hit_i")


def proofs(*, full: bool) -> list[Proof]:
    """Everything that is proven; without `full`, what takes seconds each."""
    quick: Iterable[Proof] = chain(
        word_proofs(), refresh_proofs(), counter_proofs(), commit_proofs(), store_proofs(), output_proofs(), bus_proofs()
    )  # fmt: skip
    neurons = list(neuron_proofs())
    return [*quick, *neurons, *walker_proofs()] if full else [*quick, neurons[1]]


def controls(*, full: bool) -> list[Proof]:
    """Planted faults: each of these claims must be refuted."""
    planted = [
        *word_controls(), *refresh_controls(), *commit_proofs(planted=_CRC_CONDITION, name="commit with any CRC"),
        *output_proofs(planted=True), *neuron_controls(),
    ]  # fmt: skip
    if full:
        planted += [
            *store_proofs(planted=_HALF_A_COMMIT, name="commit that leaves out one bit"),
            *store_proofs(planted=_OLD_PASS, name="commit on the strength of an older pass"),
            *walker_proofs(silent=True, name="CRC not restarted"), *bus_controls(), write_reachable(),
        ]  # fmt: skip
    return planted


def run_suite(
    structure: Structure, *, full: bool, progress: Callable[[str], None] = lambda _line: None
) -> tuple[list[Check], list[NegativeControl]]:
    """Run all proofs and planted faults, two at a time, and count the flip-flops of the weight bank.

    Args:
        structure: whose weight bank is counted; the proofs are of modules and hold for every structure.
        full: also the proofs that take longer than a few seconds.
        progress: called with one line per finished proof.

    Raises:
        ToolNotFoundError: Yosys is not installed.
        ToolFailedError: Yosys failed on one of them.
    """
    with ThreadPoolExecutor(1) as pool:
        counted = pool.submit(bank_check, structure)
        checks, found = run_proofs(proofs(full=full), controls(full=full), progress)
        return [counted.result(), *checks], found


def run_proofs(
    wanted: Sequence[Proof], planted: Sequence[Proof], progress: Callable[[str], None] = lambda _line: None
) -> tuple[list[Check], list[NegativeControl]]:
    """Run proofs and planted faults, two at a time.

    Raises:
        ToolNotFoundError: Yosys is not installed.
        ToolFailedError: Yosys failed on one of them.
    """

    def run(proof: Proof) -> ProofResult:
        result = prove(proof)
        progress(f"{proof.name}: {result}")
        return result

    with ThreadPoolExecutor(_WORKERS) as pool:
        results = list(pool.map(run, [*wanted, *planted]))
    return [as_check(item) for item in results[: len(wanted)]], [as_control(item) for item in results[len(wanted) :]]


def as_check(result: ProofResult) -> Check:
    """A proof as a rung of the ladder; `values` counts the assertions."""
    return Check(
        f"formal: {result.proof.name}", "claim", "rtl", 0, result.assertions, 0 if result.holds else 1,
        "pass" if result.holds else "fail", result.seconds, f"{result.proof.claim}; {result}",
    )  # fmt: skip


def as_control(result: ProofResult) -> NegativeControl:
    """A planted fault: caught if the engine found a counter-example."""
    return NegativeControl(f"formal: {result.proof.name}", result.outcome == "refuted", str(result))
