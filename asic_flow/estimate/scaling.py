"""From the library's technology to the chip's 65 nm, by published polynomials.

Source: A. Stillmaker and B. Baas, "Scaling equations for the accurate prediction of CMOS device performance from 180 nm to
7 nm", Integration 58 (2017) 74-81: energy a2 V^2 + a1 V + a0, delay a3 V^3 + a2 V^2 + a1 V + a0, in units of the paper,
with the supply V in volt; areas relative to 65 nm.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, hypot, log

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from asic_flow.errors import FlowError

TARGET_NM = 65
TARGET_VOLT = 1.2
SOURCE = "Stillmaker & Baas, Integration 58 (2017) 74"

_ENERGY = {
    180: (0.0, 24.64, -17.98), 130: (7.171, -6.709, 2.904), 90: (4.762, -4.781, 2.092), 65: (3.755, -4.398, 1.975),
    45: (1.018, -0.3107, 0.1539),
}  # fmt: skip
_DELAY = {
    180: (0.0, 97.09, -356.7, 406.5), 130: (-76.65, 334.9, -493.4, 275.8), 65: (-53.3, 230.4, -333.9, 178.6),
    45: (-501.6, 1567.0, -1619.0, 566.1),
}  # fmt: skip
_AREA = {180: 0.080, 130: 0.23, 90: 0.53, 65: 1.0, 45: 1.5}

_SPREAD_ENERGY, _SPREAD_DELAY, _SPREAD_AREA = 2.5, 1.5, 1.6
"""After scaling, three libraries land within these factors of the published chip (facts/open-eda-details.md 5)."""


ASSUMPTION = "assumption"


class Factor(BaseModel):
    """A factor with the range it may lie in and where it comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    factor: float = Field(gt=0, description="what is multiplied")
    low: float = Field(gt=0, description="lower end of its range")
    high: float = Field(gt=0, description="upper end of its range")
    source: str = Field(min_length=1, description="where it comes from; starts with 'assumption' if nobody measured it")

    @model_validator(mode="after")
    def _ordered(self) -> Factor:
        if not self.low <= self.factor <= self.high:
            raise ValueError(f"{self.factor} lies outside its own range {self.low} to {self.high}")
        return self

    @property
    def assumed(self) -> bool:
        """Whether nothing but an assumption stands behind it."""
        return self.source.startswith(ASSUMPTION)


@dataclass(frozen=True)
class Scaling:
    """Factors from a library to the target technology.

    Attributes:
        node_nm: technology of the library.
        voltage: its supply, V.
        energy: energy in the target over energy in the library.
        delay: the same for delays.
        area: the same for cell areas; None where the paper gives none.
    """

    node_nm: int
    voltage: float
    energy: Factor
    delay: Factor
    area: Factor


def scaling_from(node_nm: int, voltage: float) -> Scaling:
    """Factors from a technology and supply to 65 nm at 1.2 V.

    Raises:
        FlowError: the paper's tables do not hold the technology.
    """
    if node_nm not in _ENERGY or node_nm not in _DELAY:
        known = sorted(set(_ENERGY) & set(_DELAY))
        raise FlowError(
            f"scaling from {node_nm} nm to {TARGET_NM} nm: no published factors; choose --node from {known}"
        )
    here = f"{node_nm} nm at {voltage:g} V to {TARGET_NM} nm at {TARGET_VOLT:g} V, {SOURCE}"
    energy = _at(_ENERGY[TARGET_NM], TARGET_VOLT) / _at(_ENERGY[node_nm], voltage)
    delay = _at(_DELAY[TARGET_NM], TARGET_VOLT) / _at(_DELAY[node_nm], voltage)
    return Scaling(
        node_nm, voltage, _factor(energy, _SPREAD_ENERGY, here), _factor(delay, _SPREAD_DELAY, here),
        _factor(_AREA[node_nm], _SPREAD_AREA, here),
    )  # fmt: skip


@dataclass(frozen=True)
class Scaled:
    """A number in the target technology with its range, and the factors that led to it."""

    value: float
    low: float
    high: float
    detail: str


def scaled(value: float, factors: dict[str, Factor], detail: str = "", offset: float = 0.0) -> Scaled:
    """Multiply a number with factors; the range adds their logarithmic ranges in quadrature, as for independent causes.

    Args:
        value: number before the factors.
        factors: factors by name; a name that starts with ``1/`` divides.
        detail: words in front of the list of factors.
        offset: added to value and range afterwards.
    """
    result, up, down = value, 0.0, 0.0
    words = [detail] if detail else []
    for name, factor in factors.items():
        divides = name.startswith("1/")
        result *= 1.0 / factor.factor if divides else factor.factor
        rise, fall = log(factor.high / factor.factor), log(factor.factor / factor.low)
        rise, fall = (fall, rise) if divides else (rise, fall)
        up, down = hypot(up, rise), hypot(down, fall)
        words.append(f"{'/' if divides else 'x'} {factor.factor:.3g} {name.removeprefix('1/')} ({factor.source})")
    return Scaled(result + offset, result * exp(-down) + offset, result * exp(up) + offset, "; ".join(words))


def delay_ratio(node_nm: int, low: float, nominal: float) -> float:
    """Delay at a low supply over that at the nominal one."""
    return _at(_DELAY[node_nm], low) / _at(_DELAY[node_nm], nominal)


def _at(polynomial: tuple[float, ...], voltage: float) -> float:
    return float(np.polyval(polynomial, voltage))


def _factor(value: float, spread: float, source: str) -> Factor:
    return Factor(factor=value, low=value / spread, high=value * spread, source=source)
