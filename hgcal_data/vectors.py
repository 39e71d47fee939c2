"""Chip vectors: CSV files of hexadecimal words, one bunch crossing per row (12 input or 13 output words)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hgcal_data.bits import OUTPUT_WORDS
from hgcal_data.errors import DataError
from hgcal_data.files import atomic_write_text
from hgcal_data.frontend import INPUT_WORDS

WordArray = npt.NDArray[np.uint32]


def _parse_row(path: Path, number: int, line: str, columns: int) -> list[int]:
    fields = line.split(",")
    if len(fields) != columns:
        raise DataError(
            f"reading chip words from {path}, row {number}: found {len(fields)} fields, expected {columns}; "
            "the file is cut or not a vector file of this kind"
        )
    try:
        values = [int(field, 16) for field in fields]
    except ValueError as error:
        raise DataError(
            f"reading chip words from {path}, row {number}: {error}; expected 32-bit hexadecimal words"
        ) from error
    if any(value < 0 or value >> 32 for value in values):
        raise DataError(f"reading chip words from {path}, row {number}: a word does not fit in 32 bits")
    return values


def read_words(path: str | os.PathLike[str], columns: int) -> WordArray:
    """Words uint32[n,columns] of a hex CSV (an optional header row is skipped).

    Raises DataError naming file and row.
    """
    source = Path(path)
    try:
        lines = source.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"reading chip words from {source}: {error}") from error
    start = 1 if lines and "DATA" in lines[0].upper() and "_" in lines[0] else 0
    rows = [_parse_row(source, i + 1, line, columns) for i, line in enumerate(lines) if i >= start and line.strip()]
    if not rows:
        raise DataError(
            f"reading chip words from {source}: no row of words found; a vector file has one row per crossing"
        )
    return np.array(rows, dtype=np.uint32)


def read_input_words(path: str | os.PathLike[str]) -> WordArray:
    """Input words uint32[n,12] of a ``testInput.csv``."""
    return read_words(path, INPUT_WORDS)


def read_output_words(path: str | os.PathLike[str]) -> WordArray:
    """Output words uint32[n,13] of a ``testOutput.csv``."""
    return read_words(path, OUTPUT_WORDS)


def write_words(path: str | os.PathLike[str], words: WordArray) -> None:
    """Write words uint32[n,12] or [n,13] in the public layout (``RX_DATA_i`` or ``TX_DATA_i``, eight hex digits)."""
    prefix = "RX" if words.shape[1] == INPUT_WORDS else "TX"
    header = ",".join(f"{prefix}_DATA_{i}" for i in range(words.shape[1]))
    body = "\n".join(",".join(f"{word:08x}" for word in row) for row in words.tolist())
    atomic_write_text(path, f"{header}\n{body}\n")
