"""Budgets: files, comparison, exit codes, what the result files of a run tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asic_flow.cli import run_cli
from asic_flow.errors import FlowError
from asic_flow.estimate.budgets import Budgets, Known, compare, read_budgets, verdict
from asic_flow.estimate.derates import Assumptions, read_assumptions
from asic_flow.estimate.known import known_emd, known_values
from asic_flow.estimate.scaling import Factor, scaled, scaling_from
from asic_flow.run_folder import RunFolder
from asic_flow.topologies import verified_topologies
from asic_flow.weights import random_weights, write_weights

ROOT = Path(__file__).resolve().parents[2]
STRUCTURE = verified_topologies("econ_t")["econ_t_encoder"]


def write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with everything that budgets ask for."""
    import numpy as np

    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "encoder.json").write_text(STRUCTURE.to_json())
    (folder / "weights").mkdir()
    write_weights(random_weights(STRUCTURE, np.random.default_rng(1)), folder / "weights" / "links2.json")
    checks = [{"level_a": "emulator", "level_b": "rtl", "status": "pass", "events": 100}]
    write(
        folder / "verify/results.json",
        {"structure_sha256": STRUCTURE.sha256, "checks": checks, "latency_clocks": 2, "clock_ns": 25.0},
    )
    rows = [
        {"algorithm": "autoencoder", "sample": sample, "links": 2, "payload_bits": 62, "events": 10, "emd_mean": emd}
        for sample, emd in (("a", 0.9), ("b", 0.5), ("all", 0.7))
    ]
    write(
        folder / "evaluate/metrics.json", {"results": [*rows, {**rows[0], "algorithm": "best_choice", "emd_mean": 0.1}]}
    )
    result = {
        name: {"value": value, "low": value / 2, "high": value * 2, "detail": "by hand"}
        for name, value in (
            ("area_mm2", 2.0),
            ("power_mw", 50.0),
            ("energy_nj", 1.25),
            ("slack_ns", 10.0),
            ("dose_mrad", 200.0),
        )
    }
    write(
        folder / "estimate/estimate.json",
        {"method": "synthesised", "structure_sha256": STRUCTURE.sha256, "result": result},
    )
    storage = [
        {"scheme": "triplicated_refreshed", "failures_per_s": 1e-15, "failure_limit_per_s": 2e-7},
        {"scheme": "unprotected", "failures_per_s": 1e-2, "failure_limit_per_s": None},
    ]
    cases = [
        {"name": "low", "storage": storage},
        {"name": "high", "storage": [storage[0] | {"failure_limit_per_s": 5e-7}]},
    ]
    write(folder / "rad/rates.json", {"cases": cases})
    return folder


def test_what_a_run_tells(run: Path) -> None:
    known = known_values(RunFolder(run))
    assert {name: item.value for name, item in known.items()} == {
        "memory_bits": 12864, "latency_ns": 50.0, "rate_mhz": 40.0, "area_mm2": 2.0, "power_mw": 50.0, "energy_nj": 1.25,
        "slack_ns": 10.0, "dose_mrad": 200.0, "links": 2, "bits_per_event": 62.0, "seu_failures_per_s": 5e-7,
        "chip_power_mw": None,
    }  # fmt: skip
    assert (known["latency_ns"].source, known["area_mm2"].source) == ("measured in simulation", "scaled")
    assert {links: item.value for links, item in known_emd(RunFolder(run)).items()} == {2: 0.7}


@pytest.mark.parametrize(
    ("name", "change", "gone"),
    [
        ("verify/results.json", {"structure_sha256": "other"}, "latency_ns"),
        ("verify/results.json", {"checks": []}, "rate_mhz"),
        ("verify/results.json", {"latency_clocks": None}, "latency_ns"),
        ("estimate/estimate.json", {"structure_sha256": "other"}, "power_mw"),
        ("estimate/estimate.json", {"result": {"area_mm2": None}}, "area_mm2"),
        ("rad/rates.json", {"cases": []}, "seu_failures_per_s"),
        ("evaluate/metrics.json", {"results": []}, "links"),
    ],
)
def test_values_that_are_not_known(run: Path, name: str, change: dict[str, Any], gone: str) -> None:
    """Stale, failed or absent results count as not measured, and say what to do."""
    write(run / name, json.loads((run / name).read_text()) | change)
    known = known_values(RunFolder(run))[gone]
    assert known.value is None
    assert known.detail


def test_a_fast_estimate_is_called_so(run: Path) -> None:
    path = run / "estimate/estimate.json"
    write(path, json.loads(path.read_text()) | {"method": "fast"})
    assert known_values(RunFolder(run))["power_mw"].source == "estimated"


def test_comparison_at_the_edges() -> None:
    budgets = Budgets.model_validate(
        {"power_mw": 100, "slack_ns": 0, "area_mm2": 3.6, "emd_half_pitches": {1: 1.0, 2: {"limit": 2.0}}}
    )
    known = {"power_mw": Known(100.0, "scaled", ""), "slack_ns": Known(-0.001, "scaled", "")}
    rows = compare(budgets, known, {1: Known(1.5, "evaluated", "")})
    assert [(row.quantity, row.status, row.margin) for row in rows] == [
        ("power_mw", "pass", 0.0), ("area_mm2", "not measured", None), ("slack_ns", "fail", None),
        ("emd_half_pitches", "fail", -0.5), ("emd_half_pitches", "not measured", None),
    ]  # fmt: skip
    assert [verdict(rows), verdict(rows[:2]), verdict(rows[:1])] == ["fail", "incomplete", "pass"]


def test_shipped_budgets_pass_and_tight_ones_fail(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["check", str(run), "--budgets", str(ROOT / "configs/budgets.yml")]) == 0
    content = json.loads((run / "estimate/budgets.json").read_text())
    assert content["verdict"] == "pass"
    assert {row["quantity"]: row["status"] for row in content["rows"]}["power_mw"] == "pass"
    assert [row["label"] for row in content["rows"] if row["quantity"] == "emd_half_pitches"] == ["mean EMD, 2 links"]
    capfd.readouterr()
    tight = tmp_path / "tight.yml"
    tight.write_text("power_mw: 49.9\narea_mm2: 2.0\n")
    assert run_cli(["check", str(run), "--budgets", str(tight)]) == 1
    assert "1 of 2 budgets are not kept: power" in capfd.readouterr().err
    assert json.loads((run / "estimate/budgets.json").read_text())["verdict"] == "fail"


def test_a_missing_value_does_not_pass_silently(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (run / "estimate/estimate.json").unlink()
    budgets = tmp_path / "budgets.yml"
    budgets.write_text("power_mw: 100\nlatency_ns: 50\n")
    command = ["check", str(run), "--budgets", str(budgets)]
    assert run_cli(command) == 1
    found = capfd.readouterr()
    assert "have no measured value: power" in found.err
    assert "asic_flow estimate" in found.out
    assert run_cli([*command, "--allow-missing", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["verdict"] == "incomplete"


def test_budgets_of_the_configuration(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (run / "config.yml").write_text("name: x\nbudgets: {latency_ns: 25}\n")
    assert run_cli(["check", str(run)]) == 1
    assert "latency" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("powr_mw: 3", "key powr_mw: .*known keys: latency_ns"), ("power_mw: much", "key power_mw"), ("", "holds none"),
        ("power_mw: {limit: 3, sorce: x}", r"key power_mw.sorce"), ("a: [", "not valid YAML"), ("- 3", "holds none"),
    ],
)  # fmt: skip
def test_bad_budget_files(
    run: Path, tmp_path: Path, text: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.yml"
    path.write_text(text)
    with pytest.raises(FlowError, match=rf"bad\.yml.*{message}"):
        read_budgets(path, run)
    assert run_cli(["check", str(run), "--budgets", str(path)]) == 2
    assert capfd.readouterr().err.count("asic_flow:") == 1


def test_missing_files(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for command in (
        ["check", str(run)],
        ["check", str(run), "--budgets", str(tmp_path / "none.yml")],
        ["check", str(tmp_path / "none")],
        ["estimate", str(tmp_path / "none")],
        ["estimate", str(run)],
        ["estimate", str(run), "--assumptions", str(tmp_path / "none.yml")],
    ):
        assert run_cli(command) == 2, command
    messages = capfd.readouterr().err
    assert messages.count("asic_flow:") == 6
    assert "no generated project" in messages
    (run / "verify/results.json").write_text("{")
    with pytest.raises(FlowError, match=r"results\.json: not JSON"):
        known_values(RunFolder(run))


def test_scaling_factors() -> None:
    """Polynomials of Stillmaker & Baas by hand: (3.755 1.44 - 4.398 1.2 + 1.975) / (24.64 1.8 - 17.98)."""
    scaling = scaling_from(180, 1.8)
    assert scaling.energy.factor == pytest.approx((3.755 * 1.44 - 4.398 * 1.2 + 1.975) / (24.64 * 1.8 - 17.98))
    assert scaling.delay.factor == pytest.approx(0.2227, abs=1e-4)
    assert scaling_from(65, 1.2).energy.factor == 1.0
    with pytest.raises(FlowError, match="no published factors"):
        scaling_from(22, 0.8)


def test_ranges_add_in_quadrature() -> None:
    two = Factor(factor=2.0, low=1.0, high=4.0, source="test")
    half = Factor(factor=0.5, low=0.25, high=0.5, source="assumption: test")
    one = scaled(10.0, {"a": two}, offset=1.0)
    assert (one.value, one.low, one.high) == pytest.approx((21.0, 11.0, 41.0))
    divided = scaled(10.0, {"1/b": half})
    assert (divided.value, divided.low, divided.high) == pytest.approx((20.0, 20.0, 40.0))
    both = scaled(10.0, {"a": two, "1/b": half})
    assert both.high / both.value == pytest.approx(2 ** (2**0.5))
    assert half.assumed
    assert not two.assumed


def test_assumptions_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "assumptions.yml"
    path.write_text("clock_ns: 12.5\nderates: {dose: {factor: 1.5, low: 1.1, high: 1.6, source: measured}}\n")
    found = read_assumptions(path)
    assert (found.clock_ns, found.derates.dose.factor, found.derates.process) == (
        12.5,
        1.5,
        Assumptions().derates.process,
    )
    assert found.derates.total / Assumptions().derates.total == pytest.approx(1.5 / 1.25)
    for text, message in (
        ("clok_ns: 3", "key clok_ns"),
        ("derates: {dose: {factor: 9, low: 1, high: 2, source: x}}", "derates.dose"),
    ):
        path.write_text(text)
        with pytest.raises(FlowError, match=message):
            read_assumptions(path)
