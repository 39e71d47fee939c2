"""The integer intermediate representation of an encoder: structure only, no weights.

``encoder.json`` is this model written as JSON. Weights live in separate files (`asic_flow.weights`), because they are
reprogrammable: everything generated from a structure is byte-identical for two weight sets.

Arithmetic of a weighted layer, all in integers (facts of the chip: ECON-T emulator replay, design.md section 3):

1. product ``p = x * w`` has ``input.fraction + weight.fraction`` fraction bits;
2. if the layer has a ``product_fraction``, every product is floored to it before accumulation (profile ``econ_t``);
3. the bias is shifted to the accumulator's fraction and added; the accumulator is as wide as any weight set needs;
4. activation, then one cast (rounding, overflow) into ``output``.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from asic_flow.errors import StructureError
from asic_flow.formats import Format, Rounding
from hgcal_data.geometry import IMAGE_POSITIONS

SCHEMA_VERSION = 1


class Profile(StrEnum):
    """Arithmetic profile of a structure."""

    ECON_T = "econ_t"
    EXACT = "exact"


class Activation(StrEnum):
    """Activation applied to the accumulator before the output cast."""

    RELU = "relu"
    LINEAR = "linear"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputSpec(_Model):
    """Image that the converter hands to the first layer."""

    height: int = Field(default=8, ge=1)
    width: int = Field(default=8, ge=1)
    channels: int = Field(default=1, ge=1)
    format: Format = Field(default=Format(width=8, fraction=7, signed=False))
    cell_positions: tuple[int, ...] = Field(
        default=tuple(int(p) for p in IMAGE_POSITIONS),
        description="flat image index (row, column, channel) of each post-mux trigger cell; other positions stay zero",
    )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return (self.height, self.width, self.channels)

    @model_validator(mode="after")
    def _positions_fit(self) -> InputSpec:
        size = self.height * self.width * self.channels
        if len(set(self.cell_positions)) != len(self.cell_positions):
            raise ValueError("cell_positions: two trigger cells share an image position")
        if any(not 0 <= p < size for p in self.cell_positions):
            raise ValueError(f"cell_positions: every position must lie in 0..{size - 1}")
        return self


class WeightedLayer(_Model):
    """What convolution and dense layers share."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    kernel: Format
    bias: Format
    product_fraction: int | None = Field(
        default=None,
        description="fraction bits every product is floored to before accumulation; null = exact products",
    )
    activation: Activation = Activation.RELU
    output: Format

    @model_validator(mode="after")
    def _formats_make_sense(self) -> WeightedLayer:
        if not self.kernel.signed or not self.bias.signed:
            raise ValueError(f"layer {self.name!r}: kernel and bias formats must be signed")
        if self.kernel.width != self.bias.width:
            raise ValueError(f"layer {self.name!r}: kernel and bias must have the same width (one register word each)")
        if self.activation is Activation.RELU and self.output.signed:
            raise ValueError(f"layer {self.name!r}: a ReLU output must be unsigned")
        return self


class Conv2D(WeightedLayer):
    """Two-dimensional convolution, channels last; ``same`` padding follows Keras (extra row/column at the end)."""

    kind: Literal["conv2d"] = "conv2d"
    filters: int = Field(ge=1)
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: Literal["same", "valid"] = "same"


class Dense(WeightedLayer):
    """Fully connected layer on the flattened (row, column, channel) input."""

    kind: Literal["dense"] = "dense"
    units: int = Field(ge=1)


Layer = Annotated[Conv2D | Dense, Field(discriminator="kind")]


class LayerGeometry(_Model):
    """Shapes and fractions of one layer, derived from its place in the structure."""

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    input_format: Format
    output_format: Format
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)


class Structure(_Model):
    """A whole encoder: input, layers, output, register profile."""

    schema_version: Literal[1] = 1
    name: str = Field(default="econ_encoder", pattern=r"^[a-z][a-z0-9_]*$")
    profile: Profile = Profile.ECON_T
    input: InputSpec = Field(default_factory=InputSpec)
    layers: tuple[Layer, ...]
    register_profile: Literal["econ_t", "generic"] = "econ_t"

    @model_validator(mode="after")
    def _consistent(self) -> Structure:
        names = [layer.name for layer in self.layers]
        if len(set(names)) != len(names):
            raise ValueError(f"layer names must be unique, found {names}")
        if not self.layers:
            raise ValueError("a structure needs at least one layer")
        geometry = self.geometry
        for layer in self.layers:
            _check_fractions(layer, geometry[layer.name].input_format)
        if len(geometry[self.layers[-1].name].output_shape) != 1:
            raise ValueError("the last layer must be dense: the latents are a vector")
        return self

    @property
    def geometry(self) -> dict[str, LayerGeometry]:
        """Shapes and formats of every layer by name, in order."""
        shape: tuple[int, ...] = self.input.shape
        fmt = self.input.format
        result: dict[str, LayerGeometry] = {}
        for layer in self.layers:
            item = _layer_geometry(layer, shape, fmt)
            result[layer.name] = item
            shape, fmt = item.output_shape, item.output_format
        return result

    @property
    def n_latents(self) -> int:
        """Number of latents."""
        return self.geometry[self.layers[-1].name].output_shape[0]

    @property
    def latent_format(self) -> Format:
        """Format of each latent."""
        return self.geometry[self.layers[-1].name].output_format

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all weight tensors in register order: ``name.kernel`` (Keras layout) and ``name.bias``."""
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in self.layers:
            geo = self.geometry[layer.name]
            if isinstance(layer, Conv2D):
                shapes[f"{layer.name}.kernel"] = (*layer.kernel_size, geo.input_shape[2], layer.filters)
                shapes[f"{layer.name}.bias"] = (layer.filters,)
            else:
                shapes[f"{layer.name}.kernel"] = (int(np.prod(geo.input_shape)), layer.units)
                shapes[f"{layer.name}.bias"] = (layer.units,)
        return shapes

    def tensor_format(self, tensor: str) -> Format:
        """Format of a weight tensor named as in `tensor_shapes`."""
        name, part = tensor.split(".")
        layer = next(item for item in self.layers if item.name == name)
        return layer.kernel if part == "kernel" else layer.bias

    @property
    def n_weights(self) -> int:
        """Number of weights and biases."""
        return sum(int(np.prod(shape)) for shape in self.tensor_shapes().values())

    @property
    def weight_bits(self) -> int:
        """Bits of one copy of the weight bank."""
        return sum(int(np.prod(s)) * self.tensor_format(t).width for t, s in self.tensor_shapes().items())

    def accumulator_fraction(self, name: str) -> int:
        """Fraction bits of a weighted layer's accumulator."""
        layer = next(item for item in self.layers if item.name == name)
        full = self.geometry[name].input_format.fraction + layer.kernel.fraction
        return full if layer.product_fraction is None else layer.product_fraction

    def to_json(self) -> str:
        """Deterministic JSON text of the structure."""
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"

    @property
    def sha256(self) -> str:
        """Hash that weight files carry; independent of the structure's name."""
        payload = self.model_dump(mode="json", exclude={"name"})
        return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


def _layer_geometry(layer: Layer, shape: tuple[int, ...], fmt: Format) -> LayerGeometry:
    """Shape inference for one layer; raises ValueError where the input does not fit."""
    if isinstance(layer, Dense):
        return LayerGeometry(
            input_shape=shape, output_shape=(layer.units,), input_format=fmt, output_format=layer.output
        )
    if len(shape) != 3:
        raise ValueError(f"layer {layer.name!r} ({layer.kind}) needs an image, but its input has shape {shape}")
    height, width, channels = shape
    (top, bottom, rows), (left, right, columns) = (
        _window(size, k, s, layer.padding)
        for size, k, s in zip((height, width), layer.kernel_size, layer.strides, strict=True)
    )
    if rows < 1 or columns < 1:
        raise ValueError(f"layer {layer.name!r}: kernel {layer.kernel_size} is larger than its input {shape}")
    return LayerGeometry(
        input_shape=shape, output_shape=(rows, columns, layer.filters), input_format=fmt, output_format=layer.output,
        pad=(top, bottom, left, right),
    )  # fmt: skip


def _window(size: int, kernel: int, stride: int, padding: str) -> tuple[int, int, int]:
    """(zeros before, zeros after, output size) of one image axis, as Keras defines ``same`` and ``valid``."""
    if padding == "valid":
        return 0, 0, (size - kernel) // stride + 1
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2, out


def _check_fractions(layer: Conv2D | Dense, fmt: Format) -> None:
    """Refuse formats in which the accumulator could not hold bias or output exactly."""
    full = fmt.fraction + layer.kernel.fraction
    acc = full if layer.product_fraction is None else layer.product_fraction
    if acc > full:
        raise ValueError(f"layer {layer.name!r}: product_fraction {acc} exceeds the product's {full} fraction bits")
    if layer.bias.fraction > acc:
        raise ValueError(
            f"layer {layer.name!r}: the bias has {layer.bias.fraction} fraction bits, the accumulator only {acc}"
        )
    if layer.output.fraction > acc:
        raise ValueError(
            f"layer {layer.name!r}: the output has {layer.output.fraction} fraction bits, the accumulator only {acc}"
        )


def econ_t_structure(
    profile: Profile | str = Profile.ECON_T, *, filters: int = 8, units: int = 16, weight_bits: int = 6
) -> Structure:
    """The chip's own encoder: 8x8x1 -> conv 3x3 stride 2 -> ReLU -> dense -> ReLU.

    Weights are ``weight_bits`` wide with ``weight_bits - 1`` fraction bits; hidden values have 8 bits (7 fraction),
    latents 9 bits (8 fraction), saturating (facts/econ-t.md section 1.4). In profile ``econ_t`` convolution products
    are floored to 7 and dense products to 8 fraction bits; in ``exact`` the only rounding is half-to-even at the
    activation, which is what QKeras quantisers do.
    """
    profile = Profile(profile)
    floored = profile is Profile.ECON_T
    weight = Format(width=weight_bits, fraction=weight_bits - 1, signed=True)
    rounding = Rounding.FLOOR if floored else Rounding.HALF_EVEN
    conv = Conv2D(
        name="conv", filters=filters, kernel_size=(3, 3), strides=(2, 2), kernel=weight, bias=weight,
        product_fraction=7 if floored else None, output=Format(width=8, fraction=7, signed=False, rounding=rounding),
    )  # fmt: skip
    dense = Dense(
        name="dense", units=units, kernel=weight, bias=weight,
        product_fraction=8 if floored else None, output=Format(width=9, fraction=8, signed=False, rounding=rounding),
    )  # fmt: skip
    standard = (filters, units, weight_bits) == (8, 16, 6)
    return Structure(profile=profile, layers=(conv, dense), register_profile="econ_t" if standard else "generic")


def read_structure(path: Path) -> Structure:
    """Read and validate ``encoder.json``.

    Raises:
        StructureError: the file is missing, is not JSON, or does not describe a structure the flow builds.
    """
    try:
        return Structure.model_validate_json(path.read_text())
    except OSError as error:
        raise StructureError(
            f"reading structure {path}: {error.strerror}. Train or export an encoder first."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "top level"
        raise StructureError(f"reading structure {path}: at {where}: {first['msg']}") from error
