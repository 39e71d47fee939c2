"""Simulating a generated project: weights over I2C, events one per clock, every output integer compared."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asic_flow.errors import FlowError, ToolFailedError
from asic_flow.formats import Integers
from asic_flow.ir import Structure, read_structure
from asic_flow.links import MAX_LINKS
from asic_flow.packaging import BENCH_FILE, BENCH_TOP
from asic_flow.rtl import MODULES, PACKAGE_FILE
from asic_flow.sim.simulators import Model, SimulatorName, build_model, run_bench
from asic_flow.tb.coverage import Coverage
from asic_flow.tb.vectors import read_chip_vectors, read_weight_words

logger = logging.getLogger(__name__)

CLOCK_NS = 25
BENCH_PORTS = (
    "clk_i", "rst_ni", "next_valid_i", "next_charges_i", "next_bx_i", "launched_o", "valid_o", "latents_o", "sum_code_o",
    "links_o", "refresh_i", "scl_i", "sda_i", "sda_oe_o", "live_o",
)  # fmt: skip
_JOB_VARIABLE = "ASIC_FLOW_TB_JOB"


@dataclass(frozen=True)
class SimResult:
    """Outcome of one RTL simulation.

    Attributes:
        simulator: which simulator ran.
        passed: every check of the bench held, values were compared, and none differed.
        events: events that came out and were compared.
        values: integers compared (latents and sum codes).
        mismatches: integers that differed, plus those of events that never came out.
        first_mismatch: (event, field, index, expected, found) of the first difference.
        link_values: link words compared.
        link_mismatches: link words that differed, plus those of events that never came out.
        first_link_mismatch: like `first_mismatch`, for link words.
        link_words: int64[n, links], the words that were on the links, one row per event.
        latency_clocks: measured latency if it was the same for every event.
        i2c_bytes_written: weight bytes written over I2C.
        readback_ok: CRC of the chip and bytes read back agree with what was written.
        coverage: what the run covered of latents, registers and I2C conditions.
        failures: messages of failed bench checks.
        build_seconds: wall time of the model build (near zero when cached).
        build_cached: whether the model came from the cache.
        run_seconds: wall time of the whole simulation.
        load_seconds: wall time of reset, load over I2C and read-back.
        stream_seconds: wall time of the event stream.
        results_xml: JUnit file of the bench.
        log: log of the simulation.
        waves: waveform file, if asked for.
    """

    simulator: str
    passed: bool
    events: int
    values: int
    mismatches: int
    first_mismatch: tuple[int, str, int, int, int] | None
    link_values: int
    link_mismatches: int
    first_link_mismatch: tuple[int, str, int, int, int] | None
    link_words: Integers
    latency_clocks: int | None
    i2c_bytes_written: int
    readback_ok: bool
    coverage: Coverage
    failures: tuple[str, ...]
    build_seconds: float
    build_cached: bool
    run_seconds: float
    load_seconds: float
    stream_seconds: float
    results_xml: Path
    log: Path
    waves: Path | None


def simulate_rtl(
    project_dir: Path, vectors_dir: Path, *, simulator: SimulatorName = "verilator", events: int | None = None,
    weights_image: bytes | None = None, links: int = MAX_LINKS, bx: Integers | None = None,
    words: Integers | None = None, i2c_khz: int = 1000, i2c_frame: int | None = None, full_readback: bool = False,
    work_dir: Path | None = None, cache: Path | None = None, waves: bool = False,
) -> SimResult:  # fmt: skip
    """Simulate a generated project with weights loaded over I2C.

    Args:
        project_dir: generated project with ``encoder.json`` and ``rtl/``.
        vectors_dir: folder with the ``tb_*.dat`` files of `asic_flow.vectors`.
        simulator: ``verilator``, or ``icarus`` (slow: for small designs).
        events: stream only the first so many events; default all.
        weights_image: register image to load; default: the weight words of `vectors_dir`.
        links: links in use, 0 to 5.
        bx: int64[n], bunch crossing of each event; default: counting from 0.
        words: int64[n, 5], link words expected; default: those of `asic_flow.links.link_words`.
        i2c_khz: bus speed, 1 to 1000 kHz.
        i2c_frame: longest I2C transaction in bytes with the register address (16: lpGBT); default one burst per block.
        full_readback: read every weight byte back, in addition to the chip's CRC and a spot check.
        work_dir: folder for log, results and waveforms; default ``project_dir/sim``.
        cache: folder of built models; default `asic_flow.sim.simulators.default_cache`.
        waves: write an FST waveform.

    Returns:
        What was compared and how it went; a difference is a result, not an exception.

    Raises:
        FlowError: project or vectors are missing, empty or malformed; a tool is missing; the simulator died.
    """
    structure = read_structure(project_dir / "encoder.json")
    vectors = read_chip_vectors(
        vectors_dir, cells=len(structure.input.cell_positions), latents=structure.n_latents, events=events
    )
    image = weight_image(structure, read_weight_words(vectors_dir)) if weights_image is None else weights_image
    work = (work_dir or project_dir / "sim").resolve()
    begin = time.monotonic()
    built = build_model(simulator, chip_model(project_dir, waves=waves), cache)
    build_seconds = time.monotonic() - begin
    logger.info("model %s: %s in %.1f s", built.build_dir.name, "cached" if built.cached else "built", build_seconds)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rtl_job_") as scratch:
        job = _write_job(Path(scratch), project_dir, vectors_dir, image, {
            "events": len(vectors.charges), "i2c_khz": i2c_khz, "frame": i2c_frame, "full_readback": full_readback,
            "period_ns": CLOCK_NS, "links": links,
        }, {"bx": bx, "words": words})  # fmt: skip
        outcome = run_bench(built, "asic_flow.tb.chip", work, environment={_JOB_VARIABLE: str(job)}, waves=waves)
        report = _read_report(Path(scratch) / "result.json", outcome.log)
        coverage = Coverage.read(Path(scratch) / "coverage.json")
        found = Path(scratch) / "words_found.npy"
        link_words = np.load(found) if found.is_file() else np.zeros((0, MAX_LINKS), dtype=np.int64)
    values_per_event = structure.n_latents + 1
    missing = int(report.get("missing", len(vectors.charges)))
    mismatches = int(report.get("mismatches", 0)) + missing * values_per_event
    link_mismatches = int(report.get("link_mismatches", 0)) + int(report.get("link_missing", missing)) * MAX_LINKS
    return SimResult(
        simulator=simulator,
        passed=(
            outcome.passed and bool(report.get("finished")) and mismatches + link_mismatches == 0
            and int(report.get("values", 0)) > 0 and int(report.get("link_values", 0)) > 0
        ),
        events=int(report.get("events", 0)),
        values=int(report.get("values", 0)),
        mismatches=mismatches,
        first_mismatch=_difference(report.get("first_mismatch")),
        link_values=int(report.get("link_values", 0)),
        link_mismatches=link_mismatches,
        first_link_mismatch=_difference(report.get("first_link_mismatch")),
        link_words=link_words,
        latency_clocks=report.get("latency_clocks"),
        i2c_bytes_written=int(report.get("i2c_bytes_written", 0)),
        readback_ok=bool(report.get("readback_ok")),
        coverage=coverage,
        failures=outcome.failures,
        build_seconds=build_seconds,
        build_cached=built.cached,
        run_seconds=time.monotonic() - begin,
        load_seconds=float(report.get("load_seconds", 0.0)),
        stream_seconds=float(report.get("stream_seconds", 0.0)),
        results_xml=outcome.results_xml,
        log=outcome.log,
        waves=_waves_file(work, simulator) if waves else None,
    )  # fmt: skip


def _difference(found: list[Any] | None) -> tuple[int, str, int, int, int] | None:
    return None if found is None else (found[0], found[1], found[2], found[3], found[4])


def chip_model(project_dir: Path, *, waves: bool = False) -> Model:
    """The generated chip, behind the register that launches its charges, as a simulation model.

    Raises:
        FlowError: a source file is missing from the project.
    """
    sources = tuple(project_dir / "rtl" / name for name in (PACKAGE_FILE, *MODULES))
    if missing := [path.name for path in sources if not path.is_file()]:
        raise FlowError(
            f"simulating {project_dir}: {len(missing)} RTL files are missing (first: {missing[0]}); run: asic_flow generate"
        )
    return Model(
        sources=(*sources, BENCH_FILE),
        top=BENCH_TOP,
        public={BENCH_TOP: BENCH_PORTS},
        shared=("econ_neuron", "econ_compact_neuron"),
        waves=waves,
    )


def weight_image(structure: Structure, words: Integers) -> bytes:
    """Register image of weight words in register order.

    Args:
        structure: gives the width of every word.
        words: int64[n_weights], signed.

    Raises:
        FlowError: wrong number of words, or a word outside its format.
    """
    if len(words) != structure.n_weights:
        raise FlowError(f"packing weights: found {len(words)} words, the structure has {structure.n_weights}")
    pieces, start = [], 0
    for name, shape in structure.tensor_shapes().items():
        fmt, count = structure.tensor_format(name), int(np.prod(shape))
        part = words[start : start + count]
        start += count
        if not fmt.contains(part):
            raise FlowError(f"packing weights: a word of {name} lies outside {fmt.minimum}..{fmt.maximum}")
        pieces.append(((part[:, None] >> np.arange(fmt.width)) & 1).astype(np.uint8).reshape(-1))
    return np.packbits(np.concatenate(pieces), bitorder="little").tobytes()


def _write_job(
    scratch: Path,
    project: Path,
    vectors: Path,
    image: bytes,
    options: dict[str, Any],
    arrays: dict[str, Integers | None],
) -> Path:
    """Job description for the bench, with absolute paths; arrays that are given go into files."""
    (scratch / "image.bin").write_bytes(image)
    for name, values in arrays.items():
        if values is not None:
            np.save(scratch / f"{name}.npy", values)
    job = {
        "structure": str((project / "encoder.json").resolve()),
        "vectors": str(vectors.resolve()),
        "image": str(scratch / "image.bin"),
        "result": str(scratch / "result.json"),
        "coverage": str(scratch / "coverage.json"),
        "words_found": str(scratch / "words_found.npy"),
        **{name: None if values is None else str(scratch / f"{name}.npy") for name, values in arrays.items()},
        **options,
    }
    path = scratch / "job.json"
    path.write_text(json.dumps(job))
    return path


def _read_report(path: Path, log: Path) -> dict[str, Any]:
    """What the bench wrote; its absence means the bench never began."""
    if not path.is_file():
        raise ToolFailedError(f"simulating the chip: the bench wrote no result, see {log}")
    report = json.loads(path.read_text())
    return report if isinstance(report, dict) else {}


def _waves_file(work: Path, simulator: str) -> Path | None:
    """Waveform of a run; Icarus writes it beside its model, so it is looked for by suffix."""
    found = sorted([*work.glob("*.fst"), *work.glob("*.vcd")])
    if not found:
        logger.warning("simulating with %s: no waveform was written in %s", simulator, work)
        return None
    return found[0]
