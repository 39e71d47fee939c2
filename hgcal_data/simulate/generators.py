"""Optional input from Pythia 8 (extra ``generators``): particles of one endcap for the same shower model.

Processes, 14 TeV proton collisions: inelastic collisions without diffraction (minimum bias), top-quark pairs,
vector-boson fusion of a Higgs boson that decays to two photons; or one particle shot into the endcap, with its decays.
Not modelled: magnetic field, material in front of the calorimeter, displaced vertices.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from hgcal_data.errors import DataError
from hgcal_data.simulate.config import SimulationConfig
from hgcal_data.simulate.particles import ETA_MAX, ETA_MIN
from hgcal_data.simulate.showers import CHARGED, ELECTRON, MUON, NEUTRAL, PHOTON, Particles

PROCESSES: Final[dict[str, tuple[str, ...]]] = {
    "minbias": ("SoftQCD:nonDiffractive = on",),
    "ttbar": ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on"),
    "vbf_higgs": ("HiggsSM:ff2Hff(t:WW) = on", "HiggsSM:ff2Hff(t:ZZ) = on", "25:onMode = off", "25:onIfMatch = 22 22"),
}
"""Settings of the collisions, by sample."""
GUNS: Final = {"electrons": 11, "photons": 22, "pions": 211}
"""PDG code of the single particles, by sample."""
_KINDS: Final = {11: ELECTRON, 13: MUON, 22: PHOTON}
_MASS_PION: Final = 0.13957
_LOWEST_ENERGY_GEV: Final = 0.3
_SEEDS: Final = 900_000_000  # Pythia takes seeds from 1 to this


def load_pythia() -> Any:
    """The module ``pythia8mc``. Raises DataError naming the extra where it is not installed."""
    try:
        return importlib.import_module("pythia8mc")
    except ImportError as error:
        raise DataError(
            "simulating with generator 'pythia' needs the extra 'generators': pip install 'econ-ae[generators]' "
            "(or use generator 'parametrised')"
        ) from error


def _started(settings: tuple[str, ...], seed: int) -> Any:
    pythia = load_pythia().Pythia("", False)
    for line in ("Print:quiet = on", "Random:setSeed = on", f"Random:seed = {seed}", *settings):
        if not pythia.readString(line):
            raise DataError(f"simulating with Pythia 8: it does not know the setting {line!r}; update pythia8mc")
    if not pythia.init():
        raise DataError(f"simulating with Pythia 8: it could not start with the settings {', '.join(settings)}")
    return pythia


def _entering(event: Any) -> Particles:
    """Stable, visible particles that fly towards the positive endcap."""
    rows = [
        (p.e(), p.eta(), p.phi(), _kind(abs(p.id()), bool(p.isCharged())))
        for p in event
        if p.isFinal() and p.isVisible() and ETA_MIN - 0.1 < p.eta() < ETA_MAX + 0.1 and p.e() > _LOWEST_ENERGY_GEV
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return Particles(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(np.int64))


def _kind(code: int, charged: bool) -> int:
    return _KINDS.get(code, CHARGED if charged else NEUTRAL)


def _next(pythia: Any) -> None:
    for _ in range(10):
        if pythia.next():
            return
    raise DataError("simulating with Pythia 8: ten collisions in a row failed; try another seed")


def pythia_source(rng: np.random.Generator, config: SimulationConfig) -> Callable[[], Particles]:
    """A function that makes the particles of the next event; seeded from ``rng``.

    Raises DataError without pythia8mc, or where Pythia refuses to start.
    """
    seed = int(rng.integers(1, _SEEDS))
    if config.sample in GUNS:
        code = GUNS[config.sample]
        gun = _started(("ProcessLevel:all = off",), seed)

        def shoot() -> Particles:
            pt, eta, phi = rng.uniform((config.pt_min, ETA_MIN, -np.pi), (config.pt_max, ETA_MAX, np.pi))
            mass = _MASS_PION if code == 211 else 0.0
            momentum = pt * np.cosh(eta)
            gun.event.reset()
            direction = (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta))
            gun.event.append(code, 1, 0, 0, *map(float, direction), float(np.hypot(momentum, mass)), mass)
            _next(gun)
            return _entering(gun.event)

        return shoot
    collisions = _started(("Beams:eCM = 14000.", *PROCESSES[config.sample]), seed)

    def collide() -> Particles:
        _next(collisions)
        return _entering(collisions.event)

    return collide
