"""Accumulator bounds that hold for every weight set.

Weights are reprogrammable, so widths cannot come from one trained model. A product is linear in each operand and its floor is
monotonic, so the extremes of every product lie at the corners of its operands' ranges, and intervals of inputs, products and
sums follow layer by layer. For inputs that are never negative the extremes are reached by all-minimum and all-maximum weights:
the bounds are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asic_flow.formats import Format, Integers, Overflow, shift_round
from asic_flow.ir import Activation, ActivationLayer, Conv2D, Dense, LayerGeometry, Pool2D, Structure
from asic_flow.layers import Layer, input_taps, mean_shift


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


@dataclass(frozen=True)
class Interval:
    """Smallest and largest integer of every value of a tensor, flattened: int64[values] each."""

    low: Integers
    high: Integers

    def windows(self, taps: Integers, outside: int = 0) -> Interval:
        """Intervals of tapped values, int64[positions, taps]; `outside` where a tap is -1."""
        return Interval(np.where(taps < 0, outside, self.low[taps]), np.where(taps < 0, outside, self.high[taps]))


def accumulator_bounds(structure: Structure) -> dict[str, AccumulatorBounds]:
    """Bounds of every layer with weights by name, propagated from the live image positions to the latents."""
    spec = structure.input
    live = np.zeros(spec.height * spec.width * spec.channels, dtype=np.int64)
    live[list(spec.cell_positions)] = 1
    values = Interval(live * spec.format.minimum, live * spec.format.maximum)
    result: dict[str, AccumulatorBounds] = {}
    geometry = structure.geometry
    for layer in structure.layers:
        geo = geometry[layer.name]
        never_wins = isinstance(layer, Pool2D) and layer.mode == "max"
        windows = values.windows(input_taps(layer, geo), geo.input_format.minimum if never_wins else 0)
        if isinstance(layer, Conv2D | Dense):
            result[layer.name], values = _weighted(structure, layer, geo, windows)
        else:
            values = _unweighted(layer, geo, windows)
    return result


def _weighted(
    structure: Structure, layer: Conv2D | Dense, geo: LayerGeometry, windows: Interval
) -> tuple[AccumulatorBounds, Interval]:
    fraction = structure.accumulator_fraction(layer.name)
    drop = geo.input_format.fraction + layer.kernel.fraction - fraction
    shift = fraction - layer.bias.fraction
    corners = [
        (x * w) >> drop for x in (windows.low, windows.high) for w in (layer.kernel.minimum, layer.kernel.maximum)
    ]
    low = np.minimum.reduce(corners).sum(axis=1) + (layer.bias.minimum << shift)
    high = np.maximum.reduce(corners).sum(axis=1) + (layer.bias.maximum << shift)
    live = ((windows.low != 0) | (windows.high != 0)).sum(axis=1)
    outputs = layer.filters if isinstance(layer, Conv2D) else layer.units
    bounds = AccumulatorBounds(int(low.min()), int(high.max()), fraction, int(live.max()), int(live.sum()) * outputs)
    reach = _cast(low, high, layer.activation, layer.output, fraction)
    return bounds, Interval(np.repeat(reach.low, outputs), np.repeat(reach.high, outputs))


def _unweighted(layer: Layer, geo: LayerGeometry, windows: Interval) -> Interval:
    if isinstance(layer, ActivationLayer):
        return _cast(
            windows.low[:, 0], windows.high[:, 0], layer.activation, layer.output, geo.input_format.fraction
        )  # fmt: skip
    if isinstance(layer, Pool2D) and layer.mode == "average":
        fraction = geo.input_format.fraction + mean_shift(layer)
        return _cast(windows.low.sum(axis=1), windows.high.sum(axis=1), Activation.LINEAR, geo.output_format, fraction)
    return Interval(windows.low.max(axis=1), windows.high.max(axis=1))


def _cast(low: Integers, high: Integers, activation: Activation, output: Format, fraction: int) -> Interval:
    """Interval behind activation and cast; the whole format where a value may wrap."""
    if activation is Activation.RELU:
        low, high = np.maximum(low, 0), np.maximum(high, 0)
    rounded = [shift_round(v, fraction - output.fraction, output.rounding) for v in (low, high)]
    ends = [output.cast(v, fraction) for v in (low, high)]
    wraps = (
        (ends[0] != rounded[0]) | (ends[1] != rounded[1])
        if output.overflow is Overflow.WRAP
        else np.zeros(len(low), bool)
    )
    return Interval(np.where(wraps, output.minimum, ends[0]), np.where(wraps, output.maximum, ends[1]))
