"""Casts into fixed-point formats: every rounding and overflow mode, against exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from asic_flow.formats import Format, Overflow, Rounding, shift_round

VALUES = np.arange(-300, 301, dtype=np.int64)


def exact(value: int, shift: int, rounding: Rounding) -> int:
    quotient = Fraction(value, 1 << shift)
    if rounding is Rounding.FLOOR:
        return math.floor(quotient)
    if rounding is Rounding.HALF_UP:
        return math.floor(quotient + Fraction(1, 2))
    return round(quotient)  # Python rounds halves to even


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("shift", [1, 2, 4])
def test_rounding_equals_rational_arithmetic(rounding: Rounding, shift: int) -> None:
    expected = [exact(int(v), shift, rounding) for v in VALUES]
    np.testing.assert_array_equal(shift_round(VALUES, shift, rounding), expected)


def test_roundings_differ_on_ties() -> None:
    ties = np.array([1, 3, -1, -3])
    assert shift_round(ties, 1, Rounding.FLOOR).tolist() == [0, 1, -1, -2]
    assert shift_round(ties, 1, Rounding.HALF_UP).tolist() == [1, 2, 0, -1]
    assert shift_round(ties, 1, Rounding.HALF_EVEN).tolist() == [0, 2, 0, -2]


def test_negative_shift_appends_zero_bits() -> None:
    assert shift_round(np.array([-3, 5]), -2, Rounding.HALF_EVEN).tolist() == [-12, 20]


def test_saturation_and_wrap_at_the_ends() -> None:
    signed = Format(width=4, fraction=0, signed=True)
    assert signed.cast(np.array([-9, -8, 7, 8]), 0).tolist() == [-8, -8, 7, 7]
    wrapping = signed.model_copy(update={"overflow": Overflow.WRAP})
    assert wrapping.cast(np.array([-9, -8, 7, 8]), 0).tolist() == [7, -8, 7, -8]
    unsigned = Format(width=4, fraction=0, signed=False, overflow=Overflow.WRAP)
    assert unsigned.cast(np.array([-1, 15, 16]), 0).tolist() == [15, 15, 0]


def test_contains_sees_both_ends() -> None:
    fmt = Format(width=6, fraction=5, signed=True)
    assert fmt.contains(np.array([-32, 31]))
    assert not fmt.contains(np.array([-33]))
    assert not fmt.contains(np.array([32]))
    assert fmt.contains(np.array([], dtype=np.int64))
