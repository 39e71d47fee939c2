"""Bit-exact emulator of an encoder: integers in, integers out, batched and multi-threaded.

This is the reference every other level (Keras, C++, RTL) is compared with. It follows `asic_flow.ir` literally:
products, optional floor of each product, sum with the shifted bias, activation, one cast.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from asic_flow.bounds import accumulator_bounds
from asic_flow.errors import FlowError
from asic_flow.formats import Integers
from asic_flow.ir import Activation, Conv2D, Dense, LayerGeometry, Structure
from asic_flow.weights import WeightSet

_BATCH = 16384


class Emulator:
    """Emulator of one structure with one weight set.

    Example:
        >>> latents = Emulator(structure, weights).run(images)   # int64[n, 16]
    """

    def __init__(self, weights: WeightSet) -> None:
        self.structure = weights.structure
        self._plan = [_LayerPlan(self.structure, layer, weights) for layer in self.structure.layers]

    def run(self, images: NDArray[Any]) -> Integers:
        """Latents of a batch of images.

        Args:
            images: integers of shape (n, height, width) or (n, height, width, channels), inside the input format.

        Returns:
            int64[n, latents], integers in the structure's latent format.

        Raises:
            FlowError: wrong shape, or a value outside the input format.
        """
        values = self._check(images)
        out = np.empty((len(values), self.structure.n_latents), dtype=np.int64)
        for start in range(0, len(values), _BATCH):
            batch = values[start : start + _BATCH]
            for plan in self._plan:
                batch = plan.run(batch)
            out[start : start + _BATCH] = batch
        return out

    def trace(self, images: NDArray[Any]) -> dict[str, Integers]:
        """Output integers of every layer by name (first axis: event). Arguments and errors as in `run`."""
        batch = self._check(images)
        result: dict[str, Integers] = {}
        for plan in self._plan:
            batch = plan.run(batch)
            result[plan.name] = batch.astype(np.int64)
        return result

    def _check(self, images: NDArray[Any]) -> NDArray[np.int32]:
        spec = self.structure.input
        array = np.asarray(images)
        if not np.issubdtype(array.dtype, np.integer):
            raise FlowError(f"emulator: images must be integers in the input format, found dtype {array.dtype}")
        if array.ndim == 3:
            array = array[..., None]
        if array.shape[1:] != spec.shape:
            raise FlowError(f"emulator: images have shape {array.shape[1:]}, the structure expects {spec.shape}")
        if array.size and (array.min() < spec.format.minimum or array.max() > spec.format.maximum):
            raise FlowError(
                f"emulator: image values {int(array.min())}..{int(array.max())} leave the input format's "
                f"{spec.format.minimum}..{spec.format.maximum}"
            )
        return array.astype(np.int32)


class _LayerPlan:
    """One layer prepared for execution: int32 weights laid out for the kernels below."""

    def __init__(self, structure: Structure, layer: Conv2D | Dense, weights: WeightSet) -> None:
        bounds = accumulator_bounds(structure)[layer.name]
        if bounds.width > 32:
            raise FlowError(
                f"emulator: layer {layer.name!r} needs a {bounds.width}-bit accumulator; at most 32 are supported"
            )
        geo: LayerGeometry = structure.geometry[layer.name]
        fraction = structure.accumulator_fraction(layer.name)
        self.name = layer.name
        self._layer = layer
        self._geo = geo
        self._fraction = fraction
        self._drop = geo.input_format.fraction + layer.kernel.fraction - fraction
        self._kernel = np.ascontiguousarray(weights.tensors[f"{layer.name}.kernel"], dtype=np.int32)
        self._bias = (weights.tensors[f"{layer.name}.bias"] << (fraction - layer.bias.fraction)).astype(np.int32)

    def run(self, values: NDArray[np.int32]) -> NDArray[np.int32]:
        if isinstance(self._layer, Dense):
            sums = _dense(values.reshape(len(values), -1), self._kernel, self._bias, self._drop)
        else:
            top, bottom, left, right = self._geo.pad
            padded = np.pad(values, ((0, 0), (top, bottom), (left, right), (0, 0)))
            rows, columns = self._geo.output_shape[:2]
            sums = _conv(padded, self._kernel, self._bias, self._drop, *self._layer.strides, rows, columns)
        if self._layer.activation is Activation.RELU:
            np.maximum(sums, 0, out=sums)
        return self._layer.output.cast(sums.astype(np.int64), self._fraction).astype(np.int32)


@numba.njit(parallel=True, cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _dense(values: Any, kernel: Any, bias: Any, drop: int) -> Any:
    events, inputs = values.shape
    units = kernel.shape[1]
    out = np.empty((events, units), dtype=np.int32)
    for event in numba.prange(events):
        sums = bias.copy()
        for i in range(inputs):
            value = values[event, i]
            if value != 0:
                for unit in range(units):
                    sums[unit] += np.int32(value * kernel[i, unit]) >> drop
        out[event] = sums
    return out


@numba.njit(parallel=True, cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _conv(
    values: Any, kernel: Any, bias: Any, drop: int, step_row: int, step_column: int, rows: int, columns: int
) -> Any:
    events = values.shape[0]
    k_rows, k_columns, channels, filters = kernel.shape
    out = np.empty((events, rows, columns, filters), dtype=np.int32)
    for event in numba.prange(events):
        for row in range(rows):
            for column in range(columns):
                sums = bias.copy()
                for i in range(k_rows):
                    for j in range(k_columns):
                        for channel in range(channels):
                            value = values[event, row * step_row + i, column * step_column + j, channel]
                            if value != 0:
                                for f in range(filters):
                                    sums[f] += np.int32(value * kernel[i, j, channel, f]) >> drop
                out[event, row, column] = sums
    return out
