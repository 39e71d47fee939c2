"""Layers of the intermediate representation, their shapes, and which inputs every output reads.

A layer never holds weights, only formats and geometry. Tensors are channels last and flattened as (row, column, channel).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from asic_flow.formats import Format, Integers


class Activation(StrEnum):
    """Activation applied before the output cast."""

    RELU = "relu"
    LINEAR = "linear"


class Model(BaseModel):
    """Base of everything in ``encoder.json``: immutable, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
_Positive = Annotated[int, Field(ge=1)]
_Count = Annotated[int, Field(ge=0)]


class WeightedLayer(Model):
    """What convolution and dense layers share."""

    name: _Name
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
        _check_relu(self.name, self.activation, self.output)
        return self


class Conv2D(WeightedLayer):
    """Two-dimensional convolution, channels last; ``same`` padding follows Keras (extra row/column at the end)."""

    kind: Literal["conv2d"] = "conv2d"
    filters: int = Field(ge=1)
    kernel_size: tuple[_Positive, _Positive]
    strides: tuple[_Positive, _Positive] = (1, 1)
    padding: Literal["same", "valid"] = "same"


class Dense(WeightedLayer):
    """Fully connected layer on the flattened (row, column, channel) input."""

    kind: Literal["dense"] = "dense"
    units: int = Field(ge=1)


class Pool2D(Model):
    """Pooling of each channel.

    ``max`` keeps the input's format; with ``same`` padding a window at the edge is cut to the image, as in Keras.
    ``average`` adds a window of a power of two values exactly and casts the mean once, into `output`.
    """

    kind: Literal["pool2d"] = "pool2d"
    name: _Name
    mode: Literal["max", "average"]
    pool_size: tuple[_Positive, _Positive]
    strides: tuple[_Positive, _Positive]
    padding: Literal["same", "valid"] = "valid"
    output: Format | None = Field(default=None, description="format of a mean; null for max, which changes nothing")

    @model_validator(mode="after")
    def _buildable(self) -> Pool2D:
        taps = self.pool_size[0] * self.pool_size[1]
        if self.mode == "max" and self.output is not None:
            raise ValueError(f"layer {self.name!r}: max pooling keeps its input's format; leave output out")
        if self.mode == "average":
            if self.output is None:
                raise ValueError(f"layer {self.name!r}: average pooling needs an output format: a mean is rounded")
            if taps & (taps - 1):
                raise ValueError(
                    f"layer {self.name!r}: a mean over {taps} values is no shift; use a window of a power of two"
                )
            if self.padding != "valid":
                raise ValueError(
                    f"layer {self.name!r}: average pooling needs padding 'valid': a cut window is no shift"
                )
        return self


class ZeroPad2D(Model):
    """Rows and columns of zeros around an image: (top, bottom, left, right)."""

    kind: Literal["zero_pad2d"] = "zero_pad2d"
    name: _Name
    padding: tuple[_Count, _Count, _Count, _Count]


class Flatten(Model):
    """Image to vector in the order (row, column, channel)."""

    kind: Literal["flatten"] = "flatten"
    name: _Name


class ActivationLayer(Model):
    """Activation and cast of every value, without weights: ReLU, or linear with a saturating (signed) output."""

    kind: Literal["activation"] = "activation"
    name: _Name
    activation: Activation = Activation.RELU
    output: Format

    @model_validator(mode="after")
    def _formats_make_sense(self) -> ActivationLayer:
        _check_relu(self.name, self.activation, self.output)
        return self


Layer = Annotated[Conv2D | Dense | Pool2D | ZeroPad2D | Flatten | ActivationLayer, Field(discriminator="kind")]


class LayerGeometry(Model):
    """Shapes and formats of one layer, derived from its place in the structure.

    `pad` are the rows and columns in front of and behind the image that windows reach: (top, bottom, left, right).
    """

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    input_format: Format
    output_format: Format
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def input_image(self) -> tuple[int, int, int]:
        """Input as (height, width, channels); a vector is one row of one channel."""
        return _image(self.input_shape)

    @property
    def output_image(self) -> tuple[int, int, int]:
        """Output as (height, width, channels); a vector is one row of one channel."""
        return _image(self.output_shape)


def _image(shape: tuple[int, ...]) -> tuple[int, int, int]:
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 else (1, shape[0], 1)


def layer_geometry(layer: Layer, shape: tuple[int, ...], fmt: Format) -> LayerGeometry:
    """Shapes and formats of a layer behind an input of `shape` and `fmt`.

    Raises:
        ValueError: the input does not fit, or a format could not hold bias or output exactly (named in the message).
    """
    size = int(np.prod(shape))

    def made(
        output_shape: tuple[int, ...], output: Format, pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    ) -> LayerGeometry:
        return LayerGeometry(
            input_shape=shape, output_shape=output_shape, input_format=fmt, output_format=output, pad=pad
        )

    if isinstance(layer, Flatten):
        return made((size,), fmt)
    if isinstance(layer, ActivationLayer):
        _check_fraction(layer.name, "output", layer.output.fraction, fmt.fraction, "input")
        return made(shape, layer.output)
    if isinstance(layer, Dense):
        check_accumulator(layer, fmt)
        return made((layer.units,), layer.output)
    if len(shape) != 3:
        raise ValueError(f"layer {layer.name!r} ({layer.kind}) needs an image, but its input has shape {shape}")
    height, width, channels = shape
    if isinstance(layer, ZeroPad2D):
        top, bottom, left, right = layer.padding
        padded = (height + top + bottom, width + left + right, channels)
        return made(padded, fmt, layer.padding)
    window = layer.kernel_size if isinstance(layer, Conv2D) else layer.pool_size
    (before_row, after_row, rows), (before_column, after_column, columns) = (
        _window(extent, k, s, layer.padding)
        for extent, k, s in zip((height, width), window, layer.strides, strict=True)
    )
    if rows < 1 or columns < 1:
        raise ValueError(f"layer {layer.name!r}: window {window} is larger than its input {shape}")
    pad = (before_row, after_row, before_column, after_column)
    if isinstance(layer, Pool2D):
        output = layer.output or fmt
        _check_fraction(layer.name, "output", output.fraction, fmt.fraction + mean_shift(layer), "sum")
        return made((rows, columns, channels), output, pad)
    check_accumulator(layer, fmt)
    return made((rows, columns, layer.filters), layer.output, pad)


def mean_shift(layer: Pool2D) -> int:
    """Fraction bits that the sum of an average pooling window has more than its input."""
    return (layer.pool_size[0] * layer.pool_size[1]).bit_length() - 1 if layer.mode == "average" else 0


def input_taps(layer: Layer, geometry: LayerGeometry) -> Integers:
    """Flat input index of every tap of every output position: int64[positions, taps], -1 where zeros are read.

    Positions are (row, column) of a convolution, all of a dense layer (one position), and every single value of the
    other layers. The taps of a weighted layer are in kernel order (row, column, input channel).
    """
    height, width, channels = geometry.input_image
    index = np.arange(height * width * channels, dtype=np.int64)
    if isinstance(layer, Dense):
        return index[None, :]
    if isinstance(layer, Flatten | ActivationLayer):
        return index[:, None]
    top, bottom, left, right = geometry.pad
    image = np.pad(index.reshape(height, width, channels), ((top, bottom), (left, right), (0, 0)), constant_values=-1)
    if isinstance(layer, ZeroPad2D):
        return image.reshape(-1, 1)
    rows, columns = geometry.output_shape[:2]
    size = layer.kernel_size if isinstance(layer, Conv2D) else layer.pool_size
    windows = np.stack(
        [
            image[r * layer.strides[0] :, c * layer.strides[1] :][: size[0], : size[1]]
            for r in range(rows)
            for c in range(columns)
        ]
    )
    if isinstance(layer, Conv2D):
        return windows.reshape(rows * columns, -1)
    return windows.transpose(0, 3, 1, 2).reshape(rows * columns * channels, -1)


def _window(size: int, kernel: int, stride: int, padding: str) -> tuple[int, int, int]:
    """(zeros before, zeros after, output size) of one image axis, as Keras defines ``same`` and ``valid``."""
    if padding == "valid":
        return 0, 0, (size - kernel) // stride + 1
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2, out


def check_accumulator(layer: Conv2D | Dense, fmt: Format) -> None:
    """Refuse formats in which the accumulator could not hold bias or output exactly."""
    full = fmt.fraction + layer.kernel.fraction
    acc = full if layer.product_fraction is None else layer.product_fraction
    if acc > full:
        raise ValueError(f"layer {layer.name!r}: product_fraction {acc} exceeds the product's {full} fraction bits")
    _check_fraction(layer.name, "bias", layer.bias.fraction, acc, "accumulator")
    _check_fraction(layer.name, "output", layer.output.fraction, acc, "accumulator")


def _check_fraction(name: str, what: str, fraction: int, available: int, where: str) -> None:
    if fraction > available:
        raise ValueError(f"layer {name!r}: the {what} has {fraction} fraction bits, the {where} only {available}")


def _check_relu(name: str, activation: Activation, output: Format) -> None:
    if activation is Activation.RELU and output.signed:
        raise ValueError(f"layer {name!r}: a ReLU output must be unsigned")
