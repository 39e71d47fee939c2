"""From a QKeras model to integers: `lower` returns an exact integer network or refuses by name.

Supported: input, optional input QActivation, QConv2D, QDense (and the floored layers of `econ_ae.layers`),
QActivation with `quantized_relu` or `quantized_bits`, Flatten, in one chain. Three things are proved on the spot,
so that no configuration, default or not, can give silently wrong values (facts/hls4ml-and-catapult.md section 0,
findings 2 and 3):

* every weight lies on its grid;
* every activation quantiser equals the integer cast on every accumulator value that any weight set can produce;
* the whole model equals the emulator on random images.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from pydantic import ValidationError
from qkeras import QActivation, QConv2D, QDense

from asic_flow.bounds import accumulator_bounds
from asic_flow.emulator import Emulator
from asic_flow.formats import Integers, Rounding
from asic_flow.ir import Conv2D, Dense, InputSpec, Profile, Structure
from asic_flow.weights import WeightSet
from econ_ae.encoder import run_integers
from econ_ae.errors import LoweringError
from econ_ae.layers import FlooredConv2D, FlooredDense
from econ_ae.quantisers import integers_of, output_format, prove_cast, weight_format

logger = logging.getLogger(__name__)

_EXACT_FLOAT = 1 << 24
_PROBES = 64


@dataclass
class _Chain:
    """What has been read so far."""

    layers: list[Conv2D | Dense] = field(default_factory=list)
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
    _prove_outputs(structure, chain)
    weights = WeightSet(structure, chain.tensors, dict(provenance or {}))
    _prove_model(model, weights)
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
    elif kind in (QConv2D, FlooredConv2D, QDense, FlooredDense):
        if chain.pending is not None:
            _missing_output(chain.pending)
        _read_weighted(chain, layer)
    else:
        raise LoweringError(
            f"layer {layer.name!r}: type {kind.__module__}.{kind.__name__} is not supported; supported: "
            "QConv2D, QDense, QActivation, Flatten"
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
    """Add one weighted layer whose output quantiser is known."""
    chain.pending = None
    name = _identifier(layer.name)
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
    chain.quantisers[name] = (where, quantiser)


def _identifier(name: str) -> str:
    cleaned = re.sub(r"[^a-z0-9_]", "_", name.lower())
    return cleaned if cleaned[:1].isalpha() else f"layer_{cleaned}"


def _structure(chain: _Chain, spec: InputSpec) -> Structure:
    """Validated structure; an output that drops no bits is written with rounding ``floor``, the form of the chip."""
    for layer in chain.layers[:-1]:
        if layer.output.signed:
            raise LoweringError(
                f"layer {layer.name!r}: its signed output feeds another layer; hidden values must be unsigned"
            )
    if not chain.layers:
        raise LoweringError("the model has no QConv2D or QDense layer")
    floored = any(layer.product_fraction is not None for layer in chain.layers)
    layers: list[Conv2D | Dense] = []
    fraction = spec.format.fraction
    for layer in chain.layers:
        kept = fraction + layer.kernel.fraction if layer.product_fraction is None else layer.product_fraction
        if kept == layer.output.fraction:
            layer = layer.model_copy(update={"output": layer.output.model_copy(update={"rounding": Rounding.FLOOR})})  # noqa: PLW2901
        layers.append(layer)
        fraction = layer.output.fraction
    payload: dict[str, Any] = {
        "profile": Profile.ECON_T if floored else Profile.EXACT,
        "input": spec,
        "layers": tuple(layers),
    }
    try:
        structure = Structure(**payload, register_profile="generic")
        if _is_chip(structure):
            structure = Structure(**payload, register_profile="econ_t")
    except ValidationError as error:
        raise LoweringError(f"the model's layers do not form a structure: {error.errors()[0]['msg']}") from error
    return structure


def _is_chip(structure: Structure) -> bool:
    """Whether the weights have the chip's shapes and words, so that its register map applies."""
    shapes = list(structure.tensor_shapes().values())
    words = {structure.tensor_format(name).width for name in structure.tensor_shapes()}
    return shapes == [(3, 3, 1, 8), (8,), (128, 16), (16,)] and words == {6}


def _prove_outputs(structure: Structure, chain: _Chain) -> None:
    fmt = structure.input.format
    if chain.input_quantiser is not None:
        where, quantiser = chain.input_quantiser
        grid = np.arange(fmt.minimum, fmt.maximum + 1) / float(1 << fmt.fraction)
        if np.any(np.asarray(quantiser(grid.astype(np.float32)), dtype=np.float64) != grid):
            raise LoweringError(
                f"{where}: this quantiser changes values of the input format ({fmt.width} bits, {fmt.fraction} "
                "fraction); the converter delivers that format, so the input quantiser must pass it unchanged"
            )
    for name, bounds in accumulator_bounds(structure).items():
        where, quantiser = chain.quantisers[name]
        if max(bounds.maximum, -bounds.minimum) >= _EXACT_FLOAT:
            raise LoweringError(
                f"layer {name!r}: its accumulator needs {bounds.width} bits; float32 counts exactly only to 2**24"
            )
        layer = next(item for item in structure.layers if item.name == name)
        prove_cast(quantiser, layer.activation, layer.output, bounds.fraction, bounds.minimum, bounds.maximum, where)


def _prove_model(model: keras.Model, weights: WeightSet) -> None:
    spec = weights.structure.input
    rng = np.random.default_rng(20240607)
    flat = np.zeros((_PROBES, spec.height * spec.width * spec.channels), dtype=np.int64)
    cells = rng.integers(spec.format.minimum, spec.format.maximum + 1, (_PROBES, len(spec.cell_positions)))
    flat[:, list(spec.cell_positions)] = cells >> rng.integers(0, spec.format.width, cells.shape)
    images = flat.reshape(-1, *spec.shape)
    expected = run_integers(model, weights.structure, images)
    found = Emulator(weights).run(images)
    if np.any(found != expected):
        event, latent = (int(i) for i in np.argwhere(found != expected)[0])
        raise LoweringError(
            f"model {model.name!r}: lowered integers differ from the model at random image {event}, latent {latent}: "
            f"model {int(expected[event, latent])}, integers {int(found[event, latent])}; please report this model"
        )
    logger.debug("lowered %s: %d weights, %d probe images equal", model.name, weights.structure.n_weights, _PROBES)
