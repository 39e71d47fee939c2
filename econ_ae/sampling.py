"""Decoding by synthesis for modules with few hits: average of the whole counts that explain the received code.

The encoder is known and deterministic, so a reconstruction can be checked: encoded again, it must give the received
latents. For a module with few hit cells the code nearly determines the counts. A random walk over whole counts, drawn by
the code and by what such modules look like (`econ_ae.prior`), visits the patterns that explain the code; their mean is the
answer, because the EMD is convex: the mean of several guesses is at least as good as the guesses are on average. The loops are
in `econ_ae.sampling_kernels`.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Integers
from asic_flow.ir import Conv2D, Dense, Structure
from asic_flow.weights import WeightSet
from econ_ae.errors import TrainingError
from econ_ae.prior import CountPrior
from econ_ae.sampling_kernels import Field, Network, walk
from hgcal_data.codes import bit_length, code_bounds
from hgcal_data.geometry import AE_TO_TC, N_CELLS, NEIGHBOURS

FloatArray = NDArray[np.float64]

MAX_HITS = 32
"""Modules with more hit cells in the network's answer are left to `econ_ae.refine`."""
_STEPS_PER_HIT = 1000
_MOST_STEPS = 8000
_BLOCK = 64


def supports(structure: Structure) -> bool:
    """Whether the walk knows this structure: one convolution, then one dense layer, both ReLU, on 48 cells."""
    return _layers(structure) is not None


def _layers(structure: Structure) -> tuple[Conv2D, Dense] | None:
    if len(structure.layers) != 2 or len(structure.input.cell_positions) != N_CELLS or structure.input.channels != 1:
        return None
    conv, dense = structure.layers
    if not isinstance(conv, Conv2D) or not isinstance(dense, Dense) or conv.output.signed or dense.output.signed:
        return None
    return conv, dense


class PosteriorSampler:
    """Mean of the whole counts that agree with a code, for one weight set and number of latent bits."""

    def __init__(self, weights: WeightSet, latent_bits: int, prior: CountPrior) -> None:
        structure = weights.structure
        self._bits = latent_bits
        self._width = structure.latent_format.width
        self._network = encoder_arrays(weights)
        self._field = Field(prior.hit, prior.pair, prior.spectrum, _neighbour_table())

    def run(self, shares: FloatArray, latents: Integers, sum_codes: Integers) -> FloatArray:
        """Mean distributions for modules with few hits.

        The result of a row depends on that row alone, not on the others or on the number of threads.

        Args:
            shares: the network's answer float64[n,48], TC order.
            latents: received latents int64[n,16] (bits that were not sent are ignored).
            sum_codes: received 5E4M codes int64[n].

        Returns:
            Distributions float64[n,48]; zero rows where too many cells are hit.
        """
        lower, width = code_bounds(sum_codes, 4)
        shift = np.maximum(bit_length(lower) - 1, 0)
        drop = self._width - self._bits
        levels = latents >> drop
        low = levels << drop
        high = np.where(levels == (1 << self._bits) - 1, 1 << 40, low + (1 << drop) - 1)
        sums = np.stack([lower, lower + (width >> 1), lower + width - 1, shift], axis=1)
        counts = _whole(shares, sums[:, 1])
        hits = (counts > 0).sum(axis=1)
        rows = np.flatnonzero((hits <= MAX_HITS) & (hits > 0) & (lower > 0))
        steps = np.minimum(_STEPS_PER_HIT * hits, _MOST_STEPS)
        seeds = (sum_codes * 8191 + levels @ (31 ** np.arange(levels.shape[1]) % 65521)) & 0x7FFFFFFF
        result = np.zeros_like(shares)

        def improve(part: Integers) -> FloatArray:
            """One block of rows; the compiled loop releases the interpreter lock."""
            mean = np.zeros((len(part), N_CELLS))
            data = (counts, shares, low, high, sums, seeds, steps)
            walk(*(array[part] for array in data), self._network, self._field, mean)
            return mean

        blocks = np.array_split(rows, max(1, -(-len(rows) // _BLOCK)))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            result[rows] = np.concatenate(list(pool.map(improve, blocks)))
        return result


def hits_of(shares: FloatArray, sum_codes: Integers) -> Integers:
    """Hit cells int64[n] in the network's answer, float64[n,48], rounded to whole counts."""
    lower, width = code_bounds(sum_codes, 4)
    return np.asarray((_whole(shares, lower + (width >> 1)) > 0).sum(axis=1), dtype=np.int64)


def _whole(shares: FloatArray, total: Integers) -> Integers:
    """Whole counts int64[n,48] nearest to the shares, with the transmitted total where that is possible."""
    counts = np.rint(shares * total[:, None]).astype(np.int64)
    best = np.argmax(shares, axis=1)
    rows = np.arange(len(counts))
    counts[rows, best] = np.maximum(0, counts[rows, best] + total - counts.sum(axis=1))
    return counts


def _known(structure: Structure) -> tuple[Conv2D, Dense]:
    layers = _layers(structure)
    if layers is None:
        raise TrainingError(
            f"sampling: structure {structure.name!r} is not a convolution and a dense layer on 48 cells"
        )
    return layers


def encoder_arrays(weights: WeightSet) -> Network:
    """The encoder as plain arrays for the kernels."""
    structure = weights.structure
    conv, dense = _known(structure)
    drops, casts, biases = [], [], []
    for layer in (conv, dense):
        fraction = structure.accumulator_fraction(layer.name)
        drops.append(structure.geometry[layer.name].input_format.fraction + layer.kernel.fraction - fraction)
        casts.append(
            (fraction - layer.output.fraction, layer.output.maximum, int(layer.output.rounding == "half_even"))
        )
        biases.append(weights.tensors[f"{layer.name}.bias"] << (fraction - layer.bias.fraction))
    positions, kernel_rows = _window_tables(structure)
    return Network(
        positions=positions,
        kernel_rows=kernel_rows,
        conv_kernel=np.ascontiguousarray(weights.tensors[f"{conv.name}.kernel"].reshape(-1, len(biases[0]))),
        conv_bias=biases[0],
        dense_kernel=np.ascontiguousarray(weights.tensors[f"{dense.name}.kernel"]),
        dense_bias=biases[1],
        drops=np.array(drops, dtype=np.int64),
        casts=np.array(casts, dtype=np.int64),
        input_fraction=structure.input.format.fraction,
    )


def _neighbour_table() -> Integers:
    table = np.full((N_CELLS, 6), -1, dtype=np.int64)
    for cell, others in enumerate(NEIGHBOURS):
        table[cell, : len(others)] = others
    return table


def _window_tables(structure: Structure) -> tuple[Integers, Integers]:
    """For every TC: (output position, kernel row) pairs of the convolution windows it lies in; -1 ends a list."""
    conv, _ = _known(structure)
    geometry = structure.geometry[conv.name]
    top, _, left, _ = geometry.pad
    rows, columns, _ = geometry.output_shape
    windows = -(-conv.kernel_size[0] // conv.strides[0]) * -(-conv.kernel_size[1] // conv.strides[1])
    positions = np.full((N_CELLS, windows + 1), -1, dtype=np.int64)
    kernels = np.full((N_CELLS, windows + 1), -1, dtype=np.int64)
    for channel, place in enumerate(structure.input.cell_positions):
        cell = int(AE_TO_TC[channel])
        row, column = divmod(place, structure.input.width)
        found = 0
        for r in range(rows):
            for c in range(columns):
                i, j = row + top - r * conv.strides[0], column + left - c * conv.strides[1]
                if 0 <= i < conv.kernel_size[0] and 0 <= j < conv.kernel_size[1]:
                    positions[cell, found] = r * columns + c
                    kernels[cell, found] = i * conv.kernel_size[1] + j
                    found += 1
    return positions, kernels
