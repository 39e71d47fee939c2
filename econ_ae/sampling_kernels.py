"""Compiled loops of `econ_ae.sampling`: encode whole counts, and walk among those that agree with the received code."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Integers

_ANNEALED = 0.3
"""Share of the walk in which the weight of a disagreement rises to its final value; the rest is averaged."""
_COLD = (0.02, 1.0)
"""Weight of one step of a latent outside its received interval, at the start and after the annealing."""
_CLOSENESS = 30.0
"""Weight of the distance to the network's answer (sum of absolute share differences)."""
_EVERY = 5
"""Steps between the states that are averaged."""
_FLAT = 0.002
"""Added to every cell's share where a cell is drawn from the network's answer."""


class Network(NamedTuple):
    """Encoder of one convolution and one dense layer as arrays.

    Attributes:
        positions: int64[48,k], output positions of the windows a cell (TC) lies in; -1 ends a list.
        kernel_rows: int64[48,k], the kernel row for each of them.
        conv_kernel: int64[products, filters].
        conv_bias: int64[filters], in the accumulator's fraction.
        dense_kernel: int64[inputs, units].
        dense_bias: int64[units], in the accumulator's fraction.
        drops: int64[2], bits every product loses, per layer.
        casts: int64[2,3], per layer: bits the output cast drops, largest output, 1 for rounding half to even.
        input_fraction: fraction bits of the image.
    """

    positions: Integers
    kernel_rows: Integers
    conv_kernel: Integers
    conv_bias: Integers
    dense_kernel: Integers
    dense_bias: Integers
    drops: Integers
    casts: Integers
    input_fraction: int


class Field(NamedTuple):
    """`econ_ae.prior.CountPrior` as arrays, with the module's neighbours.

    Attributes:
        hit: float64[octaves].
        pair: float64[octaves].
        spectrum: float64[octaves, octaves].
        near: int64[48,6], neighbours of every cell, -1 where there is none.
    """

    hit: NDArray[np.float64]
    pair: NDArray[np.float64]
    spectrum: NDArray[np.float64]
    near: Integers


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _cast(value: int, cast: Any) -> int:
    """ReLU and output cast of one accumulator."""
    if value <= 0:
        return 0
    drop = cast[0]
    if drop > 0:
        if cast[2]:
            value += (1 << (drop - 1)) - 1 + ((value >> drop) & 1)
        value >>= drop
    return int(min(value, cast[1]))


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _hidden(counts: Any, shift: int, net: Any, hidden: Any) -> None:
    """Accumulators of the convolution for whole counts, into `hidden`."""
    filters = net.conv_bias.size
    for h in range(hidden.size):
        hidden[h] = net.conv_bias[h % filters]
    for cell in range(counts.size):
        if counts[cell] > 0:
            x = (counts[cell] << net.input_fraction) >> shift
            for k in range(net.positions.shape[1]):
                place = net.positions[cell, k]
                if place < 0:
                    break
                row = net.kernel_rows[cell, k]
                for f in range(filters):
                    hidden[place * filters + f] += (x * net.conv_kernel[row, f]) >> net.drops[0]


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def violation(counts: Any, shift: int, low: Any, high: Any, net: Any, hidden: Any, sums: Any) -> int:
    """Steps by which the latents of whole counts miss the received intervals; `hidden` and `sums` are work space."""
    _hidden(counts, shift, net, hidden)
    sums[:] = net.dense_bias
    for h in range(hidden.size):
        value = _cast(hidden[h], net.casts[0])
        if value > 0:
            for u in range(sums.size):
                sums[u] += (value * net.dense_kernel[h, u]) >> net.drops[1]
    total = 0
    for u in range(sums.size):
        latent = _cast(sums[u], net.casts[1])
        total += max(0, low[u] - latent) + max(0, latent - high[u])
    return total


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _octave(count: int) -> int:
    """floor(log2(count)) of a positive count."""
    octave = -1
    while count > 0:
        count >>= 1
        octave += 1
    return octave


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _belief(counts: Any, cell: int, total_octave: int, field: Any) -> float:
    """Terms of the prior's logarithm in which a cell takes part."""
    if counts[cell] == 0:
        return 0.0
    value = field.hit[total_octave] + field.spectrum[total_octave, _octave(counts[cell])]
    for other in field.near[cell]:
        if other >= 0 and counts[other] > 0:
            value += field.pair[total_octave]
    return float(value)


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _hit_cell(counts: Any) -> int:
    """One of the hit cells at random; there must be one."""
    hits = 0
    for count in counts:
        hits += count > 0
    left = np.random.randint(0, hits)
    for cell in range(counts.size):
        if counts[cell] > 0:
            if left == 0:
                return int(cell)
            left -= 1
    return -1


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _partner(counts: Any, cell: int, cumulated: Any, near: Any) -> int:
    """Another cell: a neighbour, one that the network deems likely, or a hit one; -1 beyond the module's edge."""
    kind = np.random.random()
    if kind < 0.4:
        return int(near[cell, np.random.randint(0, near.shape[1])])
    if kind < 0.7:
        return int(min(np.searchsorted(cumulated, np.random.random()), counts.size - 1))
    return int(_hit_cell(counts))


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _proposal(here: int, there: int, total: int, bounds: Any) -> Any:
    """New counts of two cells: exchanged, joined, partly moved, or with another total; unchanged if not allowed."""
    kind = np.random.random()
    if kind < 0.25:
        return there, here
    if kind < 0.4:
        return 0, here + there
    if kind < 0.9:
        amount = np.random.randint(1, min(here, 1 << np.random.randint(0, 12)) + 1)
        return here - amount, there + amount
    gain = np.random.randint(-2, 3)
    if here + gain < 0 or total + gain < bounds[0] or total + gain > bounds[2]:
        return here, there
    return here + gain, there


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def walk(
    counts: Any, shares: Any, low: Any, high: Any, sums: Any, seeds: Any, steps: Any, net: Any, field: Any, mean: Any
) -> None:
    """Annealed Metropolis walk over whole counts; the states after the annealing are averaged.

    A state weighs ``exp(log prior - cold * (steps of latents outside the received intervals) - closeness * |x / S - q|)``.
    The proposals are not exactly symmetric, so the average is close to the posterior mean, not equal to it.

    Args:
        counts: int64[n,48], starting point with at least one hit cell; changed.
        shares: float64[n,48], the network's answer.
        low: int64[n,units], lower edges of the received latent intervals.
        high: int64[n,units], upper edges.
        sums: int64[n,4]: least, likeliest and largest module sum, and the normalisation shift.
        seeds: int64[n], seed of each row.
        steps: int64[n], steps of each row.
        net: the encoder.
        field: the prior.
        mean: float64[n,48], zero; receives the mean distribution of the states nearest to the code.
    """
    hidden = np.empty(net.dense_kernel.shape[0], dtype=np.int64)
    acc = np.empty(net.dense_kernel.shape[1], dtype=np.int64)
    for event in range(len(counts)):
        np.random.seed(seeds[event])  # numba's own generator of this thread; NumPy's global one is not touched
        x, bounds, shift = counts[event], sums[event], sums[event, 3]
        cumulated = np.cumsum(shares[event] + _FLAT)
        cumulated /= cumulated[-1]
        missed = violation(x, shift, low[event], high[event], net, hidden, acc)
        total, weight, least = x.sum(), 0.0, missed
        for step in range(steps[event]):
            done = step / steps[event]
            cold = _COLD[0] + (_COLD[1] - _COLD[0]) * min(1.0, done / _ANNEALED)
            first = _hit_cell(x)
            second = _partner(x, first, cumulated, field.near)
            if second >= 0 and second != first:
                old_first, old_second = x[first], x[second]
                new_first, new_second = _proposal(old_first, old_second, total, bounds)
                change = -_belief(x, first, shift, field)
                x[first] = new_first
                change += _belief(x, first, shift, field) - _belief(x, second, shift, field)
                x[second] = new_second
                change += _belief(x, second, shift, field)
                now = violation(x, shift, low[event], high[event], net, hidden, acc)
                change -= cold * (now - missed)
                for cell, old in ((first, old_first), (second, old_second)):
                    share = shares[event, cell]
                    change -= _CLOSENESS * (abs(x[cell] / total - share) - abs(old / total - share))
                if change >= 0.0 or np.random.random() < np.exp(change):
                    missed, total = now, total + new_first + new_second - old_first - old_second
                else:
                    x[first], x[second] = old_first, old_second
            if done > _ANNEALED and step % _EVERY == 0:
                if missed < least:
                    mean[event] *= np.exp(missed - least)
                    weight *= np.exp(missed - least)
                    least = missed
                likely = np.exp(least - missed)
                weight += likely
                for cell in range(x.size):
                    mean[event, cell] += likely * x[cell] / total
        mean[event] /= weight
