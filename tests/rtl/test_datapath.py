"""The compact datapath: what it leaves out, the option, proofs of its neuron, a chip with the other one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_chip import small, write_project
from test_modules import CONV_ECON_T, NEURONS

from asic_flow.bounds import accumulator_bounds
from asic_flow.emulator import Emulator
from asic_flow.formal.arithmetic import neuron_controls, neuron_proofs
from asic_flow.formal.engine import Proof, edited, prove
from asic_flow.hardware import HardwareConfig
from asic_flow.ir import Conv2D, Flatten, Profile, econ_t_structure
from asic_flow.layers import input_taps
from asic_flow.rtl import PACKAGE_FILE, RTL_FOLDER, render_rtl
from asic_flow.rtl.liveness import tensor_activity
from asic_flow.rtl.placement import place_layers
from asic_flow.sim import simulate_rtl
from asic_flow.sim.simulators import BenchOutcome, Model, build_model, run_bench
from asic_flow.topologies import verified_topologies
from asic_flow.weights import random_weights

WRAPPER = Path(__file__).parent / "benches" / "econ_neuron_bench.sv"
STRAIGHTFORWARD = HardwareConfig(datapath="straightforward")
PROOFS = {proof.name: proof for proof in [*neuron_proofs(), *neuron_controls()] if "compact" in proof.name}
COMPACT = [name for name, p in NEURONS.items() if not p["InputSigned"] and p["ProductShift"] < p["WeightWidth"]]
QUICK = [name for name in PROOFS if "8 x 6" not in name]


def test_products_of_the_chip() -> None:
    structure = econ_t_structure()
    image, hidden, latents = tensor_activity(structure)
    assert (image.live.sum(), hidden.live.sum(), hidden.static.sum(), latents.live.sum()) == (48, 96, 32, 16)
    assert (hidden.groups, hidden.group_size, hidden.shift, hidden.width) == (8, 4, 2, 5)
    taps = input_taps(structure.layers[0], structure.geometry["conv"])
    live = int((image.live[taps] & (taps >= 0)).sum()) * 8
    assert live == accumulator_bounds(structure)["conv"].live_products == 680
    assert sorted(hidden.place[hidden.live]) == list(range(96))
    assert sorted(hidden.place[hidden.static]) == list(range(32))
    filters = np.tile(np.arange(8), 16)
    assert np.array_equal(hidden.place[hidden.static] // 4, filters[hidden.static])


@pytest.mark.parametrize("profile", list(Profile))
def test_activity_holds_in_the_emulator(profile: Profile) -> None:
    """Values said to be zero are, and static ones are the same for every event and as described."""
    rng = np.random.default_rng(11)
    kinds: set[str] = set()
    for structure in verified_topologies(profile).values():
        spec, weights = structure.input, random_weights(structure, rng)
        images = np.zeros((200, spec.height * spec.width * spec.channels), dtype=np.int64)
        images[:, list(spec.cell_positions)] = rng.integers(0, spec.format.maximum, (200, len(spec.cell_positions)))
        trace = Emulator(weights).trace(images.reshape(200, spec.height, spec.width, spec.channels))
        layers = [layer for layer in structure.layers if not isinstance(layer, Flatten)]
        for layer, activity in zip(layers, tensor_activity(structure)[1:], strict=True):
            values = trace[layer.name].reshape(200, -1)
            assert not values[:, ~(activity.live | activity.static)].any()
            kinds |= {"zero"} if (~(activity.live | activity.static)).any() else set()
            kinds |= {"static"} if activity.static.any() else set()
            if isinstance(layer, Conv2D) and activity.static.any():
                static = values[:, activity.static].reshape(200, -1, layer.filters)
                bias = np.maximum(weights.tensors[f"{layer.name}.bias"], 0) << activity.shift
                assert np.array_equal(static, np.broadcast_to(bias, static.shape))
                assert bias.max() < 1 << (activity.shift + activity.width)
    assert kinds == {"zero", "static"}


def test_the_option_changes_one_parameter() -> None:
    structure = econ_t_structure()
    compact, plain = render_rtl(structure), render_rtl(structure, STRAIGHTFORWARD)
    assert compact == render_rtl(structure, HardwareConfig(datapath="compact"))
    assert plain[PACKAGE_FILE] == compact[PACKAGE_FILE].replace("LayerCompact = 2'b11", "LayerCompact = 2'b00")
    assert plain != compact
    assert {name for name in plain if plain[name] != compact[name]} == {PACKAGE_FILE}


def test_signed_inputs_stay_straightforward() -> None:
    layers = place_layers(verified_topologies("exact")["deep_4x4x3_encoder"])
    assert [item.may_be_compact for item in layers if item.weights] == [True, False, True, True]
    assert not any(item.may_be_compact for item in layers if not item.weights)


@pytest.mark.tools
@pytest.mark.skipif(shutil.which("yosys") is None, reason="Yosys is not installed")
@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(n, marks=pytest.mark.long) for n in PROOFS if n not in QUICK)])
def test_neuron_for_all_inputs_and_weights(name: str) -> None:
    proof: Proof = PROOFS[name]
    assert prove(proof).outcome == ("refuted" if "2x for 3x" in name else "proved")


def run_neuron(parameters: dict[str, int], cache: Path, folder: Path, fault: str = "", **options: int) -> BenchOutcome:
    """`benches/bench_neuron.py` on a compact neuron under Icarus; `fault` stands in place of the digit 3."""
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    names = ("econ_cast", "econ_neuron", "econ_compact_neuron", "econ_dense_layer")
    sources = [RTL_FOLDER / f"{name}.sv" for name in names]
    if fault:
        text = edited(sources[2].read_text(), "{TripleWidth{one & two}}", fault)
        sources[2] = folder / sources[2].name
        sources[2].write_text(text)
    built = build_model("icarus", Model((*sources, WRAPPER), WRAPPER.stem, parameters=parameters), cache)
    environment = {"BENCH_OPTIONS": json.dumps({"seed": 10, "count": 300, **options, "parameters": parameters})}
    return run_bench(built, "bench_neuron", folder / "run", environment=environment)


@pytest.mark.tools
@pytest.mark.parametrize("name", COMPACT)
def test_compact_neuron(
    model_cache: Path, tmp_path: Path, run_bench_env: Callable[..., dict[str, str]], name: str
) -> None:
    run_bench_env()
    assert run_neuron(NEURONS[name], model_cache, tmp_path).failures == ()


@pytest.mark.tools
@pytest.mark.parametrize("shift", [0, 4, 5, *(pytest.param(s, marks=pytest.mark.long) for s in (1, 2, 3))])
def test_every_product(
    model_cache: Path, tmp_path: Path, run_bench_env: Callable[..., dict[str, str]], shift: int
) -> None:
    """All 2**14 pairs of input and weight, at every floor; a wrong digit is seen."""
    run_bench_env()
    linear = {**CONV_ECON_T, "NumInputs": 1, "Relu": 0, "OutputSigned": 1, "OutputWidth": 15, "ProductShift": shift}
    assert run_neuron(linear, model_cache, tmp_path, every_product=1).failures == ()
    if shift == 4:
        outcome = run_neuron(linear, model_cache, tmp_path, fault="{TripleWidth{one & two & ~w[4]}}", every_product=1)
        assert "expected" in outcome.failures[0]


@pytest.mark.tools
def test_chip_with_the_straightforward_datapath(tmp_path: Path, model_cache: Path) -> None:
    """The other tests run the compact one."""
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    project = write_project(tmp_path / "asic", small("econ_t"), 60, hardware=STRAIGHTFORWARD)
    result = simulate_rtl(project, project / "tb_data", simulator="icarus", cache=model_cache, events=40)
    assert (result.failures, result.passed) == ((), True)
