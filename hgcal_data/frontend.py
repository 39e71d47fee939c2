"""Front end of ECON-T, integer for integer.

Unpack, channel selection, float to fixed, calibration, sum, normalisation.

Source: facts/econ-t.md 1.4 (a) to (f) and facts/baselines.md section 2.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from hgcal_data.codes import bit_length, decode_float, encode_float
from hgcal_data.geometry import IMAGE_POSITIONS, IMAGE_SIDE, N_CELLS

IntArray = npt.NDArray[np.int64]
Order = Literal["production", "p1"]
Density = Literal["LD", "HD"]

ORBIT_LENGTH: Final = 3564
INPUT_WORDS: Final = 12
DROPPED_BITS: Final[dict[str, int]] = {"LD": 1, "HD": 3}
"""Low bits dropped by the readout chip before its 4E3M code, per module density."""
CAL_ONE: Final = 0x800


def bx_counter(first_headers: npt.ArrayLike) -> IntArray:
    """Bunch-crossing number of every row: 0 where the 4-bit header of word 0 is 9, else +1, modulo 3564."""
    headers = np.asarray(first_headers, dtype=np.int64)
    rows = np.arange(headers.size, dtype=np.int64)
    last_zero = np.maximum.accumulate(np.where(headers == 9, rows, 0)) if headers.size else rows
    return (rows - last_zero) % ORBIT_LENGTH


def unpack_words(words: npt.NDArray[np.uint32], order: Order = "production") -> tuple[IntArray, IntArray]:
    """Codes and crossing numbers from input words uint32[n,12]: (codes int64[n,48] pre-mux, bx int64[n]).

    Each word: 4 header bits (9 at BX 0), then four 7-bit codes; production: first cell in bits 27:21, P1: in bits
    6:0.
    Raises ValueError for another shape.
    """
    array = np.asarray(words, dtype=np.uint32)
    if array.ndim != 2 or array.shape[1] != INPUT_WORDS:
        raise ValueError(f"unpack_words: shape {array.shape}, expected (n, {INPUT_WORDS})")
    shifts = np.array([0, 7, 14, 21] if order == "p1" else [21, 14, 7, 0], dtype=np.uint32)
    codes = (array[:, :, None] >> shifts[None, None, :]) & np.uint32(0x7F)
    return codes.reshape(-1, N_CELLS).astype(np.int64), bx_counter(array[:, 0] >> np.uint32(28))


def pack_words(codes: npt.ArrayLike, bx: npt.ArrayLike, order: Order = "production") -> npt.NDArray[np.uint32]:
    """Input words uint32[n,12] from pre-mux codes int64[n,48] and crossing numbers int64[n].

    Inverse of :func:`unpack_words`.
    """
    code = np.asarray(codes, dtype=np.int64)
    if code.size and (int(code.min()) < 0 or int(code.max()) > 0x7F):
        raise ValueError("pack_words: a code does not fit in 7 bits")
    fields = code.reshape(-1, INPUT_WORDS, 4)
    shifts = np.array([0, 7, 14, 21] if order == "p1" else [21, 14, 7, 0], dtype=np.int64)
    header = np.where(np.asarray(bx, dtype=np.int64) == 0, 0x9, 0xA)[:, None] << 28
    return np.asarray((fields << shifts).sum(axis=2) | header, dtype=np.uint32)


def select_channels(codes: IntArray, mux: npt.ArrayLike) -> IntArray:
    """Channel selector: output channel i takes input cell ``mux[i]`` (duplicates allowed), int64[n,48]."""
    selection = np.asarray(mux, dtype=np.int64)
    if selection.shape != (N_CELLS,) or int(selection.min()) < 0 or int(selection.max()) >= N_CELLS:
        raise ValueError("select_channels: mux must hold 48 numbers in 0..47")
    return np.asarray(codes, dtype=np.int64)[..., selection]


def float_to_fix(codes: npt.ArrayLike, density: Density = "LD") -> IntArray:
    """Linear value of 4E3M codes, at the bin centre: an empty cell (code 0) gives 1 (LD) or 4 (HD)."""
    return decode_float(codes, 4, 3, DROPPED_BITS[density], rule="chip")


def calibrate(linear: npt.ArrayLike, cal: npt.ArrayLike) -> IntArray:
    """CALQ = (linear * cal) >> 11, cal 12 bits with 0x800 = 1.0; scalar or one factor per channel."""
    return (np.asarray(linear, dtype=np.int64) * np.asarray(cal, dtype=np.int64)) >> 11


def module_sum_code(charges: npt.ArrayLike) -> IntArray:
    """Module sum of charges int64[n,48] as the 9-bit 5E4M code, truncated, int64[n]."""
    return encode_float(np.asarray(charges, dtype=np.int64).sum(axis=-1), 5, 4)


def normalise(charges: npt.ArrayLike) -> IntArray:
    """Bit-shift normalisation x = (CALQ << 7) >> floor(log2 S): 8 bits with 7 fraction bits, in [0, 2).

    charges int64[n,48] in any order; S is the sum of the row. A row with S = 0 gives zeros.
    """
    array = np.asarray(charges, dtype=np.int64)
    shift = np.maximum(bit_length(array.sum(axis=-1, keepdims=True)) - 1, 0)
    return (array << 7) >> shift


def to_image(x_ae: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """8x8 image of normalised cells int64[n,48] in **AE order**, uint8[n,8,8]; the lower right 4x4 corner is 0."""
    cells = np.asarray(x_ae, dtype=np.int64)
    if cells.size and (int(cells.min()) < 0 or int(cells.max()) > 0xFF):
        raise ValueError("to_image: a normalised cell does not fit in 8 bits unsigned")
    image = np.zeros((cells.shape[0], IMAGE_SIDE * IMAGE_SIDE), dtype=np.uint8)
    image[:, IMAGE_POSITIONS] = cells
    return image.reshape(-1, IMAGE_SIDE, IMAGE_SIDE)


def chip_charges(
    words: npt.NDArray[np.uint32], mux: npt.ArrayLike, cal: npt.ArrayLike, density: Density, order: Order = "production"
) -> tuple[IntArray, IntArray]:
    """The whole front end: input words uint32[n,12] to (CALQ int64[n,48] post-mux, bx int64[n])."""
    codes, bx = unpack_words(words, order)
    return calibrate(float_to_fix(select_channels(codes, mux), density), cal), bx
