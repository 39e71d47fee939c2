"""From the encoder's section of a configuration to a structure: the one place that knows how a key becomes a layer.

Rules: a value has one integer bit (hidden values, latents), a weight its sign, the integer bits asked for (none in the chip),
and fraction bits. In profile ``econ_t`` every product is floored to the fraction bits of its layer's output, as in the chip; in
``exact`` the sum is rounded once, half to even. A bias never has more fraction bits than its accumulator.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from asic_flow.formats import Format, Rounding
from asic_flow.ir import Conv2D, Dense, InputSpec, Layer, Pool2D, Profile, Structure, input_4x4x3
from econ_ae.config import ConvolutionConfig, EncoderConfig
from econ_ae.errors import TrainingError

CHIP_BANK = (((3, 3, 1, 8), (8,), (128, 16), (16,)), (6, 5))
"""Tensor shapes, word width and fraction bits of the chip's weight bank (facts/econ-t.md 2.5)."""


def structure_of(config: EncoderConfig) -> Structure:
    """Structure of an encoder configuration; the default is the chip's own, byte for byte.

    Raises:
        TrainingError: layers that do not fit on each other, or formats that cannot hold their values.
    """
    layers: list[Layer] = []
    try:
        for index, convolution in enumerate(config.convolution_layers):
            layers += _convolution(config, convolution, _numbered("conv", index), _fraction(config, layers))
        units = [
            (hidden.units, hidden.weight_bits, hidden.gain_bits, hidden.bits or config.activation_bits)
            for hidden in config.dense
        ]
        units.append((config.latents, config.latent_weight_bits, config.latent_gain_bits, config.latent_width))
        for index, (outputs, weight_bits, gain, bits) in enumerate(units):
            weights = _weight_format(weight_bits or config.weight_bits, gain)
            common = _formats(config, weights, bits, _fraction(config, layers))
            layers.append(Dense(name=_numbered("dense", index), units=outputs, **common))
        return with_register_profile(
            Structure(
                profile=Profile(config.profile), input=_input(config), layers=tuple(layers), register_profile="generic"
            )
        )
    except ValidationError as error:
        raise TrainingError(f"section encoder: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error


def with_register_profile(structure: Structure) -> Structure:
    """The same structure with the chip's register map where its weight bank is the chip's, else with a computed one."""
    shapes = structure.tensor_shapes()
    formats = [structure.tensor_format(name) for name in shapes]
    words = {(fmt.width, fmt.fraction) for fmt in formats}
    chip = (tuple(shapes.values()), words) == (CHIP_BANK[0], {CHIP_BANK[1]})
    return structure.model_copy(update={"register_profile": "econ_t" if chip else "generic"})


def _input(config: EncoderConfig) -> InputSpec:
    return input_4x4x3() if config.input == "4x4x3" else InputSpec()


def _numbered(name: str, index: int) -> str:
    """conv, conv2, conv3 ..., so that the chip's layers keep their names."""
    return name if index == 0 else f"{name}{index + 1}"


def _fraction(config: EncoderConfig, layers: list[Layer]) -> int:
    """Fraction bits of the next layer's input."""
    fraction = _input(config).format.fraction
    for layer in layers:
        output: Format | None = getattr(layer, "output", None)
        fraction = fraction if output is None else output.fraction
    return fraction


def _weight_format(bits: int, gain: int) -> Format:
    """Format of a layer's weights: sign, `gain` integer bits, the rest fraction bits."""
    if gain >= bits:
        raise TrainingError(f"section encoder: {gain} integer bits and the sign do not fit into {bits}-bit weights")
    return Format(width=bits, fraction=bits - 1 - gain, signed=True)


def _formats(config: EncoderConfig, weights: Format, bits: int, fraction: int) -> dict[str, Any]:
    """Formats of a weighted layer behind an input with `fraction` fraction bits."""
    full, wanted = fraction + weights.fraction, bits - 1
    floored = config.profile == "econ_t"
    accumulator = min(wanted, full) if floored else full
    rounding = Rounding.FLOOR if accumulator == wanted else Rounding.HALF_EVEN
    return {
        "kernel": weights,
        "bias": weights.model_copy(update={"fraction": min(weights.fraction, accumulator)}),
        "product_fraction": accumulator if floored else None,
        "output": Format(width=bits, fraction=wanted, signed=False, rounding=rounding),
    }


def _convolution(config: EncoderConfig, layer: ConvolutionConfig, name: str, fraction: int) -> list[Layer]:
    """A convolution, and its pooling if it has one."""
    bits = layer.bits or config.activation_bits
    convolution = Conv2D(
        name=name, filters=layer.filters, kernel_size=layer.kernel, strides=layer.stride, padding=layer.padding,
        **_formats(config, _weight_format(layer.weight_bits or config.weight_bits, layer.gain_bits), bits, fraction),
    )  # fmt: skip
    if layer.pool is None:
        return [convolution]
    mean = Format(width=bits, fraction=bits - 1, signed=False, rounding=Rounding.HALF_EVEN)
    pool = Pool2D(
        name=f"{name}_pool", mode=layer.pool.mode, pool_size=layer.pool.size,
        strides=layer.pool.stride or layer.pool.size, output=mean if layer.pool.mode == "average" else None,
    )  # fmt: skip
    return [convolution, pool]
