"""From charge in sensor cells to calibrated trigger-cell counts.

Noise, zero suppression, sums, 4E3M code, calibration.

Numbers: facts/data.md sections 1.3 and 6.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from hgcal_data.codes import decode_float, encode_float
from hgcal_data.simulate.layout import CELLS_PER_SIDE, SUB_CELLS

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

FC_PER_COUNT: Final = 100.0 / 1024.0
"""Charge of one count of the readout chip's trigger sum, fC."""
FC_PER_MIP: Final = np.array([2.06, 3.43, 5.15])
"""Charge of one MIP in 120, 200, 300 um silicon, fC."""
COUNTS_PER_MIP: Final = FC_PER_MIP / FC_PER_COUNT
NOISE_FC: Final = np.array([0.320, 0.384, 0.320])
"""Noise per sensor cell at the begin of life, fC."""
END_OF_LIFE_NOISE: Final = np.array([1.6, 1.5, 1.4])
"""Growth of the noise by leakage current to the end of life (our assumption; no public number)."""
END_OF_LIFE_CHARGE: Final = np.array([0.80, 0.75, 0.70])
"""Charge collection left at the end of life (our assumption; no public number)."""
SUPPRESSION_SIGMA: Final = 2.9
"""Sensor cells below this many (begin-of-life) standard deviations of noise do not enter the trigger sum. Nominally
3; 2.9 gives
the public share of modules with two cells among nearly empty ones."""
SMALLEST_COUNT: Final = 2
"""Smallest count that is kept: no public file of calibrated counts contains a 1."""
LINEAR_MAX: Final = (1 << 17) - 1


def trigger_counts(
    rng: np.random.Generator, mips: FloatArray, wafer_type: IntArray, eta: FloatArray, noise: str
) -> IntArray:
    """CALQ int64[n,48] of in-time deposits in MIP, float64[n,48,9].

    Of modules of the given type and pseudorapidity.
    """
    charge = mips * FC_PER_MIP[wafer_type][:, None, None]
    sigma = NOISE_FC[wafer_type]
    if noise == "end":
        charge *= END_OF_LIFE_CHARGE[wafer_type][:, None, None]
    if noise != "none":
        width = sigma * (END_OF_LIFE_NOISE[wafer_type] if noise == "end" else 1.0)
        smear = rng.standard_normal(charge.shape, dtype=np.float32)
        used = np.arange(SUB_CELLS)[None, :] < np.square(CELLS_PER_SIDE[wafer_type])[:, None]
        charge += smear * (width[:, None] * used)[:, None, :]
        charge[charge < (SUPPRESSION_SIGMA * sigma)[:, None, None]] = 0.0
    linear = np.minimum(np.floor(charge.sum(axis=2) / FC_PER_COUNT), LINEAR_MAX).astype(np.int64)
    drop = np.where(wafer_type == 0, 3, 1)
    counts = np.empty_like(linear)
    for bits in (1, 3):
        rows = drop == bits
        code = encode_float(linear[rows], 4, 3, bits)
        counts[rows] = np.where(code == 0, 0, decode_float(code, 4, 3, bits))
    cal = np.rint(2048.0 / np.cosh(eta)).astype(np.int64)
    calibrated = (counts * cal[:, None]) >> 11
    return np.where(calibrated < SMALLEST_COUNT, 0, calibrated)
