"""Electromagnetic and hadronic showers as spots of charge on the trigger layers of CE-E.

Longitudinal: gamma distribution with fluctuating, correlated shape and maximum (GFlash, hep-ex/0001020, with the
values fitted
for HGCAL by HGCAL-FastShower). Radial: exponential with a layer-dependent scale (HGCAL-FastShower). Numbers:
facts/data.md
section 6. Hadrons: a track of one MIP per layer up to an exponential starting point, then an electromagnetic share
that
fluctuates and a wider, longer hadronic share (our own coarse parametrisation of the same form).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import gammainc

from hgcal_data.simulate.layout import layer_z

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

CRITICAL_ENERGY_GEV: Final = 5.36e-3
GEV_PER_MIP: Final = 10.94e-3
"""Weight of one MIP in a CE-E layer (CMSSW V10, data.md section 6)."""
MOLIERE_CM: Final = 2.3
X0_PER_LAYER: Final = 0.96
"""28 layers hold 26 to 28 radiation lengths (data.md section 6)."""
LAMBDA_PER_LAYER: Final = 0.046
RADIAL_FACTOR = 0.9
"""Our factor on that radial scale, for the electron sample's correlation and occupancy."""
HADRON_RADIUS_CM, HADRON_WIDENING_CM = 0.22, 0.45
"""Radial scale of the hadronic share at its start, and its growth per interaction length (our fit to the jets)."""
HADRON_VISIBLE = 0.7
"""Response to the hadronic share relative to the electromagnetic one (ours)."""
TAIL_SHARE, TAIL_FACTOR = 0.062, 8.0
"""Spots in the wide tail of a shower, and how much wider it is (ours; GFlash has a core and a tail as well)."""
NEVER: Final = 1e6
"""Interaction lengths until a muon showers: deeper than any detector."""
_MAX_SPOTS = 1500  # per particle and layer; beyond it spots carry more than one MIP
ELECTRON, PHOTON, CHARGED, NEUTRAL, MUON = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class Particles:
    """Particles entering the calorimeter.

    Energy GeV, eta, phi (float64[n]) and kind int64[n] (electron, photon, ...).
    """

    energy: FloatArray
    eta: FloatArray
    phi: FloatArray
    kind: IntArray


@dataclass(frozen=True)
class Spots:
    """Points of charge: place of the layer in the layout, x, y in cm and charge in MIP (all [n])."""

    layer_place: IntArray
    x: FloatArray
    y: FloatArray
    mips: FloatArray


def moyal(rng: np.random.Generator, size: int) -> FloatArray:
    """Energy loss of one MIP in thin silicon in units of its mean: Moyal form of the Landau distribution."""
    landau = -np.log(np.square(rng.standard_normal(size)) + 1e-12)
    return np.clip(0.80 + 0.157 * landau, 0.3, 8.0)


def em_fractions(rng: np.random.Generator, energy: FloatArray, depth: FloatArray) -> FloatArray:
    """Share of the energy of each shower [n] up to depths [n,k] (X0): regularised incomplete gamma function.

    T and alpha are log-normal with correlation rho; formulas of HGCAL-FastShower (data.md section 6), held at their
    value
    for 0.5 GeV below that energy.
    """
    log_y = np.log(np.maximum(energy, 0.5) / CRITICAL_ENERGY_GEV)
    mean_t, mean_alpha = -1.396 + 1.007 * log_y, -0.0433 + 0.540 * log_y
    sigma_t, sigma_alpha = 1.0 / (-2.506 + 1.245 * log_y), 1.0 / (-0.08442 + 0.7904 * log_y)
    rho = 0.7858 - 0.0232 * log_y
    z1, z2 = rng.standard_normal((2, energy.size))
    t_max = np.maximum(mean_t, 0.3) * np.exp(sigma_t * z1)
    alpha = np.maximum(mean_alpha * np.exp(sigma_alpha * (rho * z1 + np.sqrt(1 - rho**2) * z2)), 1.05)
    beta = (alpha - 1.0) / t_max
    result: FloatArray = gammainc(alpha[:, None], np.maximum(beta[:, None] * depth, 0.0))
    return result


def radial_scale(layer: FloatArray) -> FloatArray:
    """Scale r0 of the electromagnetic radial exponential, cm (HGCAL-FastShower)."""
    scale: FloatArray = (8.714 + 0.2143 * layer + 0.0714 * layer**2) * (MOLIERE_CM / np.log(10.0)) / 28.0
    return RADIAL_FACTOR * scale


def _spots(
    rng: np.random.Generator, mips: FloatArray, scale: FloatArray, particles: Particles, layers: FloatArray
) -> Spots:
    """Spots of mean charge ``mips`` [n,k] around the axes of n particles on k layers, radial scale [n,k] in cm."""
    count = rng.poisson(np.minimum(mips, _MAX_SPOTS))
    particle, place = (index.repeat(count.ravel()) for index in np.indices(count.shape).reshape(2, -1))
    total = particle.size
    weight = np.maximum(mips / _MAX_SPOTS, 1.0)[particle, place]
    radius = scale[particle, place] * rng.standard_exponential(total)
    radius = np.where(rng.random(total) < TAIL_SHARE, TAIL_FACTOR * radius, radius)
    angle = 2 * np.pi * rng.random(total)
    axis_r = layer_z(layers)[place] / np.sinh(particles.eta)[particle]
    phi = particles.phi[particle]
    x = axis_r * np.cos(phi) + radius * np.cos(angle)
    y = axis_r * np.sin(phi) + radius * np.sin(angle)
    return Spots(place.astype(np.int64), x, y, weight * moyal(rng, total))


def _em_mips(
    rng: np.random.Generator, energy: FloatArray, start: FloatArray, slant: FloatArray, layers: FloatArray
) -> FloatArray:
    """MIPs [n,k] of electromagnetic showers that start ``start`` X0 deep."""
    near = (layers[None, :] - 0.5) * X0_PER_LAYER * slant[:, None] - start[:, None]
    far = near + X0_PER_LAYER * slant[:, None]
    edges = em_fractions(rng, energy, np.concatenate([near, far], axis=1))
    k = layers.size
    share: FloatArray = np.maximum(edges[:, k:] - edges[:, :k], 0.0)
    return share * energy[:, None] / GEV_PER_MIP


def shower_spots(rng: np.random.Generator, particles: Particles, layers: tuple[int, ...]) -> Spots:
    """Spots of all particles on the given trigger layers."""
    number = np.asarray(layers, dtype=np.float64)
    slant = 1.0 / np.tanh(particles.eta)
    hadron = particles.kind >= CHARGED
    parts: list[Spots] = []
    em_scale = np.broadcast_to(radial_scale(number), (particles.energy.size, number.size))
    conversion = np.where(particles.kind == PHOTON, rng.exponential(9.0 / 7.0, particles.energy.size), 0.0)
    em_share = np.where(hadron, np.clip(rng.beta(1.2, 2.4, particles.energy.size), 0.0, 0.95), 1.0)
    interaction = np.where(hadron, rng.standard_exponential(particles.energy.size), 0.0)  # in interaction lengths
    interaction[particles.kind == MUON] = NEVER
    layer_of_start = interaction / (LAMBDA_PER_LAYER * slant)
    start = conversion + np.where(hadron, layer_of_start * X0_PER_LAYER * slant, 0.0)
    mips = _em_mips(rng, particles.energy * em_share, start, slant, number)
    parts.append(_spots(rng, mips, em_scale, particles, number))
    if hadron.any():
        tau = (number[None, :] - layer_of_start[:, None]) * LAMBDA_PER_LAYER * slant[:, None]
        after = tau > 0
        profile = np.where(after, gammainc(1.6, np.maximum(2.2 * (tau + LAMBDA_PER_LAYER), 0.0)) - gammainc(1.6, np.maximum(2.2 * tau, 0.0)), 0.0)  # fmt: skip  # noqa: E501
        visible = HADRON_VISIBLE * particles.energy * (1.0 - em_share) / GEV_PER_MIP
        wide = np.where(hadron[:, None], visible[:, None] * profile, 0.0)
        track = np.where(((particles.kind == CHARGED) | (particles.kind == MUON))[:, None] & ~after, 1.0, 0.0)
        scale = np.where(after, HADRON_RADIUS_CM + HADRON_WIDENING_CM * np.maximum(tau, 0.0), 0.02)
        parts.append(_spots(rng, wide + track, scale, particles, number))
    return Spots(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("layer_place", "x", "y", "mips")))
