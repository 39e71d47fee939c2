"""Export to QONNX and frozen graphs: equal integers, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from asic_flow.emulator import Emulator
from asic_flow.formats import Format, Overflow, Rounding
from asic_flow.ir import (
    Activation,
    ActivationLayer,
    Conv2D,
    Dense,
    Flatten,
    Pool2D,
    Structure,
    ZeroPad2D,
    econ_t_structure,
)
from asic_flow.weights import WeightSet, random_weights
from econ_ae.errors import LoweringError
from econ_ae.exchange.cli import app
from econ_ae.exchange.frozen import export_frozen, input_names, read_frozen, run_frozen
from econ_ae.exchange.plain import keras_encoder
from econ_ae.exchange.prove import prove_equal, random_images
from econ_ae.exchange.qonnx_file import build_qonnx, export_qonnx, run_qonnx

runner = CliRunner()


def weights_of(profile: str = "exact", seed: int = 3, **changes: Any) -> WeightSet:
    return random_weights(econ_t_structure(profile, **changes), np.random.default_rng(seed))


@pytest.mark.parametrize("changes", [{}, {"filters": 3, "units": 5, "weight_bits": 4}])
def test_qonnx_executor_gives_equal_latents(tmp_path: Path, changes: dict[str, int]) -> None:
    weights = weights_of(**changes)
    rows = export_qonnx(weights, tmp_path / "encoder.onnx", events=100)
    assert (rows["mismatches"], rows["events"]) == (0, 100)
    assert rows["distinct_values"] > 50
    from qonnx.core.modelwrapper import ModelWrapper

    read = ModelWrapper(str(tmp_path / "encoder.onnx"))
    images = random_images(weights.structure, 1, 9)
    assert np.array_equal(run_qonnx(read, images), Emulator(weights).run(images))


def signed_structure() -> Structure:
    """Two convolutions, floor and half-even casts, signed linear latents."""
    weight = Format(width=5, fraction=4, signed=True)
    even = {"rounding": Rounding.HALF_EVEN}
    common = {"kernel": weight, "bias": weight}
    first = Conv2D(name="a", filters=2, kernel_size=(2, 3), strides=(1, 2), padding="valid", **common,
                   output=Format(width=6, fraction=5, signed=False))  # fmt: skip
    second = Conv2D(name="b", filters=3, kernel_size=(3, 2), strides=(2, 1), **common,
                    output=Format(width=7, fraction=5, signed=False, **even))  # fmt: skip
    last = Dense(name="c", units=4, **common, activation=Activation.LINEAR,
                 output=Format(width=8, fraction=3, signed=True, **even))  # fmt: skip
    return Structure(profile="exact", layers=(first, second, last), register_profile="generic")


def test_qonnx_of_another_topology_with_signed_latents(tmp_path: Path) -> None:
    weights = random_weights(signed_structure(), np.random.default_rng(8))
    export_qonnx(weights, tmp_path / "encoder.onnx", events=60)
    assert Emulator(weights).run(random_images(weights.structure, 60, 1)).min() < 0


def every_layer_kind() -> Structure:
    """Zero padding, convolution, both poolings, activation and flattening, without a dense layer at the end."""
    weight = Format(width=5, fraction=4, signed=True)
    even = {"rounding": Rounding.HALF_EVEN}
    layers = (
        ZeroPad2D(name="pad", padding=(0, 1, 2, 0)),
        Conv2D(name="conv", filters=3, kernel_size=(3, 3), strides=(2, 2), padding="valid", kernel=weight, bias=weight,
               activation=Activation.LINEAR, output=Format(width=9, fraction=6, signed=True, **even)),
        Pool2D(name="largest", mode="max", pool_size=(2, 2), strides=(1, 1), padding="same"),
        Pool2D(name="mean", mode="average", pool_size=(2, 2), strides=(2, 2),
               output=Format(width=9, fraction=6, signed=True, **even)),
        ActivationLayer(name="act", output=Format(width=6, fraction=4, signed=False, **even)),
        Flatten(name="flat"),
    )  # fmt: skip
    return Structure(profile="exact", layers=layers, register_profile="generic")


def test_qonnx_of_every_layer_kind(tmp_path: Path) -> None:
    weights = random_weights(every_layer_kind(), np.random.default_rng(8))
    rows = export_qonnx(weights, tmp_path / "encoder.onnx", events=60)
    assert (rows["mismatches"], weights.structure.n_latents) == (0, 12)
    assert rows["distinct_values"] > 20


def test_qonnx_refuses_what_it_cannot_express(tmp_path: Path) -> None:
    with pytest.raises(LoweringError, match="floors every product"):
        export_qonnx(weights_of("econ_t"), tmp_path / "encoder.onnx")
    structure = econ_t_structure("exact")
    dense = structure.layers[-1]
    for change in ({"overflow": Overflow.WRAP}, {"rounding": Rounding.HALF_UP}):
        odd = dense.model_copy(update={"output": dense.output.model_copy(update=change)})
        other = structure.model_copy(update={"layers": (structure.layers[0], odd)})
        with pytest.raises(LoweringError, match="the cast 'latents'"):
            export_qonnx(random_weights(other, np.random.default_rng(1)), tmp_path / "encoder.onnx")
    assert not (tmp_path / "encoder.onnx").exists()


def test_a_wrong_export_is_caught_and_not_written(tmp_path: Path) -> None:
    weights = weights_of()
    other = weights.flip_bit(700)
    with pytest.raises(LoweringError, match="differ from the emulator, first at event"):
        prove_equal(weights, lambda images: run_qonnx(build_qonnx(other, len(images)), images), "QONNX", 50, 1)


@pytest.mark.parametrize("profile", ["econ_t", "exact"])
def test_frozen_encoder_gives_equal_outputs(tmp_path: Path, profile: str) -> None:
    weights = weights_of(profile, filters=2, units=5)
    images = random_images(weights.structure, 200, 4)
    real = (images / 128).astype(np.float32)
    export_frozen(keras_encoder(weights), tmp_path / "encoder.pb", [real[:20]])
    graph = read_frozen(tmp_path / "encoder.pb")
    latents = run_frozen(graph, [real]) * 256
    assert np.array_equal(latents, Emulator(weights).run(images))
    assert (graph.node[0].op, input_names(graph)) == ("Placeholder", [graph.node[0].name])
    assert not {node.op for node in graph.node} & {"VarHandleOp", "ReadVariableOp", "NoOp"}
    assert not np.array_equal(run_frozen(graph, [real[::-1].copy()]) * 256, latents)


def test_exports_of_a_run(tiny_run: Path, tmp_path: Path) -> None:
    result = runner.invoke(
        app, ["export", str(tiny_run), "--format", "frozen", "--out", str(tmp_path), "--events", "50", "--json"]
    )
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert (rows["mismatches"], rows["events"]) == (0, 50)
    assert rows["decoder_largest_difference"] < 1e-6
    assert len(input_names(read_frozen(tmp_path / "decoder.pb"))) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "none.h5", "--out", "x"], "no such file"),
        (["import", "none.pkl", "--out", "x"], "expected a file ending in"),
        (["export", "none", "--format", "qonnx", "--out", "x"], "encoder.json"),
        (["export", "RUN", "--format", "tflite", "--out", "x"], "expected one of qonnx, hls4ml, frozen"),
        (["export", "RUN", "--format", "hls4ml", "--backend", "Modelsim", "--out", "x"], "expected one of Catapult"),
        (["export", "RUN", "--format", "qonnx", "--out", "x.onnx"], "floors every product"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(tiny_run: Path, arguments: list[str], words: str) -> None:
    result = runner.invoke(app, [str(tiny_run) if word == "RUN" else word for word in arguments])
    assert result.exit_code == 2
    assert words in result.output.replace("\n", "")
    assert "Traceback" not in result.output
    assert not Path("x.onnx").exists()
