"""Pseudo-floating-point codes of the chip, eEmM with dropped low bits (facts/baselines.md section 3).

Encoding truncates and saturates at the all-ones code. A code is the integer ``E << m | M``.
"""

from __future__ import annotations

from typing import Literal, overload

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def bit_length(values: npt.ArrayLike) -> IntArray:
    """Bit length of non-negative integers below 2^53 (0 for 0), int64 of the same shape."""
    array = np.asarray(values, dtype=np.int64)
    _, exponent = np.frexp(array.astype(np.float64))
    return exponent.astype(np.int64)


def encode_float(values: npt.ArrayLike, exponent_bits: int, mantissa_bits: int, drop: int = 0) -> IntArray:
    """Code of non-negative integers, int64 of the same shape.

    With w = v >> drop: E = 0, M = w below 2^m; otherwise E = bitlength(w) - m and M the m bits after the leading one.
    Exponents that do not fit give the all-ones code. Raises ValueError for negative input.
    """
    v = np.asarray(values, dtype=np.int64)
    if v.size and int(v.min()) < 0:
        raise ValueError(f"encode_float: negative value {int(v.min())}, expected counts >= 0")
    w = v >> drop
    exponent = np.maximum(bit_length(w) - mantissa_bits, 0)
    mantissa = (w >> np.maximum(exponent - 1, 0)) & ((1 << mantissa_bits) - 1)
    code = (exponent << mantissa_bits) | mantissa
    top = (1 << (exponent_bits + mantissa_bits)) - 1
    return np.where(exponent > (1 << exponent_bits) - 1, top, code)


def code_bounds(codes: npt.ArrayLike, mantissa_bits: int, drop: int = 0) -> tuple[IntArray, IntArray]:
    """Lower edge and width of the integers that share a code, both int64 (baselines.md section 3)."""
    code = np.asarray(codes, dtype=np.int64)
    exponent = code >> mantissa_bits
    mantissa = code & ((1 << mantissa_bits) - 1)
    shift = np.maximum(exponent - 1, 0)
    significand = np.where(exponent == 0, mantissa, mantissa + (1 << mantissa_bits))
    return significand << (shift + drop), np.int64(1) << (shift + drop)


@overload
def decode_float(
    codes: npt.ArrayLike, exponent_bits: int, mantissa_bits: int, drop: int = ..., rule: Literal["chip", "lower"] = ...
) -> IntArray: ...
@overload
def decode_float(
    codes: npt.ArrayLike, exponent_bits: int, mantissa_bits: int, drop: int = ..., *, rule: Literal["centre"]
) -> FloatArray: ...
def decode_float(
    codes: npt.ArrayLike,
    exponent_bits: int,
    mantissa_bits: int,
    drop: int = 0,
    rule: Literal["chip", "centre", "lower"] = "chip",
) -> IntArray | FloatArray:
    """Value that stands for a code.

    ``chip``: lower edge + half the width, as the chip's input stage does (int64; code 0 is not 0 when ``drop`` > 0);
    ``lower``: lower edge (int64); ``centre``: code 0 -> 0, else lower edge + (width - 1) / 2 (float64, baselines.md
    9.2).
    Raises ValueError for codes that do not fit in ``exponent_bits + mantissa_bits`` bits.
    """
    code = np.asarray(codes, dtype=np.int64)
    if code.size and (int(code.min()) < 0 or int(code.max()) >> (exponent_bits + mantissa_bits)):
        raise ValueError(f"decode_float: a code does not fit in {exponent_bits + mantissa_bits} bits")
    lower, width = code_bounds(code, mantissa_bits, drop)
    if rule == "lower":
        return lower
    if rule == "chip":
        return lower + (width >> 1)
    return np.where(code == 0, 0.0, lower + (width - 1) / 2.0)
