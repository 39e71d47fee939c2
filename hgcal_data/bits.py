"""Bit rows: many packets written field by field, most significant bit first."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
BitArray = npt.NDArray[np.uint8]

OUTPUT_WORDS: Final = 13
OUTPUT_BITS: Final = 32 * OUTPUT_WORDS


def to_bits(values: npt.ArrayLike, width: int) -> BitArray:
    """Bits of unsigned integers, shape (..., width), most significant first."""
    array = np.asarray(values, dtype=np.int64)
    return ((array[..., None] >> np.arange(width - 1, -1, -1)) & 1).astype(np.uint8)


def from_bits(bits: npt.ArrayLike) -> IntArray:
    """Integers of bits (..., width), most significant first (width <= 62)."""
    array = np.asarray(bits, dtype=np.int64)
    weights = np.int64(1) << np.arange(array.shape[-1] - 1, -1, -1, dtype=np.int64)
    return array @ weights


def bits_to_words(bits: BitArray) -> npt.NDArray[np.uint32]:
    """uint32[n,13] of bit rows uint8[n,w], w <= 416, first bit = bit 31 of word 0, zero-filled on the right."""
    rows = np.zeros((bits.shape[0], OUTPUT_BITS), dtype=np.uint8)
    rows[:, : bits.shape[1]] = bits
    return np.packbits(rows, axis=1).view(">u4").astype(np.uint32)


def words_to_bits(words: npt.NDArray[np.uint32]) -> BitArray:
    """uint8[n, 32 k] of words uint32[n,k]."""
    big_endian = np.ascontiguousarray(np.asarray(words, dtype=np.uint32).astype(">u4"))
    return np.unpackbits(big_endian.view(np.uint8).reshape(big_endian.shape[0], -1), axis=1)


def int_to_bits(value: int, width: int) -> BitArray:
    """Bits of one (arbitrarily long) unsigned integer, most significant first.

    Raises ValueError if it does not fit.
    """
    if value < 0 or value >> width:
        raise ValueError(f"value {value:#x} does not fit in {width} bits")
    return np.array([(value >> (width - 1 - i)) & 1 for i in range(width)], dtype=np.uint8)
