"""Repeater: all 48 cells (facts/baselines.md 4.3)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hgcal_data.bits import bits_to_words, from_bits, to_bits, words_to_bits
from hgcal_data.codes import encode_float
from hgcal_data.geometry import N_CELLS
from hgcal_data.packets import header5

IntArray = npt.NDArray[np.int64]
PACKET_BITS = 5 + 7 * N_CELLS


def cells_sent(links: int) -> int:
    """Complete cells that fit on ``links`` links (48 from eleven on)."""
    return min((32 * links - 5) // 7, N_CELLS)


def repeater(charges: npt.ArrayLike, bx: npt.ArrayLike, links: int, drop: int = 0) -> npt.NDArray[np.uint32]:
    """Link words uint32[n,13].

    5-bit header, then 4E3M codes, cell 0 first; with fewer than 11 links the first 32 N bits.
    """
    codes = encode_float(charges, 4, 3, drop)
    bits = np.concatenate([to_bits(header5(bx), 5), to_bits(codes, 7).reshape(codes.shape[0], -1)], axis=1)
    return bits_to_words(bits[:, : 32 * links])


def decode_repeater(words: npt.NDArray[np.uint32], links: int) -> IntArray:
    """4E3M codes int64[n,48] (0 for cells that did not fit)."""
    bits = words_to_bits(words)
    n = cells_sent(links)
    codes = np.zeros((bits.shape[0], N_CELLS), dtype=np.int64)
    codes[:, :n] = from_bits(bits[:, 5 : 5 + 7 * n].reshape(-1, n, 7))
    return codes
