"""Best Choice: the n largest cells (facts/baselines.md 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hgcal_data.baselines.batcher import rank_order
from hgcal_data.baselines.order import MapOrder, header4, map_bits
from hgcal_data.bits import bits_to_words, from_bits, to_bits, words_to_bits
from hgcal_data.codes import encode_float
from hgcal_data.geometry import N_CELLS

IntArray = npt.NDArray[np.int64]

CELLS_SENT: Final = (0, 1, 4, 6, 9, 14, 18, 23, 28, 32, 37, 41, 46, 48)
"""Number of cells sent on n links (index n)."""
LARGEST: Final = (1 << 18) - 1
_MAP_FROM = 8  # cells from which a map replaces addresses


@dataclass(frozen=True)
class BestChoicePackets:
    """Decoded fields: header int64[n], sum_code int64[n] (5E3M, in units of the dropped bits).

    Sent bool[n,48] and 4E3M charge codes int64[n,48] (0 where not sent); columns are chip channels.
    """

    header: IntArray
    sum_code: IntArray
    sent: npt.NDArray[np.bool_]
    codes: IntArray


def payload_bits(links: int) -> int:
    """Bits used on ``links`` links, header included."""
    n = CELLS_SENT[links]
    return 12 + 13 * n if n < _MAP_FROM else 60 + 7 * n


def select_cells(values: IntArray, links: int) -> npt.NDArray[np.bool_]:
    """Which cells are sent, bool[n,48], for dropped values int64[n,48]."""
    sent = np.zeros(values.shape, dtype=np.bool_)
    best = rank_order(values)[:, : CELLS_SENT[links]]
    np.put_along_axis(sent, best, True, axis=1)
    return sent


def best_choice(
    charges: npt.ArrayLike,
    bx: npt.ArrayLike,
    links: int,
    drop: int = 0,
    use_sum: bool = False,
    map_order: MapOrder = "production",
) -> npt.NDArray[np.uint32]:
    """Link words uint32[n,13] of calibrated charges int64[n,48] (chip channels) and crossing numbers int64[n].

    The sum covers all cells with ``use_sum``, else the cells that are not sent.
    """
    q = np.asarray(charges, dtype=np.int64)
    values = np.minimum(q >> drop, LARGEST)
    n = CELLS_SENT[links]
    sent = select_cells(values, links)
    total = (values if use_sum else np.where(sent, 0, values)).sum(axis=1)
    cells = np.nonzero(sent)[1].reshape(-1, n)  # ascending cell number in every row
    codes = encode_float(np.take_along_axis(values, cells, axis=1), 4, 3)
    place = to_bits(cells, 6).reshape(-1, 6 * n) if n < _MAP_FROM else map_bits(sent, map_order)
    fields = [
        to_bits(header4(bx), 4),
        to_bits(encode_float(total, 5, 3), 8),
        place,
        to_bits(codes, 7).reshape(-1, 7 * n),
    ]
    return bits_to_words(np.concatenate(fields, axis=1))


def decode_best_choice(
    words: npt.NDArray[np.uint32], links: int, map_order: MapOrder = "production"
) -> BestChoicePackets:
    """Inverse of :func:`best_choice`, from link words uint32[n,13]."""
    bits = words_to_bits(words)
    n = CELLS_SENT[links]
    rows = bits.shape[0]
    if n < _MAP_FROM:
        cells = from_bits(bits[:, 12 : 12 + 6 * n].reshape(rows, n, 6))
        start = 12 + 6 * n
    else:
        marks = bits[:, 12:60] if map_order == "p1" else bits[:, 59:11:-1]
        cells = np.nonzero(marks)[1].reshape(rows, n)
        start = 60
    sent = np.zeros((rows, N_CELLS), dtype=np.bool_)
    codes = np.zeros((rows, N_CELLS), dtype=np.int64)
    np.put_along_axis(sent, cells, True, axis=1)
    np.put_along_axis(codes, cells, from_bits(bits[:, start : start + 7 * n].reshape(rows, n, 7)), axis=1)
    return BestChoicePackets(from_bits(bits[:, :4]), from_bits(bits[:, 4:12]), sent, codes)
