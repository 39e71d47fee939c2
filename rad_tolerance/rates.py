"""Formulas of upset, correction and failure rates of stored bits (facts/radiation.md 2.6), without small-rate approximations.

A flip-flop has two states and changes them with cross-section sigma_0 from 0 and sigma_1 from 1. Of a fluence F, starting
right, it is wrong with ``p = s/(s_0 + s_1) (1 - exp(-(s_0 + s_1) F))``; for small F this is ``sigma F``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import expm1, log1p, sqrt

import numpy as np
from numpy.typing import NDArray

from rad_tolerance.rate_config import Spills

COPIES = 3
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


@dataclass(frozen=True)
class Sigma:
    """Upset cross-sections of a flip-flop in cm2: `zero` when it stores 0, `one` when it stores 1."""

    zero: float
    one: float

    def of(self, value: int) -> float:
        """Cross-section while `value` is stored."""
        return self.one if value else self.zero

    @property
    def mean(self) -> float:
        """Of a bit that is 0 or 1 equally often."""
        return (self.zero + self.one) / 2.0

    def wrong(self, value: int, fluence: float) -> float:
        """Probability that a flip-flop which stored `value` is wrong behind a fluence in 1/cm2."""
        both = self.zero + self.one
        return self.of(value) / both * -expm1(-both * fluence)


def majority_wrong(p: float) -> float:
    """Probability that at least two of three copies are wrong: ``3 p^2 - 2 p^3``."""
    return p * p * (3.0 - 2.0 * p)


def wrong_after_windows(change: float, back: float, windows: float) -> float:
    """Probability that a stored value is wrong after many windows.

    Args:
        change: probability that one window makes the right value wrong.
        back: probability that one window makes the wrong value right.
        windows: number of windows.
    """
    both = change + back
    if not 0.0 < both < 1.0:
        return change / both if both else 0.0
    return change / both * -expm1(windows * log1p(-both))


@dataclass(frozen=True)
class Beam:
    """Flux over time.

    Attributes:
        flux_cm2_s: mean over time.
        spills: None for a steady beam.
    """

    flux_cm2_s: float
    spills: Spills | None = None

    def window_mean(self, duration_s: float, function: Callable[[float], float]) -> float:
        """Mean of ``function(fluence)`` over windows that begin at any time.

        The fluence is piecewise linear in the window's start, so that Gauss-Legendre nodes on each piece are exact for
        polynomials up to degree 15.
        """
        if self.spills is None:
            return function(self.flux_cm2_s * duration_s)
        period, spill = self.spills.period_s, self.spills.duration_s
        edges = np.unique([0.0, spill, -duration_s % period, (spill - duration_s) % period, period])
        total = 0.0
        for low, high in pairwise(edges.tolist()):
            for node, weight in zip(_NODES, _WEIGHTS, strict=True):
                start = (low + high) / 2.0 + node * (high - low) / 2.0
                total += weight * (high - low) / 2.0 * function(self._fluence(start, duration_s))
        return float(total / period)

    def _fluence(self, start_s: float, duration_s: float) -> float:
        """Fluence of a window that begins `start_s` after the beginning of a spill, within the first period."""
        if self.spills is None:
            return self.flux_cm2_s * duration_s
        period, spill = self.spills.period_s, self.spills.duration_s
        inside = self.flux_cm2_s * period / spill
        end = start_s + duration_s
        if end <= spill:
            return inside * duration_s
        beam_s = (end // period) * spill + min(end % period, spill) - min(start_s, spill)
        return inside * beam_s


def triplicated_wrong(beam: Beam, sigma: Sigma, value: int, period_s: float, total_s: float) -> float:
    """Probability that a triplicated bit which should store `value` is wrong after `total_s`, voted back every `period_s`.

    Without refresh `period_s` is `total_s`.
    """

    def change(stored: int) -> float:
        return beam.window_mean(period_s, lambda fluence: majority_wrong(sigma.wrong(stored, fluence)))

    return wrong_after_windows(change(value), change(1 - value), total_s / period_s)


def single_wrong(beam: Beam, sigma: Sigma, value: int, total_s: float) -> float:
    """Probability that an unprotected bit which should store `value` is wrong after `total_s`."""
    return beam.window_mean(total_s, lambda fluence: sigma.wrong(value, fluence))


def secded_check_bits(data_bits: int) -> int:
    """Check bits of a Hamming code with one more parity bit: least r with ``2^r >= data + r + 1``, plus one."""
    check = 0
    while 1 << check < data_bits + check + 1:
        check += 1
    return check + 1


def uncorrectable(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability float64[words] that two or more bits of a word are wrong, from float64[words, bits] of its bits.

    By recursion over the bits with positive terms only, so that nothing cancels.
    """
    none, one, more = (np.full(len(probabilities), start) for start in (1.0, 0.0, 0.0))
    for p in probabilities.T:
        more = more + one * p
        one = one * (1.0 - p) + none * p
        none = none * (1.0 - p)
    return more


def latched_set_rate(nodes: int, sigma_cm2: float, flux_cm2_s: float, width_s: float, period_s: float) -> float:
    """Transients per second in `nodes` nodes that meet a clock edge: ``n sigma flux min(1, width / period)``."""
    return nodes * sigma_cm2 * flux_cm2_s * min(1.0, width_s / period_s)


def spills_wrong_bits(
    bits: int, sigma_cm2: float, spills: int, fluence_cm2: float, fluence_squared_cm4: float
) -> float:
    """Expected wrong bits of a triplicated bank that is rewritten after every spill; for small rates ``3 N sigma^2 sum(F^2)``.

    Args:
        bits: bits N of one copy.
        sigma_cm2: cross-section of a flip-flop, whatever it stores.
        spills: number of spills; half of them are taken to be larger, half smaller, by what makes both sums right.
        fluence_cm2: sum of the spills' fluences F.
        fluence_squared_cm4: sum of their squares.
    """
    mean = fluence_cm2 / spills
    spread = sqrt(max(0.0, fluence_squared_cm4 / spills - mean**2))
    sigma = Sigma(sigma_cm2, sigma_cm2)
    levels = [majority_wrong(sigma.wrong(0, mean + sign * spread)) for sign in (-1.0, 1.0)]
    return bits * spills * sum(levels) / len(levels)
