"""Pile-up: clusters of charge in every module, with a density calibrated on measured occupancies.

The density is not derived from a particle flux: it is set so that the mean number of trigger cells above 1.35 transverse MIP
equals the public occupancy tables in radius and layer (facts/data.md section 6). Each layer is drawn independently.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from hgcal_data.simulate.layout import Layout, random_points
from hgcal_data.simulate.showers import Spots

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

REFERENCE_PILEUP: Final = 200.0
# clusters per module in layer 9 at 200 collisions, at these radii (cm): our fit to the occupancies of data.md section 6 (i)
RADIUS_KNOTS: Final = np.array([28.0, 44.0, 60.0, 73.0, 77.0, 87.0, 105.0, 116.0, 125.0, 135.0, 150.0, 165.0])
DENSITY: Final = np.array([90.0, 45.0, 18.0, 11.0, 10.0, 7.4, 5.0, 4.2, 3.7, 3.1, 2.2, 1.8])
# factor on that density per layer: our fit to the layer means of data.md section 6 (ii), others interpolated
LAYER_KNOTS: Final = np.array([1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 17.0, 21.0, 27.0])
LAYER_FACTOR: Final = np.array([0.95, 1.7, 1.7, 1.38, 1.0, 0.72, 0.52, 0.31, 0.22, 0.155])
MEDIAN_CHARGE: Final = 0.6
"""Median charge of a cluster, transverse MIP."""
SPREAD_CHARGE: Final = 1.1
"""Standard deviation of the logarithm of that charge."""
CLUSTER_RADIUS_CM: Final = 0.8
SPOTS_PER_MIP: Final = 0.7
MAX_SPOTS: Final = 40
PREVIOUS_CROSSING: Final = 0.163 / 0.817
"""Charge of the crossing before, relative to the one in time (pulse fractions of data.md section 6)."""


def density(r: FloatArray, layer: IntArray, pileup: float) -> FloatArray:
    """Mean number of clusters per module at radius r (cm) in a layer, for a mean number of collisions."""
    radial = np.exp(np.interp(r, RADIUS_KNOTS, np.log(DENSITY)))
    depth = np.exp(np.interp(layer, LAYER_KNOTS, np.log(LAYER_FACTOR)))
    return radial * depth * (pileup / REFERENCE_PILEUP)


def pileup_spots(rng: np.random.Generator, layout: Layout, place_of: IntArray, pileup: float) -> Spots:
    """Spots of the crossing itself and, scaled down, of the crossing before.

    place_of: int64[modules], place of each module's layer in the layout. Charge in MIP along the particle (not transverse).
    """
    mean = density(layout.r, layout.layer, pileup)
    counts = [rng.poisson(mean), rng.poisson(mean)]
    module = np.concatenate([np.arange(len(layout)).repeat(c) for c in counts])
    in_time = np.concatenate([np.full(int(c.sum()), scale) for c, scale in zip(counts, (1.0, PREVIOUS_CROSSING), strict=True)])
    charge = MEDIAN_CHARGE * np.exp(SPREAD_CHARGE * rng.standard_normal(module.size)) * in_time
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
