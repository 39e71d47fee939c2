"""Particles of one endcap and one collision: electrons, jets and top-quark pairs, in coarse but physical form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hgcal_data.simulate.config import SimulationConfig
from hgcal_data.simulate.showers import CHARGED, ELECTRON, NEUTRAL, PHOTON, Particles

FloatArray = npt.NDArray[np.float64]

ETA_MIN, ETA_MAX = 1.5, 3.0
TTBAR_JETS = 1.2
"""Mean number of jets of a ttbar event in one endcap."""
SOFT_PT_MIN, SOFT_PT_MEAN = 0.3, 0.4
TTBAR_ACTIVITY = 2.0
"""Shape of the gamma distribution of the activity of an event."""
TTBAR_SOFT = 110.0
"""Mean number of soft particles (underlying event) of a ttbar event in one endcap."""


def _make(pt: FloatArray, eta: FloatArray, phi: FloatArray, kind: npt.NDArray[np.int64]) -> Particles:
    inside = (eta > ETA_MIN - 0.1) & (eta < ETA_MAX + 0.1)
    return Particles((pt * np.cosh(eta))[inside], eta[inside], phi[inside], kind[inside])


def _kinds(rng: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
    """Particle content of a jet: photons (from pi0) 27 %, charged hadrons 60 %, neutral hadrons 13 %."""
    return rng.choice([PHOTON, CHARGED, NEUTRAL], size=count, p=[0.27, 0.60, 0.13]).astype(np.int64)


def electrons(rng: np.random.Generator, config: SimulationConfig) -> Particles:
    """One electron, flat in pT and eta."""
    pt = rng.uniform(config.pt_min, config.pt_max, 1)
    return _make(pt, rng.uniform(ETA_MIN, ETA_MAX, 1), rng.uniform(-np.pi, np.pi, 1), np.array([ELECTRON]))


def jet(rng: np.random.Generator, pt: float, eta: float, phi: float) -> Particles:
    """One jet: pT shared by a Dirichlet draw, wider for soft particles."""
    count = 3 + int(rng.poisson(3.0 * np.log(1.0 + pt)))
    share = rng.dirichlet(np.full(count, 0.6))
    spread = rng.exponential(0.12, count) * np.clip(1.5 - 4.0 * share, 0.15, None)
    angle = rng.uniform(0, 2 * np.pi, count)
    return _make(pt * share, eta + spread * np.cos(angle), phi + spread * np.sin(angle), _kinds(rng, count))


def merge(parts: list[Particles]) -> Particles:
    """All particles of several lists."""
    return Particles(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("energy", "eta", "phi", "kind")))


def jets(rng: np.random.Generator, config: SimulationConfig) -> Particles:
    """One jet, flat in pT and eta."""
    return jet(
        rng, rng.uniform(config.pt_min, config.pt_max), rng.uniform(ETA_MIN, ETA_MAX), rng.uniform(-np.pi, np.pi)
    )


def ttbar(rng: np.random.Generator) -> Particles:
    """The part of a top-quark pair event that reaches one endcap: some jets and the soft underlying event."""
    parts = [
        jet(rng, 20.0 + rng.exponential(35.0), ETA_MIN - 0.1 + 1.7 * rng.beta(1.0, 1.6), rng.uniform(-np.pi, np.pi))
        for _ in range(rng.poisson(TTBAR_JETS))
    ]
    count = int(rng.poisson(TTBAR_SOFT * rng.gamma(TTBAR_ACTIVITY) / TTBAR_ACTIVITY))
    eta = rng.uniform(ETA_MIN - 0.1, ETA_MAX + 0.1, count)
    parts.append(
        _make(
            SOFT_PT_MIN + rng.exponential(SOFT_PT_MEAN, count),
            eta,
            rng.uniform(-np.pi, np.pi, count),
            _kinds(rng, count),
        )
    )
    return merge(parts)


def parametrised_source(rng: np.random.Generator, config: SimulationConfig) -> Callable[[], Particles | None]:
    """A function that makes the particles of the next event; None for pure pile-up."""

    def draw() -> Particles | None:
        if config.sample == "electrons":
            return electrons(rng, config)
        if config.sample == "jets":
            return jets(rng, config)
        if config.sample == "ttbar":
            return ttbar(rng)
        return None

    return draw
