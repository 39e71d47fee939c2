"""Decoding by synthesis for quiet modules: find whole counts whose encoding is exactly the code that was received.

The encoder is known and deterministic, so a reconstruction can be checked: encoded again, it must give the received
latents. For a module with few hit cells the code nearly determines the counts. Starting from the network's answer, single
moves of charge are tried until all latents fall into the received intervals; among equally good moves the one closest to
the network's answer wins. The loops are in `econ_ae.search_kernels`.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Integers
from asic_flow.ir import Conv2D, Dense, Structure
from asic_flow.weights import WeightSet
from econ_ae.search_kernels import Network, search
from hgcal_data.codes import bit_length, code_bounds
from hgcal_data.geometry import AE_TO_TC, N_CELLS, NEIGHBOURS

FloatArray = NDArray[np.float64]

MAX_HITS = 16
"""Modules with more hit cells in the network's answer are left to `econ_ae.refine`."""
_LIKELY = 16
_BLOCK = 256


def supports(structure: Structure) -> bool:
    """Whether the search knows this structure: one convolution, then one dense layer, both ReLU, on 48 cells."""
    if len(structure.layers) != 2 or len(structure.input.cell_positions) != N_CELLS or structure.input.channels != 1:
        return False
    conv, dense = structure.layers
    return isinstance(conv, Conv2D) and isinstance(dense, Dense) and not conv.output.signed and not dense.output.signed


class CodeSearch:
    """Search for consistent whole counts, for one weight set and number of latent bits."""

    def __init__(self, weights: WeightSet, latent_bits: int) -> None:
        structure = weights.structure
        self._bits = latent_bits
        self._width = structure.latent_format.width
        self._network = _network(weights)

    def run(self, shares: FloatArray, latents: Integers, sum_codes: Integers) -> tuple[Integers, NDArray[np.bool_]]:
        """Whole counts for modules with few hits.

        Args:
            shares: the network's answer float64[n,48], TC order.
            latents: received latents int64[n,16] (bits that were not sent are ignored).
            sum_codes: received 5E4M codes int64[n].

        Returns:
            (counts int64[n,48], done bool[n]); rows with ``done`` false are not for this method (too many hits) and zero.
        """
        lower, width = code_bounds(sum_codes, 4)
        shift = np.maximum(bit_length(lower) - 1, 0)
        drop = self._width - self._bits
        levels = latents >> drop
        low = levels << drop
        high = np.where(levels == (1 << self._bits) - 1, 1 << 40, low + (1 << drop) - 1)
        sums = np.stack([lower, lower + (width >> 1), lower + width - 1, shift], axis=1)
        counts = _whole(shares, sums[:, 1])
        done = ((counts > 0).sum(axis=1) <= MAX_HITS) & (sums[:, 1] > 0)
        rows = np.flatnonzero(done)
        likely = np.argsort(-shares[rows], axis=1, kind="stable")[:, :_LIKELY]

        def improve(part: Integers) -> Integers:
            """Search one block of `rows` (positions in it); the compiled loop releases the interpreter lock."""
            chosen = rows[part]
            found = counts[chosen]
            search(found, shares[chosen], likely[part], low[chosen], high[chosen], sums[chosen], _NEAR, self._network)
            return found

        blocks = np.array_split(np.arange(len(rows)), max(1, -(-len(rows) // _BLOCK)))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(improve, blocks))
        result = np.zeros_like(counts)
        result[rows] = np.concatenate(found)
        return result, done


def _whole(shares: FloatArray, total: Integers) -> Integers:
    """Whole counts int64[n,48] nearest to the shares, with the transmitted total where that is possible."""
    counts = np.rint(shares * total[:, None]).astype(np.int64)
    best = np.argmax(shares, axis=1)
    rows = np.arange(len(counts))
    counts[rows, best] = np.maximum(0, counts[rows, best] + total - counts.sum(axis=1))
    return counts


def _network(weights: WeightSet) -> Network:
    """The encoder as plain arrays for the kernels."""
    structure = weights.structure
    conv, dense = structure.layers
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


_NEAR = _neighbour_table()


def _window_tables(structure: Structure) -> tuple[Integers, Integers]:
    """For every TC: (output position, kernel row) pairs of the convolution windows it lies in; -1 ends a list."""
    conv = structure.layers[0]
    if not isinstance(conv, Conv2D):
        raise TypeError("the search needs a convolution as first layer")
    geometry = structure.geometry[conv.name]
    top, _, left, _ = geometry.pad
    rows, columns, _ = geometry.output_shape
    positions = np.full((N_CELLS, 16), -1, dtype=np.int64)
    kernels = np.full((N_CELLS, 16), -1, dtype=np.int64)
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
