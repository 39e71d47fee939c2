"""Super Trigger Cell, types 0 to 4 (facts/baselines.md section 5).

Sums of groups of 4 or 16 cells, largest cell's address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from hgcal_data.baselines.order import header4
from hgcal_data.bits import bits_to_words, from_bits, to_bits, words_to_bits
from hgcal_data.codes import encode_float
from hgcal_data.geometry import N_CELLS

IntArray = npt.NDArray[np.int64]
Tie = Literal["highest", "lowest"]


@dataclass(frozen=True)
class StcType:
    """One type: group size, bits of the address, exponent and mantissa bits, whether low bits are dropped.

    Groups per links.
    """

    name: str
    group: int
    address_bits: int
    exponent_bits: int
    mantissa_bits: int
    drops: bool
    groups_sent: tuple[int, ...]

    def groups(self, links: int) -> int:
        """Groups sent on ``links`` links; 0 for a setting the chip does not support."""
        return self.groups_sent[links - 1] if links <= len(self.groups_sent) else 0

    @property
    def bits_per_group(self) -> int:
        """Address and sum."""
        return self.address_bits + self.exponent_bits + self.mantissa_bits

    def payload_bits(self, links: int) -> int:
        """Bits used, header included."""
        return 4 + self.groups(links) * self.bits_per_group


STC_TYPES: Final = (
    StcType("STC4B", 4, 2, 5, 4, False, (2, 5, 8, 11, 12)),
    StcType("STC16", 16, 4, 5, 4, False, (2, 3)),
    StcType("CTC4A", 4, 0, 4, 3, True, (4, 8, 12)),
    StcType("STC4A", 4, 2, 4, 3, True, (3, 6, 10, 12)),
    StcType("CTC4B", 4, 0, 5, 4, False, (3, 6, 10, 12)),  # production only, not covered by any public vector
)


@dataclass(frozen=True)
class SuperTriggerCellPackets:
    """Decoded fields: header int64[n].

    Address int64[n,g] (0 for the CTC types) and sum codes int64[n,g] of g sent groups.
    """

    stc_type: int
    header: IntArray
    address: IntArray
    sum_code: IntArray


def group_address(grouped: IntArray, tie: Tie = "highest") -> IntArray:
    """Place of the largest cell in each group, int64[...], for charges [..., size]."""
    if tie == "lowest":
        return np.asarray(grouped.argmax(axis=-1), dtype=np.int64)
    return np.asarray(grouped.shape[-1] - 1 - grouped[..., ::-1].argmax(axis=-1), dtype=np.int64)


def super_trigger_cell(
    charges: npt.ArrayLike, bx: npt.ArrayLike, links: int, stc_type: int, drop: int = 0, tie: Tie = "highest"
) -> npt.NDArray[np.uint32]:
    """Link words uint32[n,13] of calibrated charges int64[n,48] (chip channels).

    Groups that do not fit are lost; a link count above the type's last column gives all-zero words.
    Raises ValueError for a type outside 0..4.
    """
    if not 0 <= stc_type < len(STC_TYPES):
        raise ValueError(f"super trigger cell type {stc_type}, expected 0 to {len(STC_TYPES) - 1}")
    kind = STC_TYPES[stc_type]
    q = np.asarray(charges, dtype=np.int64)
    n = kind.groups(links)
    if n == 0:
        return np.zeros((q.shape[0], 13), dtype=np.uint32)
    grouped = q.reshape(-1, N_CELLS // kind.group, kind.group)[:, :n]
    codes = encode_float(grouped.sum(axis=2), kind.exponent_bits, kind.mantissa_bits, drop if kind.drops else 0)
    fields = [to_bits(header4(bx), 4)]
    if kind.address_bits:
        fields.append(to_bits(group_address(grouped, tie), kind.address_bits).reshape(q.shape[0], -1))
    fields.append(to_bits(codes, kind.exponent_bits + kind.mantissa_bits).reshape(q.shape[0], -1))
    return bits_to_words(np.concatenate(fields, axis=1))


def decode_super_trigger_cell(words: npt.NDArray[np.uint32], links: int, stc_type: int) -> SuperTriggerCellPackets:
    """Inverse of :func:`super_trigger_cell` for link words uint32[n,13]."""
    kind = STC_TYPES[stc_type]
    bits = words_to_bits(words)
    n, rows = kind.groups(links), bits.shape[0]
    code_bits = kind.exponent_bits + kind.mantissa_bits
    start = 4 + kind.address_bits * n
    address = np.zeros((rows, n), dtype=np.int64)
    if kind.address_bits:
        address = from_bits(bits[:, 4:start].reshape(rows, n, kind.address_bits))
    codes = from_bits(bits[:, start : start + code_bits * n].reshape(rows, n, code_bits))
    return SuperTriggerCellPackets(stc_type, from_bits(bits[:, :4]), address, codes)
