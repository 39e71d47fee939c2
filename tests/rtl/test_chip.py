"""The generated chip: lint, the whole flow on a small network under Icarus, the full ECON-T encoder under Verilator."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asic_flow.errors import FlowError, StructureError
from asic_flow.formats import Format, Rounding
from asic_flow.hardware import HardwareConfig
from asic_flow.ir import Activation, Conv2D, Dense, InputSpec, Structure, econ_t_structure
from asic_flow.packaging import BENCH_FILE, BENCH_TOP
from asic_flow.rtl import MODULES, PACKAGE_FILE, RTL_FOLDER, TOP, latency_clocks, render_package, render_rtl
from asic_flow.sim import simulate_rtl
from asic_flow.sim.rtl import chip_model, weight_image
from asic_flow.sim.simulators import build_model, run_bench
from asic_flow.sim.tools import verilator_executable
from asic_flow.vectors import CHARGES, PREDICTIONS, SUM_CODES, WEIGHTS, make_vectors, stress_charges
from asic_flow.weights import WeightSet, random_weights

pytestmark = pytest.mark.tools

WEIGHT = Format(width=6, fraction=5, signed=True)
SHORT = Format(width=4, fraction=3, signed=True)


def small(profile: str) -> Structure:
    """One filter, two latents: 44 words in the generic register profile."""
    return econ_t_structure(profile, filters=1, units=2)


def deep() -> Structure:
    """Two convolutions, different weight widths, all roundings, valid padding, a linear signed output: 3 clocks."""
    half_up = Format(width=7, fraction=6, signed=False, rounding=Rounding.HALF_UP)
    layers = (
        Conv2D(name="first", filters=2, kernel_size=(3, 2), strides=(2, 2), kernel=WEIGHT, bias=WEIGHT, output=half_up),
        Conv2D(
            name="second", filters=3, kernel_size=(3, 3), strides=(1, 1), padding="valid", kernel=SHORT, bias=SHORT,
            product_fraction=6, output=Format(width=8, fraction=6, signed=False, rounding=Rounding.HALF_EVEN),
        ),
        Dense(
            name="latents", units=2, kernel=WEIGHT, bias=WEIGHT, activation=Activation.LINEAR,
            output=Format(width=9, fraction=6, signed=True, rounding=Rounding.HALF_EVEN),
        ),
    )  # fmt: skip
    return Structure(layers=layers, profile="exact", register_profile="generic")


STRUCTURES = {
    "econ_t": econ_t_structure("econ_t"),
    "exact": econ_t_structure("exact"),
    "small": small("exact"),
    "deep": deep(),
}


def write_project(
    folder: Path,
    structure: Structure,
    events: int,
    kind: str = "uniform",
    seed: int = 27,
    hardware: HardwareConfig | None = None,
) -> Path:
    """A project as `asic_flow generate` lays it out, with vectors."""
    (folder / "rtl").mkdir(parents=True)
    (folder / "tb_data").mkdir()
    (folder / "encoder.json").write_text(structure.to_json())
    for name, text in render_rtl(structure, hardware).items():
        (folder / "rtl" / name).write_text(text)
    rng = np.random.default_rng(seed)
    weights = random_weights(structure, rng, kind=kind)
    vectors = make_vectors(weights, stress_charges(rng, events))
    assert vectors.latents.any(), "latents that are always zero test nothing"
    vectors.write(folder / "tb_data")
    (folder / "image.bin").write_bytes(weights.to_bytes())
    return folder


@pytest.fixture(scope="session")
def small_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("small") / "asic", small("econ_t"), 150)


@pytest.fixture(scope="session")
def shadow_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same chip with a shadow bank."""
    folder = tmp_path_factory.mktemp("shadow") / "asic"
    return write_project(folder, small("econ_t"), 150, hardware=HardwareConfig(shadow_bank=True))


# --- lint and text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shadow_bank"), [*((name, False) for name in STRUCTURES), ("econ_t", True), ("small", True)]
)
def test_lint_is_clean(tmp_path: Path, name: str, shadow_bank: bool, need_icarus: None) -> None:
    for file, text in render_rtl(STRUCTURES[name], HardwareConfig(shadow_bank=shadow_bank)).items():
        (tmp_path / file).write_text(text)
    sources = [str(tmp_path / file) for file in (PACKAGE_FILE, *MODULES)]
    environment = {"PATH": f"{verilator_executable().parent}:/usr/bin:/bin"}
    for command in (
        [str(verilator_executable()), "--lint-only", "-Wall", "--quiet", "--top-module", TOP, *sources],
        ["iverilog", "-g2012", "-Wall", "-s", TOP, "-o", str(tmp_path / "top.vvp"), *sources],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        text = "\n".join(line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("- "))
        assert (done.returncode, text) == (0, "")


def test_elaboration_checks_refuse_a_wrong_package(tmp_path: Path) -> None:
    good = render_package(small("econ_t"))
    bad = good.replace("parameter int LastBlockBytes = ", "parameter int LastBlockBytes = 1 + ")
    assert bad != good
    (tmp_path / PACKAGE_FILE).write_text(bad)
    command = [str(verilator_executable()), "--lint-only", "-Wall", "--top-module", TOP, str(tmp_path / PACKAGE_FILE)]
    command += [str(RTL_FOLDER / name) for name in MODULES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "block table of econ_pkg" in done.stdout + done.stderr


def test_options_of_the_chip_change_one_parameter() -> None:
    structure = small("exact")
    without, with_shadow = (render_rtl(structure, HardwareConfig(shadow_bank=on)) for on in (False, True))
    assert without == render_rtl(structure)
    assert {name for name in without if without[name] != with_shadow[name]} == {PACKAGE_FILE}
    assert with_shadow[PACKAGE_FILE] == without[PACKAGE_FILE].replace("ShadowBank = 1'b0", "ShadowBank = 1'b1")


def test_rtl_depends_on_the_structure_only() -> None:
    first, second = render_rtl(econ_t_structure()), render_rtl(econ_t_structure())
    assert first == second
    other = render_rtl(deep())
    assert {name for name in first if first[name] != other[name]} == {PACKAGE_FILE}


def test_package_of_the_chip() -> None:
    text = render_package(econ_t_structure())
    for line in (
        "WeightBits = 12864;", "WeightBase = 16'h0538;", "NumBlocks = 12;", "BlockBytes = 134;", "BlockStride = 143;",
        "MiscAddress = 16'h0BEC;", "LayerKernelLsb = {32'd480, 32'd0};", "LayerBiasLsb = {32'd12768, 32'd432};",
        "LayerProductShift = {32'd4, 32'd5};", "NumLayers = 2;",
    ):  # fmt: skip
        assert line in text
    assert latency_clocks(econ_t_structure()) == 2


def test_unsupported_structures_are_refused_by_name() -> None:
    signed = InputSpec(format=Format(width=8, fraction=7, signed=True))
    with pytest.raises(StructureError, match="unsigned images"):
        render_package(econ_t_structure().model_copy(update={"input": signed}))
    coarse = InputSpec(format=Format(width=8, fraction=5, signed=False))
    with pytest.raises(StructureError, match="fraction bits"):
        render_package(econ_t_structure().model_copy(update={"input": coarse}))


def test_weight_image_is_the_weight_stream() -> None:
    weights: WeightSet = random_weights(econ_t_structure(), np.random.default_rng(12))
    assert weight_image(weights.structure, weights.words()) == weights.to_bytes()
    with pytest.raises(FlowError, match="2143 words"):
        weight_image(weights.structure, weights.words()[:-1])
    with pytest.raises(FlowError, match="outside -32..31"):
        weight_image(weights.structure, np.full(2144, 32))


# --- small chips under Icarus ------------------------------------------------------------------------------


def test_small_chip(tmp_path: Path, model_cache: Path, need_icarus: None) -> None:
    """The exact profile with all-maximum weights; the other one runs in test_project_bench."""
    project = write_project(tmp_path / "asic", small("exact"), 150, "maximum")
    result = simulate_rtl(project, project / "tb_data", simulator="icarus", cache=model_cache, full_readback=True)
    assert result.failures == ()
    assert result.passed
    assert (result.events, result.values, result.mismatches) == (150, 450, 0)
    assert result.latency_clocks == 2
    assert result.readback_ok
    assert result.i2c_bytes_written == 33


def test_deep_chip_and_lpgbt_frames(tmp_path: Path, model_cache: Path, need_icarus: None) -> None:
    project = tmp_path / "asic"
    structure = deep()
    write_project(project, structure, 120)
    result = simulate_rtl(project, project / "tb_data", simulator="icarus", cache=model_cache, i2c_frame=16)
    assert result.failures == ()
    assert result.latency_clocks == 3
    assert result.values == 120 * 3
    assert np.loadtxt(project / "tb_data" / PREDICTIONS).min() < 0, "the vectors never reach a negative latent"


def test_seu_and_register_map(
    small_project: Path, tmp_path: Path, model_cache: Path, need_icarus: None, run_bench_env: Any
) -> None:
    built = build_model("icarus", chip_model(small_project), model_cache)
    outcome = run_bench(built, "bench_seu", tmp_path, environment=run_bench_env(project=str(small_project)))
    assert outcome.tests == 4
    assert outcome.failures == ()


def test_one_of_three_clocks_stopped(
    small_project: Path, tmp_path: Path, model_cache: Path, need_icarus: None, run_bench_env: Any
) -> None:
    model = replace(chip_model(small_project), parameters={"StopClocks": 1})
    built = build_model("icarus", model, model_cache)
    outcome = run_bench(built, "bench_clocks", tmp_path, environment=run_bench_env(project=str(small_project)))
    assert outcome.tests == 2
    assert outcome.failures == ()


@pytest.mark.slow
def test_chip_with_a_shadow_bank(shadow_project: Path, tmp_path: Path, model_cache: Path) -> None:
    """The bench of `asic_flow verify` serves both kinds of chips."""
    result = simulate_rtl(
        shadow_project, shadow_project / "tb_data", simulator="verilator", cache=model_cache, work_dir=tmp_path / "sim"
    )
    assert result.failures == ()
    assert result.passed
    assert (result.events, result.mismatches, result.readback_ok) == (150, 0, True)


# --- negative controls -----------------------------------------------------------------------------------


def run_small(project: Path, data: Path, tmp_path: Path, cache: Path, **options: Any) -> Any:
    return simulate_rtl(project, data, simulator="icarus", cache=cache, work_dir=tmp_path / "sim", **options)


@pytest.fixture
def edited(small_project: Path, tmp_path: Path) -> Path:
    """A copy of the vectors to spoil."""
    return Path(shutil.copytree(small_project / "tb_data", tmp_path / "data"))


def test_edited_vector_is_found(
    small_project: Path, edited: Path, tmp_path: Path, model_cache: Path, need_icarus: None
) -> None:
    values = np.loadtxt(edited / PREDICTIONS, dtype=np.int64)
    values[77, 1] ^= 4
    np.savetxt(edited / PREDICTIONS, values, fmt="%d")
    result = run_small(small_project, edited, tmp_path, model_cache)
    assert not result.passed
    assert result.mismatches == 1
    assert result.first_mismatch == (77, "latents", 1, values[77, 1], values[77, 1] ^ 4)
    assert "event 77, latents[1]" in result.failures[0]


def test_wrong_sum_code_is_found(
    small_project: Path, edited: Path, tmp_path: Path, model_cache: Path, need_icarus: None
) -> None:
    values = np.loadtxt(edited / SUM_CODES, dtype=np.int64)
    values[-1] ^= 1
    np.savetxt(edited / SUM_CODES, values, fmt="%d")
    result = run_small(small_project, edited, tmp_path, model_cache)
    assert not result.passed
    assert result.first_mismatch is not None
    assert result.first_mismatch[:3] == (149, "sum_code", 0)


def test_flipped_weight_bit_is_found(small_project: Path, tmp_path: Path, model_cache: Path, need_icarus: None) -> None:
    image = bytearray((small_project / "image.bin").read_bytes())
    image[-1] ^= 0x80  # sign of the last dense bias
    result = run_small(small_project, small_project / "tb_data", tmp_path, model_cache, weights_image=bytes(image))
    assert not result.passed
    assert result.mismatches > 0


@pytest.mark.parametrize("name", [CHARGES, PREDICTIONS, SUM_CODES, WEIGHTS])
def test_missing_and_empty_vectors_are_errors(
    small_project: Path, edited: Path, tmp_path: Path, model_cache: Path, name: str
) -> None:
    (edited / name).write_text("")
    with pytest.raises(FlowError, match="empty"):
        run_small(small_project, edited, tmp_path, model_cache)
    (edited / name).unlink()
    with pytest.raises(FlowError, match=name):
        run_small(small_project, edited, tmp_path, model_cache)


def test_short_and_ragged_vectors_are_errors(
    small_project: Path, edited: Path, tmp_path: Path, model_cache: Path
) -> None:
    with pytest.raises(FlowError, match="151 were asked for"):
        run_small(small_project, edited, tmp_path, model_cache, events=151)
    lines = (edited / PREDICTIONS).read_text().splitlines()
    (edited / PREDICTIONS).write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(FlowError, match="different numbers of events"):
        run_small(small_project, edited, tmp_path, model_cache)


def test_missing_rtl_is_an_error(tmp_path: Path) -> None:
    project = write_project(tmp_path / "asic", small("econ_t"), 120)
    (project / "rtl" / "econ_voter.sv").unlink()
    with pytest.raises(FlowError, match=r"econ_voter\.sv"):
        simulate_rtl(project, project / "tb_data", simulator="icarus")


# --- full size -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["econ_t", "exact"])
def test_full_encoder(tmp_path: Path, profile: str) -> None:
    project = write_project(tmp_path / "asic", econ_t_structure(profile), 2500)
    result = simulate_rtl(project, project / "tb_data", simulator="verilator")
    assert result.failures == ()
    assert (result.events, result.values, result.mismatches) == (2500, 42500, 0)
    assert result.latency_clocks == 2
    assert result.i2c_bytes_written == 1608
    assert result.readback_ok
    assert BENCH_FILE.is_file()
    assert BENCH_TOP in str(result.log.read_text())
