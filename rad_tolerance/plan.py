"""Selective triplication: which weight bits to protect for a damage budget, by expected harm = probability x EMD damage.

Harm of a bit is the probability that it is wrong, averaged over a fill, times the change of the mean EMD when it is; harms
of different bits are added. The probability of a triplicated, refreshed bit is negligible beside that (`rates`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.optimize import isotonic_regression

from asic_flow.formats import Integers
from asic_flow.registers.model import RegisterLayout, register_layout
from asic_flow.run_folder import RunFolder
from hgcal_data.files import atomic_write_text
from rad_tolerance.emd_damage import emd_damage
from rad_tolerance.errors import RadiationError
from rad_tolerance.plan_area import AreaPerBit
from rad_tolerance.rate_config import RateConfig
from rad_tolerance.rates import Beam, Sigma, single_wrong
from rad_tolerance.sensitivity import Sensitivity, SensitivityOptions, analyse, measures
from rad_tolerance.stored import StoredBits, stored_bits

FloatArray = NDArray[np.float64]

EXPECTED_HARM: Final = "expected harm"
_HOUR_S: Final = 3600.0
_TIMES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_CURVE_POINTS: Final = 41


class PlanOptions(BaseModel):
    """What is asked of `plan`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    links: int | None = Field(default=None, ge=1, le=5, description="link count; default: the only weight file")
    keep: float = Field(default=0.01, gt=0, lt=1, description="share of the unprotected harm that may remain")
    events: int = Field(default=2_000, ge=1, description="test modules for the change of the latents")
    emd_events: int = Field(default=300, ge=1, description="test modules for EMD")
    emd_flips: int = Field(default=120, ge=2, description="flips whose EMD is measured; the others are interpolated")
    seed: int = Field(default=1, ge=0, description="seed of everything drawn at random")


@dataclass(frozen=True)
class Harm:
    """Expected harm of every weight bit, float64[bits] in stream order.

    Attributes:
        probability: of being wrong, mean over a fill, if stored once.
        latent_change: mean |change| of a sent latent in LSB when wrong.
        emd_change: change of the mean EMD in half pitches when wrong.
    """

    probability: FloatArray
    latent_change: FloatArray
    emd_change: FloatArray

    @property
    def harm(self) -> FloatArray:
        """Expected change of the mean EMD, in half pitches."""
        return np.asarray(self.probability * self.emd_change, dtype=np.float64)


def plan(
    run: RunFolder, options: PlanOptions, rates: RateConfig, area: AreaPerBit | None,
    progress: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:  # fmt: skip
    """Content of ``rad/plan.json``.

    Args:
        run: a run with weights, decoder and test modules.
        options: budget and sizes.
        rates: environment; its first case counts.
        area: of a bit stored once and three times; None if it is not known.
        progress: called before each step.

    Raises:
        RadiationError: the run's decoder, data or structure cannot be used.
        FlowError: the run is incomplete.
    """
    progress("flipping every bit")
    result = analyse(
        run, SensitivityOptions(links=options.links, events=options.events, seed=options.seed, patterns=0, checked=4)
    )
    progress("measuring EMD of some flips")
    harm, measured = _harm(run, result, stored_bits(run.path, options.links), options, rates)
    rankings = _rankings(result, harm, np.random.default_rng(options.seed))
    total = float(harm.harm.sum())
    budget = options.keep * total
    layout = register_layout(result.weights.structure)
    chosen = protected(rankings[EXPECTED_HARM], harm.harm, budget, layout)
    mask = sum(1 << int(bit) for bit in np.flatnonzero(chosen))
    rows = [_row(name, order, harm.harm, budget) for name, order in rankings.items()]
    remaining = float(harm.harm[~chosen].sum())
    return {
        "schema_version": 1,
        "title": "Selective triplication",
        "verdict": "pass" if remaining <= budget < total else "fail",
        "environment": rates.cases[0].model_dump(),
        "fill_hours": rates.fill_hours,
        "weight_bits": len(chosen),
        "protected_bits": int(chosen.sum()),
        "unprotected_emd_half_pitches": total,
        "budget_emd_half_pitches": budget,
        "remaining_emd_half_pitches": remaining,
        "rankings": rows,
        "by_bit": _by_bit(result, chosen),
        "area": None if area is None else area.table(len(chosen), int(chosen.sum())),
        "emd_measured": measured,
        "options": options.model_dump(),
        "structure_sha256": result.weights.structure.sha256,
        "triplicated": f"{mask:#x}",
    }


def protected(order: Integers, harm: FloatArray, budget: float, layout: RegisterLayout) -> NDArray[np.bool_]:
    """Bits to triplicate: the first of a ranking until the rest does no more harm than the budget, at least one per block."""
    chosen = np.zeros(len(harm), dtype=bool)
    chosen[order[: bits_needed(order, harm, budget)]] = True
    step = 8 * layout.block_bytes
    for first in range(0, len(harm), step):
        if not chosen[first : first + step].any():
            chosen[first + int(np.argmax(harm[first : first + step]))] = True
    return chosen


def bits_needed(order: Integers, harm: FloatArray, budget: float) -> int:
    """How many bits of a ranking leave at most `budget` of harm."""
    remaining = harm.sum() - np.concatenate([[0.0], np.cumsum(harm[order])])
    return int(np.argmax(remaining <= budget + 1e-12 * harm.sum()))


def _harm(
    run: RunFolder, result: Sensitivity, stored: StoredBits, options: PlanOptions, rates: RateConfig
) -> tuple[Harm, dict[str, Any]]:
    """Harm of every bit; EMD by a monotone function of the latents' change, fitted to measured flips."""
    case, period = rates.cases[0], rates.fill_hours * _HOUR_S
    beam, sigma = Beam(case.flux_cm2_s, rates.spills), Sigma(case.sigma_0_cm2, case.sigma_1_cm2)
    means = [
        sum(
            w / 2.0 * single_wrong(beam, sigma, value, period * (t + 1.0) / 2.0)
            for t, w in zip(_TIMES, _WEIGHTS, strict=True)
        )
        for value in (0, 1)
    ]
    change = measures(result.damage, result.weights.structure.n_latents)["sent_mean_abs_change_lsb"]
    flips = sample(change, options.emd_flips)
    measured = emd_damage(run, result, options.emd_events, flips, options.seed)
    emd = np.array([row["emd_change_mean_half_pitches"] or 0.0 for row in measured["flips"]])
    harm = Harm(np.where(stored.one > 0.5, means[1], means[0]), change, monotone(change[flips], emd, change))
    table = {
        "flips": len(flips), "events": measured["events"], "emd_mean_half_pitches": measured["emd_mean_half_pitches"],
        "latent_change_lsb": [float(f"{value:.5g}") for value in change[flips]],
        "emd_change_half_pitches": [float(f"{value:.5g}") for value in emd],
    }  # fmt: skip
    return harm, table


def sample(change: FloatArray, count: int) -> Integers:
    """Flips evenly spread over the ranks of those that change anything: int64[n], rising change.

    Raises:
        RadiationError: no flip changes anything.
    """
    order = np.argsort(change, kind="stable")
    order = order[change[order] > 0]
    if not len(order):
        raise RadiationError(
            "planning triplication: no flip changes any latent of these test modules; give more --events"
        )
    return order[np.unique(np.linspace(0, len(order) - 1, count).round().astype(np.int64))]


def monotone(x: FloatArray, y: FloatArray, at: FloatArray) -> FloatArray:
    """Rising function through the points (isotonic least squares), zero at zero and never below, at other places."""
    order = np.argsort(x)
    fitted = np.maximum(isotonic_regression(y[order]).x, 0.0)
    return np.asarray(
        np.interp(at, np.concatenate([[0.0], x[order]]), np.concatenate([[0.0], fitted])), dtype=np.float64
    )


def _rankings(result: Sensitivity, harm: Harm, rng: np.random.Generator) -> dict[str, Integers]:
    """Orders of the bits, the first to protect first."""
    words, flips, bits = result.words, result.flips, len(harm.harm)
    from_top = words.width[flips.words] - 1 - flips.bit
    # a step of one LSB up or down, which a flip of the lowest bit is: the finite difference that stands for the gradient
    step = measures(result.damage, result.weights.structure.n_latents)["mean_abs_change_lsb"]
    gradient = step[words.first_bit[flips.words]] ** 2
    return {
        EXPECTED_HARM: np.argsort(-harm.harm, kind="stable"),
        "change of the latents": np.argsort(-harm.latent_change * harm.probability, kind="stable"),
        "bit position": np.argsort(from_top, kind="stable"),
        "squared gradient, highest bits first": np.lexsort((-gradient, from_top)),
        "random": rng.permutation(bits),
    }


def _row(name: str, order: Integers, harm: FloatArray, budget: float) -> dict[str, Any]:
    """One ranking: bits needed for the budget, and the harm that remains along it."""
    remaining = harm.sum() - np.concatenate([[0.0], np.cumsum(harm[order])])
    at = np.linspace(0, len(harm), _CURVE_POINTS).round().astype(np.int64)
    needed = bits_needed(order, harm, budget)
    return {
        "ranking": name, "bits_for_budget": needed, "share_of_bits": needed / len(harm),
        "curve_bits": at.tolist(), "curve_remaining": [float(f"{max(value, 0.0):.5g}") for value in remaining[at]],
    }  # fmt: skip


def _by_bit(result: Sensitivity, chosen: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Protected bits by tensor and position in the word."""
    words, flips = result.words, result.flips
    tensor = words.tensor[flips.words]
    rows = []
    for index, name in enumerate(words.tensors):
        for bit in np.unique(flips.bit[tensor == index])[::-1].tolist():
            own = (tensor == index) & (flips.bit == bit)
            rows.append({"tensor": name, "bit": bit, "bits": int(own.sum()), "protected": int(chosen[own].sum())})
    return rows


def write_mask(path: Path, mask: str) -> None:
    """Set ``asic.hardware.triplicated`` in a run's configuration.

    Raises:
        RadiationError: the file is missing or no mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise RadiationError(f"writing the mask into {path}: {error}") from error
    if not isinstance(content, dict):
        raise RadiationError(f"writing the mask into {path}: found no mapping at the top")
    asic = content.get("asic") or {}
    hardware = {**(asic.get("hardware") or {}), "triplicated": mask}
    content["asic"] = {**asic, "hardware": hardware}
    atomic_write_text(path, yaml.safe_dump(content, sort_keys=False))
