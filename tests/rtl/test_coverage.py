"""Functional coverage: missing bins are reported; a small chip is covered completely, while its weights change under load."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from test_chip import small
from test_chip import write_project as chip_project

from asic_flow.emulator import Emulator
from asic_flow.formats import Format
from asic_flow.generate import write_project
from asic_flow.hardware import HardwareConfig
from asic_flow.registers.model import CONTROL_BYTES, register_layout
from asic_flow.sim.rtl import chip_model
from asic_flow.sim.simulators import build_model, run_bench
from asic_flow.tb.coverage import (
    I2C,
    LATENTS,
    READ,
    WRITTEN,
    Coverage,
    CoverageError,
    chip_coverage,
    cover_access,
    cover_latents,
    readable_addresses,
    writable_addresses,
)
from asic_flow.vectors import make_vectors, stress_charges
from asic_flow.weights import WeightSet, from_bytes


def text_of(coverage: Coverage) -> str:
    console = Console(width=120, file=io.StringIO())
    with console.capture() as captured:
        console.print(coverage.table())
    return captured.get()


def test_missing_bins_are_reported() -> None:
    coverage = Coverage({"levels": ["low", "high"], "modes": ["fast"]})
    coverage.hit("levels", "low", 3)
    assert coverage.missing() == [("levels", "high"), ("modes", "fast")]
    with pytest.raises(CoverageError, match="2 bins were never hit: levels: high, modes: fast"):
        coverage.check()
    coverage.hit("modes", "fast")
    coverage.check("modes")
    with pytest.raises(CoverageError, match="levels: high"):
        coverage.check()
    assert "high" in text_of(coverage)
    coverage.hit("levels", "high")
    coverage.check()
    assert "high" not in text_of(coverage)


def test_undeclared_and_absent_bins_are_errors(tmp_path: Path) -> None:
    coverage = Coverage({"levels": ["low"], "nothing": []})
    for group, name in (("levels", "high"), ("other", "low")):
        with pytest.raises(CoverageError, match="no bin"):
            coverage.hit(group, name)
    with pytest.raises(CoverageError, match="no bins"):
        coverage.check("nothing")
    with pytest.raises(CoverageError, match="different bins"):
        coverage.merge(Coverage({"levels": ["low"]}))
    coverage.hit("levels", "low", 2)
    coverage.write(tmp_path / "coverage.json")
    again = Coverage.read(tmp_path / "coverage.json")
    again.merge(coverage)
    assert again.hits["levels"] == {"low": 4}


@pytest.mark.parametrize("signed", [False, True])
def test_levels_of_latents(signed: bool) -> None:
    fmt = Format(width=9, fraction=8, signed=signed)
    structure = small("exact")
    names = ["zero", *(["minimum"] if signed else []), "maximum", "in between"]
    coverage = Coverage({LATENTS: [f"{i} {name}" for i in range(2) for name in names]})
    cover_latents(coverage, fmt, np.array([[0, fmt.maximum], [1, fmt.minimum], [0, fmt.maximum - 1]]))
    missing = {name for _, name in coverage.missing()}
    assert missing == ({"0 maximum", "0 minimum", "1 zero"} if signed else {"0 maximum"})
    assert chip_coverage(structure).hits[LATENTS].keys() == {
        f"{i} {n}" for i in range(2) for n in names if n != "minimum"
    }


def test_addresses_are_those_of_the_map() -> None:
    layout = register_layout(small("exact"))
    assert len(set(readable_addresses(layout))) == len(readable_addresses(layout))
    assert set(writable_addresses(layout)) < set(readable_addresses(layout))
    assert max(readable_addresses(layout)) == layout.end - 1
    coverage = chip_coverage(small("exact"))
    cover_access(coverage, layout.misc_base, write=True)
    cover_access(coverage, layout.end, write=False)  # no register: no bin
    assert sum(coverage.hits[WRITTEN].values()) == 1
    assert sum(coverage.hits[READ].values()) == 0
    assert (I2C, "STOP inside a byte") in coverage.missing(I2C)


@pytest.mark.tools
def test_one_run_covers_everything(
    tmp_path: Path, model_cache: Path, run_bench_env: Callable[..., dict[str, str]]
) -> None:
    """Every register address read and written, every condition of the bus, every latent at zero, between and saturated."""
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    hardware = HardwareConfig(shadow_bank=True)
    project = chip_project(tmp_path / "asic", small("econ_t"), 150, hardware=hardware)
    built = build_model("icarus", chip_model(project), model_cache)
    environment = run_bench_env(project=str(project), coverage=str(tmp_path / "coverage.json"))
    outcome = run_bench(built, "bench_registers", tmp_path / "run", environment=environment)
    assert (outcome.tests, outcome.failures) == (1, ())
    coverage = Coverage.read(tmp_path / "coverage.json")
    Console(width=120).print(coverage.table())  # seen with pytest -s
    assert text_of(coverage).count("none") == len(coverage.hits) == 4
    coverage.check()
    layout = register_layout(small("econ_t"))
    assert len(coverage.hits[READ]) == layout.n_bytes + 1 + (layout.monitor_end - layout.monitor_base) + CONTROL_BYTES
    assert len(coverage.hits[WRITTEN]) == layout.n_bytes + 1 + CONTROL_BYTES
    coverage.hits[READ][f"0x{layout.crc_address:04X}"] = 0
    with pytest.raises(CoverageError, match=f"registers read: 0x{layout.crc_address:04X}"):
        coverage.check()


def only_biases(biases: tuple[int, int]) -> WeightSet:
    """All weights zero but the biases of the last layer, the last 12 bits of the stream, in its last two bytes."""
    structure = small("econ_t")
    stream = (biases[0] | biases[1] << 6) << (structure.weight_bits - 12)
    return from_bytes(structure, stream.to_bytes(register_layout(structure).n_bytes, "little"))


@pytest.mark.tools
def test_loading_while_events_flow(
    tmp_path: Path, model_cache: Path, run_bench_env: Callable[..., dict[str, str]]
) -> None:
    """Without a shadow bank; test_swap is about chips that have one."""
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    rng = np.random.default_rng(6)
    sets = [only_biases(biases) for biases in ((9, 12), (22, 27))]
    vectors = [make_vectors(weights, stress_charges(rng, 400)) for weights in sets]
    charges = vectors[0].charges
    outputs = [
        np.column_stack([Emulator(w).run(vectors[0].images.reshape(-1, 8, 8, 1)), vectors[0].sum_codes]) for w in sets
    ]
    distinct = (outputs[0][:, :2] != outputs[1][:, :2]).all(axis=1) & (outputs[0] > 0).all(axis=1)
    chosen = np.flatnonzero(distinct)[:8]
    assert len(chosen) == 8
    project = tmp_path / "asic"
    write_project(sets[0].structure, project, vectors[0])
    work = {
        "images": [weights.to_bytes().hex() for weights in sets],
        "charges": charges[chosen].tolist(),
        "outputs": [table[chosen].tolist() for table in outputs],
    }
    (project / "loading.json").write_text(json.dumps(work))
    built = build_model("icarus", chip_model(project), model_cache)
    environment = run_bench_env(project=str(project))
    outcome = run_bench(built, "bench_loading", tmp_path / "run", environment=environment)
    assert (outcome.tests, outcome.failures) == (1, ())
