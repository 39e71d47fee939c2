"""Order of cells, headers and maps shared by the algorithms."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hgcal_data.geometry import CHIP_TO_TC, TC_TO_CHIP

MapOrder = Literal["p1", "production"]


def to_chip(tc: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Columns [n,48] from TC order to chip channels."""
    return tc[:, CHIP_TO_TC]


def to_tc(chip: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Columns [n,48] from chip channels to TC order."""
    return chip[:, TC_TO_CHIP]


def header4(bx: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """4-bit header of BC and STC: 15 at BX 0, else BX mod 8."""
    crossing = np.asarray(bx, dtype=np.int64)
    return np.where(crossing == 0, 15, crossing % 8)


def map_bits(kept: npt.NDArray[np.bool_], order: MapOrder) -> npt.NDArray[np.uint8]:
    """48-bit map of kept cells bool[n,48]: prototype first bit = cell 0, production first bit = cell 47."""
    bits = kept.astype(np.uint8)
    return bits if order == "p1" else bits[:, ::-1]
