"""Exact intervals of counts."""

from __future__ import annotations

from math import log

from scipy import stats


def poisson_interval(count: int, confidence: float) -> tuple[float, float]:
    """Central (Garwood) interval of a Poisson mean from one observed count, by the chi-squared quantiles."""
    tail = (1.0 - confidence) / 2.0
    low = float(stats.chi2.ppf(tail, 2 * count)) / 2.0 if count else 0.0
    return low, float(stats.chi2.isf(tail, 2 * count + 2)) / 2.0


def zero_event_limit(confidence: float) -> float:
    """Largest Poisson mean that gives no event with probability ``1 - confidence``: 2.303 at 90 %, 2.996 at 95 %."""
    return -log(1.0 - confidence)


def clopper_pearson(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """Central (Clopper-Pearson) interval of a proportion, by the beta quantiles."""
    tail = (1.0 - confidence) / 2.0
    low = float(stats.beta.ppf(tail, successes, trials - successes + 1)) if successes else 0.0
    high = float(stats.beta.isf(tail, successes + 1, trials - successes)) if successes < trials else 1.0
    return low, high
