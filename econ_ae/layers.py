"""Encoder layers whose forward pass is the hardware's integer arithmetic, and whose gradient is the smooth one.

The chip floors every product before it adds (facts/econ-t.md 1.4 g, h). A layer below does the same with float32 numbers that
are all multiples of a power of two and stay far below 2**24 steps, so every float operation is exact and the result equals
`asic_flow.emulator` bit for bit, whatever the order of summation. The gradient is that of the product without the floor
(straight-through estimator), because the floor itself has gradient zero almost everywhere.

Without a ``product_fraction`` (or while ``smooth_products`` is set, for ablations) the layers are plain `qkeras.QConv2D` and `qkeras.QDense` (profile ``exact``).
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from qkeras import QConv2D, QDense

Tensor = Any



def floored_matmul(values: Tensor, kernel: Tensor, fraction: int) -> Tensor:
    """``sum_k floor(values[..., k] * kernel[k, u] * 2**fraction) / 2**fraction`` with the gradient of ``values @ kernel``.

    Args:
        values: float32[..., k], multiples of a power of two.
        kernel: float32[k, u], multiples of a power of two.
        fraction: fraction bits every product is floored to.

    Returns:
        float32[..., u].
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def operation(x: Tensor, w: Tensor) -> tuple[Tensor, Any]:
        step = float(1 << fraction)
        out = tf.reduce_sum(tf.floor(x[:, :, None] * (w * step)[None]), axis=1) / step

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            return tf.matmul(upstream, w, transpose_b=True), tf.matmul(x, upstream, transpose_a=True)

        return out, gradient

    inner = values.shape[-1]
    flat = operation(tf.reshape(values, (-1, inner)), kernel)
    return tf.reshape(flat, tf.concat([tf.shape(values)[:-1], [kernel.shape[-1]]], axis=0))


def image_patches(images: Tensor, kernel_size: tuple[int, int], strides: tuple[int, int], padding: str) -> Tensor:
    """Windows of a convolution in kernel order (row, column, channel): float32[n, rows, columns, products].

    ``same`` pads zeros as Keras does: one more row and column at the end than at the beginning where the total is odd.
    """
    height, width = int(images.shape[1]), int(images.shape[2])
    rows, top, bottom = _window(height, kernel_size[0], strides[0], padding)
    columns, left, right = _window(width, kernel_size[1], strides[1], padding)
    padded = tf.pad(images, [[0, 0], [top, bottom], [left, right], [0, 0]])
    parts = [
        padded[:, i : i + (rows - 1) * strides[0] + 1 : strides[0], j : j + (columns - 1) * strides[1] + 1 : strides[1]]
        for i in range(kernel_size[0])
        for j in range(kernel_size[1])
    ]
    return tf.concat(parts, axis=-1)


def _window(size: int, kernel: int, stride: int, padding: str) -> tuple[int, int, int]:
    """(output size, zeros before, zeros after) of one image axis."""
    if padding == "valid":
        return (size - kernel) // stride + 1, 0, 0
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return out, total // 2, total - total // 2


@keras.saving.register_keras_serializable(package="econ_ae")
class FlooredConv2D(QConv2D):  # type: ignore[misc]
    """`qkeras.QConv2D` whose products are floored to ``product_fraction`` bits before accumulation (None: plain QConv2D)."""

    def __init__(self, *args: Any, product_fraction: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.product_fraction = product_fraction
        self.smooth_products = False

    def call(self, inputs: Tensor) -> Tensor:
        """Forward pass on float32[n, height, width, channels]."""
        if self.product_fraction is None or self.smooth_products:
            return super().call(inputs)
        kernel = self.kernel_quantizer_internal(self.kernel)
        patches = image_patches(inputs, self.kernel_size, self.strides, self.padding)
        out = floored_matmul(patches, tf.reshape(kernel, (-1, self.filters)), self.product_fraction)
        if self.use_bias:
            out = out + self.bias_quantizer_internal(self.bias)
        return out if self.activation is None else self.activation(out)

    def get_config(self) -> dict[str, Any]:
        """Keras configuration with ``product_fraction``."""
        return {**super().get_config(), "product_fraction": self.product_fraction}


@keras.saving.register_keras_serializable(package="econ_ae")
class FlooredDense(QDense):  # type: ignore[misc]
    """`qkeras.QDense` whose products are floored to ``product_fraction`` bits before accumulation (None: plain QDense)."""

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
