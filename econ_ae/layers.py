"""Encoder layers whose forward pass is the hardware's integer arithmetic, and whose gradient is the smooth one.

The chip floors every product before it adds (facts/econ-t.md 1.4 g, h). A layer below does the same with float32
numbers that are all multiples of a power of two and stay far below 2**24 steps, so every float operation is exact
and the result equals `asic_flow.emulator` bit for bit, whatever the order of summation. The gradient is that of the
product without the floor (straight-through estimator), because the floor itself has gradient zero almost
everywhere.

Without a ``product_fraction`` (or while ``smooth_products`` is set, for ablations) the layers are plain
`qkeras.QConv2D` and `qkeras.QDense` (profile ``exact``).
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from qkeras import QConv2D, QDense

Tensor = Any


def floored_matmul(values: Tensor, kernel: Tensor, fraction: int) -> Tensor:
    """``sum_k floor(values[:, k] * kernel[k, u] * 2**fraction) / 2**fraction``; gradient of ``values @ kernel``.

    Args:
        values: float32[n, k], multiples of a power of two.
        kernel: float32[k, u], multiples of a power of two.
        fraction: fraction bits every product is floored to.

    Returns:
        float32[n, u].
    """
    smooth = tf.matmul(values, kernel)
    scaled = tf.stop_gradient(kernel) * float(1 << fraction)
    inputs = tf.stop_gradient(values)
    terms = [(inputs[:, k, None], scaled[k]) for k in range(kernel.shape[0])]
    return smooth + tf.stop_gradient(_sum_of_floors(terms) / float(1 << fraction) - smooth)


def floored_convolution(
    images: Tensor, kernel: Tensor, strides: tuple[int, int], padding: str, fraction: int
) -> Tensor:
    """Convolution whose every product is floored to `fraction` fraction bits; gradient of the plain convolution.

    ``same`` pads zeros as Keras does: one more row and column at the end than at the beginning where the total is
    odd.

    Args:
        images: float32[n, height, width, channels], multiples of a power of two.
        kernel: float32[rows, columns, channels, filters], multiples of a power of two.
        strides: (rows, columns).
        padding: ``same`` or ``valid``.
        fraction: fraction bits every product is floored to.

    Returns:
        float32[n, rows, columns, filters].
    """
    smooth = tf.nn.conv2d(images, kernel, strides, padding.upper())
    k_rows, k_columns, channels, _ = kernel.shape
    rows, top, bottom = _window(int(images.shape[1]), k_rows, strides[0], padding)
    columns, left, right = _window(int(images.shape[2]), k_columns, strides[1], padding)
    padded = tf.pad(tf.stop_gradient(images), [[0, 0], [top, bottom], [left, right], [0, 0]])
    scaled = tf.stop_gradient(kernel) * float(1 << fraction)
    terms = []
    for i in range(k_rows):
        for j in range(k_columns):
            row_end, column_end = i + (rows - 1) * strides[0] + 1, j + (columns - 1) * strides[1] + 1
            window = padded[:, i : row_end : strides[0], j : column_end : strides[1]]
            terms += [(window[..., c, None], scaled[i, j, c]) for c in range(channels)]
    return smooth + tf.stop_gradient(_sum_of_floors(terms) / float(1 << fraction) - smooth)


def _sum_of_floors(terms: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Sum of floor(a * b): written out term by term, so that XLA makes one vectorised loop without temporaries."""
    total = tf.floor(terms[0][0] * terms[0][1])
    for value, weight in terms[1:]:
        total = total + tf.floor(value * weight)
    return total


def _window(size: int, kernel: int, stride: int, padding: str) -> tuple[int, int, int]:
    """(output size, zeros before, zeros after) of one image axis."""
    if padding == "valid":
        return (size - kernel) // stride + 1, 0, 0
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return out, total // 2, total - total // 2


@keras.saving.register_keras_serializable(package="econ_ae")
class FlooredConv2D(QConv2D):  # type: ignore[misc]
    """`qkeras.QConv2D` with every product floored to ``product_fraction`` bits (None: plain QConv2D)."""

    def __init__(self, *args: Any, product_fraction: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.product_fraction = product_fraction
        self.smooth_products = False

    def call(self, inputs: Tensor) -> Tensor:
        """Forward pass on float32[n, height, width, channels]."""
        if self.product_fraction is None or self.smooth_products:
            return super().call(inputs)
        kernel = self.kernel_quantizer_internal(self.kernel)
        out = floored_convolution(inputs, kernel, self.strides, self.padding, self.product_fraction)
        if self.use_bias:
            out = out + self.bias_quantizer_internal(self.bias)
        return out if self.activation is None else self.activation(out)

    def get_config(self) -> dict[str, Any]:
        """Keras configuration with ``product_fraction``."""
        return {**super().get_config(), "product_fraction": self.product_fraction}


@keras.saving.register_keras_serializable(package="econ_ae")
class FlooredDense(QDense):  # type: ignore[misc]
    """`qkeras.QDense` with every product floored to ``product_fraction`` bits (None: plain QDense)."""

    def __init__(self, *args: Any, product_fraction: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.product_fraction = product_fraction
        self.smooth_products = False

    def call(self, inputs: Tensor) -> Tensor:
        """Forward pass on float32[n, inputs]."""
        if self.product_fraction is None or self.smooth_products:
            return super().call(inputs)
        out = floored_matmul(inputs, self.kernel_quantizer_internal(self.kernel), self.product_fraction)
        if self.use_bias:
            out = out + self.bias_quantizer_internal(self.bias)
        return out if self.activation is None else self.activation(out)

    def get_config(self) -> dict[str, Any]:
        """Keras configuration with ``product_fraction``."""
        return {**super().get_config(), "product_fraction": self.product_fraction}
