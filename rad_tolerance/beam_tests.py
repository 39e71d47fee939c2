"""Two public beam tests of the reference chips, predicted by the formulas of `rad_tolerance.rates`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from rad_tolerance.intervals import poisson_interval, zero_event_limit
from rad_tolerance.rates import COPIES, spills_wrong_bits

CLOCK_S: Final = 25e-9
"""Refresh period of a register that is voted back every clock, at 40 MHz."""
_SHORTEST_S: Final = 1.0
"""Exposures are taken to be this short: longer ones make refreshed registers fail less."""
_LIMIT_CONFIDENCE: Final = 0.90
_READABLE_RUNS: Final = 22 * 2 - 12
"""22 runs of two chips, of which 12 logs are not in the public snapshot."""


@dataclass(frozen=True)
class BeamTest:
    """One exposure.

    Attributes:
        name: chip, place and time.
        source: public raw data, re-counted in facts/radiation.md.
        bits: bits watched (one copy).
        observed: wrong bits seen.
        exposures: spills or runs, each of which begins with freshly written bits.
        fluence_cm2: sum over the exposures.
        fluence_squared_cm4: sum of squares over the exposures.
        sigma_cm2: lowest and highest cross-section of a flip-flop of this family (two campaigns).
        storage: how the bits are stored: the model that must agree; the others must not.
    """

    name: str
    source: str
    bits: int
    observed: int
    exposures: int
    fluence_cm2: float
    fluence_squared_cm4: float
    sigma_cm2: tuple[float, float]
    storage: str

    def expected(self) -> dict[str, tuple[float, float]]:
        """Lowest and highest expected number of wrong bits of every way to store them."""
        low, high = self.sigma_cm2
        voted = [
            spills_wrong_bits(self.bits, sigma, self.exposures, self.fluence_cm2, self.fluence_squared_cm4)
            for sigma in (low, high)
        ]
        refreshed = [COPIES * self.bits * s**2 * self.fluence_squared_cm4 * CLOCK_S / _SHORTEST_S for s in (low, high)]
        return {
            "unprotected": (self.bits * low * self.fluence_cm2, self.bits * high * self.fluence_cm2),
            "triplicated": (voted[0], voted[1]),
            "triplicated_refreshed": (refreshed[0], refreshed[1]),
        }

    def residual_limit_cm2(self) -> float:
        """90 % limit on a cross-section per stored bit if no wrong bit was seen."""
        return zero_event_limit(_LIMIT_CONFIDENCE) / (self.bits * self.fluence_cm2)


ECON_T_P1: Final = BeamTest(
    name="ECON-T-P1 weights, FNAL ITA, December 2021",
    source="github.com/dnoonan08/ITA_Logs at 7447ffa: 864 spills, weights rewritten after almost every one",
    bits=12_864,
    observed=4,
    exposures=864,
    fluence_cm2=7.6e12,
    fluence_squared_cm4=8.04e22,
    sigma_cm2=(1.9e-14, 4.7e-14),
    storage="triplicated",
)
ECON_D: Final = BeamTest(
    name="ECON-D registers, 217 MeV protons, January 2024",
    source="github.com/dnoonan08/ECOND_Jan2024_SEU_logs at ce568c2: runs with readable logs, taken to be equally long",
    bits=21_888,
    observed=0,
    exposures=_READABLE_RUNS,
    fluence_cm2=4.96e13,
    fluence_squared_cm4=4.96e13**2 / _READABLE_RUNS,
    sigma_cm2=(1.9e-14, 5.3e-14),
    storage="triplicated_refreshed",
)
TESTS: Final = (ECON_T_P1, ECON_D)


def compare(test: BeamTest, confidence: float) -> dict[str, Any]:
    """Observed against expected: every model with the interval of the observed count, and whether they overlap."""
    low, high = poisson_interval(test.observed, confidence)
    predictions = [
        {
            "model": model,
            "expected_low": least,
            "expected_high": most,
            "consistent": least <= high and most >= low,
        }
        for model, (least, most) in test.expected().items()
    ]
    agreeing = [row["model"] for row in predictions if row["consistent"]]
    result: dict[str, Any] = {
        "name": test.name,
        "source": test.source,
        "observed": test.observed,
        "interval": [low, high],
        "confidence": confidence,
        "storage": test.storage,
        "predictions": predictions,
        "passed": agreeing == [test.storage],
    }
    if test.observed == 0:
        limit = test.residual_limit_cm2()
        result["residual_limit_cm2_per_bit"] = limit
        result["residual_share_of_single_copies"] = limit / (COPIES * test.sigma_cm2[0])
    return result
