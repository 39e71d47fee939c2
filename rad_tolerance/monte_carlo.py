"""Simulated banks, flip-flop by flip-flop, that the formulas of `rad_tolerance.rates` are compared with.

Upsets are made so frequent that failures are seen; the formulas hold at any rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rad_tolerance.intervals import clopper_pearson
from rad_tolerance.rate_config import MonteCarlo
from rad_tolerance.rates import COPIES, Beam, Sigma, secded_check_bits, single_wrong, triplicated_wrong, uncorrectable

States = NDArray[np.bool_]
_RATIO = 1.6
"""Cross-section of one stored value over the other, as seen in beam (facts/radiation.md 2.3)."""


def upset(rng: np.random.Generator, states: States, sigma: Sigma, fluence: float) -> States:
    """States behind a fluence: every flip-flop waits an exponential fluence for each of its upsets, there and back."""
    result = states.copy()
    flat = result.reshape(-1)
    active = np.arange(flat.size)
    left = np.full(flat.size, fluence)
    while active.size:
        left = left - rng.exponential(1.0 / np.where(flat[active], sigma.one, sigma.zero))
        hit = left > 0.0
        active, left = active[hit], left[hit]
        flat[active] ^= True
    return result


def vote(copies: States) -> States:
    """Majority over the first axis."""
    return np.asarray(copies.sum(axis=0) > COPIES // 2)


def agreement(options: MonteCarlo, secded_data_bits: int, confidence: float) -> list[dict[str, Any]]:
    """Simulated failures of every storage beside the formulas, separately for bits that should be 0 and 1.

    Upsets within one window happen to a flip-flop with `options.upset_probability`, on average over both values.
    """
    rng = np.random.default_rng(options.seed)
    mean = (1.0 + _RATIO) / 2.0
    sigma = Sigma(options.upset_probability / mean, options.upset_probability * _RATIO / mean)
    should = np.arange(options.bits) % 2 == 1
    wrong: dict[str, States] = {}
    for _ in range(options.repetitions):
        for scheme, found in _simulate(rng, should, sigma, options.windows):
            wrong[scheme] = found[None] if scheme not in wrong else np.concatenate([wrong[scheme], found[None]])
    beam, total = Beam(1.0), float(options.windows)
    rows = []
    for value in (0, 1):
        expected = {
            "unprotected": single_wrong(beam, sigma, value, total),
            "triplicated": triplicated_wrong(beam, sigma, value, total, total),
            "triplicated_refreshed": triplicated_wrong(beam, sigma, value, 1.0, total),
        }
        for scheme, probability in expected.items():
            seen = wrong[scheme][:, should == bool(value)]
            rows.append(_row(f"{scheme}, stored {value}", int(seen.sum()), seen.size, probability, options, confidence))
    rows.append(_secded(rng, options, sigma, secded_data_bits, confidence))
    return rows


def _simulate(rng: np.random.Generator, should: States, sigma: Sigma, windows: int) -> Iterator[tuple[str, States]]:
    """(storage, wrong bits) of one bank behind all windows."""
    yield "unprotected", upset(rng, should, sigma, float(windows)) != should
    copies = np.tile(should, (COPIES, 1))
    yield "triplicated", vote(upset(rng, copies, sigma, float(windows))) != should
    refreshed = copies
    for _ in range(windows):
        refreshed = np.tile(vote(upset(rng, refreshed, sigma, 1.0)), (COPIES, 1))
    yield "triplicated_refreshed", refreshed[0] != should


def _secded(
    rng: np.random.Generator, options: MonteCarlo, sigma: Sigma, data_bits: int, confidence: float
) -> dict[str, Any]:
    """Words with two or more wrong bits behind one window; bits alternate between 0 and 1."""
    width = data_bits + secded_check_bits(data_bits)
    words = np.tile(np.arange(width) % 2 == 1, (options.repetitions * max(1, options.bits // width), 1))
    failed = (upset(rng, words, sigma, 1.0) != words).sum(axis=1) >= 2
    per_bit = np.array([[sigma.wrong(int(value), 1.0) for value in words[0]]])
    return _row("secded", int(failed.sum()), len(words), float(uncorrectable(per_bit)[0]), options, confidence)


def _row(
    name: str, failures: int, trials: int, probability: float, options: MonteCarlo, confidence: float
) -> dict[str, Any]:
    low, high = clopper_pearson(failures, trials, confidence)
    p_value = float(stats.binomtest(failures, trials, probability).pvalue)
    return {
        "storage": name,
        "trials": trials,
        "failures": failures,
        "expected_failures": probability * trials,
        "probability": probability,
        "interval": [low, high],
        "p_value": p_value,
        "agrees": p_value >= options.p_value,
    }
