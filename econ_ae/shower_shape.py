"""Position and width of a charge pattern on the module, and how far a reconstruction shifts them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hgcal_data.geometry import HALF_PITCH_CM, XY_CM

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Shifts:
    """Shifts of the events whose true and reconstructed pattern both hold charge.

    Attributes:
        centroid: float64[m], distance of the centroids, half pitches.
        width: float64[m], reconstructed minus true width, half pitches.
    """

    centroid: FloatArray
    width: FloatArray


def centroid_and_width(charges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Charge-weighted mean position and root mean square distance from it.

    Args:
        charges: float64[n,48], TC order, no empty row.

    Returns:
        (centroid float64[n,2], width float64[n]), both in half pitches (1.2084 cm).
    """
    places = XY_CM / HALF_PITCH_CM
    shares = charges / charges.sum(axis=1, keepdims=True)
    centroid = shares @ places
    squares = np.square(places[None] - centroid[:, None]).sum(axis=2)
    return centroid, np.sqrt((shares * squares).sum(axis=1))


def shifts(true: FloatArray, reco: FloatArray) -> Shifts:
    """Shifts between charges float64[n,48] and reconstructed charges float64[n,48], TC order; empty rows are left out."""
    full = (true.sum(axis=1) > 0) & (reco.sum(axis=1) > 0)
    (place, width), (moved, widened) = centroid_and_width(true[full]), centroid_and_width(reco[full])
    return Shifts(np.linalg.norm(moved - place, axis=1), widened - width)
