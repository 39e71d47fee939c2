"""Events of one endcap, from particles to module readings.

Chain: collision of interest and pile-up -> spots of charge -> sensor cells -> noise, zero suppression and trigger
sums ->
4E3M code and calibration -> rows. Everything is vectorised over the modules of an event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from hgcal_data.geometry import N_CELLS
from hgcal_data.readings import ModuleReadings
from hgcal_data.simulate.config import SimulationConfig
from hgcal_data.simulate.electronics import trigger_counts
from hgcal_data.simulate.layout import SUB_CELLS, Layout, build_layout, cell_of
from hgcal_data.simulate.particles import parametrised_source
from hgcal_data.simulate.pileup import pileup_spots
from hgcal_data.simulate.showers import GEV_PER_MIP, Particles, Spots, shower_spots

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def _deposit(mips: FloatArray, layout: Layout, spots: Spots) -> None:
    """Add spots to the flat sensor-cell array float64[modules * 48 * 9]."""
    module, dx, dy = layout.find(spots.layer_place, spots.x, spots.y)
    hit = module >= 0
    module = module[hit]
    cell, sub = cell_of(dx[hit], dy[hit], layout.wafer_type[module])
    flat = (module * N_CELLS + cell) * SUB_CELLS + sub
    mips += np.bincount(flat, spots.mips[hit], mips.size)


def _near(layout: Layout, particles: Particles | None, cone: float) -> npt.NDArray[np.bool_]:
    """Modules whose centre lies within ``cone`` in (eta, phi) of a particle above 1 GeV transverse momentum."""
    if particles is None:
        return np.zeros(len(layout), dtype=np.bool_)
    hard = particles.energy > np.cosh(particles.eta)
    d_eta = layout.eta[:, None] - particles.eta[None, hard]
    d_phi = np.mod(layout.phi[:, None] - particles.phi[None, hard] + np.pi, 2 * np.pi) - np.pi
    return np.asarray((np.hypot(d_eta, d_phi) < cone).any(axis=1), dtype=np.bool_)


def _event(
    rng: np.random.Generator,
    config: SimulationConfig,
    layout: Layout,
    place_of: IntArray,
    number: int,
    particles: Particles | None,
) -> ModuleReadings:
    """Rows of one event."""
    signal = np.zeros(len(layout) * N_CELLS * SUB_CELLS)
    if particles is not None and particles.energy.size:
        _deposit(signal, layout, shower_spots(rng, particles, layout.layers))
    per_module = signal.reshape(len(layout), -1).sum(axis=1)
    wanted = (layout.r >= config.r_min) & (layout.r <= config.r_max)
    if config.signal_only:
        wanted &= per_module > 0
    if config.signal_cone is not None:
        wanted &= _near(layout, particles, config.signal_cone)
    total = signal
    if config.pileup > 0:
        total = signal.copy()
        _deposit(total, layout, pileup_spots(rng, layout, place_of, config.pileup))
    rows = np.flatnonzero(wanted)
    mips = total.reshape(len(layout), N_CELLS, SUB_CELLS)[rows]
    counts = trigger_counts(rng, mips, layout.wafer_type[rows], layout.eta[rows], config.noise)
    if not config.keep_empty:
        full = counts.sum(axis=1) > 0
        counts, rows = counts[full], rows[full]
    if rows.size > config.max_rows_per_event:
        chosen = np.sort(rng.choice(rows.size, config.max_rows_per_event, replace=False))
        counts, rows = counts[chosen], rows[chosen]
    return ModuleReadings(
        charges=counts,
        layer=layout.layer[rows],
        wafer_u=layout.wafer_u[rows],
        wafer_v=layout.wafer_v[rows],
        wafer_type=layout.wafer_type[rows],
        eta=layout.eta[rows],
        phi=layout.phi[rows],
        event=np.full(rows.size, number, dtype=np.int64),
        signal_energy=per_module[rows] * GEV_PER_MIP,
        sample=config.sample,
    )


def _source(rng: np.random.Generator, config: SimulationConfig) -> Callable[[], Particles | None]:
    if config.generator == "pythia":
        from hgcal_data.simulate.generators import pythia_source

        return pythia_source(rng, config)
    return parametrised_source(rng, config)


def simulate_blocks(config: SimulationConfig, seed: int, block: int = 20_000) -> Iterator[ModuleReadings]:
    """Blocks of about ``block`` rows until ``config.readings`` rows are made; the same seed gives the same rows."""
    rng = np.random.default_rng(seed)
    layout = build_layout(config.layers)
    place_of = np.searchsorted(np.asarray(layout.layers), layout.layer).astype(np.int64)
    provenance = {"source": "simulation", "seed": str(seed), "configuration": config.model_dump_json()}
    draw = _source(rng, config)
    left, number = config.readings, 0
    held: list[ModuleReadings] = []
    while left > 0:
        rows = _event(rng, config, layout, place_of, number, draw())
        number += 1
        if len(rows) > left:
            rows = rows.select(slice(0, left))
        left -= len(rows)
        held.append(rows)
        if left == 0 or sum(len(part) for part in held) >= block:
            merged = ModuleReadings.concat(held, config.sample)
            columns = {name: getattr(merged, name) for name in merged.columns}
            yield ModuleReadings(charges=merged.charges, sample=config.sample, provenance=provenance, **columns)
            held = []


def simulate(config: SimulationConfig, seed: int) -> ModuleReadings:
    """``config.readings`` rows of one sample (seeded, reproducible); sample name = ``config.sample``."""
    return ModuleReadings.concat(list(simulate_blocks(config, seed)), config.sample)
