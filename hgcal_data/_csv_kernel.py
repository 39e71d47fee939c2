"""Compiled parser for blocks of comma-separated numbers, with the place of the first error."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

NUMBER: Final = 0
TEXT: Final = 1

GOOD: Final = 0
TOO_FEW: Final = 1
TOO_MANY: Final = 2
NOT_A_NUMBER: Final = 3

_COMMA, _NEWLINE, _RETURN, _SPACE, _QUOTE = 44, 10, 13, 32, 34
_PLUS, _MINUS, _POINT, _ZERO, _NINE = 43, 45, 46, 48, 57


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _number(data: npt.NDArray[np.uint8], start: int, stop: int) -> tuple[bool, float]:
    """Decimal number in data[start:stop]; NaN for the text 'nan' (any case)."""
    position = start
    negative = False
    if position < stop and (data[position] == _MINUS or data[position] == _PLUS):
        negative = data[position] == _MINUS
        position += 1
    if stop - position == 3 and (data[position] | 32) == 110 and (data[position + 1] | 32) == 97:  # na.
        return (data[position + 2] | 32) == 110, np.nan
    mantissa, scale, digits, after_point = 0.0, 0, 0, False
    while position < stop:
        byte = data[position]
        if _ZERO <= byte <= _NINE:
            mantissa = mantissa * 10.0 + (byte - _ZERO)
            digits += 1
            if after_point:
                scale -= 1
        elif byte == _POINT and not after_point:
            after_point = True
        else:
            break
        position += 1
    if digits == 0:
        return False, 0.0
    if position < stop and (data[position] | 32) == 101:  # exponent
        position += 1
        down = False
        if position < stop and (data[position] == _MINUS or data[position] == _PLUS):
            down = data[position] == _MINUS
            position += 1
        exponent, seen = 0, False
        while position < stop and _ZERO <= data[position] <= _NINE:
            exponent = min(exponent * 10 + (data[position] - _ZERO), 9999)
            seen = True
            position += 1
        if not seen:
            return False, 0.0
        scale += -exponent if down else exponent
    value = mantissa / 10.0**-scale if scale < 0 else mantissa * 10.0**scale
    return position == stop, -value if negative else value


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _text(data: npt.NDArray[np.uint8], start: int, stop: int) -> float:
    """Up to six bytes of text as one exact number (the first byte most significant)."""
    value = 0.0
    for position in range(start, min(stop, start + 6)):
        value = value * 256.0 + data[position]
    return value


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def parse_block(  # noqa: PLR0912 - one compiled loop
    data: npt.NDArray[np.uint8], kinds: npt.NDArray[np.int64], first_line: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], int, int, int, int]:
    """Rows of a block of complete lines.

    Returns (values float64[n,columns], line number of each row, status, line, column, fields found).
    With a status other than GOOD, line and column (counted from 0) tell where the first error is. Blank lines are
    skipped.
    """
    columns = kinds.size
    capacity = 1
    for byte in data:
        if byte == _NEWLINE:
            capacity += 1
    values = np.empty((capacity, columns))
    lines = np.empty(capacity, np.int64)
    rows, line, position, size = 0, first_line, 0, data.size
    while position < size:
        end = position
        while end < size and data[end] != _NEWLINE:
            end += 1
        stop = end
        while stop > position and (data[stop - 1] == _RETURN or data[stop - 1] == _SPACE):
            stop -= 1
        if stop > position:
            column, start = 0, position
            while start <= stop:
                cut = start
                while cut < stop and data[cut] != _COMMA:
                    cut += 1
                if column < columns:
                    a, b = start, cut
                    while a < b and (data[a] == _SPACE or data[a] == _QUOTE):
                        a += 1
                    while b > a and (data[b - 1] == _SPACE or data[b - 1] == _QUOTE):
                        b -= 1
                    if kinds[column] == TEXT:
                        values[rows, column] = _text(data, a, b)
                    else:
                        good, number = _number(data, a, b)
                        if not good:
                            count = column + 1
                            for k in range(cut, stop):
                                if data[k] == _COMMA:
                                    count += 1
                            status = NOT_A_NUMBER if count == columns else (TOO_FEW if count < columns else TOO_MANY)
                            return values[:rows], lines[:rows], status, line, column, count
                        values[rows, column] = number
                column += 1
                start = cut + 1
            if column != columns:
                return values[:rows], lines[:rows], TOO_FEW if column < columns else TOO_MANY, line, column, column
            lines[rows] = line
            rows += 1
        line += 1
        position = end + 1
    return values[:rows], lines[:rows], GOOD, line, 0, 0
