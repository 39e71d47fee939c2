"""Content of ``rad/rates.json``: rates of every storage, beam tests, Monte Carlo."""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rad_tolerance.beam_tests import TESTS, compare
from rad_tolerance.monte_carlo import agreement
from rad_tolerance.rate_config import Case, RateConfig
from rad_tolerance.rates import (
    COPIES,
    Beam,
    Sigma,
    latched_set_rate,
    secded_check_bits,
    single_wrong,
    triplicated_wrong,
    uncorrectable,
)
from rad_tolerance.stored import StoredBits

_HOUR_S: Final = 3600.0


def rate_report(config: RateConfig, stored: StoredBits) -> dict[str, Any]:
    """All rates, the two beam tests and the Monte Carlo; the verdict needs both checks."""
    tests = [compare(test, config.confidence) for test in TESTS]
    simulated = agreement(config.monte_carlo, config.secded_data_bits, config.confidence)
    good = all(test["passed"] for test in tests) and all(row["agrees"] for row in simulated)
    return {
        "schema_version": 1,
        "title": "Rates of upsets, corrections and failures",
        "verdict": "pass" if good else "fail",
        "stored": {
            "source": stored.source,
            "bits": stored.size,
            "zeros": stored.count(0),
            "ones": stored.count(1),
        },
        "fill_hours": config.fill_hours,
        "refresh_period_s": config.refresh_period_s,
        "spills": config.spills.model_dump() if config.spills else None,
        "cases": [_case(config, case, stored) for case in config.cases],
        "stored_value_dependence": _value_dependence(config, stored),
        "beam_tests": tests,
        "monte_carlo": simulated,
        "configuration": config.model_dump(mode="json"),
    }


def _case(config: RateConfig, case: Case, stored: StoredBits) -> dict[str, Any]:
    bank = _Bank(config, case, stored)
    return {
        **case.model_dump(),
        "storage": [
            bank.unprotected(),
            bank.triplicated("triplicated", bank.fill_s),
            bank.triplicated("triplicated_refreshed", config.refresh_period_s),
            bank.selective(),
            bank.secded(),
        ],
    }


class _Bank:
    """One weight bank in one environment."""

    def __init__(self, config: RateConfig, case: Case, stored: StoredBits) -> None:
        self._config = config
        self._stored = stored
        self._sigma = Sigma(case.sigma_0_cm2, case.sigma_1_cm2)
        self._beam = Beam(case.flux_cm2_s, config.spills)
        self.fill_s = config.fill_hours * _HOUR_S

    def unprotected(self) -> dict[str, Any]:
        everything = np.ones(self._stored.size, dtype=bool)
        wrong = self._wrong(everything, self._single)
        return self._row("unprotected", self._stored.size, self._upsets(everything), 0.0, wrong, {})

    def triplicated(self, name: str, period_s: float) -> dict[str, Any]:
        """All bits, voted back every `period_s`; over a whole fill: never, so that nothing is corrected."""
        everything = np.ones(self._stored.size, dtype=bool)
        wrong = self._wrong(everything, self._voted(period_s))
        upsets = COPIES * self._upsets(everything)
        terms, corrections = self._common(self._stored.size, period_s)
        corrected = max(0.0, upsets - 2.0 * wrong / self.fill_s) + corrections if period_s < self.fill_s else 0.0
        return self._row(name, COPIES * self._stored.size, upsets, corrected, wrong, terms)

    def selective(self) -> dict[str, Any]:
        """The highest bits of every word triplicated and refreshed, the others unprotected."""
        chosen = self._stored.from_top < self._config.protected_top_bits
        period = self._config.refresh_period_s
        voted = self._wrong(chosen, self._voted(period))
        wrong = voted + self._wrong(~chosen, self._single)
        tripled, count = COPIES * self._upsets(chosen), int(chosen.sum())
        terms, corrections = self._common(count, period)
        corrected = max(0.0, tripled - 2.0 * voted / self.fill_s) + corrections
        flip_flops = self._stored.size + (COPIES - 1) * count
        row = self._row("selective", flip_flops, tripled + self._upsets(~chosen), corrected, wrong, terms)
        return {**row, "protected_bits": count}

    def secded(self) -> dict[str, Any]:
        """Words with check bits, corrected every scrub period; one particle that hits two bits of a word is not known."""
        data, check = self._config.secded_data_bits, secded_check_bits(self._config.secded_data_bits)
        words = -(-self._stored.size // data)
        one = np.full((words, data + check), 0.5)
        used = np.ones((words, data + check), dtype=bool)
        flat = np.pad(self._stored.one, (0, words * data - self._stored.size), constant_values=np.nan)
        one[:, :data] = flat.reshape(words, data)
        used[:, :data] = ~np.isnan(one[:, :data])
        one = np.nan_to_num(one)

        def failing(fluence: float) -> float:
            zero_wrong, one_wrong = (self._sigma.wrong(v, fluence) for v in (0, 1))
            return float(uncorrectable(np.where(used, (1.0 - one) * zero_wrong + one * one_wrong, 0.0)).sum())

        period = self._config.scrub_period_s
        per_fill = min(self._beam.window_mean(period, failing) * self.fill_s / period, float(words))
        ones = float(one[used].sum())
        upsets = self._beam.flux_cm2_s * ((used.sum() - ones) * self._sigma.zero + ones * self._sigma.one)
        corrected = max(0.0, upsets - 2.0 * per_fill / self.fill_s)
        row = self._row("secded", int(used.sum()), float(upsets), corrected, 2.0 * per_fill, None)
        return {**row, "uncorrectable_words_per_fill": per_fill, "check_bits_per_word": check}

    def _single(self, value: int) -> float:
        return single_wrong(self._beam, self._sigma, value, self.fill_s)

    def _voted(self, period_s: float) -> Callable[[int], float]:
        return lambda value: triplicated_wrong(self._beam, self._sigma, value, period_s, self.fill_s)

    def _wrong(self, chosen: NDArray[np.bool_], probability: Callable[[int], float]) -> float:
        """Expected wrong bits at the end of a fill."""
        return sum(self._stored.count(value, chosen) * probability(value) for value in (0, 1))

    def _upsets(self, chosen: NDArray[np.bool_]) -> float:
        """Upsets per second of one copy."""
        counts = [self._stored.count(value, chosen) * self._sigma.of(value) for value in (0, 1)]
        return self._beam.flux_cm2_s * sum(counts)

    def _common(self, bits: int, period_s: float) -> tuple[dict[str, float], float]:
        """Failures per second that no vote prevents (by name), and corrections of transients latched in one copy."""
        flux, common, voters = self._beam.flux_cm2_s, self._config.common_mode, self._config.voters
        nodes = (COPIES if voters.triplicated else 1) * bits
        latched = latched_set_rate(nodes, voters.sigma_set_cm2, flux, voters.width_s, period_s)
        terms = {
            "two_copies_at_once_limit_per_s": bits * common.two_copies_cm2_per_bit * flux,
            "clock_and_control_limit_per_s": common.control_cm2_per_chip * flux if bits else 0.0,
            "voters_per_s": 0.0 if voters.triplicated else latched,
        }
        return terms, latched if voters.triplicated else 0.0

    def _row(
        self,
        scheme: str,
        flip_flops: int,
        upsets: float,
        corrections: float,
        wrong: float,
        terms: dict[str, float] | None,
    ) -> dict[str, Any]:
        rate = wrong / self.fill_s
        return {
            "scheme": scheme,
            "flip_flops": flip_flops,
            "upsets_per_s": upsets,
            "corrections_per_s": corrections,
            "failures_per_s": rate,
            "wrong_bits_per_fill": wrong,
            "probability_of_none_per_fill": exp(-wrong),
            "common_mode": terms,
            "failure_limit_per_s": None if terms is None else rate + sum(terms.values()),
        }


def _value_dependence(config: RateConfig, stored: StoredBits) -> list[dict[str, Any]]:
    """The first case with either stored value as the harder one: public data do not settle which it is."""
    rows = []
    soft, hard = config.stored.softer_cm2, config.stored.harder_cm2
    for harder in (0, 1):
        change = {"sigma_0_cm2": soft if harder else hard, "sigma_1_cm2": hard if harder else soft}
        bank = _Bank(config, config.cases[0].model_copy(update=change), stored)
        single, voted = bank.unprotected(), bank.triplicated("triplicated", bank.fill_s)
        rows.append(
            {
                "harder_value": harder,
                **change,
                "unprotected_upsets_per_s": single["upsets_per_s"],
                "unprotected_wrong_bits_per_fill": single["wrong_bits_per_fill"],
                "triplicated_wrong_bits_per_fill": voted["wrong_bits_per_fill"],
            }
        )
    return rows
