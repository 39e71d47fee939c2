"""Threshold Sum: cells at or above their threshold, in packets of variable length (facts/baselines.md 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hgcal_data.baselines.buffer import through_buffer
from hgcal_data.baselines.order import MapOrder, map_bits
from hgcal_data.bits import BitArray, from_bits, to_bits
from hgcal_data.codes import encode_float
from hgcal_data.geometry import N_CELLS
from hgcal_data.packets import header5

IntArray = npt.NDArray[np.int64]

PACKET_WORDS: Final = 25
EMPTY, SHORT, LONG, TRUNCATED_T1, TRUNCATED_T23 = 0b000, 0b010, 0b100, 0b110, 0b111
_MAP_FROM = 8


@dataclass(frozen=True)
class ThresholdSumPackets:
    """Decoded fields of n packets.

    Header, packet type and 5E3M sum code int64[n]; sent bool[n,48] and 4E3M codes int64[n,48] (chip channels, 0
    where not sent).
    """

    header: IntArray
    kind: IntArray
    sum_code: IntArray
    sent: npt.NDArray[np.bool_]
    codes: IntArray


def default_thresholds(links: int) -> tuple[int, int, int]:
    """T1, T2, T3 of the emulator: 24 N, 24 N - 25, 25."""
    return 24 * links, 24 * links - 25, 25


def packet_words(kept: npt.ArrayLike) -> IntArray:
    """Length in 16-bit words of packets that carry ``kept`` cells."""
    k = np.asarray(kept, dtype=np.int64)
    bits = np.where(k == 0, 16, np.where(k < _MAP_FROM, 19 + 13 * k, 64 + 7 * k))
    return -(-bits // 16)


def _scatter(bits: BitArray, rows: IntArray, start: IntArray, values: IntArray, width: int) -> None:
    bits[rows[:, None], start[:, None] + np.arange(width)] = to_bits(values, width)


def _packets(kept: npt.NDArray[np.bool_], codes: IntArray, head: IntArray, sums: IntArray, order: MapOrder) -> BitArray:
    """Bit rows uint8[n,400] of the full packets."""
    count = kept.sum(axis=1).astype(np.int64)
    bits = np.zeros((kept.shape[0], 16 * PACKET_WORDS), dtype=np.uint8)
    kind = np.where(count == 0, EMPTY, np.where(count < _MAP_FROM, SHORT, LONG))
    bits[:, :5], bits[:, 5:8], bits[:, 8:16] = to_bits(head, 5), to_bits(kind, 3), to_bits(sums, 8)
    short, long = kind == SHORT, kind == LONG
    bits[short, 16:19] = to_bits(count[short], 3)
    bits[long, 16:64] = map_bits(kept[long], order)
    rows, cells = np.nonzero(kept)
    rank = (np.cumsum(kept, axis=1) - 1)[rows, cells]
    few = short[rows]
    _scatter(bits, rows[few], 19 + 6 * rank[few], cells[few], 6)
    first = np.where(few, 19 + 6 * count[rows], 64)
    _scatter(bits, rows, first + 7 * rank, codes[rows, cells], 7)
    return bits


def threshold_sum(
    charges: npt.ArrayLike,
    bx: npt.ArrayLike,
    links: int,
    thresholds: npt.ArrayLike,
    drop: int = 0,
    use_sum: bool = False,
    map_order: MapOrder = "production",
    idle_pattern: int = 0x122,
    buffer_thresholds: tuple[int, int, int] | None = None,
) -> tuple[npt.NDArray[np.uint32], IntArray]:
    """Link words uint32[n,13] and buffer conditions int64[n] of consecutive crossings.

    charges int64[n,48] (chip channels), one threshold for all cells or 48 of them. ``use_sum``: sum of all cells,
    else of the
    cells below threshold; a truncated packet always carries the sum of all cells.
    """
    q = np.asarray(charges, dtype=np.int64)
    kept = q >= np.broadcast_to(np.asarray(thresholds, dtype=np.int64), (N_CELLS,))
    head = header5(bx)
    full_sum = encode_float(q.sum(axis=1), 5, 3)
    sums = full_sum if use_sum else encode_float(np.where(kept, 0, q).sum(axis=1), 5, 3)
    bits = _packets(kept, encode_float(q, 4, 3, drop), head, sums, map_order)
    words = from_bits(bits.reshape(-1, PACKET_WORDS, 16)).astype(np.uint16)
    truncated = ((head << 11) | (TRUNCATED_T1 << 8) | full_sum).astype(np.uint16)
    idle = ((head << 11) | (idle_pattern & 0x7FF)).astype(np.uint16)
    limits = default_thresholds(links) if buffer_thresholds is None else buffer_thresholds
    return through_buffer(words, packet_words(kept.sum(axis=1)), truncated, idle, links, limits)


def _read_packet(stream: IntArray, at: int, order: MapOrder) -> tuple[int, int, list[int], list[int]]:
    """Words used, packet type, cells and codes of the packet that starts at ``stream[at]``."""
    kind = (int(stream[at]) >> 8) & 7
    if kind not in (SHORT, LONG):
        return 1, kind, [], []
    bits = to_bits(stream[at : at + PACKET_WORDS], 16).ravel()
    if kind == SHORT:
        count, start = int(from_bits(bits[16:19])), 19
        cells = from_bits(bits[19 : 19 + 6 * count].reshape(count, 6)).tolist()
        start += 6 * count
    else:
        marks = bits[16:64] if order == "p1" else bits[63:15:-1]
        cells = np.flatnonzero(marks).tolist()
        count, start = len(cells), 64
    codes = from_bits(bits[start : start + 7 * count].reshape(count, 7)).tolist()
    return int(packet_words(count)), kind, cells, codes


def decode_threshold_sum(
    words: npt.NDArray[np.uint32], links: int, map_order: MapOrder = "production"
) -> ThresholdSumPackets:
    """Packets in the order sent, from the link words uint32[n,13] of consecutive crossings.

    A word whose top five bits repeat the header of the packet just read, or that belongs to a later crossing whose
    packet is not
    due, is idle. Packets still in the buffer after the last crossing are missing; send crossings without charge to
    flush them.
    """
    halves = np.stack([words >> np.uint32(16), words & np.uint32(0xFFFF)], axis=2).reshape(words.shape[0], -1)
    stream = halves[:, : 2 * links].astype(np.int64).ravel()
    header, kinds, sums, cells_of, codes_of = [], [], [], [], []
    at, last = 0, -1
    while at < stream.size:
        word = int(stream[at])
        if word >> 11 == last:  # idle word
            at += 1
            continue
        length, kind, cells, codes = _read_packet(stream, at, map_order)
        if at + length > stream.size:
            break
        last = word >> 11
        header.append(last)
        kinds.append(kind)
        sums.append(word & 0xFF)
        cells_of.append(cells)
        codes_of.append(codes)
        at += length
    sent = np.zeros((len(header), N_CELLS), dtype=np.bool_)
    values = np.zeros((len(header), N_CELLS), dtype=np.int64)
    for row, (cells, codes) in enumerate(zip(cells_of, codes_of, strict=True)):
        sent[row, cells] = True
        values[row, cells] = codes
    return ThresholdSumPackets(
        np.array(header, dtype=np.int64), np.array(kinds, dtype=np.int64), np.array(sums, dtype=np.int64), sent, values
    )
