"""One trial, as a worker runs it: train shortly, report numbers. Everything that goes in and out can be pickled."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from asic_flow.errors import FlowError
from econ_ae.config import RunConfig
from econ_ae.errors import TrainingError
from econ_ae.scan.costs import costs
from econ_ae.topology import structure_of
from hgcal_data.errors import DataError


@dataclass(frozen=True)
class TrialResult:
    """Outcome of a trial.

    Attributes:
        numbers: ``emd`` and the costs; empty if it failed.
        error: why it failed, or None.
        seconds: wall time.
    """

    numbers: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    seconds: float = 0.0


def run_trial(config_yaml: str, data: str) -> TrialResult:
    """Train one configuration on prepared readings.

    Args:
        config_yaml: resolved configuration of the run.
        data: file that `econ_ae.dataset.save_data` wrote.

    Returns:
        The result; errors of the training are a result too.
    """
    import yaml

    begin = time.monotonic()
    try:
        config = RunConfig.model_validate(yaml.safe_load(config_yaml))
        numbers = _train(config, Path(data))
    except (TrainingError, FlowError, DataError) as error:
        return TrialResult(error=str(error), seconds=time.monotonic() - begin)
    except Exception as error:  # a trial that breaks must not end the scan
        return TrialResult(error=f"{type(error).__name__}: {error}", seconds=time.monotonic() - begin)
    return TrialResult(numbers, seconds=time.monotonic() - begin)


def _train(config: RunConfig, data: Path) -> dict[str, float]:
    from econ_ae.quiet import quiet_tensorflow

    quiet_tensorflow()
    import keras

    from econ_ae.dataset import load_data
    from econ_ae.train import train

    structure = structure_of(config.encoder)
    keras.backend.clear_session()  # a worker runs many trials
    folder = train(config, data=load_data(data))
    _share(data, folder / "data" / "readings.h5")
    metrics = json.loads((folder / "train" / "metrics.json").read_text())
    emd = metrics["best_val_emd"]
    if emd is None or not emd < float("inf"):
        raise TrainingError(f"training {config.output}: no finite validation EMD ({emd}); the training diverged")
    return {"emd": float(emd), **costs(structure)}


def _share(source: Path, copy: Path) -> None:
    """Put a hard link in place of a trial's copy of the readings, where the file system can."""
    temporary = copy.with_suffix(".link")
    try:
        os.link(source, temporary)
        temporary.replace(copy)
    except OSError:
        temporary.unlink(missing_ok=True)
