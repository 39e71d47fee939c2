"""Compiled loops of `econ_ae.search`: encode whole counts, and move charge until the code agrees."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from asic_flow.formats import Integers

_STEPS = 24
_AMOUNTS = 6
_CLOSENESS = 20.0
"""Weight of the distance to the network's answer (sum of absolute share differences) against one step of a latent."""


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
def _targets(counts: Any, likely: Any, near: Any, targets: Any) -> int:
    """Fill `targets` with -1 (no cell), hit cells, their neighbours and the likeliest cells; returns how many."""
    chosen = np.zeros(counts.size, dtype=np.bool_)
    for cell in likely:
        chosen[cell] = True
    for cell in range(counts.size):
        if counts[cell] > 0:
            chosen[cell] = True
            for k in range(near.shape[1]):
                if near[cell, k] >= 0:
                    chosen[near[cell, k]] = True
    targets[0] = -1
    found = 1
    for cell in range(counts.size):
        if chosen[cell]:
            targets[found] = cell
            found += 1
    return found


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _change(counts: Any, share: Any, scale: float, cell: int, amount: int) -> float:
    """Change of the distance to the network's answer when one cell gains `amount` counts."""
    if cell < 0:
        return 0.0
    value = counts[cell] * scale - share[cell]
    return float(abs(value + amount * scale) - abs(value))


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _shift_charge(counts: Any, source: int, target: int, amount: int) -> None:
    if source >= 0:
        counts[source] -= amount
    if target >= 0:
        counts[target] += amount


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _best_move(
    counts: Any, share: Any, likely: Any, low: Any, high: Any, sums: Any, near: Any, net: Any, work: Any
) -> Any:
    """(source, target, amount, violation) of the best single move; -1 as source adds charge, as target removes it."""
    hidden, acc, targets = work
    best, move = np.inf, (-1, -1, 0, 1 << 60)
    total = counts.sum()
    scale = 1.0 / max(1, total)
    found = _targets(counts, likely, near, targets)
    for source in range(-1, counts.size):
        have = counts[source] if source >= 0 else sums[2] - total
        last = -1
        for k in range(_AMOUNTS):
            amount = have if k == 0 else max(1, have >> k) if k < _AMOUNTS - 1 else 1
            if amount <= 0 or amount > have or amount == last:
                continue
            last = amount
            for target in targets[:found]:
                if target == source or (target < 0 and total - amount < sums[0]):
                    continue
                change = _change(counts, share, scale, source, -amount) + _change(counts, share, scale, target, amount)
                _shift_charge(counts, source, target, amount)
                missed = violation(counts, sums[3], low, high, net, hidden, acc)
                _shift_charge(counts, source, target, -amount)
                if missed + _CLOSENESS * change < best:
                    best, move = missed + _CLOSENESS * change, (source, target, amount, missed)
    return move


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def search(counts: Any, shares: Any, likely: Any, low: Any, high: Any, sums: Any, near: Any, net: Any) -> None:
    """Improve whole counts in place until they agree with the code or no single move helps.

    Args:
        counts: int64[n,48], starting point; changed.
        shares: float64[n,48], the network's answer.
        likely: int64[n,k], the likeliest cells of each row.
        low: int64[n,units], lower edges of the received latent intervals.
        high: int64[n,units], upper edges.
        sums: int64[n,4]: least, likeliest and largest module sum, and the normalisation shift.
        near: int64[48,6], neighbours of every cell, -1 where there is none.
        net: the encoder, `Network`.
    """
    hidden = np.empty(net.dense_kernel.shape[0], dtype=np.int64)
    acc = np.empty(net.dense_kernel.shape[1], dtype=np.int64)
    targets = np.empty(counts.shape[1] + 1, dtype=np.int64)
    work = (hidden, acc, targets)
    for event in range(len(counts)):
        now = violation(counts[event], sums[event, 3], low[event], high[event], net, hidden, acc)
        for _ in range(_STEPS):
            if now == 0:
                break
            source, target, amount, missed = _best_move(
                counts[event], shares[event], likely[event], low[event], high[event], sums[event], near, net, work
            )
            if missed >= now:
                break
            _shift_charge(counts[event], source, target, amount)
            now = missed
