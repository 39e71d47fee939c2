"""Fixed-point formats and the one function that casts an integer into them.

A hardware value is an integer ``v`` with a format; the number it stands for is ``v / 2**fraction``.
Rounding and overflow are fields of the format, so that no conversion is implicit.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Integers = NDArray[np.int64]


class Rounding(StrEnum):
    """How fraction bits are dropped."""

    FLOOR = "floor"
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"


class Overflow(StrEnum):
    """What happens to a value outside the range."""

    SATURATE = "saturate"
    WRAP = "wrap"


class Format(BaseModel):
    """Fixed-point format of an integer hardware value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(ge=1, le=32, description="total bits, including the sign bit of a signed format")
    fraction: int = Field(ge=0, le=32, description="bits right of the binary point")
    signed: bool = Field(description="two's complement if true")
    rounding: Rounding = Field(default=Rounding.FLOOR, description="how fraction bits are dropped on entry")
    overflow: Overflow = Field(default=Overflow.SATURATE, description="what happens outside the range")

    @property
    def minimum(self) -> int:
        """Smallest integer of the format."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        """Largest integer of the format."""
        return (1 << (self.width - self.signed)) - 1

    def cast(self, values: Integers, fraction: int) -> Integers:
        """Cast integers with `fraction` fraction bits into this format.

        Args:
            values: int64 array of any shape.
            fraction: fraction bits of `values`.

        Returns:
            int64 array of the same shape, inside ``[minimum, maximum]``.
        """
        rounded = shift_round(values, fraction - self.fraction, self.rounding)
        if self.overflow is Overflow.SATURATE:
            return np.clip(rounded, self.minimum, self.maximum)
        span = 1 << self.width
        wrapped = np.mod(rounded, span)
        return np.where(wrapped > self.maximum, wrapped - span, wrapped)

    def contains(self, values: Integers) -> bool:
        """Whether every integer lies inside the range of the format."""
        return bool(values.size == 0 or (values.min() >= self.minimum and values.max() <= self.maximum))


def shift_round(values: Integers, shift: int, rounding: Rounding) -> Integers:
    """Drop `shift` low bits of each integer with the given rounding; a negative `shift` appends zero bits."""
    values = np.asarray(values, dtype=np.int64)
    if shift <= 0:
        return values << -shift
    if rounding is Rounding.FLOOR:
        return values >> shift
    half = 1 << (shift - 1)
    if rounding is Rounding.HALF_UP:
        return (values + half) >> shift
    return (values + half - 1 + ((values >> shift) & 1)) >> shift
