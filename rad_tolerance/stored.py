"""Bits that are stored: those of a run's weights, or of the chip's own encoder with unknown weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Integers
from asic_flow.ir import econ_t_structure
from asic_flow.run_folder import RunFolder


@dataclass(frozen=True)
class StoredBits:
    """One copy of the weight bank.

    Attributes:
        source: where the bits come from, in words.
        one: float64[n], probability that a bit is 1; exactly 0 or 1 for known weights.
        from_top: int64[n], place in its word: 0 is the highest bit.
    """

    source: str
    one: NDArray[np.float64]
    from_top: Integers

    @property
    def size(self) -> int:
        """Number of bits."""
        return len(self.one)

    def count(self, value: int, chosen: NDArray[np.bool_] | None = None) -> float:
        """Expected number of bits (among `chosen`) that store `value`."""
        one = self.one if chosen is None else self.one[chosen]
        return float(one.sum() if value else (1.0 - one).sum())


def stored_bits(run: Path | None, links: int | None) -> StoredBits:
    """Bits of a run's weights in stream order; without a run the chip's own encoder, every bit 0 or 1 equally often.

    Raises:
        FlowError: the run is incomplete.
    """
    if run is None:
        structure = econ_t_structure()
        one = np.full(structure.weight_bits, 0.5)
        source = f"structure {structure.name}, weights unknown"
    else:
        weights = RunFolder(run).weights(links)
        structure = weights.structure
        unpacked = np.unpackbits(np.frombuffer(weights.to_bytes(), dtype=np.uint8), bitorder="little")
        one = unpacked[: structure.weight_bits].astype(np.float64)
        source = f"weights with CRC {weights.crc32:#010x} of {run}"
    from_top = np.concatenate([np.arange(width)[::-1] for width in structure.word_widths()])
    return StoredBits(source, one, from_top.astype(np.int64))
