"""Which values inside an encoder can differ from zero, and which depend on weights only: what the compact datapath leaves out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from asic_flow.formats import Integers
from asic_flow.ir import Activation, Conv2D, Dense, Flatten, LayerGeometry, Structure
from asic_flow.layers import Layer, input_taps

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Activity:
    """What is known about every value of one tensor, flattened, whatever the weights.

    Attributes:
        live: bool[values], values that depend on the event.
        static: bool[values], values that depend on weights only: ``relu(bias) << shift`` of their filter, from a
            convolution whose window is empty. Values that are neither live nor static are always zero.
        place: int64[values], index of a live value among the live ones; of a static one ``group * group_size + member``
            (a group: the values of one filter); 0 for the others.
        groups: filters with static values.
        group_size: static values of each filter.
        shift: lowest bit that a static value can have set.
        width: bits from there up.
    """

    live: Flags
    static: Flags
    place: Integers = field(repr=False)
    groups: int = 0
    group_size: int = 1
    shift: int = 0
    width: int = 1


def tensor_activity(structure: Structure) -> list[Activity]:
    """Activity of the image and of the output of every layer but `Flatten`, which changes nothing."""
    spec = structure.input
    live = np.zeros(spec.height * spec.width * spec.channels, dtype=np.bool_)
    live[list(spec.cell_positions)] = True
    result = [_activity(live)]
    for layer in structure.layers:
        if not isinstance(layer, Flatten):
            result.append(_behind(layer, structure.geometry[layer.name], result[-1]))
    return result


def _activity(live: Flags) -> Activity:
    return Activity(live, np.zeros_like(live), np.where(live, np.cumsum(live) - 1, 0))


def _behind(layer: Layer, geometry: LayerGeometry, before: Activity) -> Activity:
    if isinstance(layer, Dense):
        return _activity(np.ones(layer.units, dtype=np.bool_))
    taps = input_taps(layer, geometry)
    read = (before.live | before.static)[taps] & (taps >= 0)
    present: Flags = np.asarray(read.any(axis=1), dtype=np.bool_)
    if not isinstance(layer, Conv2D):
        return _activity(present)
    shift, width = layer.output.fraction - layer.bias.fraction, layer.bias.width - 1
    unchanged = layer.activation is Activation.RELU and shift >= 0 and shift + width <= layer.output.width
    if present.all() or not unchanged:
        return _activity(np.ones(len(present) * layer.filters, dtype=np.bool_))
    empty, filters = int((~present).sum()), layer.filters
    static = np.repeat(~present, filters)
    member = np.repeat(np.cumsum(~present) - 1, filters)
    group = np.tile(np.arange(filters), len(present))
    place = np.where(static, group * empty + member, np.cumsum(~static) - 1)
    return Activity(~static, static, place, filters, empty, shift, width)
