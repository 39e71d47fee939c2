"""Reference forward pass of the emulator: one literal loop nest per kind of layer, nothing folded or packed.

The fast engine (`asic_flow.emulator_native`) is compared with this one; where no C++ compiler is installed it does the work.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from asic_flow.bounds import accumulator_bounds
from asic_flow.errors import FlowError
from asic_flow.formats import Integers
from asic_flow.ir import Activation, ActivationLayer, Conv2D, Dense, Pool2D, Structure
from asic_flow.layers import input_taps, mean_shift
from asic_flow.weights import WeightSet

_BATCH = 4096


class ReferenceEngine:
    """All layers of a structure with one weight set, as int32 arrays."""

    def __init__(self, weights: WeightSet) -> None:
        structure = weights.structure
        check_widths(structure)
        self._structure = structure
        self._weights = weights

    def run(self, images: NDArray[Any]) -> Integers:
        """Latents int64[n, latents] of images int[n, height, width, channels] that lie in the input format."""
        parts = [self._forward(images[start : start + _BATCH])[-1] for start in range(0, len(images), _BATCH)]
        return np.concatenate(parts) if parts else np.empty((0, self._structure.n_latents), dtype=np.int64)

    def trace(self, images: NDArray[Any]) -> dict[str, Integers]:
        """Output of every layer by name, int64[n, *output shape]."""
        names = [layer.name for layer in self._structure.layers]
        return dict(zip(names, self._forward(images), strict=True))

    def _forward(self, images: NDArray[Any]) -> list[Integers]:
        outputs: list[Integers] = []
        values = images.astype(np.int32)
        geometry = self._structure.geometry
        for layer in self._structure.layers:
            geo = geometry[layer.name]
            flat = values.reshape(len(values), -1)
            taps = input_taps(layer, geo)
            if isinstance(layer, Conv2D | Dense):
                result = self._weighted(layer, flat, taps)
            elif isinstance(layer, Pool2D) and layer.mode == "average":
                result = geo.output_format.cast(
                    _windows(flat, taps).sum(axis=2), geo.input_format.fraction + mean_shift(layer)
                )
            elif isinstance(layer, Pool2D):
                lowest = np.where(taps < 0, geo.input_format.minimum, 0)  # a tap outside the image never wins
                result = (_windows(flat, taps) + lowest).max(axis=2)
            elif isinstance(layer, ActivationLayer):
                active = np.maximum(flat, 0) if layer.activation is Activation.RELU else flat
                result = layer.output.cast(active.astype(np.int64), geo.input_format.fraction)
            else:
                result = _windows(flat, taps)[:, :, 0]
            outputs.append(result.astype(np.int64).reshape(len(values), *geo.output_shape))
            values = outputs[-1].astype(np.int32)
        return outputs

    def _weighted(self, layer: Conv2D | Dense, flat: NDArray[np.int32], taps: Integers) -> Integers:
        fraction = self._structure.accumulator_fraction(layer.name)
        kernel = self._weights.tensors[f"{layer.name}.kernel"]
        bias = self._weights.tensors[f"{layer.name}.bias"] << (fraction - layer.bias.fraction)
        drop = self._structure.product_drop(layer.name)
        matrix = np.ascontiguousarray(kernel.reshape(-1, kernel.shape[-1]), dtype=np.int32)
        sums = _sums(flat, taps, matrix, bias.astype(np.int32), drop)
        if layer.activation is Activation.RELU:
            np.maximum(sums, 0, out=sums)
        return layer.output.cast(sums.astype(np.int64), fraction)


def check_widths(structure: Structure) -> None:
    """Refuse accumulators that 32-bit arithmetic cannot hold.

    Raises:
        FlowError: with the layer and its width.
    """
    for name, bounds in accumulator_bounds(structure).items():
        if bounds.width > 32:
            raise FlowError(
                f"emulator: layer {name!r} needs a {bounds.width}-bit accumulator; at most 32 are supported"
            )


def _windows(flat: NDArray[Any], taps: Integers) -> Integers:
    """Tapped values int64[n, positions, taps]; zero where a tap is -1."""
    return np.where(taps < 0, 0, flat[:, taps]).astype(np.int64)


@numba.njit(parallel=True, cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sums(values: Any, taps: Any, kernel: Any, bias: Any, drop: int) -> Any:
    events = values.shape[0]
    positions, n_taps = taps.shape
    outputs = kernel.shape[1]
    out = np.empty((events, positions, outputs), dtype=np.int32)
    for event in numba.prange(events):
        for position in range(positions):
            sums = bias.copy()
            for tap in range(n_taps):
                index = taps[position, tap]
                value = values[event, index] if index >= 0 else np.int32(0)
                if value != 0:
                    for o in range(outputs):
                        sums[o] += np.int32(value * kernel[tap, o]) >> drop
            out[event, position] = sums
    return out
