"""The chip's own algorithms on the same links, from packet to reconstruction, with their fair decoding rules.

Best Choice with the residual sum spread over the unsent cells, super trigger cells with a fitted share of the largest cell,
and Threshold Sum through the chip's output buffer with a threshold tuned to the links, in general or to the very rows
(facts/baselines.md sections 9, 10).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Integers
from econ_ae.config import LINK_BITS
from hgcal_data.baselines import (
    best_choice,
    decode_best_choice,
    decode_super_trigger_cell,
    fit_share_table,
    reconstruct_best_choice,
    reconstruct_super_trigger_cell,
    super_trigger_cell,
    to_chip,
    to_tc,
)
from hgcal_data.baselines.best_choice import payload_bits
from hgcal_data.baselines.compare import TUNING_THRESHOLDS, send_threshold_sum, tuned_threshold
from hgcal_data.baselines.reconstruction import SparseRule
from hgcal_data.baselines.super_trigger_cell import STC_TYPES
from hgcal_data.frontend import ORBIT_LENGTH
from hgcal_data.geometry import N_CELLS

FloatArray = NDArray[np.float64]
Sent = tuple[FloatArray, float]
"""Reconstructed charges float64[n,48] in TC order, and the mean number of bits per event that were sent."""

_DROP = 1
"""Low bits dropped at the output of a low-density module."""
_TUNING_ROWS = 500


@dataclass(frozen=True)
class Reference:
    """One algorithm of the chip with one decoding rule at one link count.

    Attributes:
        algorithm: ``best_choice``, ``super_trigger_cell`` or ``threshold_sum``.
        rule: setting and decoding rule in words.
        send: charges int64[n,48] in TC order -> `Sent`.
    """

    algorithm: str
    rule: str
    send: Callable[[Integers], Sent]


def references(links: int, fitted_on: Integers) -> list[Reference]:
    """Every algorithm of the chip on `links` links, with every decoding rule.

    Args:
        links: 1 to 5.
        fitted_on: training charges int64[n,48] (TC order) for the fitted shares and the tuned threshold.
    """
    rules: tuple[tuple[SparseRule, str], ...] = (("residual", "residual spread"), ("zeros", "unsent zero"))
    found = [Reference("best_choice", text, _best_choice(links, rule)) for rule, text in rules]
    for number, kind in enumerate(STC_TYPES):
        groups, whole = kind.groups(links), N_CELLS // kind.group
        if groups == 0:
            continue
        name = kind.name if groups == whole else f"{kind.name} {groups} of {whole}"
        rule = f"{name}, fitted share" if kind.address_bits else f"{name}, equal shares"
        found.append(Reference("super_trigger_cell", rule, _super_trigger_cell(links, number, fitted_on)))
    general = _tuned(to_chip(fitted_on), links)
    return [
        *found,
        Reference("threshold_sum", "tuned threshold, residual spread", _threshold_sum(links, general)),
        Reference("threshold_sum", "threshold tuned to these rows, residual spread", _threshold_sum(links, None)),
    ]


def _crossings(rows: int) -> Integers:
    return np.arange(rows, dtype=np.int64) % ORBIT_LENGTH


def _best_choice(links: int, rule: SparseRule) -> Callable[[Integers], Sent]:
    def send(charges: Integers) -> Sent:
        words = best_choice(to_chip(charges), _crossings(len(charges)), links, _DROP)
        cells = reconstruct_best_choice(decode_best_choice(words, links), _DROP, rule)
        return to_tc(cells), float(payload_bits(links))

    return send


def _super_trigger_cell(links: int, number: int, fitted_on: Integers) -> Callable[[Integers], Sent]:
    kind = STC_TYPES[number]
    table = fit_share_table(to_chip(fitted_on), number, _DROP) if kind.address_bits else None

    def send(charges: Integers) -> Sent:
        words = super_trigger_cell(to_chip(charges), _crossings(len(charges)), links, number, _DROP)
        packets = decode_super_trigger_cell(words, links, number)
        cells = reconstruct_super_trigger_cell(packets, _DROP, "equal" if table is None else "fitted", table)
        return to_tc(cells), float(kind.payload_bits(links))

    return send


def _tuned(chip: Integers, links: int) -> int:
    """Threshold with the least EMD on the first rows with charge, chip order."""
    rows = chip[chip.sum(axis=1) > 0][:_TUNING_ROWS]
    return tuned_threshold(rows, links, _DROP) if len(rows) else TUNING_THRESHOLDS[0]


def _threshold_sum(links: int, threshold: int | None) -> Callable[[Integers], Sent]:
    def send(charges: Integers) -> Sent:
        """With the threshold (None: tuned to these rows), or the next above it with which the mean packet fits."""
        chip = to_chip(charges)
        tuned = _tuned(chip, links) if threshold is None else threshold
        for tried in (*(value for value in TUNING_THRESHOLDS if value >= tuned), int(chip.max(initial=0)) + 1):
            sent = send_threshold_sum(chip, links, _DROP, tried, "")
            if sent.bits <= LINK_BITS * links:
                break
        return sent.cells, sent.bits

    return send
