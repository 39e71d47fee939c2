"""The search: configuration, costs, forgiving factor, resuming, failures, Dask, results and plot."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from asic_flow.bounds import accumulator_bounds
from asic_flow.ir import econ_t_structure
from econ_ae.energy_model import structure_energy
from econ_ae.errors import TrainingError
from econ_ae.scan import study as study_module
from econ_ae.scan.cli import app
from econ_ae.scan.config import ForgivingConfig, ScanConfig, load_scan, trial_config
from econ_ae.scan.costs import area_proxy, costs, forgiving_score
from econ_ae.scan.results import pareto, summary, write_results
from econ_ae.scan.study import run_scan
from econ_ae.scan.trial import TrialResult
from tests.econ_ae.conftest import TINY

SCAN: dict[str, Any] = {
    "name": "tiny-scan",
    "base": "tiny.yml",
    "settings": {"train.phases": [{"epochs": 1}], "train.threads": 1, "train.validation_events": 60},
    "space": {"encoder.filters": [2, 3, 4], "encoder.weight_bits": {"low": 3, "high": 6}},
    "sampler": "random",
    "trials": 4,
}


def write_scan(folder: Path, **changes: Any) -> Path:
    (folder / "tiny.yml").write_text(yaml.safe_dump(TINY))
    path = folder / "scan.yml"
    path.write_text(yaml.safe_dump({**copy.deepcopy(SCAN), "output": str(folder / "scan"), **changes}))
    return path


def fake_training(calls: list[str], fail: Callable[[Any], str | None] = lambda _: None) -> Callable[..., TrialResult]:
    """Stands for a training: EMD falls with filters and bits, costs are the real ones."""

    def run(config_yaml: str, data: str) -> TrialResult:
        from econ_ae.config import RunConfig
        from econ_ae.topology import structure_of

        config = RunConfig.model_validate(yaml.safe_load(config_yaml))
        calls.append(config_yaml)
        error = fail(config)
        if error:
            return TrialResult(error=error)
        found = costs(structure_of(config.encoder))
        return TrialResult({"emd": 8.0 / config.encoder.filters / config.encoder.weight_bits, **found}, seconds=0.5)

    return run


@contextmanager
def threads(workers: int, dask: object) -> Iterator[Executor]:
    with ThreadPoolExecutor(workers) as pool:
        yield pool


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    monkeypatch.setattr(study_module, "executor", threads)
    monkeypatch.setattr(study_module, "run_trial", fake_training(made))
    monkeypatch.setattr(study_module, "prepare_data", lambda scan: scan.output / "none.h5")
    return made


def test_a_scan_finds_the_front_and_continues(tmp_path: Path, calls: list[str]) -> None:
    scan = load_scan(write_scan(tmp_path, trials=2))
    reports = []
    first = run_scan(scan, lambda study: reports.append(len(study.trials)))
    assert (len(first.trials), reports[-1]) == (2, 2)
    trained = len(calls)
    assert trained <= 2  # a point that was tried already is not trained again
    run_scan(scan)
    assert len(calls) == trained  # nothing is missing
    more = run_scan(scan.model_copy(update={"trials": 7}))
    assert len(more.trials) == 7
    assert len({json.dumps(trial.params, sort_keys=True) for trial in more.trials}) == len(calls)
    content = write_results(scan, more)
    rows = {row["number"]: row for row in content["trials"]}
    assert all(set(row["point"]) == set(SCAN["space"]) for row in rows.values())
    front = [rows[number]["numbers"] for number in content["pareto"]]
    assert [row["emd"] for row in front] == sorted(row["emd"] for row in front)
    assert [row["weight_bits"] for row in front] == sorted((row["weight_bits"] for row in front), reverse=True)
    assert json.loads((scan.output / "results.json").read_text()) == content
    assert (scan.output / "pareto.png").read_bytes().startswith(b"\x89PNG")
    assert "half pitches" in (scan.output / "pareto.svg").read_text()


def test_the_front_is_what_nothing_beats() -> None:
    numbers = [(1.0, 5.0), (2.0, 3.0), (2.0, 4.0), (3.0, 3.0), (4.0, 1.0), (1.0, 5.0)]
    rows = [{"number": i, "numbers": {"emd": x, "weight_bits": y}} for i, (x, y) in enumerate(numbers)]
    assert pareto(rows, ("emd", "weight_bits")) == [0, 5, 1, 4]
    assert pareto(rows, ("emd",)) == [0, 5]
    assert pareto([], ("emd",)) == []


def test_failed_trials_are_recorded_and_not_fatal(
    tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = fake_training(calls, lambda config: "diverged" if config.encoder.filters == 3 else None)
    monkeypatch.setattr(study_module, "run_trial", failing)
    start = [{"encoder.filters": filters, "encoder.weight_bits": 4} for filters in (3, 2, 4)]
    scan = load_scan(write_scan(tmp_path, trials=3, start=start, limits={"weight_bits": 4000}))
    content = summary(scan, run_scan(scan))
    assert [row["state"] for row in content["trials"]] == ["failed", "complete", "failed"]
    assert content["trials"][0]["error"] == "diverged"
    assert "weight_bits 4320 exceeds the limit 4000" in content["trials"][2]["error"]
    assert len(calls) == 2  # what is beyond a limit is not trained
    assert content["pareto"] == [1]
    assert [row["point"] for row in content["trials"]] == start


def test_invalid_combinations_fail_as_trials(tmp_path: Path, calls: list[str]) -> None:
    space = {"encoder.latents": [4, 64], "train.links": [1, 2]}
    start = [{"encoder.latents": 64, "train.links": links} for links in (1, 2)]
    scan = load_scan(write_scan(tmp_path, space=space, start=start, trials=2))
    content = summary(scan, run_scan(scan))
    assert [row["state"] for row in content["trials"]] == ["failed", "failed"]
    assert "64 latents" in content["trials"][0]["error"]
    assert (content["pareto"], content["best"], len(calls)) == ([], None, 0)


def test_an_interrupted_trial_is_tried_again(tmp_path: Path, calls: list[str]) -> None:
    scan = load_scan(write_scan(tmp_path, trials=2))
    scan.output.mkdir()
    killed = study_module.open_study(scan).ask()
    point = study_module._suggest(scan, killed)  # the process dies here
    content = summary(scan, run_scan(scan))
    assert content["trials"][0]["state"] == "interrupted"
    assert content["trials"][1]["point"] == point
    assert [row["state"] for row in content["trials"][1:]] == ["complete", "complete"]


def test_a_dead_worker_fails_its_trial_only(tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from concurrent.futures import BrokenExecutor

    def dies(config_yaml: str, data: str) -> TrialResult:
        if "filters: 3" in config_yaml:
            raise BrokenExecutor
        return fake_training(calls)(config_yaml, data)

    monkeypatch.setattr(study_module, "run_trial", dies)
    start = [{"encoder.filters": filters, "encoder.weight_bits": 4} for filters in (3, 2)]
    scan = load_scan(write_scan(tmp_path, trials=2, start=start))
    content = summary(scan, run_scan(scan))
    assert [row["state"] for row in content["trials"]] == ["failed", "complete"]
    assert content["trials"][0]["error"] == "the worker process died"


def test_another_scan_in_the_same_folder_is_refused(tmp_path: Path, calls: list[str]) -> None:
    run_scan(load_scan(write_scan(tmp_path, trials=1)))
    other = load_scan(write_scan(tmp_path, trials=1, space={"encoder.filters": [2, 5]}))
    with pytest.raises(TrainingError, match="another base, space or objectives"):
        run_scan(other)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_samplers_and_three_objectives(tmp_path: Path, calls: list[str], sampler: str) -> None:
    changes = {"objectives": ["emd", "energy_uj", "area_proxy"], "sampler": sampler, "workers": 2, "trials": 4}
    space = {
        **SCAN["space"],
        "train.learning_rate": {"low": 0.001, "high": 0.01, "log": True},
        "encoder.kernel": [[3, 3], [2, 2]],
    }
    scan = load_scan(write_scan(tmp_path, space=space, **changes))
    content = write_results(scan, run_scan(scan))
    assert {tuple(row["point"]["encoder.kernel"]) for row in content["trials"]} <= {(3, 3), (2, 2)}
    assert all(0.001 <= row["point"]["train.learning_rate"] <= 0.01 for row in content["trials"])
    assert (scan.output / "pareto.svg").read_text().count("validation EMD") == 2  # one panel per further objective


def test_forgiving_factor_is_autoqkeras_formula() -> None:
    options = ForgivingConfig(delta_p=8, delta_n=4, rate=2)
    assert forgiving_score(1.0, 100, 100, options) == 1.0
    assert forgiving_score(1.08, 50, 100, options) == pytest.approx(1.0)  # half the cost forgives 8 %
    assert forgiving_score(0.96, 200, 100, options) == pytest.approx(1.0)  # twice the cost demands 4 %
    assert forgiving_score(1.16, 25, 100, options) == pytest.approx(1.0)
    assert forgiving_score(1.0, 100 * 2.0**25, 100, options) == math.inf


def test_the_single_score_is_minimised_and_reported(tmp_path: Path, calls: list[str]) -> None:
    scan = load_scan(write_scan(tmp_path, forgiving={"delta_p": 20, "delta_n": 20}, trials=4))
    content = write_results(scan, run_scan(scan))
    good = [row for row in content["trials"] if row["state"] == "complete"]
    best = next(row for row in good if row["number"] == content["best"])
    assert best["score"] == min(row["score"] for row in good)
    reference = costs(econ_t_structure("econ_t"))["weight_bits"]  # the base is the chip's own encoder
    options = ForgivingConfig(delta_p=20, delta_n=20)
    for row in good:
        expected = forgiving_score(row["numbers"]["emd"], row["numbers"]["weight_bits"], reference, options)
        assert row["score"] == pytest.approx(expected)


def test_costs_follow_the_structure() -> None:
    chip = econ_t_structure("econ_t")
    found = costs(chip)
    assert found["weight_bits"] == 12864
    assert found["energy_uj"] == structure_energy(chip).total_uj
    bounds = accumulator_bounds(chip)
    by_hand = sum(bounds[name].live_products * (8 * 6 + bounds[name].width) for name in ("conv", "dense"))
    assert area_proxy(chip) == by_hand + 4 * 12864
    assert bounds["conv"].live_products < 1152  # products with padding and empty places have no hardware
    smaller = costs(econ_t_structure("econ_t", weight_bits=5))
    assert all(smaller[name] < found[name] for name in found)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"space": {"encoder.filterz": [2]}}, "space.encoder.filterz: no value is valid"),
        ({"space": {"encoder.filters": [0, -1]}}, "encoder.filters"),
        ({"space": {"encoder.filters": []}}, "empty list"),
        ({"space": {"encoder.filters": {"low": 4, "high": 2}}}, "must not exceed high"),
        ({"settings": {"train.linkz": 3}}, "key train.linkz: unknown key"),
        ({"objectives": ["emd", "emd"]}, "each may be given once"),
        ({"objectives": ["speed"]}, "objectives"),
        ({"limits": {"emd": 1}}, "known only after training"),
        ({"start": [{"encoder.filters": 2}]}, "a point needs a value for each"),
        ({"base": "none.yml"}, "none.yml"),
        ({"trialz": 3}, "key trialz: unknown key"),
    ],
)
def test_bad_configuration_is_one_message_and_exit_code_2(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    result = CliRunner().invoke(app, ["--config", str(write_scan(tmp_path, **changes))])
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert not (tmp_path / "scan").exists()


def test_missing_scheduler_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_module, "prepare_data", lambda scan: scan.output / "none.h5")
    path = write_scan(tmp_path, dask={"address": "tcp://127.0.0.1:9", "timeout": 1})
    result = CliRunner().invoke(app, ["--config", str(path), "--trials", "1"])
    assert (result.exit_code, "tcp://127.0.0.1:9" in result.output.replace("\n", "")) == (2, True)


def test_two_local_dask_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def where(config_yaml: str, data: str) -> TrialResult:
        import os
        import time

        time.sleep(0.3)
        return TrialResult(
            {"emd": 1.0, "energy_uj": 1.0, "area_proxy": 1.0, "weight_bits": 1.0, "pid": float(os.getpid())}
        )

    monkeypatch.setattr(study_module, "run_trial", where)
    monkeypatch.setattr(study_module, "prepare_data", lambda scan: scan.output / "none.h5")
    start = [{"encoder.filters": filters, "encoder.weight_bits": bits} for filters in (2, 3) for bits in (3, 4)]
    scan = load_scan(write_scan(tmp_path, dask={}, workers=2, start=start))
    content = summary(scan, run_scan(scan))
    assert [row["state"] for row in content["trials"]] == ["complete"] * 4
    assert len({row["numbers"]["pid"] for row in content["trials"]}) == 2


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"workers": 1}, {"workers": 2, "dask": {}}], ids=["processes", "dask"])
def test_real_trainings(tmp_path: Path, changes: dict[str, Any]) -> None:
    start = [{"encoder.filters": 2, "encoder.weight_bits": 4}, {"encoder.filters": 3, "encoder.weight_bits": 5}]
    path = write_scan(tmp_path, start=start, trials=2, **changes)
    result = CliRunner().invoke(app, ["--config", str(path), "--json"])
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "scan" / "results.json").read_text())
    for row in content["trials"]:
        assert row["state"] == "complete", row["error"]
        metrics = json.loads((Path(row["run"]) / "train" / "metrics.json").read_text())
        assert row["numbers"]["emd"] == metrics["best_val_emd"]
        assert row["numbers"]["weight_bits"] == metrics["weight_bits"]
        assert row["numbers"]["energy_uj"] == metrics["energy_uj"]
        shared = tmp_path / "scan" / "data" / "readings.h5"
        assert (Path(row["run"]) / "data" / "readings.h5").samefile(shared)


def test_the_shipped_configuration_is_valid() -> None:
    root = Path(__file__).resolve().parents[2]
    scan = load_scan(root / "configs" / "scan.yml")
    assert isinstance(scan, ScanConfig)
    config = trial_config(scan, scan.start[0], Path("x"))
    assert costs(econ_t_structure("econ_t"))["weight_bits"] == 12864
    assert config.encoder.filters == 8
