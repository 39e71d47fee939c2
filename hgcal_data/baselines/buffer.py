"""Output buffer of Threshold Sum: a FIFO of 16-bit words with three thresholds (facts/baselines.md section 7)."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

DEPTH: Final = 400
"""Words of the physical buffer; the emulator's behaviour for T1 above it is an artefact and not imitated."""
WORDS_OUT: Final = 26


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _run(
    packets: npt.NDArray[np.uint16],
    lengths: npt.NDArray[np.int64],
    truncated: npt.NDArray[np.uint16],
    idle: npt.NDArray[np.uint16],
    read: int,
    t1: int,
    t2: int,
    t3: int,
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int64]]:
    """Words read per crossing uint16[n,26] and the condition (1..4) that held, int64[n]."""
    rows = lengths.size
    out = np.zeros((rows, WORDS_OUT), np.uint16)
    condition = np.zeros(rows, np.int64)
    capacity = t1 + packets.shape[1] + 2
    fifo = np.zeros(capacity, np.uint16)
    head, waiting = 0, 0
    for row in range(rows):
        length = lengths[row]
        if waiting + length > t1:
            condition[row] = 1
        elif waiting > t2:
            condition[row] = 2 if length <= t3 else 3
        else:
            condition[row] = 4
        if condition[row] <= 2:
            fifo[(head + waiting) % capacity] = truncated[row] + (256 if condition[row] == 2 else 0)
            waiting += 1
        else:
            for k in range(length):
                fifo[(head + waiting + k) % capacity] = packets[row, k]
            waiting += length
        for k in range(read):
            if waiting > 0:
                out[row, k] = fifo[head]
                head = (head + 1) % capacity
                waiting -= 1
            else:
                out[row, k] = idle[row]
    return out, condition


def through_buffer(
    packets: npt.NDArray[np.uint16],
    lengths: npt.NDArray[np.int64],
    truncated: npt.NDArray[np.uint16],
    idle: npt.NDArray[np.uint16],
    links: int,
    thresholds: tuple[int, int, int],
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """Link words uint32[n,13] and the buffer condition int64[n] of consecutive crossings.

    packets uint16[n,25] with lengths int64[n]; truncated and idle words uint16[n]; thresholds (T1, T2, T3).
    Conditions: 1 truncated by T1 (type 110), 2 truncated by T2/T3 (type 111), 3 and 4 full packet.
    """
    t1, t2, t3 = thresholds
    out, condition = _run(packets, lengths, truncated, idle, 2 * links, t1, t2, t3)
    pairs = out.astype(np.uint32).reshape(-1, WORDS_OUT // 2, 2)
    return (pairs[:, :, 0] << np.uint32(16)) | pairs[:, :, 1], condition
