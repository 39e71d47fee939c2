"""The configuration of a scan: what is searched, what counts as good, and where it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from econ_ae.config import RunConfig, explain, load_config
from econ_ae.errors import TrainingError

ObjectiveName = Literal["emd", "energy_uj", "area_proxy", "weight_bits"]
CostName = Literal["energy_uj", "area_proxy", "weight_bits"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RangeConfig(_Section):
    """Numbers of one key: whole if `low` and `high` are whole, else real."""

    low: int | float = Field(description="smallest value")
    high: int | float = Field(description="largest value")
    step: int | float | None = Field(default=None, gt=0, description="distance of the values; default: 1, or any real")
    log: bool = Field(default=False, description="draw the logarithm evenly")

    @model_validator(mode="after")
    def _makes_sense(self) -> RangeConfig:
        if self.low > self.high:
            raise ValueError(f"low {self.low} must not exceed high {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs a positive low and no step")
        return self

    @property
    def whole(self) -> bool:
        """Whether the values are integers."""
        return all(isinstance(value, int) for value in (self.low, self.high, self.step or 1))


class ForgivingConfig(_Section):
    """AutoQKeras' forgiving factor: how much worse the EMD may get for a smaller cost (`econ_ae.scan.costs`)."""

    cost: CostName = Field(default="weight_bits", description="cost that is set off against the EMD")
    delta_p: float = Field(
        default=8.0, ge=0.0, lt=100.0, description="per cent of EMD forgiven per factor `rate` saved"
    )
    delta_n: float = Field(
        default=8.0, ge=0.0, lt=100.0, description="per cent of EMD demanded per factor `rate` spent"
    )
    rate: float = Field(default=2.0, gt=1.0, description="factor in cost that delta_p and delta_n refer to")


class DaskConfig(_Section):
    """Where trials run on Dask workers; they must see the scan's folder under the same path."""

    address: str | None = Field(
        default=None, description="scheduler, as tcp://host:port; default: a cluster on this machine"
    )
    timeout: float = Field(default=60.0, gt=0.0, description="seconds to wait for the scheduler")


class ScanConfig(_Section):
    """One scan."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="name of the scan")
    seed: int = Field(default=1, ge=0, description="seed of the sampler")
    output: Path = Field(default=Path(), description="folder of the scan; default: runs/NAME")
    base: Path = Field(description="configuration of a run that every trial starts from, relative to this file")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="keys of the run's configuration that all trials change (a short training)"
    )
    space: dict[str, list[Any] | RangeConfig] = Field(
        min_length=1, description="what is searched: dotted key of the run's configuration -> values, or a range"
    )
    start: list[dict[str, Any]] = Field(
        default_factory=list, description="points that are tried first, each a value for every key of the space"
    )
    objectives: tuple[ObjectiveName, ...] = Field(
        default=("emd", "weight_bits"), min_length=1, description="what is minimised; several give a Pareto front"
    )
    forgiving: ForgivingConfig | None = Field(
        default=None, description="minimise this single score; the objectives are still recorded and plotted"
    )
    limits: dict[ObjectiveName, float] = Field(
        default_factory=dict, description="largest cost; a trial beyond it is recorded as failed without training"
    )
    sampler: Literal["tpe", "nsga2", "random"] = Field(default="tpe", description="how Optuna proposes trials")
    trials: int = Field(default=20, ge=1, description="trials in all, those of earlier starts included")
    workers: int = Field(default=1, ge=1, le=256, description="trials at a time")
    dask: DaskConfig | None = Field(default=None, description="run on Dask; default: processes on this machine")

    @model_validator(mode="before")
    @classmethod
    def _default_output(cls, values: Any) -> Any:
        if isinstance(values, dict) and "name" in values and "output" not in values:
            return {**values, "output": f"runs/{values['name']}"}
        return values

    @model_validator(mode="after")
    def _consistent(self) -> ScanConfig:
        if len(set(self.objectives)) != len(self.objectives):
            raise ValueError(f"objectives: each may be given once, found {list(self.objectives)}")
        if "emd" in self.limits:
            raise ValueError("limits: emd is known only after training; limit a cost")
        for key, values in self.space.items():
            if isinstance(values, list) and not values:
                raise ValueError(f"space.{key}: an empty list of values")
        for point in self.start:
            if set(point) != set(self.space):
                raise ValueError(
                    f"start: a point needs a value for each of {sorted(self.space)}, found {sorted(point)}"
                )
        return self

    def fingerprint(self) -> str:
        """What a study must have in common with this configuration to be continued by it."""
        fields = self.model_dump(
            mode="json", include={"base", "settings", "space", "objectives", "forgiving", "limits"}
        )
        return json.dumps(fields, sort_keys=True)


def load_scan(path: Path) -> ScanConfig:
    """Read and validate a scan's configuration; `base` becomes a path from the current folder.

    Raises:
        TrainingError: the file is missing, is not YAML, or holds an unknown or wrong key.
    """
    try:
        content = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise TrainingError(f"reading scan {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise TrainingError(f"reading scan {path}: not valid YAML: {error}") from error
    try:
        scan = ScanConfig.model_validate(content)
    except ValidationError as error:
        raise TrainingError(f"reading scan {path}: {explain(error)}") from error
    scan = scan.model_copy(update={"base": path.parent / scan.base})
    _check_space(scan, path)
    return scan


def _check_space(scan: ScanConfig, path: Path) -> None:
    """Refuse a key that the run's configuration does not have (a *combination* may still fail, as a trial)."""
    trial_config(scan, {}, path.parent)
    for key, values in scan.space.items():
        errors = []
        for value in values if isinstance(values, list) else [values.low, values.high]:
            try:
                trial_config(scan, {key: value}, path.parent)
                break
            except TrainingError as error:
                errors.append(str(error))
        else:
            raise TrainingError(f"reading scan {path}, space.{key}: no value is valid; first: {errors[0]}")


def trial_config(scan: ScanConfig, point: dict[str, Any], folder: Path) -> RunConfig:
    """Configuration of the run of one trial.

    Args:
        scan: the scan.
        point: value of each searched key.
        folder: run folder of the trial.

    Raises:
        TrainingError: the point is no valid configuration.
    """
    changes = {**scan.settings, **point, "output": str(folder.absolute())}
    return load_config(scan.base, [f"{key}={json.dumps(value)}" for key, value in changes.items()])
