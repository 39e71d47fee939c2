"""What the far side makes of a packet: 48 charges in chip channels (facts/baselines.md section 9).

Fair rules (recommended for any comparison): the residual sum of BC and TS spread equally over the cells that were
not sent
(packets with ``use_sum`` = 0), and a fitted share f(E) for the largest cell of a super trigger cell. Naive rules
beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from hgcal_data.baselines.best_choice import BestChoicePackets
from hgcal_data.baselines.super_trigger_cell import STC_TYPES, SuperTriggerCellPackets, Tie, group_address
from hgcal_data.baselines.threshold_sum import TRUNCATED_T1, TRUNCATED_T23, ThresholdSumPackets
from hgcal_data.codes import decode_float, encode_float
from hgcal_data.geometry import N_CELLS

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
SparseRule = Literal["residual", "zeros"]
StcRule = Literal["fitted", "max", "equal"]

_GRID: Final = np.round(np.arange(0.0, 1.0 + 1e-9, 0.05), 2)


def _spread(cells: FloatArray, sent: npt.NDArray[np.bool_], residual: FloatArray) -> FloatArray:
    free = N_CELLS - sent.sum(axis=1)
    share = np.divide(residual, free, out=np.zeros_like(residual), where=free > 0)
    return np.where(sent, cells, share[:, None])


def reconstruct_best_choice(packets: BestChoicePackets, drop: int, rule: SparseRule = "residual") -> FloatArray:
    """Charges float64[n,48]; ``residual`` needs packets with use_sum = 0."""
    cells = decode_float(packets.codes, 4, 3, drop, rule="centre")
    if rule == "zeros":
        return np.where(packets.sent, cells, 0.0)
    residual = decode_float(packets.sum_code, 5, 3, rule="centre") * (1 << drop)
    return _spread(cells, packets.sent, residual)


def reconstruct_threshold_sum(packets: ThresholdSumPackets, drop: int, rule: SparseRule = "residual") -> FloatArray:
    """Charges float64[n,48].

    ``residual`` needs packets with use_sum = 0 (truncated ones always carry the full sum).
    """
    cells = decode_float(packets.codes, 4, 3, drop, rule="centre")
    if rule == "zeros":
        return np.where(packets.sent, cells, 0.0)
    return _spread(cells, packets.sent, decode_float(packets.sum_code, 5, 3, rule="centre"))


def is_truncated(packets: ThresholdSumPackets) -> npt.NDArray[np.bool_]:
    """Packets whose cells the buffer dropped."""
    return np.isin(packets.kind, (TRUNCATED_T1, TRUNCATED_T23))


def reconstruct_repeater(codes: npt.ArrayLike, drop: int) -> FloatArray:
    """Charges float64[n,48] of the repeater's codes."""
    return decode_float(codes, 4, 3, drop, rule="centre")


@dataclass(frozen=True)
class ShareTable:
    """Share f of a group's sum that goes to its largest cell.

    By exponent of the received sum code (last entry repeats).
    """

    stc_type: int
    share: FloatArray

    def of(self, sum_code: IntArray) -> FloatArray:
        """Share f for every sum code."""
        exponent = sum_code >> STC_TYPES[self.stc_type].mantissa_bits
        return np.asarray(self.share[np.minimum(exponent, self.share.size - 1)])


def fit_share_table(charges: npt.ArrayLike, stc_type: int, drop: int = 0, tie: Tie = "highest") -> ShareTable:
    """Fit f(E) on training charges int64[n,48] (chip channels, non-empty rows).

    For every exponent, the f on a grid of 0.05 with the least L1 difference of the shares of the module's charge.
    """
    kind = STC_TYPES[stc_type]
    q = np.asarray(charges, dtype=np.int64)
    grouped = q.reshape(-1, kind.group)
    total = grouped.sum(axis=1)
    weight = 1.0 / np.maximum(q.sum(axis=1), 1).repeat(N_CELLS // kind.group)
    code = encode_float(total, kind.exponent_bits, kind.mantissa_bits, drop if kind.drops else 0)
    exponent = code >> kind.mantissa_bits
    top = grouped[np.arange(total.size), group_address(grouped, tie)]
    share = np.ones(int(exponent.max(initial=0)) + 1)
    for e in range(share.size):
        rows = (exponent == e) & (total > 0)
        if rows.any():
            share[e] = _best_share(grouped[rows].astype(np.float64), top[rows], weight[rows])
    return ShareTable(stc_type, share)


def _best_share(groups: FloatArray, largest: IntArray, weight: FloatArray) -> float:
    """F with the least weighted L1 difference for groups [m,size]; of equal ones the largest."""
    total = groups.sum(axis=1)
    losses = []
    for f in _GRID:
        rest = ((1.0 - f) / (groups.shape[1] - 1)) * total
        others = np.abs(groups - rest[:, None]).sum(axis=1) - np.abs(largest - rest)
        losses.append(float((weight * (others + np.abs(largest - f * total))).sum()))
    best = np.flatnonzero(np.isclose(losses, min(losses), rtol=1e-12))
    return float(_GRID[best[-1]])


def reconstruct_super_trigger_cell(
    packets: SuperTriggerCellPackets, drop: int, rule: StcRule = "fitted", table: ShareTable | None = None
) -> FloatArray:
    """Charges float64[n,48]; groups that were not sent are 0.

    The CTC types carry no address and always share equally.

    Raises ValueError when the rule ``fitted`` has no table of the packet's type.
    """
    kind = STC_TYPES[packets.stc_type]
    sums = decode_float(
        packets.sum_code, kind.exponent_bits, kind.mantissa_bits, drop if kind.drops else 0, rule="centre"
    )
    if kind.address_bits == 0 or rule == "equal":
        top_share = np.full(sums.shape, 1.0 / kind.group)
    elif rule == "max":
        top_share = np.ones(sums.shape)
    else:
        if table is None or table.stc_type != packets.stc_type:
            raise ValueError(f"rule 'fitted' needs a share table of type {packets.stc_type}")
        top_share = table.of(packets.sum_code)
    rest = sums * (1.0 - top_share) / (kind.group - 1)
    groups = np.repeat(rest[:, :, None], kind.group, axis=2)
    np.put_along_axis(groups, packets.address[:, :, None], (sums * top_share)[:, :, None], axis=2)
    cells = np.zeros((sums.shape[0], N_CELLS))
    cells[:, : groups.shape[1] * kind.group] = groups.reshape(sums.shape[0], -1)
    return cells
