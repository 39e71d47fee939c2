"""The long comparison: a million events emulator = C++ and a hundred thousand emulator = RTL, for many encoders.

Three topologies in both profiles, each with all-minimum, all-maximum and random weights. Nothing of it depends on a run: it
verifies the generator. Events are the converter's edge cases and random charges over 22 bits; the C++ is the compiled
library, the RTL the encoder block in Verilator with the weights at its port (loading over I2C is checked by
`asic_flow.verify`). The chip of the default design is synthesised too, and its gate netlist
compared; and a small network is compared for all its weights and images.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from asic_flow.emulator import Emulator
from asic_flow.exhaustive import verify_exhaustively
from asic_flow.formats import Integers
from asic_flow.generate import render_design
from asic_flow.hls.binding import CompiledEncoder
from asic_flow.ir import Profile, Structure
from asic_flow.links import MAX_LINKS
from asic_flow.results import Check, FirstMismatch, NegativeControl, Status, VerifyResults, compare
from asic_flow.sim.stream import build_stream, run_stream
from asic_flow.synthesis.gate_check import verify_gates
from asic_flow.synthesis.liberty import DEFAULT_LIBRARY, read_liberty
from asic_flow.topologies import verified_topologies
from asic_flow.vectors import Vectors, stress_charges, to_images
from asic_flow.weights import WeightSet, random_weights
from hgcal_data.frontend import module_sum_code

logger = logging.getLogger(__name__)

TOPOLOGIES = ("econ_t_encoder", "pooled_encoder", "deep_4x4x3_encoder")
WEIGHT_KINDS = ("minimum", "maximum", "uniform")
_CHUNK = 50_000


@dataclass(frozen=True)
class LongOptions:
    """How much is compared.

    Attributes:
        events: events emulator = C++ of each combination.
        rtl_events: events emulator = RTL of each combination.
        gate_events: events emulator = gate netlist of the whole chip, for the topologies of `gate_topologies`; 0: off.
        seed: seed of charges and weights.
        threads: threads for emulator and C++.
        topologies: names from `verified_topologies`.
        gate_topologies: those of them that are synthesised (minutes each).
        exhaustive: whether a small network is compared for all its weights and images too.
        profiles: arithmetic profiles.
        ac_types: folder with the ac_types headers; None: found as in `asic_flow.hls.compiler`.
    """

    events: int = 1_000_000
    rtl_events: int = 100_000
    gate_events: int = 4096
    seed: int = 1
    threads: int = 2
    topologies: tuple[str, ...] = TOPOLOGIES
    gate_topologies: tuple[str, ...] = TOPOLOGIES[:1]
    exhaustive: bool = True
    profiles: tuple[Profile, ...] = (Profile.ECON_T, Profile.EXACT)
    ac_types: Path | None = None


def verify_long(
    options: LongOptions, folder: Path, progress: Callable[[str], None] = lambda _line: None
) -> VerifyResults:
    """Compare every combination and write ``results.json`` and ``junit.xml`` after each of them.

    Args:
        options: how much.
        folder: where the results go.
        progress: called with one line before each combination.

    Returns:
        One check per combination and level, and for each structure one planted fault per level; the climb goes on after a
        difference, because combinations are independent.

    Raises:
        FlowError: a tool is missing or fails.
    """
    results = VerifyResults("several", "econ_t and exact", clock_ns=25.0)
    for profile in options.profiles:
        for name, structure in verified_topologies(profile).items():
            if name not in options.topologies:
                continue
            with tempfile.TemporaryDirectory(prefix="verify_long_") as scratch:
                _verify_structure(structure, options, Path(scratch), results, progress)
            results.write(folder)
        if options.exhaustive:
            progress(f"{profile}: small network, all weights and images")
            check, control = verify_exhaustively(profile)
            results.checks.append(check)
            results.negative_controls.append(control)
            results.write(folder)
    return results


def _verify_structure(
    structure: Structure, options: LongOptions, scratch: Path, results: VerifyResults, progress: Callable[[str], None]
) -> None:
    title = f"{structure.name}, {structure.profile}"
    progress(f"{title}: compiling C++ and RTL")
    for relative, text in render_design(structure).items():
        path = scratch / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    encoder = CompiledEncoder(scratch, ac_types=options.ac_types)
    program = build_stream(structure)
    rng = np.random.default_rng(options.seed)
    for kind in WEIGHT_KINDS:
        weights = random_weights(structure, rng, kind=kind)
        progress(f"{title}, {kind} weights: {options.events:,} events in C++, {options.rtl_events:,} in the RTL")
        levels: tuple[tuple[str, int, _Runner], ...] = (
            ("cpp", options.events, lambda w, c: encoder.run_charges(c, w, threads=options.threads)),
            ("rtl", options.rtl_events, lambda w, c: _rtl(program, w, c)),
        )
        for level, events, run in levels:
            results.checks.append(_compare(f"{title}, {kind} weights", level, weights, events, options, run))
            if kind == "uniform":
                results.negative_controls.append(_planted(title, level, weights, options, run))
    if options.gate_events and structure.name in options.gate_topologies:
        progress(f"{title}: synthesis and {options.gate_events:,} events through the gate netlist")
        _verify_netlist(structure, options, results)


def _verify_netlist(structure: Structure, options: LongOptions, results: VerifyResults) -> None:
    """The whole chip at gate level, with uniform random weights."""
    rng = np.random.default_rng(options.seed)
    weights = random_weights(structure, rng)
    charges = stress_charges(rng, options.gate_events)
    images, expected = to_images(weights, charges), _expected(weights, charges, options.threads)
    vectors = Vectors(charges, images, expected["sum_code"], expected["latents"], weights.words())
    library = read_liberty(DEFAULT_LIBRARY)
    checks, controls = verify_gates(weights, vectors, library, links=MAX_LINKS, progress=logger.info)
    title = f"{structure.name}, {structure.profile}"
    results.checks.extend(replace(check, name=f"{title}: {check.name}") for check in checks)
    results.negative_controls.extend(replace(control, name=f"{title}: {control.name}") for control in controls)


_Runner = Callable[[WeightSet, Integers], tuple[Integers, Integers]]


def _rtl(program: Path, weights: WeightSet, charges: Integers) -> tuple[Integers, Integers]:
    output = run_stream(program, weights, charges)
    late = output.latencies != weights.structure.latency_clocks
    return output.latents, np.where(late, -1 - output.latencies, output.sum_codes)


def _chunks(events: int, seed: int) -> Iterator[Integers]:
    """Charges in encoder order, int64[n, cells]; the same sequence for every level."""
    rng = np.random.default_rng(seed)
    for start in range(0, events, _CHUNK):
        yield stress_charges(rng, min(_CHUNK, events - start))


def _compare(name: str, level: str, weights: WeightSet, events: int, options: LongOptions, run: _Runner) -> Check:
    """Latents and sum codes of all events, in chunks; the first difference is kept with its event number."""
    begin = time.monotonic()
    values = mismatches = done = 0
    first: FirstMismatch | None = None
    for charges in _chunks(events, options.seed):
        latents, codes = run(weights, charges)
        expected = _expected(weights, charges, options.threads)
        for field, found in (("latents", latents), ("sum_code", codes)):
            count, where = compare(field, expected[field], found)
            values, mismatches = values + found.size, mismatches + count
            if where is not None and first is None:
                first = FirstMismatch(done + where.event, where.layer, where.index, where.expected, where.found)
        done += len(charges)
    status: Status = "pass" if mismatches == 0 and done == events > 0 else "fail"
    seconds = time.monotonic() - begin
    logger.info("%s, %s: %d events, %d differ, %.1f s", name, level, done, mismatches, seconds)
    return Check(f"{name}: emulator = {level}", "emulator", level, done, values, mismatches, status, seconds, "", first)


def _expected(weights: WeightSet, charges: Integers, threads: int) -> dict[str, Integers]:
    """What the emulator and the converter of `hgcal_data` say."""
    latents = Emulator(weights).run(to_images(weights, charges), threads=threads)
    return {"latents": latents, "sum_code": module_sum_code(charges)}


def _planted(title: str, level: str, weights: WeightSet, options: LongOptions, run: _Runner) -> NegativeControl:
    """One flipped weight bit at the level under test, a visible one on these events: the comparison must find it."""
    charges = next(_chunks(2000, options.seed))
    images = to_images(weights, charges)
    expected = Emulator(weights).run(images)
    bit = -1
    for width in weights.structure.word_widths():
        bit += width
        flipped = weights.flip_bit(bit)
        if np.any(Emulator(flipped).run(images) != expected):
            found, _ = run(flipped, charges)
            wrong = int(np.count_nonzero(found != expected))
            return NegativeControl(f"{title}, {level}: weight bit {bit} flipped", wrong > 0, f"{wrong} latents differ")
    return NegativeControl(f"{title}, {level}: weight bit flipped", caught=False, detail="no bit changes a latent")
