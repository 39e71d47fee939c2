"""Decoding by synthesis for quiet modules: find whole counts whose encoding is exactly the code that was received.

The encoder is known and deterministic, so a reconstruction can be checked: encoded again, it must give the received latents. For a
module with few hit cells the code nearly determines the counts. Starting from the network's answer, single moves of charge are
tried until all latents fall into the received intervals; among equally good moves the one closest to the network's answer wins.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Integers
from asic_flow.ir import Conv2D, Dense, Structure
from asic_flow.weights import WeightSet
from hgcal_data.codes import bit_length, code_bounds
from hgcal_data.geometry import AE_TO_TC, N_CELLS, NEIGHBOURS

FloatArray = NDArray[np.float64]

_MAX_HITS = 12
_STEPS = 24
_CLOSENESS = 20.0
"""Weight of the distance to the network's answer (sum of absolute share differences) against one step of a latent."""


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
        conv, dense = structure.layers
        self._bits = latent_bits
        self._width = structure.latent_format.width
        self._input_fraction = structure.input.format.fraction
        self._tables = _window_tables(structure)
        fractions = [structure.accumulator_fraction(layer.name) for layer in (conv, dense)]
        drops = [
            structure.geometry[layer.name].input_format.fraction + layer.kernel.fraction - fraction
            for layer, fraction in zip((conv, dense), fractions, strict=True)
        ]
        self._arithmetic = np.array(
            [
                drops[0], fractions[0] - conv.output.fraction, conv.output.maximum,
                drops[1], fractions[1] - dense.output.fraction, dense.output.maximum, _half_even(structure),
            ],
            dtype=np.int64,
        )  # fmt: skip
        tensors = weights.tensors
        self._conv_bias = tensors[f"{conv.name}.bias"] << (fractions[0] - conv.bias.fraction)
        self._conv_kernel = np.ascontiguousarray(tensors[f"{conv.name}.kernel"].reshape(-1, len(self._conv_bias)))
        self._dense_kernel = np.ascontiguousarray(tensors[f"{dense.name}.kernel"])
        self._dense_bias = tensors[f"{dense.name}.bias"] << (fractions[1] - dense.bias.fraction)

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
        return _search(
            np.ascontiguousarray(shares), low, high, lower + (width >> 1), lower, lower + width - 1, shift, _NEAR,
            *self._tables, self._conv_kernel, self._conv_bias, self._dense_kernel, self._dense_bias, self._arithmetic,
            self._input_fraction,
        )  # fmt: skip


def _half_even(structure: Structure) -> int:
    return int(structure.layers[0].output.rounding == "half_even")


def _neighbour_table() -> Integers:
    table = np.full((N_CELLS, 6), -1, dtype=np.int64)
    for cell, others in enumerate(NEIGHBOURS):
        table[cell, : len(others)] = others
    return table


_NEAR = _neighbour_table()


def _window_tables(structure: Structure) -> tuple[Integers, Integers]:
    """For every TC: (output position, kernel row) pairs of the convolution windows it lies in; -1 ends a list."""
    conv = structure.layers[0]
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


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _cast(value: int, drop: int, maximum: int, half_even: int) -> int:
    if value <= 0:
        return 0
    if drop > 0:
        if half_even:
            value = (value + (1 << (drop - 1)) - 1 + ((value >> drop) & 1)) >> drop
        else:
            value >>= drop
    return min(value, maximum)


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _violation(counts, shift, fraction, low, high, positions, kernels, ck, cb, dk, db, ar, hidden, sums):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Steps by which the latents of whole counts miss the received intervals."""
    filters = cb.size
    for h in range(hidden.size):
        hidden[h] = cb[h % filters]
    for cell in range(counts.size):
        if counts[cell] > 0:
            x = (counts[cell] << fraction) >> shift
            for k in range(positions.shape[1]):
                place = positions[cell, k]
                if place < 0:
                    break
                row = kernels[cell, k]
                for f in range(filters):
                    hidden[place * filters + f] += (x * ck[row, f]) >> ar[0]
    for u in range(sums.size):
        sums[u] = db[u]
    for h in range(hidden.size):
        value = _cast(hidden[h], ar[1], ar[2], ar[6])
        if value > 0:
            for u in range(sums.size):
                sums[u] += (value * dk[h, u]) >> ar[3]
    total = 0
    for u in range(sums.size):
        latent = _cast(sums[u], ar[4], ar[5], ar[6])
        if latent < low[u]:
            total += low[u] - latent
        elif latent > high[u]:
            total += latent - high[u]
    return total


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _start(share, total):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Whole counts nearest to the shares, with the transmitted total."""
    counts = np.rint(share * total).astype(np.int64)
    best = int(np.argmax(share))
    counts[best] += total - counts.sum()
    if counts[best] < 0:
        counts[best] = 0
    return counts


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _targets(counts, share, near):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Cells that may receive charge: hit cells, their neighbours, and the sixteen likeliest cells."""
    chosen = np.zeros(counts.size, dtype=np.bool_)
    for cell in range(counts.size):
        if counts[cell] > 0:
            chosen[cell] = True
            for k in range(near.shape[1]):
                if near[cell, k] >= 0:
                    chosen[near[cell, k]] = True
    order = np.argsort(-share)
    for k in range(16):
        chosen[order[k]] = True
    return np.flatnonzero(chosen)


@numba.njit(cache=True, parallel=True)  # type: ignore[untyped-decorator]
def _search(shares, low, high, total, least, most, shift, near, positions, kernels, ck, cb, dk, db, ar, fraction):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0912
    events = shares.shape[0]
    result = np.zeros(shares.shape, dtype=np.int64)
    done = np.zeros(events, dtype=np.bool_)
    for event in numba.prange(events):
        share = shares[event]
        hidden, sums = np.empty(dk.shape[0], dtype=np.int64), np.empty(dk.shape[1], dtype=np.int64)
        amounts = np.empty(6, dtype=np.int64)
        counts = _start(share, total[event])
        hits = 0
        for cell in range(counts.size):
            hits += counts[cell] > 0
        if hits > _MAX_HITS or total[event] == 0:
            continue
        done[event] = True
        now = _violation(counts, shift[event], fraction, low[event], high[event], positions, kernels, ck, cb, dk, db, ar, hidden, sums)
        for _ in range(_STEPS):
            if now == 0:
                break
            scale = 1.0 / max(1, counts.sum())
            away = np.abs(counts * scale - share).sum()
            best, best_from, best_to, best_amount, best_violation = np.inf, -1, -1, 0, now
            targets = _targets(counts, share, near)
            for source in range(-1, counts.size):
                if source >= 0 and counts[source] == 0:
                    continue
                have = counts[source] if source >= 0 else most[event] - counts.sum()
                for k in range(6):
                    amounts[k] = have if k == 0 else max(1, have >> (k if k < 5 else 30))
                for k in range(6):
                    amount = amounts[k]
                    if amount <= 0 or amount > have or (k > 0 and amount == amounts[k - 1]):
                        continue
                    for t in range(-1, targets.size):
                        target = targets[t] if t >= 0 else -1
                        if target == source:
                            continue
                        if target < 0 and counts.sum() - amount < least[event]:
                            continue
                        change = 0.0
                        if source >= 0:
                            value = counts[source] * scale - share[source]
                            change += abs(value - amount * scale) - abs(value)
                            counts[source] -= amount
                        if target >= 0:
                            value = counts[target] * scale - share[target]
                            change += abs(value + amount * scale) - abs(value)
                            counts[target] += amount
                        found = _violation(
                            counts, shift[event], fraction, low[event], high[event], positions, kernels, ck, cb, dk, db, ar, hidden, sums
                        )
                        if source >= 0:
                            counts[source] += amount
                        if target >= 0:
                            counts[target] -= amount
                        score = found + _CLOSENESS * (away + change)
                        if score < best:
                            best, best_from, best_to, best_amount, best_violation = score, source, target, amount, found
            if best_violation >= now:
                break
            if best_from >= 0:
                counts[best_from] -= best_amount
            if best_to >= 0:
                counts[best_to] += best_amount
            now = best_violation
        result[event] = counts
    return result, done
