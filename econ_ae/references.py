"""The chip's own algorithms on the same links, from packet to reconstruction, with their fair decoding rules.

Best Choice with the residual sum spread over the unsent cells, and super trigger cells with a fitted share of the
largest cell (facts/baselines.md sections 9 and 10). Threshold Sum has no fixed size; `hgcal_data.baselines.compare`
covers it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Integers
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
from hgcal_data.baselines.super_trigger_cell import STC_TYPES
from hgcal_data.geometry import N_CELLS

FloatArray = NDArray[np.float64]

_DROP = 1
"""Low bits dropped at the output of a low-density module."""


@dataclass(frozen=True)
class Reference:
    """One algorithm of the chip at one link count.

    Attributes:
        algorithm: ``best_choice`` or ``super_trigger_cell``.
        rule: decoding rule in words.
        payload_bits: bits used, header included.
        stc_type: type of super trigger cell, or None.
        links: link count.
        spread: for Best Choice: ``residual`` or ``zeros``.
        fitted_on: charges int64[n,48] (TC order) the share of the largest cell is fitted on.
    """

    algorithm: str
    rule: str
    payload_bits: int
    links: int
    spread: Literal["residual", "zeros"] = "residual"
    stc_type: int | None = None
    fitted_on: Integers | None = None

    def reconstruct(self, charges: Integers) -> FloatArray:
        """Reconstructed charges float64[n,48] of charges int64[n,48], both in TC order."""
        chip = to_chip(charges)
        crossings = np.arange(len(chip), dtype=np.int64)
        if self.stc_type is None:
            packets = decode_best_choice(best_choice(chip, crossings, self.links, _DROP), self.links)
            return to_tc(reconstruct_best_choice(packets, _DROP, self.spread))
        table = None if self.fitted_on is None else fit_share_table(to_chip(self.fitted_on), self.stc_type, _DROP)
        words = super_trigger_cell(chip, crossings, self.links, self.stc_type, _DROP)
        sent = decode_super_trigger_cell(words, self.links, self.stc_type)
        return to_tc(reconstruct_super_trigger_cell(sent, _DROP, "fitted" if table is not None else "equal", table))


def references(links: int, fitted_on: Integers) -> list[Reference]:
    """Every algorithm of the chip that covers the whole module on `links` links.

    Args:
        links: 1 to 5.
        fitted_on: training charges int64[n,48] (TC order) for the fitted shares.
    """
    bits = payload_bits(links)
    found = [
        Reference("best_choice", "residual spread", bits, links),
        Reference("best_choice", "unsent zero", bits, links, spread="zeros"),
    ]
    for number, kind in enumerate(STC_TYPES):
        if kind.groups(links) * kind.group != N_CELLS:
            continue
        rule = f"{kind.name}, fitted share" if kind.address_bits else f"{kind.name}, equal shares"
        fit = fitted_on if kind.address_bits else None
        found.append(
            Reference("super_trigger_cell", rule, kind.payload_bits(links), links, stc_type=number, fitted_on=fit)
        )
    return found
