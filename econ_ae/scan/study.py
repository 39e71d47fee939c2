"""The scan itself: ask Optuna, run trials on workers, tell Optuna; stop and go on at any time."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from econ_ae.config import RunConfig
from econ_ae.errors import TrainingError
from econ_ae.scan.config import RangeConfig, ScanConfig, trial_config
from econ_ae.scan.costs import costs, forgiving_score
from econ_ae.scan.pool import executor
from econ_ae.scan.trial import TrialResult, run_trial
from econ_ae.topology import structure_of

logger = logging.getLogger(__name__)
Report = Callable[[optuna.Study], None]
_DONE = (TrialState.COMPLETE, TrialState.FAIL)
_FINGERPRINT, _NUMBERS, _ERROR, _SECONDS, _RUN, _SAME = "fingerprint", "numbers", "error", "seconds", "run", "same_as"


def run_scan(scan: ScanConfig, report: Report | None = None) -> optuna.Study:
    """Run trials until the study holds ``scan.trials`` finished ones; what an earlier start finished counts.

    Args:
        scan: the scan.
        report: called after every trial.

    Raises:
        TrainingError: the folder holds a study of another scan, or the data or Dask cannot be used.
        DataError: a source cannot be read.
    """
    scan.output.mkdir(parents=True, exist_ok=True)
    study = open_study(scan)
    missing = scan.trials - _finished(study)
    if missing > 0:
        work = _Work(scan, study, prepare_data(scan), report or (lambda _: None))
        while scan.trials > _finished(study):
            work.run(scan.trials - _finished(study))
    if report is not None:
        report(study)
    return study


def open_study(scan: ScanConfig) -> optuna.Study:
    """Study of the scan's folder (``study.db``), new or continued; trials that a kill interrupted are tried again.

    Raises:
        TrainingError: the folder holds a study of another scan.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    single = scan.forgiving is not None
    study = optuna.create_study(
        storage=f"sqlite:///{(scan.output / 'study.db').absolute()}", study_name=scan.name, load_if_exists=True,
        directions=["minimize"] * (1 if single else len(scan.objectives)),
    )  # fmt: skip
    known = study.user_attrs.get(_FINGERPRINT)
    if known is None:
        study.set_user_attr(_FINGERPRINT, scan.fingerprint())
        for point in scan.start:
            study.enqueue_trial({key: _encode(scan.space[key], value) for key, value in point.items()})
    elif known != scan.fingerprint():
        raise TrainingError(
            f"continuing the scan in {scan.output}: its study was made with another base, space or objectives; choose "
            "another name or output, or delete the folder"
        )
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.enqueue_trial(trial.params)
        study._storage.set_trial_user_attr(trial._trial_id, _ERROR, "interrupted; tried again")
        study.tell(trial.number, state=TrialState.FAIL)
    study.sampler = _sampler(scan, len(study.trials))
    return study


def prepare_data(scan: ScanConfig) -> Path:
    """Readings of all trials, made once: ``data/readings.h5`` in the scan's folder.

    Raises:
        DataError: a source cannot be read.
    """
    path = scan.output.absolute() / "data" / "readings.h5"
    if not path.is_file():
        from econ_ae.dataset import make_data, save_data

        config = trial_config(scan, {}, scan.output)
        save_data(make_data(config.data, config.seed), path)
    return path


def _sampler(scan: ScanConfig, offset: int) -> Any:
    """A sampler; `offset` keeps a continued scan from proposing the first points again."""
    seed = scan.seed + offset
    match scan.sampler:
        case "random":
            return optuna.samplers.RandomSampler(seed=seed)
        case "nsga2":
            return optuna.samplers.NSGAIISampler(seed=seed)
        case _:
            return optuna.samplers.TPESampler(seed=seed, constant_liar=True)


def _finished(study: optuna.Study) -> int:
    """Trials that count: those that were interrupted do not."""
    return sum(not interrupted(trial) for trial in study.get_trials(deepcopy=False, states=_DONE))


def interrupted(trial: FrozenTrial) -> bool:
    """Whether a kill ended this trial (it was tried again under another number)."""
    return str(trial.user_attrs.get(_ERROR, "")).startswith("interrupted")


def _encode(values: list[Any] | RangeConfig, value: Any) -> Any:
    return json.dumps(value) if isinstance(values, list) else value


def point_of(scan: ScanConfig, params: dict[str, Any]) -> dict[str, Any]:
    """Values of the searched keys from a trial's parameters."""
    return {
        key: json.loads(params[key]) if isinstance(values, list) else params[key] for key, values in scan.space.items()
    }


def _suggest(scan: ScanConfig, trial: Trial) -> dict[str, Any]:
    for key, values in scan.space.items():
        if isinstance(values, list):
            trial.suggest_categorical(key, [json.dumps(value) for value in values])
        elif values.whole:
            trial.suggest_int(key, int(values.low), int(values.high), step=int(values.step or 1), log=values.log)
        else:
            trial.suggest_float(key, values.low, values.high, step=values.step, log=values.log)
    return point_of(scan, trial.params)


@dataclass
class _Work:
    """The loop over trials with one executor; a broken executor ends it, and `run_scan` starts another."""

    scan: ScanConfig
    study: optuna.Study
    data: Path
    report: Report

    def run(self, budget: int) -> None:
        pending: dict[Future[TrialResult], Trial] = {}
        started = 0
        with executor(self.scan.workers, self.scan.dask) as pool:
            while pending or started < budget:
                while len(pending) < self.scan.workers and started < budget:
                    trial = self.study.ask()
                    started += 1
                    config = self._prepare(trial)
                    if config is not None:
                        pending[pool.submit(run_trial, config.to_yaml(), str(self.data))] = trial
                if not pending:
                    continue
                done = wait(pending, return_when=FIRST_COMPLETED).done
                broken = False
                for future in done:
                    result = _result(future)
                    broken |= result is None
                    self._tell(pending.pop(future), result or TrialResult(error="the worker process died"))
                if broken:
                    for trial in pending.values():
                        self._tell(trial, TrialResult(error="interrupted; a worker process died"))
                        self.study.enqueue_trial(trial.params)
                    return

    def _prepare(self, trial: Trial) -> RunConfig | None:
        """Configuration of a trial, or None if it is decided without training."""
        point = _suggest(self.scan, trial)
        folder = self.scan.output / "trials" / f"{trial.number:04d}"
        trial.set_user_attr(_RUN, str(folder))
        twin = self._twin(trial)
        if twin is not None:
            trial.set_user_attr(_SAME, twin.number)
            trial.set_user_attr(_RUN, twin.user_attrs[_RUN])
            self._tell(trial, TrialResult(dict(twin.user_attrs[_NUMBERS])))
            return None
        try:
            config = trial_config(self.scan, point, folder)
            found = costs(structure_of(config.encoder))
        except TrainingError as error:
            self._tell(trial, TrialResult(error=str(error)))
            return None
        for name, limit in self.scan.limits.items():
            if found[name] > limit:
                self._tell(trial, TrialResult(error=f"{name} {found[name]:.6g} exceeds the limit {limit:.6g}"))
                return None
        return config

    def _twin(self, trial: Trial) -> FrozenTrial | None:
        """An earlier finished trial at the same point: training is reproducible, so its numbers hold."""
        for other in self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            if other.params == trial.params and _SAME not in other.user_attrs:
                return other
        return None

    def _tell(self, trial: Trial, result: TrialResult) -> None:
        trial.set_user_attr(_SECONDS, round(result.seconds, 3))
        if result.error is None:
            trial.set_user_attr(_NUMBERS, result.numbers)
            self.study.tell(trial, values(self.scan, result.numbers))
        else:
            trial.set_user_attr(_ERROR, result.error)
            self.study.tell(trial, state=TrialState.FAIL)
            logger.warning("trial %d failed: %s", trial.number, result.error)
        self.report(self.study)


def values(scan: ScanConfig, numbers: dict[str, float]) -> list[float]:
    """What Optuna minimises, from a trial's numbers."""
    if scan.forgiving is None:
        return [numbers[name] for name in scan.objectives]
    base = costs(structure_of(trial_config(scan, {}, scan.output).encoder))
    name = scan.forgiving.cost
    return [forgiving_score(numbers["emd"], numbers[name], base[name], scan.forgiving)]


def _result(future: Future[TrialResult]) -> TrialResult | None:
    """Result of a trial; None if its worker died."""
    try:
        return future.result()
    except BrokenExecutor:
        return None
    except Exception as error:  # Dask reports lost workers as exceptions of its own
        return TrialResult(error=f"{type(error).__name__}: {error}")
