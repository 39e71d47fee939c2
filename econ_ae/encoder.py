"""The Keras encoder of a structure, and weights between Keras and integers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from qkeras import QActivation, quantized_bits, quantized_relu

from asic_flow.formats import Format, Integers
from asic_flow.ir import Activation, ActivationLayer, Conv2D, Dense, Flatten, Layer, Pool2D, Structure, ZeroPad2D
from asic_flow.weights import WeightSet
from econ_ae.errors import LoweringError
from econ_ae.layers import FlooredConv2D, FlooredDense

_START_BIAS = 0.3
"""Bias of the latents before training: floored products pull sums down, and a latent stuck at zero does not learn."""


def build_encoder(structure: Structure, seed: int = 0) -> keras.Model:
    """QKeras model of a structure: float32[n, height, width, channels] in natural units -> float32[n, latents].

    Values are real numbers (integer / 2**fraction). Weights are initialised from `seed`; no global seed is set.

    Raises:
        LoweringError: a format that QKeras quantisers cannot express exactly.
    """
    inputs = keras.Input(shape=structure.input.shape, name="image")
    values = inputs
    for index, layer in enumerate(structure.layers):
        if isinstance(layer, Conv2D | Dense):
            start_bias = _START_BIAS if layer is structure.layers[-1] else 0.0
            values = _weighted(layer, keras.initializers.GlorotUniform(seed=seed * 1000 + index), start_bias, values)
        else:
            values = _plain(layer, values)
    return keras.Model(inputs, values, name=structure.name)


def _weighted(layer: Conv2D | Dense, start: Any, start_bias: float, values: Any) -> Any:
    """A layer with weights, and its activation."""
    common: dict[str, Any] = {
        "name": layer.name,
        "kernel_quantizer": _weight_quantizer(layer.kernel),
        "bias_quantizer": _weight_quantizer(layer.bias),
        "kernel_initializer": start,
        "bias_initializer": keras.initializers.Constant(start_bias),
        "product_fraction": layer.product_fraction,
    }
    if isinstance(layer, Conv2D):
        values = FlooredConv2D(
            layer.filters, layer.kernel_size, strides=layer.strides, padding=layer.padding, **common
        )(values)
    else:
        if len(values.shape) > 2:
            values = keras.layers.Flatten(name=f"{layer.name}_flatten")(values)
        values = FlooredDense(layer.units, **common)(values)
    return _cast(layer.name, layer.activation, layer.output, values)


def _plain(layer: Layer, values: Any) -> Any:
    """A layer without weights."""
    if isinstance(layer, ZeroPad2D):
        top, bottom, left, right = layer.padding
        return keras.layers.ZeroPadding2D(((top, bottom), (left, right)), name=layer.name)(values)
    if isinstance(layer, Flatten):
        return keras.layers.Flatten(name=layer.name)(values)
    if isinstance(layer, ActivationLayer):
        return _cast(layer.name, layer.activation, layer.output, values)
    if not isinstance(layer, Pool2D):
        raise LoweringError(f"layer {layer.name!r}: kind {layer.kind!r} has no Keras counterpart here")
    kind = keras.layers.MaxPooling2D if layer.mode == "max" else keras.layers.AveragePooling2D
    values = kind(layer.pool_size, strides=layer.strides, padding=layer.padding, name=layer.name)(values)
    if layer.output is None:
        return values
    return _cast(layer.name, Activation.LINEAR if layer.output.signed else Activation.RELU, layer.output, values)


def _cast(name: str, activation: Activation, output: Format, values: Any) -> Any:
    return QActivation(_activation_quantizer(name, activation, output), name=f"{name}_out")(values)


def layer_output(model: keras.Model, name: str) -> Any:
    """Output tensor of a structure's layer `name` in a model made by `build_encoder`."""
    names = {layer.name for layer in model.layers}
    return model.get_layer(f"{name}_out" if f"{name}_out" in names else name).output


def _weight_quantizer(fmt: Format) -> Any:
    return quantized_bits(fmt.width, fmt.width - 1 - fmt.fraction, alpha=1)


def _activation_quantizer(name: str, activation: Activation, fmt: Format) -> Any:
    if activation is Activation.RELU:
        return quantized_relu(fmt.width, fmt.width - fmt.fraction)
    if not fmt.signed:
        raise LoweringError(f"layer {name!r}: a linear activation needs a signed output format")
    return quantized_bits(fmt.width, fmt.width - 1 - fmt.fraction, alpha=1)


def set_integer_weights(model: keras.Model, weights: WeightSet) -> None:
    """Load integer weights into a model made by `build_encoder` (the float shadow weights become exactly these)."""
    for layer in weights.structure.weighted_layers:
        kernel = weights.tensors[f"{layer.name}.kernel"] / float(1 << layer.kernel.fraction)
        bias = weights.tensors[f"{layer.name}.bias"] / float(1 << layer.bias.fraction)
        model.get_layer(layer.name).set_weights([kernel.astype(np.float32), bias.astype(np.float32)])


def run_integers(model: keras.Model, structure: Structure, images: Integers, batch: int = 2048) -> Integers:
    """Latents of integer images through the Keras model, as integers int64[n, latents] in the latent format.

    Raises:
        LoweringError: an output is not a multiple of the latent format's step.
    """
    array = np.asarray(images).reshape(-1, *structure.input.shape)
    step = np.float32(1 << structure.input.format.fraction)
    parts = [
        np.asarray(model(array[start : start + batch].astype(np.float32) / step, training=False), dtype=np.float64)
        for start in range(0, len(array), batch)
    ]
    real = np.concatenate(parts) if parts else np.zeros((0, structure.n_latents))
    scaled = real * (1 << structure.latent_format.fraction)
    latents = np.rint(scaled).astype(np.int64)
    if np.any(latents != scaled):
        raise LoweringError("reading latents of the Keras model: a value is not a multiple of the output format's step")
    return latents
