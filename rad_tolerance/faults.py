"""Lists of faults: flips of weight bits in stream order, and flips in the values between the layers.

A fault is a row of int32: kind, layer, index, output, value (``fault_t`` of fault_kernel.cpp).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Integers
from asic_flow.ir import Structure
from asic_flow.weights import WeightSet

FaultTable = NDArray[np.int32]
KERNEL, BIAS, VALUE = 0, 1, 2


@dataclass(frozen=True)
class WeightWords:
    """Every word of the weight bank in register order; arrays int64[n_weights].

    Attributes:
        tensors: names (``layer.kernel``, ``layer.bias``) in register order.
        tensor: index into `tensors`.
        layer: index of the layer among those with weights.
        kind: `KERNEL` or `BIAS`.
        tap: input tap of the layer (kernel row, column, input channel; or input of a dense layer); 0 for a bias.
        output: filter or unit.
        width: bits.
        first_bit: stream position of its lowest bit.
        value: the stored integer.
    """

    tensors: tuple[str, ...]
    tensor: Integers
    layer: Integers
    kind: Integers
    tap: Integers
    output: Integers
    width: Integers
    first_bit: Integers
    value: Integers

    @classmethod
    def of(cls, weights: WeightSet) -> WeightWords:
        """Words of a weight set."""
        structure = weights.structure
        names = [layer.name for layer in structure.weighted_layers]
        columns: list[Integers] = []
        for number, (tensor, shape) in enumerate(structure.tensor_shapes().items()):
            name, part = tensor.split(".")
            count, outputs = int(np.prod(shape)), shape[-1]
            if part == "kernel" and len(shape) == 2:  # output-major, see asic_flow.weights
                output, tap = np.divmod(np.arange(count), shape[0])
            else:
                tap, output = np.divmod(np.arange(count), outputs)
            kind = BIAS if part == "bias" else KERNEL
            fixed = [np.full(count, v) for v in (number, names.index(name), kind)]
            columns.append(np.stack([*fixed, tap, output, np.full(count, structure.tensor_format(tensor).width)]))
        table = np.concatenate(columns, axis=1).astype(np.int64)
        tensor_of, layer_of, kind_of, tap_of, output_of, width_of = table
        first = np.cumsum(width_of) - width_of
        names_of = tuple(structure.tensor_shapes())
        return cls(names_of, tensor_of, layer_of, kind_of, tap_of, output_of, width_of, first, weights.words())

    def faults(self, words: Integers, masks: Integers) -> FaultTable:
        """Faults that invert the bits `masks` of the words `words`, int64[n] each."""
        width, value = self.width[words], self.value[words]
        raw = (value & ((1 << width) - 1)) ^ masks
        faulty = np.where(raw >> (width - 1) & 1, raw - (1 << width), raw)
        rows = [self.kind[words], self.layer[words], self.tap[words], self.output[words], faulty]
        return np.stack(rows, axis=1).astype(np.int32)


@dataclass(frozen=True)
class WordFlips:
    """Flips of bits within single words: n faults.

    Attributes:
        words: int64[n], index into `WeightWords`.
        masks: int64[n], inverted bits.
    """

    words: Integers
    masks: Integers

    @classmethod
    def of_count(cls, words: WeightWords, count: int) -> WordFlips:
        """Every choice of `count` bits of every word; for one bit the order is that of the stream."""
        word, mask = [], []
        for width in np.unique(words.width):
            own = np.flatnonzero(words.width == width)
            masks = [sum(1 << b for b in bits) for bits in combinations(range(int(width)), count)]
            word.append(np.repeat(own, len(masks)))
            mask.append(np.tile(np.array(masks, dtype=np.int64), len(own)))
        all_words, all_masks = np.concatenate(word), np.concatenate(mask)
        order = np.argsort(all_words, kind="stable")
        return cls(all_words[order], all_masks[order])

    @property
    def bit(self) -> Integers:
        """Position in the word of the highest inverted bit, int64[n]; 0 is the lowest."""
        return np.asarray(np.frexp(self.masks.astype(np.float64))[1] - 1, dtype=np.int64)


@dataclass(frozen=True)
class ValueFlips:
    """Single flips in values between the layers (registers of the pipeline), each lasting one event.

    Attributes:
        tensors: ``input``, then the names of the layers with weights; the last one's values are the latents.
        tensor: int64[n], index into `tensors`.
        index: int64[n], flat index (row, column, channel) of the value.
        bit: int64[n].
    """

    tensors: tuple[str, ...]
    tensor: Integers
    index: Integers
    bit: Integers

    @classmethod
    def of(cls, structure: Structure) -> ValueFlips:
        """Every bit of every live image position, hidden value and latent."""
        geometry = structure.geometry
        layers = structure.weighted_layers
        groups = [(sorted(structure.input.cell_positions), structure.input.format.width)]
        groups += [(list(range(int(np.prod(geometry[x.name].output_shape)))), x.output.width) for x in layers]
        rows = [
            (tensor, index, bit)
            for tensor, (indices, width) in enumerate(groups)
            for index in indices
            for bit in range(width)
        ]
        return cls(("input", *(layer.name for layer in layers)), *np.array(rows, dtype=np.int64).T)

    def faults(self) -> FaultTable:
        """Rows for the kernel."""
        zero = np.zeros_like(self.tensor)
        rows = [zero + VALUE, self.tensor, self.index, zero, np.int64(1) << self.bit]
        return np.stack(rows, axis=1).astype(np.int32)
