"""Lowering: exact or refused by name. Two tests are the cases in which hls4ml goes wrong silently.

facts/hls4ml-and-catapult.md section 0: finding 2 (default configuration, 69,390 of 160,000 values wrong) and finding 3
(a signed output quantiser is deleted, 158,883 of 160,000 values wrong).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from qkeras import QActivation, QConv2D, QDense, quantized_bits, quantized_linear, quantized_relu

from asic_flow.emulator import Emulator
from asic_flow.ir import Activation, econ_t_structure
from asic_flow.weights import random_weights
from econ_ae.encoder import build_encoder, run_integers, set_integer_weights
from econ_ae.errors import LoweringError
from econ_ae.lower import lower

EVENTS = 2000


def weights6() -> Any:
    return quantized_bits(6, 0, alpha=1)


def user_model(
    *, kernel: Any = "default", bias: Any = "default", hidden: Any = "quantized_relu(8,1)",
    output: Any = "quantized_relu(9,1)", dense: dict[str, Any] | None = None, conv: dict[str, Any] | None = None,
    start: Any = None,
) -> keras.Model:  # fmt: skip
    """A QKeras encoder as a user would write it, with wide random weights so that both clip ends occur."""
    kernel = weights6() if isinstance(kernel, str) and kernel == "default" else kernel
    bias = weights6() if isinstance(bias, str) and bias == "default" else bias
    values = inputs = keras.Input((8, 8, 1))
    if start is not None:
        values = QActivation(start, name="in_q")(values)
    options = {"strides": 2, "padding": "same", "kernel_quantizer": kernel, "bias_quantizer": bias, "name": "Conv-1"}
    values = QConv2D(8, (3, 3), **{**options, **(conv or {})})(values)
    values = QActivation(hidden, name="conv_q")(values) if hidden is not None else values
    values = keras.layers.Flatten()(values)
    options = {"kernel_quantizer": kernel, "bias_quantizer": bias, "name": "enc"}
    values = QDense(16, **{**options, **(dense or {})})(values)
    if output is not None:
        values = QActivation(output, name="enc_q")(values)
    model = keras.Model(inputs, values)
    rng = np.random.default_rng(12)
    model.set_weights([rng.uniform(-1.2, 1.2, value.shape) for value in model.get_weights()])
    return model


def assert_exact(model: keras.Model) -> Any:
    structure, weights = lower(model)
    rng = np.random.default_rng(99)
    images = rng.integers(0, 256, (EVENTS, 8, 8))
    expected = run_integers(model, structure, images)
    assert np.array_equal(Emulator(weights).run(images), expected)
    return structure, weights, expected


def test_default_configuration_of_a_users_model_is_exact() -> None:
    """Finding 2: no granularity, no precision given, nothing tuned."""
    structure, _, latents = assert_exact(user_model())
    assert structure.sha256 == econ_t_structure("exact").model_copy(update={"layers": structure.layers}).sha256
    assert (latents == 511).mean() > 0.1  # both clip ends occur
    assert (latents == 0).mean() > 0.1


def test_signed_output_quantiser_is_honoured() -> None:
    """Finding 3: QDense followed by QActivation(quantized_bits(9,1,alpha=1))."""
    structure, _, latents = assert_exact(user_model(output="quantized_bits(9,1,alpha=1)"))
    assert structure.layers[-1].activation is Activation.LINEAR
    assert structure.layers[-1].output.signed
    assert structure.layers[-1].output.fraction == 7
    assert latents.min() == -256
    assert latents.max() == 255


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden": "quantized_relu(11,3)", "output": "quantized_relu(9,1)"},
        {"kernel": quantized_bits(5, 1, alpha=1), "bias": quantized_bits(5, 1, alpha=1)},
        {"output": "quantized_bits(9,1,keep_negative=False)"},
        {"output": None, "dense": {"activation": quantized_relu(9, 1)}},
        {"hidden": None, "conv": {"activation": quantized_relu(8, 1)}},
        {"dense": {"use_bias": False}},
        {"start": "quantized_bits(8,1,keep_negative=False)"},
        {"conv": {"padding": "valid", "strides": (1, 2)}},
        {"kernel": quantized_bits(6, 0, 1, alpha=1)},
    ],
)
def test_supported_variants_are_exact(changes: dict[str, Any]) -> None:
    assert_exact(user_model(**changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kernel": quantized_bits(6, 0)}, r"layer 'Conv-1', kernel.*auto_po2"),
        ({"kernel": quantized_bits(6, 0, alpha="auto")}, "alpha='auto'"),
        ({"kernel": quantized_bits(6, 0, alpha=0.5)}, "alpha=0.5"),
        ({"kernel": quantized_bits(6, 0, alpha=1, use_stochastic_rounding=True)}, "stochastic"),
        ({"kernel": quantized_bits(6, 0, alpha=1, qnoise_factor=0.5)}, "qnoise_factor"),
        ({"kernel": quantized_bits(6, 0, alpha=1, keep_negative=False)}, "keep_negative=False"),
        ({"kernel": None}, r"layer 'Conv-1', kernel: no quantiser"),
        ({"bias": None}, r"layer 'Conv-1', bias: no quantiser"),
        ({"bias": quantized_bits(8, 0, alpha=1)}, "same width"),
        ({"kernel": quantized_linear(6, 0, alpha=1)}, "quantized_linear"),
        ({"hidden": None}, "layer 'Conv-1': its output has no quantiser"),
        ({"output": None}, "layer 'enc': its output has no quantiser"),
        ({"hidden": "quantized_bits(8,1,alpha=1)"}, "signed output feeds another layer"),
        ({"output": "quantized_bits(9,1,1,alpha=1)"}, "symmetric"),
        ({"output": "quantized_tanh(9)"}, "quantized_tanh"),
        ({"output": "quantized_relu(9,1,negative_slope=0.25)"}, "negative_slope"),
        ({"output": "quantized_relu(9,1,use_sigmoid=1)"}, "use_sigmoid"),
        ({"output": quantized_relu(9, 1, relu_upper_bound=1.0, is_quantized_clip=False)}, "relu_upper_bound"),
        ({"output": quantized_relu(9, 1, use_stochastic_rounding=True)}, "stochastic"),
        ({"output": "quantized_relu(20,1)"}, "output has .*fraction bits"),
        ({"start": "quantized_bits(5,1,keep_negative=False)"}, "layer 'in_q'.*changes values"),
        ({"dense": {"activation": "relu"}, "output": None}, "activation: quantiser relu is not supported"),
        ({"conv": {"dilation_rate": 2, "strides": 1}}, "dilation_rate"),
    ],
)
def test_inexact_models_are_refused_by_name(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(LoweringError, match=words):
        lower(user_model(**changes))


def test_unsupported_layers_and_graphs_are_refused() -> None:
    inputs = keras.Input((8, 8, 1))
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(inputs)
    with pytest.raises(LoweringError, match=r"layer 'pool'.*GlobalAveragePooling2D is not supported"):
        lower(keras.Model(inputs, pooled))
    values = QConv2D(8, 3, strides=2, padding="same", kernel_quantizer=weights6(), bias_quantizer=weights6())(inputs)
    values = QActivation("quantized_relu(8,1)", name="q")(values)
    joined = keras.layers.Add(name="sum")([values, values])
    with pytest.raises(LoweringError, match="only a single chain"):
        lower(keras.Model(inputs, joined))
    with pytest.raises(LoweringError, match="input shape"):
        lower(keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten()]))


def test_nan_weights_are_refused() -> None:
    model = user_model()
    values = model.get_weights()
    values[0][0, 0, 0, 0] = np.nan
    model.set_weights(values)
    with pytest.raises(LoweringError, match="layer 'Conv-1', kernel: holds NaN"):
        lower(model)


@pytest.mark.parametrize("profile", ["econ_t", "exact"])
def test_our_own_encoder_lowers_to_the_chips_structure(profile: str) -> None:
    structure = econ_t_structure(profile)
    weights = random_weights(structure, np.random.default_rng(6))
    model = build_encoder(structure)
    set_integer_weights(model, weights)
    found, lowered = lower(model, provenance={"source": "test"})
    assert found.sha256 == structure.sha256
    assert found.register_profile == "econ_t"
    assert lowered.to_bytes() == weights.to_bytes()
    assert lowered.provenance == {"source": "test"}
