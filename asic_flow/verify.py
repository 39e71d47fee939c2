"""The proof ladder: Keras = emulator = C++ = RTL = gate netlist, formal proofs, and planted faults that must be caught.

Each rung compares two levels on the same events and stops the climb at the first difference. Negative controls plant
a fault that a correct bench has to notice; a control that goes unseen fails the verification like any mismatch.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asic_flow.config import AsicConfig
from asic_flow.emulator import Emulator
from asic_flow.errors import FlowError, ToolFailedError
from asic_flow.formal import run_suite
from asic_flow.generate import stale_files
from asic_flow.hls import CompiledBench, run_csim
from asic_flow.links import MAX_LINKS
from asic_flow.results import Check, FirstMismatch, NegativeControl, Status, VerifyResults, compare
from asic_flow.run_folder import RunFolder
from asic_flow.sim import SimResult, simulate_rtl
from asic_flow.synthesis.gate_check import verify_gates
from asic_flow.synthesis.liberty import DEFAULT_LIBRARY, read_liberty
from asic_flow.synthesis.yosys import yosys_executable
from asic_flow.vectors import CHARGES, PREDICTIONS, WEIGHTS, Vectors, make_vectors, stress_charges
from asic_flow.weights import WeightSet
from hgcal_data.frontend import calibrate

logger = logging.getLogger(__name__)

RUNGS = ("keras", "cpp", "rtl", "gates", "formal")
_RUNG_TITLES = {
    "keras": "Keras = emulator",
    "cpp": "emulator = C++ (g++, ac_types)",
    "rtl": "emulator = RTL",
    "gates": "emulator = gate netlist (Yosys)",
    "formal": "formal proofs (Yosys)",
}
_KERAS_TIMEOUT_S = 900


@dataclass
class Ladder:
    """State of one climb."""

    run: RunFolder
    config: AsicConfig
    weights: WeightSet
    vectors: Vectors
    results: VerifyResults


def verify_run(
    run: RunFolder, config: AsicConfig, rungs: tuple[str, ...], progress: Callable[[str], None]
) -> VerifyResults:
    """Climb the ladder on a run and write ``verify/results.json`` and ``verify/junit.xml``.

    Args:
        run: run folder with a generated project.
        config: how many events, which simulator.
        rungs: which levels to compare with the emulator; others are recorded as skipped.
        progress: called with one line before each step.

    Raises:
        FlowError: the project is missing or stale, or a tool is missing or fails.
    """
    weights = run.weights(config.links)
    _check_project(run, config)
    rng = np.random.default_rng(config.verify.seed)
    stress = stress_charges(rng, max(config.verify.events // 10, 150))
    physics = run.test_charges(config.verify.events - len(stress), config.verify.seed)
    vectors = make_vectors(weights, np.concatenate([stress, physics]))
    results = VerifyResults(weights.structure.sha256, str(weights.structure.profile), clock_ns=25.0)
    ladder = Ladder(run, config, weights, vectors, results)
    if "formal" in rungs or ("gates" in rungs and config.verify.gate_events):
        yosys_executable("verifying")
    climbs = (_keras_rung, _cpp_rung, _rtl_rung, _gates_rung, _formal_rung)
    for rung, climb in zip(RUNGS, climbs, strict=True):
        if rung not in rungs:
            results.checks.append(_skipped(rung, "not asked for"))
        elif any(check.status == "fail" for check in results.checks):
            results.checks.append(_skipped(rung, "an earlier rung failed"))
        elif rung == "gates" and not config.verify.gate_events:
            off = "asic.verify.gate_events is 0; set it to compare the netlist (the first synthesis takes minutes)"
            results.checks.append(_skipped(rung, off, optional=True))
        else:
            progress(f"comparing emulator and {rung}")
            climb(ladder)
    if "cpp" in rungs and results.verdict != "fail":
        progress("planting faults")
        _negative_controls(ladder)
    results.write(run.path / "verify")
    return results


def _check_project(run: RunFolder, config: AsicConfig) -> None:
    if not (run.asic / "manifest.json").is_file():
        raise FlowError(f"verifying {run.path}: no generated project in {run.asic}; run: asic_flow generate {run.path}")
    if stale := stale_files(run.structure(), run.asic, config.catapult, config.hardware):
        raise FlowError(
            f"verifying {run.path}: {len(stale)} files in {run.asic} differ from what this version generates "
            f"(first: {stale[0]}); run: asic_flow generate {run.path}"
        )


def _keras_rung(ladder: Ladder) -> None:
    """Keras against the emulator, layer by layer; Keras runs in a process of its own (no TensorFlow here)."""
    begin = time.monotonic()
    weights, images = ladder.weights, ladder.vectors.images
    emulated = Emulator(weights).trace(images.reshape(-1, *weights.structure.input.shape))
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "images.npy", Path(scratch) / "layers.npz"
        np.save(source, images)
        command = [
            sys.executable,
            "-m",
            "econ_ae.trace",
            str(ladder.run.path),
            "--images",
            str(source),
            "--out",
            str(target),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_KERAS_TIMEOUT_S)
        if done.returncode or not target.is_file():
            raise ToolFailedError(f"verifying Keras: {' '.join(command[1:3])} failed: {done.stderr.strip()[-500:]}")
        with np.load(target) as layers:
            keras = {name: layers[name] for name in emulated if name in layers}
    if missing := set(emulated) - set(keras):
        raise ToolFailedError(f"verifying Keras: the model has no layers {sorted(missing)} of encoder.json")
    for name, expected in emulated.items():
        count, first = compare(name, keras[name].reshape(expected.shape), expected)
        ladder.results.checks.append(
            _check(f"Keras = emulator, {name}", "keras", "emulator", len(images), expected.size, count, first, begin)
        )


def _cpp_rung(ladder: Ladder) -> None:
    """Generated C++ under g++ against the emulator, through its own test bench."""
    begin = time.monotonic()
    with _bench_data(ladder.vectors) as data:
        bench = CompiledBench.build(ladder.run.asic, ac_types=ladder.config.ac_types)
        result = run_csim(bench, data)
    vectors = ladder.vectors
    first = FirstMismatch(*result.first_mismatch) if result.first_mismatch else None
    ladder.results.checks.append(
        _check(
            _RUNG_TITLES["cpp"], "emulator", "cpp", len(vectors.latents), result.values,
            result.mismatches, first, begin, detail=f"compiled in {result.compile_seconds:.1f} s",
        )
    )  # fmt: skip


def _rtl_rung(ladder: Ladder) -> None:
    """RTL in a simulator: weights over I2C, then one event per clock."""
    begin = time.monotonic()
    options = ladder.config.verify
    with _bench_data(_head(ladder.vectors, options.rtl_events)) as data:
        result = simulate_rtl(ladder.run.asic, data, simulator=options.simulator, i2c_khz=options.i2c_khz)
    found = result.first_mismatch or result.first_link_mismatch
    ladder.results.latency_clocks = result.latency_clocks
    ladder.results.i2c = {
        "bytes_written": result.i2c_bytes_written, "readback_ok": result.readback_ok, "bus_khz": options.i2c_khz,
    }  # fmt: skip
    ladder.results.checks.append(
        _check(
            f"{_RUNG_TITLES['rtl']} ({options.simulator}, cocotb)", "emulator", "rtl", result.events,
            result.values + result.link_values, rtl_differences(result, ladder.weights.structure.latency_clocks),
            FirstMismatch(*found) if found else None, begin,
            detail=f"{result.values} latents and sum codes, {result.link_values} link words; model built in "
            f"{result.build_seconds:.0f} s, simulated in {result.run_seconds:.0f} s",
        )
    )  # fmt: skip


def _gates_rung(ladder: Ladder) -> None:
    """Netlist from synthesis: weights in the flip-flops of all copies, one event per clock; with census and planted faults."""
    options, config = ladder.config.verify, ladder.config
    library = read_liberty(options.gate_library or DEFAULT_LIBRARY)
    links = config.links or MAX_LINKS
    vectors = _head(ladder.vectors, options.gate_events)
    checks, controls = verify_gates(
        ladder.weights, vectors, library, links=links, hardware=config.hardware, progress=logger.info
    )
    ladder.results.checks.extend(checks)
    ladder.results.negative_controls.extend(controls)


def rtl_differences(result: SimResult, latency_clocks: int) -> int:
    """What differed in a simulation: latents, sum codes, link words, read-back, latency; at least one if the bench failed.

    Args:
        result: of the simulation.
        latency_clocks: latency that the structure has.
    """
    late = result.latency_clocks != latency_clocks
    found = result.mismatches + result.link_mismatches + (not result.readback_ok) + late
    return max(found, int(not result.passed))


def _formal_rung(ladder: Ladder) -> None:
    """Proofs that take seconds; `asic_flow prove` runs all of them."""
    checks, controls = run_suite(ladder.weights.structure, full=False)
    ladder.results.checks.extend(checks)
    ladder.results.negative_controls.extend(controls)


def _negative_controls(ladder: Ladder) -> None:
    """Plant faults in copies of the vectors; the C++ bench must end with a non-zero exit status for each."""
    vectors = _head(ladder.vectors, min(1000, len(ladder.vectors.latents)))
    bit = _visible_bit(ladder.weights, vectors)
    wrong_calibration = calibrate(vectors.charges, 0x7C0)

    def flip_weight(folder: Path) -> None:
        np.savetxt(folder / WEIGHTS, ladder.weights.flip_bit(bit).words(), fmt="%d")

    def edit_vector(folder: Path) -> None:
        edited = vectors.latents.copy()
        edited[-1, -1] ^= 1
        np.savetxt(folder / PREDICTIONS, edited, fmt="%d")

    def empty_file(folder: Path) -> None:
        (folder / PREDICTIONS).write_text("")

    def recalibrate(folder: Path) -> None:
        np.savetxt(folder / CHARGES, wrong_calibration, fmt="%d")

    bench = CompiledBench.build(ladder.run.asic, ac_types=ladder.config.ac_types)
    for name, plant in (
        (f"weight bit {bit} flipped", flip_weight),
        ("one latent of one vector edited", edit_vector),
        ("empty vector file", empty_file),
        ("calibration 0x7C0 in place of 0x800", recalibrate),
    ):
        with _bench_data(vectors) as data:
            plant(data)
            result = run_csim(bench, data, allow_failure=True)
        ladder.results.negative_controls.append(NegativeControl(name, not result.passed, result.summary))


def _visible_bit(weights: WeightSet, vectors: Vectors) -> int:
    """A weight bit whose upset changes a latent on these events: the sign bit of the most influential weights first."""
    images = vectors.images.reshape(-1, *weights.structure.input.shape)
    bit = -1
    for width in weights.structure.word_widths():
        bit += width
        if np.any(Emulator(weights.flip_bit(bit)).run(images) != vectors.latents):
            return bit
    raise FlowError("planting a weight upset: no sign bit changes any latent on these events")


def _head(vectors: Vectors, events: int) -> Vectors:
    return Vectors(
        vectors.charges[:events],
        vectors.images[:events],
        vectors.sum_codes[:events],
        vectors.latents[:events],
        vectors.weight_words,
    )


@contextmanager
def _bench_data(vectors: Vectors) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tb_data_"))
    try:
        vectors.write(folder)
        yield folder
    finally:
        shutil.rmtree(folder)


def _check(
    name: str, level_a: str, level_b: str, events: int, values: int, mismatches: int, first: FirstMismatch | None,
    begin: float, detail: str = "",
) -> Check:  # fmt: skip
    status: Status = "pass" if mismatches == 0 and values > 0 else "fail"
    return Check(name, level_a, level_b, events, values, mismatches, status, time.monotonic() - begin, detail, first)


def _skipped(rung: str, why: str, *, optional: bool = False) -> Check:
    return Check(_RUNG_TITLES[rung], "emulator", rung, 0, 0, 0, "skipped", 0.0, why, optional=optional)
