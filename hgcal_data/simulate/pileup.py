"""Pile-up: clusters of charge in every module, with a density calibrated on measured occupancies.

The density is not derived from a particle flux: it is set so that the mean number of trigger cells above 1.35
transverse MIP
equals the public occupancy tables in radius and layer (facts/data.md section 6). Each layer is drawn independently.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from hgcal_data.simulate.layout import TRIGGER_LAYERS, Layout, random_points
from hgcal_data.simulate.showers import Spots

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

REFERENCE_PILEUP: Final = 200.0
RADIUS_KNOTS: Final = 16.744 * np.sqrt(np.array([3.0, 4, 7, 13, 21, 28, 39, 48, 57, 67, 73, 81]))
"""Radii (cm) of the rings of modules at which the density was fitted."""
# mean number of trigger cells above 1.35 transverse MIP per module on these rings (averaged with the rings next to
# them), ttbar at
# 200 collisions, layers 1, 3, ..., 27: measured, public occupancy histograms of snwebb/hgcal-linkmapping (data.md
# section 1, row 9)
MEASURED: Final = np.array([
    [2.90, 16.03, 14.65, 7.61, 4.61, 3.30, 2.49, 2.07, 1.78, 1.50, 1.13, 0.55],  # layer 1
    [5.42, 27.97, 27.31, 14.67, 8.46, 5.82, 4.30, 3.40, 2.71, 2.23, 1.76, 0.82],  # layer 3
    [5.79, 29.35, 28.43, 14.84, 8.32, 5.56, 4.01, 3.13, 2.39, 1.95, 1.59, 0.75],  # layer 5
    [5.41, 27.35, 25.22, 12.35, 6.67, 4.36, 3.12, 2.41, 1.82, 1.45, 1.22, 0.59],  # layer 7
    [4.62, 23.25, 20.08, 9.22, 4.91, 3.21, 2.26, 1.74, 1.32, 1.05, 0.88, 0.50],  # layer 9
    [3.55, 18.12, 14.84, 6.52, 3.52, 2.31, 1.62, 1.25, 0.94, 0.76, 0.64, 0.35],  # layer 11
    [2.57, 13.19, 10.65, 4.70, 2.60, 1.71, 1.22, 0.94, 0.71, 0.56, 0.47, 0.29],  # layer 13
    [1.76, 9.50, 7.75, 3.57, 2.02, 1.35, 0.98, 0.75, 0.56, 0.45, 0.36, 0.24],  # layer 15
    [1.34, 7.13, 5.98, 2.87, 1.66, 1.11, 0.82, 0.62, 0.47, 0.38, 0.31, 0.20],  # layer 17
    [1.07, 5.69, 4.91, 2.44, 1.43, 0.96, 0.71, 0.54, 0.41, 0.33, 0.26, 0.20],  # layer 19
    [0.93, 4.90, 4.22, 2.15, 1.27, 0.85, 0.63, 0.48, 0.35, 0.29, 0.24, 0.19],  # layer 21
    [0.81, 4.32, 3.74, 1.91, 1.14, 0.77, 0.57, 0.43, 0.32, 0.26, 0.21, 0.18],  # layer 23
    [0.72, 3.88, 3.36, 1.73, 1.03, 0.72, 0.52, 0.39, 0.29, 0.24, 0.20, 0.16],  # layer 25
    [0.67, 3.48, 3.08, 1.59, 0.95, 0.64, 0.48, 0.36, 0.27, 0.22, 0.18, 0.16],  # layer 27
])  # fmt: skip
CLUSTERS_PER_CELL: Final = np.array([2.2, 2.15, 2.17])
"""Clusters per trigger cell above threshold at low occupancy, in 120, 200 and 300 um sensors (our fit)."""
SATURATION_CELLS: Final = 280.0
"""Occupancy at which overlaps double that number (our fit)."""
CHARGE_ETA: Final = (2.2, 2.7)
"""Pseudorapidities between which the charge spectrum of the clusters changes; constant below and above."""
MEDIAN_CHARGE: Final = (0.70, 0.80)
"""Median charge of a cluster there, transverse MIP (our fit)."""
SPREAD_CHARGE: Final = (1.37, 1.15)
"""Standard deviation of the logarithm of that charge (our fit): nearer to the beam one track is a smaller transverse
charge, and a cluster holds more of them."""
ACTIVITY_SHAPE: Final = 36.0
"""Shape of the gamma distribution of a module's activity: jets and showers come in bundles (our fit)."""
CLUSTER_RADIUS_CM: Final = 0.65
SPOTS_PER_MIP: Final = 0.6
MAX_SPOTS: Final = 40
PREVIOUS_CROSSING: Final = 0.163 / 0.817
"""Charge of the crossing before, relative to the one in time (pulse fractions of data.md section 6)."""


def density(r: FloatArray, layer: IntArray, wafer_type: IntArray, pileup: float) -> FloatArray:
    """Mean number of clusters per module at radius r (cm), in a layer and sensor type, for a number of collisions."""
    result = np.empty(r.shape)
    for place, number in enumerate(TRIGGER_LAYERS):
        rows = layer == number
        result[rows] = np.exp(np.interp(r[rows], RADIUS_KNOTS, np.log(MEASURED[place])))
    clusters = CLUSTERS_PER_CELL[wafer_type] * result * (1.0 + result / SATURATION_CELLS)
    return clusters * (pileup / REFERENCE_PILEUP)


def pileup_spots(rng: np.random.Generator, layout: Layout, place_of: IntArray, pileup: float) -> Spots:
    """Spots of the crossing itself and, scaled down, of the crossing before.

    place_of: int64[modules], place of each module's layer in the layout. Charge in MIP along the particle (not
    transverse).
    """
    mean = density(layout.r, layout.layer, layout.wafer_type, pileup)
    counts = [rng.poisson(mean * rng.gamma(ACTIVITY_SHAPE, 1.0 / ACTIVITY_SHAPE, mean.size)) for _ in range(2)]
    module = np.concatenate([np.arange(len(layout)).repeat(c) for c in counts])
    in_time = np.concatenate(
        [np.full(int(c.sum()), scale) for c, scale in zip(counts, (1.0, PREVIOUS_CROSSING), strict=True)]
    )
    median, spread = (np.interp(layout.eta, CHARGE_ETA, values) for values in (MEDIAN_CHARGE, SPREAD_CHARGE))
    charge = median[module] * np.exp(spread[module] * rng.standard_normal(module.size)) * in_time
    mips = charge * np.cosh(layout.eta[module])
    number = np.clip(rng.poisson(SPOTS_PER_MIP * mips), 1, MAX_SPOTS)
    dx, dy = random_points(rng, module.size)
    cluster = np.arange(module.size).repeat(number)
    weight = rng.standard_exponential(cluster.size)
    weight /= np.bincount(cluster, weight, module.size)[cluster]
    radius = CLUSTER_RADIUS_CM * rng.standard_exponential(cluster.size)
    angle = 2 * np.pi * rng.random(cluster.size)
    centre = module[cluster]
    x = layout.x[centre] + dx[cluster] + radius * np.cos(angle)
    y = layout.y[centre] + dy[cluster] + radius * np.sin(angle)
    return Spots(place_of[centre], x, y, mips[cluster] * weight)
