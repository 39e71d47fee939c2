"""From a QKeras model to integers: `lower` returns an exact integer network or refuses by name.

Supported: input, optional input QActivation, QConv2D, QDense (and the floored layers of `econ_ae.layers`),
QActivation with `quantized_relu` or `quantized_bits`, Flatten, ZeroPadding2D, MaxPooling2D, and AveragePooling2D followed by
a QActivation, in one chain. Three things are proved on the spot,
so that no configuration, default or not, can give silently wrong values (facts/hls4ml-and-catapult.md section 0,
findings 2 and 3):

* every weight lies on its grid;
* every activation quantiser equals the integer cast on every accumulator value that any weight set can produce;
* the whole model equals the emulator on random images.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from pydantic import ValidationError
from qkeras import QActivation, QConv2D, QDense

from asic_flow.formats import Integers, Rounding
from asic_flow.ir import Conv2D, Dense, InputSpec, Layer, Pool2D, Profile, Structure, ZeroPad2D
from asic_flow.weights import WeightSet
from econ_ae.errors import LoweringError
from econ_ae.layers import FlooredConv2D, FlooredDense
from econ_ae.proofs import prove_model, prove_outputs
from econ_ae.quantisers import integers_of, output_format, weight_format
from econ_ae.topology import with_register_profile

_Weighted = Conv2D | Dense


@dataclass
class _Chain:
    """What has been read so far."""

    layers: list[Layer] = field(default_factory=list)
    tensors: dict[str, Integers] = field(default_factory=dict)
    quantisers: dict[str, Any] = field(default_factory=dict)
    input_quantiser: tuple[str, Any] | None = None
    pending: Any = None


def lower(
    model: keras.Model, *, input_spec: InputSpec | None = None, provenance: dict[str, Any] | None = None
) -> tuple[Structure, WeightSet]:
    """Structure and integer weights of a QKeras model.

    Args:
        model: Sequential or functional model, one input, one output, a single chain of supported layers.
        input_spec: shape, format and cell map of the input; default: the chip's 8x8x1 image, u8 with 7 fraction bits.
        provenance: entries for the weight file.

    Returns:
        (structure, weights); the emulator of these weights equals the model bit for bit.

    Raises:
        LoweringError: something in the model has no exact integer counterpart; the message names layer and reason.
    """
    spec = input_spec or InputSpec()
    chain = _Chain()
    for layer in _chain_of(model, spec):
        _read_layer(chain, layer)
    if chain.pending is not None:
        _missing_output(chain.pending)
    structure = _structure(chain, spec)
    prove_outputs(structure, chain.quantisers, chain.input_quantiser)
    weights = WeightSet(structure, chain.tensors, dict(provenance or {}))
    prove_model(model, weights)
    return structure, weights


def _chain_of(model: keras.Model, spec: InputSpec) -> list[Any]:
    """Layers in order; refuses anything but one chain in float32."""
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise LoweringError(
            f"model {model.name!r}: needs one input and one output, has {len(model.inputs)} and {len(model.outputs)}"
        )
    shape = tuple(model.inputs[0].shape[1:])
    if shape != spec.shape:
        raise LoweringError(f"model {model.name!r}: input shape {shape}, but the input specification says {spec.shape}")
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    expected = model.inputs[0]
    for layer in layers:
        try:
            source = layer.input
        except (AttributeError, ValueError) as error:
            raise LoweringError(
                f"layer {layer.name!r}: is shared or not connected; only a single chain is supported"
            ) from error
        if source is not expected:
            raise LoweringError(
                f"layer {layer.name!r}: does not follow the layer before it; only a single chain is supported"
            )
        if layer.compute_dtype != "float32":
            raise LoweringError(f"layer {layer.name!r}: computes in {layer.compute_dtype}; only float32 is exact")
        expected = layer.output
    if expected is not model.outputs[0]:
        raise LoweringError(f"model {model.name!r}: the output is not the last layer's")
    return layers


def _read_layer(chain: _Chain, layer: Any) -> None:
    kind = type(layer)
    if kind is QActivation:
        _read_activation(chain, layer)
    elif kind is keras.layers.Flatten:
        if layer.data_format != "channels_last":
            raise LoweringError(
                f"layer {layer.name!r}: data_format {layer.data_format!r}; only channels_last is supported"
            )
    elif kind in _READERS:
        if chain.pending is not None:
            _missing_output(chain.pending)
        _READERS[kind](chain, layer)
    else:
        raise LoweringError(
            f"layer {layer.name!r}: type {kind.__module__}.{kind.__name__} is not supported; supported: "
            "QConv2D, QDense, QActivation, Flatten, ZeroPadding2D, MaxPooling2D, AveragePooling2D"
        )


def _missing_output(layer: Any) -> None:
    raise LoweringError(
        f"layer {layer.name!r}: its output has no quantiser; follow it with "
        "QActivation(quantized_relu(bits, integer)) or QActivation(quantized_bits(bits, integer, alpha=1))"
    )


def _read_activation(chain: _Chain, layer: Any) -> None:
    if chain.pending is not None:
        _finish(chain, chain.pending, layer.activation, f"layer {layer.name!r}")
    elif not chain.layers and chain.input_quantiser is None:
        chain.input_quantiser = (f"layer {layer.name!r}", layer.activation)
    else:
        raise LoweringError(f"layer {layer.name!r}: a second quantiser in a row; one cast per layer is supported")


def _read_weighted(chain: _Chain, layer: Any) -> None:
    convolution = isinstance(layer, QConv2D)
    if convolution:
        _refuse_convolution(layer)
    activation = layer.activation
    if activation is None or activation is keras.activations.linear:
        chain.pending = layer
    else:
        _finish(chain, layer, activation, f"layer {layer.name!r}, activation")


def _read_padding(chain: _Chain, layer: Any) -> None:
    (top, bottom), (left, right) = layer.padding
    chain.layers.append(ZeroPad2D(name=_identifier(layer.name), padding=(top, bottom, left, right)))


def _read_maximum(chain: _Chain, layer: Any) -> None:
    chain.layers.append(_pool(layer, {"mode": "max"}))


def _read_average(chain: _Chain, layer: Any) -> None:
    chain.pending = layer


def _pool(layer: Any, entries: dict[str, Any]) -> Pool2D:
    if layer.data_format != "channels_last":
        raise LoweringError(f"layer {layer.name!r}: data_format {layer.data_format!r}; only channels_last is supported")
    try:
        return Pool2D(
            name=_identifier(layer.name), pool_size=tuple(layer.pool_size), strides=tuple(layer.strides),
            padding=layer.padding, **entries,
        )  # fmt: skip
    except ValidationError as error:
        raise LoweringError(f"layer {layer.name!r}: {error.errors()[0]['msg']}") from error


_READERS: dict[type, Callable[[_Chain, Any], None]] = {
    **dict.fromkeys((QConv2D, FlooredConv2D, QDense, FlooredDense), _read_weighted),
    keras.layers.ZeroPadding2D: _read_padding,
    keras.layers.MaxPooling2D: _read_maximum,
    keras.layers.AveragePooling2D: _read_average,
}
"""How each type of Keras layer is read; a layer of the structure that is new is added here and in `econ_ae.encoder`."""


def _refuse_convolution(layer: Any) -> None:
    for attribute, expected in (("data_format", "channels_last"), ("groups", 1), ("dilation_rate", (1, 1))):
        found = getattr(layer, attribute)
        if found != expected:
            raise LoweringError(f"layer {layer.name!r}: {attribute}={found!r} is not supported (only {expected!r})")
    if layer._mask is not None:
        raise LoweringError(
            f"layer {layer.name!r}: a kernel mask is not supported; multiply it into the kernel before training ends"
        )


def _finish(chain: _Chain, layer: Any, quantiser: Any, where: str) -> None:
    """Add one layer whose output quantiser is known: with weights, or an average pooling."""
    chain.pending = None
    name = _identifier(layer.name)
    chain.quantisers[name] = (where, quantiser)
    if isinstance(layer, keras.layers.AveragePooling2D):
        chain.layers.append(_pool(layer, {"mode": "average", "output": output_format(quantiser, where)[1]}))
        return
    kernel_format = weight_format(layer.kernel_quantizer_internal, f"layer {layer.name!r}, kernel")
    values = layer.get_weights()
    chain.tensors[f"{name}.kernel"] = integers_of(
        layer.kernel_quantizer_internal, values[0], kernel_format, f"layer {layer.name!r}, kernel"
    )
    if layer.use_bias:
        bias_format = weight_format(layer.bias_quantizer_internal, f"layer {layer.name!r}, bias")
        chain.tensors[f"{name}.bias"] = integers_of(
            layer.bias_quantizer_internal, values[1], bias_format, f"layer {layer.name!r}, bias"
        )
    else:
        bias_format = kernel_format
        chain.tensors[f"{name}.bias"] = np.zeros(values[0].shape[-1], dtype=np.int64)
    activation, output = output_format(quantiser, where)
    floor = {"rounding": Rounding.FLOOR}
    common: dict[str, Any] = {
        "name": name,
        "kernel": kernel_format.model_copy(update=floor),
        "bias": bias_format.model_copy(update=floor),
        "product_fraction": getattr(layer, "product_fraction", None),
        "activation": activation,
        "output": output,
    }
    try:
        if isinstance(layer, QConv2D):
            made: Conv2D | Dense = Conv2D(
                filters=layer.filters,
                kernel_size=tuple(layer.kernel_size),
                strides=tuple(layer.strides),
                padding=layer.padding,
                **common,
            )
        else:
            made = Dense(units=layer.units, **common)
    except ValidationError as error:
        raise LoweringError(f"layer {layer.name!r}: {error.errors()[0]['msg']}") from error
    chain.layers.append(made)


def _identifier(name: str) -> str:
    cleaned = re.sub(r"[^a-z0-9_]", "_", name.lower())
    return cleaned if cleaned[:1].isalpha() else f"layer_{cleaned}"


def _structure(chain: _Chain, spec: InputSpec) -> Structure:
    """Validated structure; an output that drops no bits is written with rounding ``floor``, the form of the chip."""
    weighted = [layer for layer in chain.layers if isinstance(layer, _Weighted)]
    for layer in weighted[:-1]:
        if layer.output.signed:
            raise LoweringError(
                f"layer {layer.name!r}: its signed output feeds another layer; hidden values must be unsigned"
            )
    if not weighted:
        raise LoweringError("the model has no QConv2D or QDense layer")
    floored = any(layer.product_fraction is not None for layer in weighted)
    layers: list[Layer] = []
    fraction = spec.format.fraction
    for item in chain.layers:
        layers.append(_without_idle_rounding(item, fraction))
        output = getattr(item, "output", None)
        fraction = fraction if output is None else output.fraction
    payload: dict[str, Any] = {
        "profile": Profile.ECON_T if floored else Profile.EXACT,
        "input": spec,
        "layers": tuple(layers),
    }
    try:
        return with_register_profile(Structure(**payload, register_profile="generic"))
    except ValidationError as error:
        raise LoweringError(f"the model's layers do not form a structure: {error.errors()[0]['msg']}") from error


def _without_idle_rounding(layer: Layer, fraction: int) -> Layer:
    """The layer, with rounding ``floor`` where its cast drops no bits."""
    if not isinstance(layer, _Weighted):
        return layer
    kept = fraction + layer.kernel.fraction if layer.product_fraction is None else layer.product_fraction
    if kept != layer.output.fraction:
        return layer
    return layer.model_copy(update={"output": layer.output.model_copy(update={"rounding": Rounding.FLOOR})})
