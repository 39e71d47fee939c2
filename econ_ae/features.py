"""From module charges to what the encoder sees (integers) and what the decoder is told besides the latents (floats)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Integers
from asic_flow.ir import InputSpec
from hgcal_data.codes import bit_length, decode_float
from hgcal_data.frontend import module_sum_code, normalise
from hgcal_data.geometry import AE_TO_TC

FloatArray = NDArray[np.float32]

_OCTAVES = 23
_SMALL = 33
CONDITIONS = 2 + _OCTAVES + _SMALL
"""Number of decoder inputs made from the sum code."""


def encoder_images(charges: Integers, spec: InputSpec) -> NDArray[np.uint8]:
    """Images uint8[n, height, width, channels] of charges int64[n,48] (TC order), as the converter makes them."""
    flat = np.zeros((len(charges), spec.height * spec.width * spec.channels), dtype=np.uint8)
    flat[:, list(spec.cell_positions)] = normalise(charges[:, AE_TO_TC])
    return flat.reshape(-1, *spec.shape)


def decoded_sum(codes: Integers) -> Integers:
    """Module sum in counts for transmitted 5E4M codes int64[n] (exact below 32 counts, else bin centre)."""
    return decode_float(codes, 5, 4)


def sum_conditions(codes: Integers) -> FloatArray:
    """Decoder inputs float32[n, CONDITIONS] from transmitted 5E4M codes int64[n].

    Logarithm and mantissa as numbers, the octave one-hot, and sums below 33 counts one-hot: with few counts the
    possible patterns are few, and the sum nearly tells how many cells there are.
    """
    total = np.maximum(decoded_sum(codes), 1)
    octave = bit_length(total) - 1
    small = np.minimum(total, _SMALL - 1)
    numbers = np.stack([np.log2(total) / 10.0, total / 2.0**octave - 1.0], axis=1)
    one_hot = np.eye(_OCTAVES)[np.minimum(octave, _OCTAVES - 1)]
    return np.concatenate([numbers, one_hot, np.eye(_SMALL)[small]], axis=1).astype(np.float32)


def distribution(charges: Integers) -> FloatArray:
    """Charges divided by their sum, float32[n,48] (zero rows stay zero)."""
    total = np.maximum(charges.sum(axis=1, keepdims=True), 1)
    shares: FloatArray = (charges / total).astype(np.float32)
    return shares


def sum_codes(charges: Integers) -> Integers:
    """Transmitted 5E4M codes int64[n] of charges int64[n,48]."""
    return module_sum_code(charges)
