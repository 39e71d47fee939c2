"""Accumulator bounds that hold for every weight set.

Weights are reprogrammable, so widths cannot come from one trained model. Every product is monotonic in each operand,
hence the extremes of a sum are reached by all-minimum and all-maximum weights on the largest inputs: the bounds are
exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asic_flow.formats import Integers
from asic_flow.ir import Conv2D, Dense, LayerGeometry, Structure


@dataclass(frozen=True)
class AccumulatorBounds:
    """Range of a layer's accumulator over all inputs and all weight sets, as integers.

    Attributes:
        minimum: smallest sum including the bias.
        maximum: largest sum including the bias.
        fraction: fraction bits.
        products: products that can differ from zero in the widest sum.
        live_products: products over the whole layer that can ever differ from zero.
    """

    minimum: int
    maximum: int
    fraction: int
    products: int
    live_products: int

    @property
    def width(self) -> int:
        """Bits of the smallest two's-complement accumulator that never overflows."""
        return max(self.maximum.bit_length(), (-self.minimum - 1).bit_length() if self.minimum < 0 else 0) + 1


def accumulator_bounds(structure: Structure) -> dict[str, AccumulatorBounds]:
    """Bounds of every layer by name, propagated from the live image positions to the latents."""
    spec = structure.input
    largest = np.zeros(spec.height * spec.width * spec.channels, dtype=np.int64)
    largest[list(spec.cell_positions)] = spec.format.maximum
    values = largest.reshape(spec.shape)
    result: dict[str, AccumulatorBounds] = {}
    for layer in structure.layers:
        geo = structure.geometry[layer.name]
        windows = layer_windows(layer, geo, values)
        fraction = structure.accumulator_fraction(layer.name)
        drop = geo.input_format.fraction + layer.kernel.fraction - fraction
        shift = fraction - layer.bias.fraction
        low = ((windows * layer.kernel.minimum) >> drop).sum(axis=1) + (layer.bias.minimum << shift)
        high = ((windows * layer.kernel.maximum) >> drop).sum(axis=1) + (layer.bias.maximum << shift)
        live = (windows > 0).sum(axis=1)
        outputs = layer.filters if isinstance(layer, Conv2D) else layer.units
        result[layer.name] = AccumulatorBounds(
            int(low.min()), int(high.max()), fraction, int(live.max()), int(live.sum()) * outputs
        )
        reach = layer.output.cast(high, fraction)
        values = np.broadcast_to(reach[:, None], (len(reach), outputs)).reshape(geo.output_shape)
    return result


def layer_windows(layer: Conv2D | Dense, geo: LayerGeometry, values: Integers) -> Integers:
    """Inputs of each output position as rows: int64[positions, products], in kernel order (row, column, channel)."""
    if isinstance(layer, Dense):
        return values.reshape(1, -1)
    top, bottom, left, right = geo.pad
    padded = np.pad(values, ((top, bottom), (left, right), (0, 0)))
    (rows, columns), (k_rows, k_columns) = geo.output_shape[:2], layer.kernel_size
    return np.stack(
        [
            padded[
                r * layer.strides[0] : r * layer.strides[0] + k_rows,
                c * layer.strides[1] : c * layer.strides[1] + k_columns,
            ].reshape(-1)
            for r in range(rows)
            for c in range(columns)
        ]
    )
