"""The configuration of a run: one YAML file, every key checked and documented (``RunConfig``)."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from asic_flow.config import AsicConfig
from econ_ae.config_methods import DistillConfig, PruneConfig, VariationalConfig
from econ_ae.config_networks import (
    ConditionName,
    ConvolutionConfig,
    DecoderConfig,
    EncoderConfig,
    HiddenDenseConfig,
    PoolConfig,
    Section,
)
from econ_ae.config_training import AugmentConfig, LossName, PhaseConfig, RefitConfig, TrainConfig
from econ_ae.errors import TrainingError
from hgcal_data.config import DataConfig

__all__ = [
    "AugmentConfig",
    "BudgetConfig",
    "ConditionName",
    "ConvolutionConfig",
    "DecoderConfig",
    "DistillConfig",
    "EncoderConfig",
    "EvaluateConfig",
    "HiddenDenseConfig",
    "LossName",
    "PhaseConfig",
    "PoolConfig",
    "PruneConfig",
    "RefitConfig",
    "RunConfig",
    "TrainConfig",
    "VariationalConfig",
    "explain",
    "load_config",
]

HEADER_AND_SUM_BITS = 14
"""Header (5 bits) and module sum (9 bits) of an autoencoder packet (facts/econ-t.md)."""
LINK_BITS = 32
"""Bits of one link per event."""
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class EvaluateConfig(Section):
    """What `econ_ae.evaluate` reports after a training."""

    events: int = Field(default=20000, ge=1, description="test rows evaluated per sample (at most)")
    refine: bool = Field(
        default=True, description="correct the decoder's answer until its encoding agrees with the received code"
    )
    examples: int = Field(default=12, ge=0, description="events written to examples.json")
    seed: int = Field(default=1, ge=0, description="seed of the choice of rows")


class BudgetConfig(Section):
    """Budgets the report compares with; the defaults are ECON-T's published ones (facts/econ-t.md 1.1, 2.4)."""

    latency_ns: float = Field(default=50.0, gt=0.0, description="latency of the encoder block (ns)")
    rate_mhz: float = Field(default=40.0, gt=0.0, description="events per microsecond, one per clock")
    power_mw: float = Field(default=100.0, gt=0.0, description="power of the encoder block (mW)")
    chip_power_mw: float = Field(default=500.0, gt=0.0, description="power of the whole chip (mW)")
    energy_nj: float = Field(default=2.4, gt=0.0, description="energy per inference (nJ)")
    area_mm2: float = Field(default=3.6, gt=0.0, description="area of converter, encoder and weight registers (mm2)")
    dose_mrad: float = Field(default=200.0, gt=0.0, description="total ionising dose to survive (Mrad)")
    emd_half_pitches: dict[int, float] = Field(
        default_factory=dict, description="ceiling of the mean EMD per link count; else the best reference is the mark"
    )


class RunConfig(Section):
    """One run: data, encoder, training, hardware."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="name of the run")
    seed: int = Field(default=1, ge=0, description="seed of everything random in the run")
    output: Path = Field(default=Path(), description="folder of the run; default: runs/NAME")
    data: DataConfig = Field(description="module readings")
    encoder: EncoderConfig = Field(default_factory=EncoderConfig, description="network on the chip")
    train: TrainConfig = Field(default_factory=TrainConfig, description="training")
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig, description="evaluation")
    asic: AsicConfig = Field(default_factory=AsicConfig, description="hardware generation and verification")
    budgets: BudgetConfig = Field(default_factory=BudgetConfig, description="budgets the report compares with")

    @model_validator(mode="after")
    def _fits(self) -> RunConfig:
        bits, limit = HEADER_AND_SUM_BITS + self.encoder.latents * self.train.latent_bits, LINK_BITS * self.train.links
        if self.train.latent_bits > self.encoder.latent_width:
            raise ValueError(
                f"train.bits_per_latent {self.train.latent_bits} exceeds encoder.latent_width {self.encoder.latent_width}"
            )
        if bits > limit:
            raise ValueError(
                f"{self.encoder.latents} latents of {self.train.latent_bits} bits, header and sum need {bits} bits, but "
                f"{self.train.links} links carry {limit}; set fewer encoder.latents or train.bits_per_latent"
            )
        end = 0 if self.train.prune is None else self.train.prune.end_epoch
        if end > self.train.epochs:
            raise ValueError(f"train.prune.end_epoch {end} lies behind the last of {self.train.epochs} epochs")
        return self

    @model_validator(mode="before")
    @classmethod
    def _default_output(cls, values: Any) -> Any:
        if isinstance(values, dict) and "name" in values and "output" not in values:
            return {**values, "output": f"runs/{values['name']}"}
        return values

    def to_yaml(self) -> str:
        """The resolved configuration as YAML."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def load_config(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Read, expand ``${VARIABLES}``, override and validate a configuration.

    Args:
        path: YAML file.
        overrides: ``dotted.key=value`` settings; values are YAML, list items are addressed by number,
            all of a list by ``*``.

    Raises:
        TrainingError: the file is missing, is not YAML, names an unset variable, or holds an unknown or wrong key.
    """
    try:
        content = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise TrainingError(f"reading configuration {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise TrainingError(f"reading configuration {path}: not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise TrainingError(
            f"reading configuration {path}: expected keys at the top level, found {type(content).__name__}"
        )
    for setting in overrides:
        _override(content, setting)
    try:
        return RunConfig.model_validate(_expand(content, path))
    except ValidationError as error:
        raise TrainingError(f"reading configuration {path}: {explain(error)}") from error


def explain(error: ValidationError) -> str:
    """All validation failures in one line each: key, found, expected."""
    lines = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"]) or "top level"
        found = "" if item["type"] in ("missing", "extra_forbidden") else f" (found {item['input']!r})"
        message = "unknown key" if item["type"] == "extra_forbidden" else item["msg"]
        lines.append(f"key {key}: {message}{found}")
    return "; ".join(lines)


def _override(content: dict[str, Any], setting: str) -> None:
    key, separator, text = setting.partition("=")
    if not separator or not key.strip():
        raise TrainingError(f"--set {setting!r}: expected key=value, for example --set train.links=3")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TrainingError(f"--set {setting!r}: the value is not valid YAML") from error
    _assign(content, key.strip().split("."), 0, value, setting)


def _assign(node: Any, parts: list[str], depth: int, value: Any, setting: str) -> None:
    """Set ``parts[depth:]`` of a section or list to `value`; ``*`` means every item of a list."""
    part, last = parts[depth], depth == len(parts) - 1
    if isinstance(node, list) and part == "*":
        for number in range(len(node)):
            _assign(node, [*parts[:depth], str(number), *parts[depth + 1 :]], depth, value, setting)
        return
    slot: Any = part
    if isinstance(node, list):
        if not part.isdigit() or int(part) >= len(node):
            raise TrainingError(
                f"--set {setting!r}: {'.'.join(parts[:depth])} is a list of {len(node)}, without item {part!r}"
            )
        slot = int(part)
    elif not isinstance(node, dict):
        raise TrainingError(f"--set {setting!r}: {'.'.join(parts[:depth])} is a value, not a section")
    if last:
        node[slot] = value
        return
    if isinstance(node, dict) and node.get(slot) is None:
        node[slot] = {}
    _assign(node[slot], parts, depth + 1, value, setting)


def _expand(value: Any, path: Path) -> Any:
    """Replace ``${NAME}`` in every text by the environment variable."""
    if isinstance(value, dict):
        return {key: _expand(item, path) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, path) for item in value]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        found = os.environ.get(match.group(1))
        if not found:
            raise TrainingError(
                f"reading configuration {path}: {value!r} needs the environment variable {match.group(1)}, which is "
                f"unset. Set it to the folder with the data, for example: export {match.group(1)}=/path/to/data"
            )
        return found

    return _VARIABLE.sub(replace, value)
