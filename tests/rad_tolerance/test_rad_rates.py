"""Rates: the published table, limits of the formulas, beam tests, Monte Carlo, intervals, bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from math import exp, isclose
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from asic_flow.ir import econ_t_structure
from asic_flow.weights import random_weights, write_weights
from rad_tolerance.beam_tests import ECON_D, ECON_T_P1, TESTS, BeamTest, compare
from rad_tolerance.cli import app
from rad_tolerance.errors import RadiationError
from rad_tolerance.intervals import clopper_pearson, poisson_interval, zero_event_limit
from rad_tolerance.monte_carlo import agreement, upset, vote
from rad_tolerance.rate_config import Case, MonteCarlo, RateConfig, Spills, read_config
from rad_tolerance.rate_report import rate_report
from rad_tolerance.rates import (
    Beam,
    Sigma,
    latched_set_rate,
    majority_wrong,
    secded_check_bits,
    spills_wrong_bits,
    triplicated_wrong,
    uncorrectable,
    wrong_after_windows,
)
from rad_tolerance.stored import StoredBits, stored_bits

CONFIG = RateConfig(monte_carlo=MonteCarlo(bits=100, repetitions=1))  # the Monte Carlo has tests of its own
FILL_S = 36_000.0

# Rows of facts/radiation.md 2.6: unprotected /s, corrections /s, no refresh 1 h, 10 h, refresh 1 s, refresh 25 ns.
SHEET = {
    "nominal": (2.6e-3, 7.7e-3, 0.020, 2.0, 1.5e-9, 3.9e-17),
    "higher cross-section": (6.4e-3, 1.9e-2, 0.12, 12, 9.6e-9, 2.4e-16),
    "highest flux": (1.3e-2, 3.9e-2, 0.50, 47, 3.9e-8, 9.6e-16),
}


def storage(config: RateConfig, case: str) -> dict[str, dict]:
    report = rate_report(config, stored_bits(None, None))
    rows = next(item for item in report["cases"] if item["name"] == case)["storage"]
    return {row["scheme"]: row for row in rows}


@pytest.mark.parametrize("case", list(SHEET))
def test_the_published_table(case: str) -> None:
    """The sheet has two digits and neglects flips back, which is 4 % in its last row."""
    day, hour = storage(CONFIG, case), storage(CONFIG.model_copy(update={"fill_hours": 1.0}), case)
    second = storage(CONFIG.model_copy(update={"refresh_period_s": 1.0}), case)
    no_voters = CONFIG.voters.model_copy(update={"sigma_set_cm2": 0.0})
    clean = storage(CONFIG.model_copy(update={"voters": no_voters}), case)
    found = (
        day["unprotected"]["upsets_per_s"],
        clean["triplicated_refreshed"]["corrections_per_s"],
        hour["triplicated"]["wrong_bits_per_fill"],
        day["triplicated"]["wrong_bits_per_fill"],
        second["triplicated_refreshed"]["failures_per_s"],
        day["triplicated_refreshed"]["failures_per_s"],
    )
    np.testing.assert_allclose(found, SHEET[case], rtol=0.05)


def test_common_mode_limit_of_the_sheet() -> None:
    """2.7e-7 wrong bits per second and chip at 1e7 hadrons, beside which the independent copies vanish."""
    row = storage(CONFIG, "nominal")["triplicated_refreshed"]
    assert row["common_mode"]["two_copies_at_once_limit_per_s"] == pytest.approx(2.7e-7, rel=0.01)
    assert row["failure_limit_per_s"] > 1e9 * row["failures_per_s"]


def test_selective_storage_lies_between_its_ends() -> None:
    rows = [storage(CONFIG.model_copy(update={"protected_top_bits": bits}), "nominal") for bits in (0, 2, 6)]
    for key in ("flip_flops", "failures_per_s"):
        assert rows[0]["selective"][key] == pytest.approx(rows[0]["unprotected"][key], rel=1e-12)
        assert rows[2]["selective"][key] == pytest.approx(rows[0]["triplicated_refreshed"][key], rel=1e-12)
    assert rows[1]["selective"]["protected_bits"] == 2 * econ_t_structure().n_weights
    share = rows[1]["selective"]["failures_per_s"] / rows[1]["unprotected"]["failures_per_s"]
    assert share == pytest.approx(4 / 6, rel=1e-9)


def test_a_single_voter_turns_its_transients_into_failures() -> None:
    single = CONFIG.voters.model_copy(update={"triplicated": False})
    rows = [
        storage(c, "nominal")["triplicated_refreshed"] for c in (CONFIG, CONFIG.model_copy(update={"voters": single}))
    ]
    bits = econ_t_structure().weight_bits
    assert rows[0]["common_mode"]["voters_per_s"] == 0.0
    assert rows[1]["common_mode"]["voters_per_s"] == pytest.approx(bits * 2e-14 * 1e7 * (1e-9 / 25e-9))
    assert rows[1]["failure_limit_per_s"] > 100 * rows[0]["failure_limit_per_s"]
    assert latched_set_rate(10, 1e-14, 1e7, 2e-9, 1e-9) == pytest.approx(10 * 1e-7), "never more than every transient"


@pytest.mark.parametrize("value", [0, 1])
def test_limits_of_the_two_state_flip_flop(value: int) -> None:
    sigma = Sigma(2e-14, 3e-14)
    assert isclose(sigma.wrong(value, 1e3), sigma.of(value) * 1e3, rel_tol=1e-9)
    assert isclose(sigma.wrong(value, 1e18), sigma.of(value) / 5e-14)
    assert isclose(sigma.wrong(0, 1e13) / 2e-14, sigma.wrong(1, 1e13) / 3e-14)
    assert majority_wrong(0.5) == 0.5
    assert majority_wrong(1e-9) == pytest.approx(3e-18)
    assert wrong_after_windows(0.0, 0.0, 1e12) == 0.0
    assert wrong_after_windows(1e-20, 1e-20, 1e12) == pytest.approx(1e-8)
    assert wrong_after_windows(0.5, 0.5, 3.0) == 0.5
    assert wrong_after_windows(0.1, 0.2, 2.0) == pytest.approx(0.1 * 0.8 + 0.9 * 0.1)


def test_uncorrectable_words_against_the_binomial() -> None:
    p, n = 0.01, 39
    expected = 1 - (1 - p) ** n - n * p * (1 - p) ** (n - 1)
    assert uncorrectable(np.full((1, n), p))[0] == pytest.approx(expected, rel=1e-12)
    tiny = uncorrectable(np.full((1, n), 1e-12))[0]
    assert tiny == pytest.approx(n * (n - 1) / 2 * 1e-24, rel=1e-9), "nothing cancels"
    assert [secded_check_bits(bits) for bits in (1, 4, 8, 16, 32, 64)] == [3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("duration", [25e-9, 0.7, 3.0, 60.0, 601.0])
def test_spills_against_drawn_windows(duration: float) -> None:
    """Mean of fluence and of its square over windows that begin anywhere."""
    beam = Beam(1e7, Spills(period_s=60.0, duration_s=4.0))
    rng = np.random.default_rng(4)
    start = rng.random(200_000) * 60.0
    end = start + duration

    def beam_time(t: np.ndarray) -> np.ndarray:
        return np.floor(t / 60.0) * 4.0 + np.minimum(t % 60.0, 4.0)

    fluence = (beam_time(end) - beam_time(start)) * 1e7 * 15.0
    assert beam.window_mean(duration, lambda f: f) == pytest.approx(1e7 * duration, rel=1e-6)
    assert beam.window_mean(duration, lambda f: f * f) == pytest.approx((fluence**2).mean(), rel=0.03)


def test_spills_cost_their_duty_factor() -> None:
    """Refreshed every clock the failure rate goes with flux squared: 1/duty more than in a steady beam."""
    sigma = Sigma(2e-14, 2e-14)
    steady, spilled = (
        triplicated_wrong(Beam(1e7, spills), sigma, 0, 25e-9, FILL_S)
        for spills in (None, Spills(period_s=60.0, duration_s=4.0))
    )
    assert spilled / steady == pytest.approx(15.0, rel=1e-6)


def test_econ_t_p1_beam_test() -> None:
    """Four weight upsets: triplicated without refresh predicts 1.1 to 6.9, unprotected 1,850 to 4,600, refreshed none."""
    expected = ECON_T_P1.expected()
    assert ECON_T_P1.bits == econ_t_structure().weight_bits
    np.testing.assert_allclose(expected["triplicated"], (1.12, 6.86), rtol=0.01)
    np.testing.assert_allclose(expected["unprotected"], (1850, 4577), rtol=0.01)
    result = compare(ECON_T_P1, 0.95)
    assert result["passed"]
    assert result["interval"] == pytest.approx((1.0899, 10.2416), rel=1e-4)
    assert {row["model"]: row["consistent"] for row in result["predictions"]} == {
        "unprotected": False, "triplicated": True, "triplicated_refreshed": False,
    }  # fmt: skip


def test_zero_event_beam_test() -> None:
    """No difference in 4.96e13 /cm2 x 21,888 bits: below 2.1e-18 cm2 per bit, 3.5e-5 of the single copies."""
    result = compare(ECON_D, 0.95)
    assert result["passed"]
    assert result["residual_limit_cm2_per_bit"] == pytest.approx(2.1e-18, rel=0.02)
    assert result["residual_limit_cm2_per_bit"] == pytest.approx(
        RateConfig().common_mode.two_copies_cm2_per_bit, rel=0.02
    )
    assert result["residual_share_of_single_copies"] == pytest.approx(3.5e-5, rel=0.1)


@pytest.mark.parametrize("test", TESTS)
def test_a_wrong_observation_fails(test: BeamTest) -> None:
    assert not compare(replace(test, observed=40), 0.95)["passed"]
    assert not compare(replace(test, storage="unprotected"), 0.95)["passed"]


def test_spill_sums_for_small_rates() -> None:
    assert spills_wrong_bits(1000, 1e-15, 10, 1e10, 1.3e19) == pytest.approx(3 * 1000 * 1e-30 * 1.3e19, rel=1e-4)
    assert spills_wrong_bits(1000, 1e-10, 1, 1e13, 1e26) == pytest.approx(500), "saturates at half of the bits"


def test_intervals() -> None:
    assert poisson_interval(0, 0.9) == pytest.approx((0.0, 2.9957), rel=1e-4)
    assert zero_event_limit(0.90) == pytest.approx(2.3026, rel=1e-4)
    assert zero_event_limit(0.95) == pytest.approx(2.9957, rel=1e-4)
    assert clopper_pearson(0, 100, 0.95) == pytest.approx((0.0, 1 - 0.025 ** (1 / 100)))
    assert clopper_pearson(100, 100, 0.95)[1] == 1.0
    assert clopper_pearson(3, 50, 0.95) == pytest.approx((0.01255, 0.16548), rel=1e-3)


@pytest.mark.parametrize("probability", [0.01, 0.2])
def test_monte_carlo_agrees_with_the_formulas(probability: float) -> None:
    rows = agreement(MonteCarlo(upset_probability=probability, repetitions=10), 32, 0.95)
    assert [row["agrees"] for row in rows] == [True] * 7, rows
    assert all(row["failures"] > 20 for row in rows if "secded" not in row["storage"] and probability > 0.1)


def test_monte_carlo_can_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the vote, triplicated storage fails like one copy, and the comparison says so."""
    monkeypatch.setattr("rad_tolerance.monte_carlo.vote", lambda copies: copies[0])
    agrees = {row["storage"]: row["agrees"] for row in agreement(MonteCarlo(repetitions=2), 32, 0.95)}
    assert agrees["unprotected, stored 0"]
    assert not any(value for name, value in agrees.items() if name.startswith("triplicated"))


def test_simulated_flip_flops() -> None:
    rng = np.random.default_rng(0)
    states = np.zeros((3, 1000), dtype=bool)
    assert not upset(rng, states, Sigma(1.0, 1.0), 0.0).any()
    assert not states.any(), "the argument is not changed"
    settled = upset(rng, np.zeros(20_000, dtype=bool), Sigma(1.0, 3.0), 5.0).mean()
    assert settled == pytest.approx(0.25, abs=0.01)
    assert vote(np.array([[0, 1, 1], [0, 0, 1], [1, 0, 1]], dtype=bool)).tolist() == [False, False, True]


def test_stored_bits_of_a_run_choose_the_cross_section(tmp_path: Path) -> None:
    structure = econ_t_structure()
    weights = random_weights(structure, np.random.default_rng(1), kind="minimum")  # 100000: one bit in six is set
    (tmp_path / "weights").mkdir()
    (tmp_path / "encoder.json").write_text(structure.to_json())
    write_weights(weights, tmp_path / "weights" / "links3.json")
    stored = stored_bits(tmp_path, None)
    assert stored.count(1) == structure.n_weights
    assert (stored.one == (stored.from_top == 0)).all(), "the sign bit is the highest"
    case = Case(name="split", flux_cm2_s=1e7, sigma_0_cm2=1e-14, sigma_1_cm2=3e-14)
    report = rate_report(CONFIG.model_copy(update={"cases": (case,)}), stored)
    expected = 1e7 * structure.n_weights * (5 * 1e-14 + 3e-14)
    assert report["cases"][0]["storage"][0]["upsets_per_s"] == pytest.approx(expected)
    harder = {row["harder_value"]: row["unprotected_upsets_per_s"] for row in report["stored_value_dependence"]}
    assert harder[1] > harder[0], "mostly zeros are stored: they had better be the harder ones"


def test_secded_pads_the_last_word() -> None:
    config = CONFIG.model_copy(update={"secded_data_bits": 64})
    stored = StoredBits("test", np.full(100, 0.5), np.zeros(100, dtype=np.int64))
    row = next(r for r in rate_report(config, stored)["cases"][0]["storage"] if r["scheme"] == "secded")
    assert row["flip_flops"] == 100 + 2 * 8


def test_probability_of_no_wrong_bit() -> None:
    row = storage(CONFIG, "nominal")["triplicated"]
    assert row["probability_of_none_per_fill"] == exp(-row["wrong_bits_per_fill"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["fill_hour=3"], "key fill_hour"),
        (["fill_hours=-3"], "key fill_hours"),
        (["fill_hours"], "expected KEY=VALUE"),
        (["fill_hours=2", "fill_hours.x=1"], "fill_hours is no section"),
        (["voters.width_s=long"], r"key voters.width_s"),
        (["fill_hours=[1"], "is not a YAML value"),
        (["spills.period_s=1", "spills.duration_s=2"], "duration_s exceeds period_s"),
    ],
)
def test_bad_changes(changes: list[str], message: str) -> None:
    with pytest.raises(RadiationError, match=message):
        read_config(None, changes)


def test_configuration_file(tmp_path: Path) -> None:
    path = tmp_path / "rates.yml"
    path.write_text("fill_hours: 12\nvoters: {width_s: 2e-9}\n")
    config = read_config(path, ["refresh_period_s=1e-3"])
    assert (config.fill_hours, config.voters.width_s, config.refresh_period_s) == (12.0, 2e-9, 1e-3)
    for text in ("- 1\n", "a: [\n"):
        path.write_text(text)
        with pytest.raises(RadiationError, match="rates.yml"):
            read_config(path, [])
    with pytest.raises(RadiationError, match="No such file"):
        read_config(tmp_path / "none.yml", [])


def test_command_writes_a_strict_json_file(tmp_path: Path) -> None:
    target = tmp_path / "rad" / "rates.json"
    small = ["--set", "monte_carlo.bits=1000", "--set", "monte_carlo.repetitions=2"]
    result = CliRunner().invoke(app, ["rates", "--output", str(target), "--json", *small])
    assert result.exit_code == 0, result.output
    content = json.loads(target.read_text(), parse_constant=pytest.fail)
    assert content == json.loads(result.stdout)
    assert (content["schema_version"], content["verdict"]) == (1, "pass")
    assert [path.name for path in target.parent.iterdir()] == ["rates.json"]
