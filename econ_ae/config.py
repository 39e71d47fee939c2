"""The configuration of a run: one YAML file, every key checked and documented (``RunConfig``)."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from asic_flow.config import AsicConfig
from econ_ae.errors import TrainingError
from hgcal_data.config import DataConfig
from hgcal_data.packets import BITS_PER_LATENT

LossName = Literal["energy", "root_energy", "telescope", "transport"]
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EncoderConfig(_Section):
    """The network on the chip. The defaults are ECON-T's own encoder (facts/econ-t.md 1.4)."""

    profile: Literal["econ_t", "exact"] = Field(
        default="econ_t",
        description="arithmetic: 'econ_t' floors every product, as the chip does; 'exact' rounds once, after the sum",
    )
    filters: int = Field(default=8, ge=1, le=64, description="filters of the 3x3 stride-2 convolution")
    latents: int = Field(default=16, ge=1, le=64, description="latents, that is outputs of the dense layer")
    weight_bits: int = Field(default=6, ge=2, le=12, description="bits of every weight and bias, one of them the sign")


class DecoderConfig(_Section):
    """The network off the detector: latents and module sum in, distribution over the 48 cells out."""

    width: int = Field(default=256, ge=8, le=4096, description="units of every hidden layer")
    depth: int = Field(default=3, ge=1, le=12, description="hidden layers (residual from the second on)")
    level_inputs: bool = Field(
        default=True, description="give every latent also as one-hot of its level (up to 3 bits), not only as a number"
    )


class PhaseConfig(_Section):
    """One stretch of the training. The learning rate follows one schedule over all phases."""

    epochs: int = Field(ge=1, description="epochs of this phase")
    loss: LossName = Field(
        default="root_energy",
        description="'energy' hexagonal energy distance; 'root_energy' its square root; 'telescope'; "
        "'transport' the EMD through its dual",
    )
    smooth_latents: bool = Field(default=False, description="warm-up: the decoder sees latents before link truncation")
    product_exact: bool = Field(
        default=True,
        description="floor every product in the forward pass (profile econ_t); false trains with smooth products",
    )
    freeze_encoder: bool = Field(default=False, description="train the decoder only")


class AugmentConfig(_Section):
    """Changes to training rows, drawn anew in every epoch; validation and test rows are never changed."""

    symmetry: bool = Field(
        default=True, description="one of the six symmetries of the module (three exact rotations, three reflections)"
    )
    scale: float = Field(
        default=0.0, ge=0.0, le=3.0, description="charges times exp(u), u uniform in +-scale, floored to whole counts"
    )
    scale_share: float = Field(default=0.5, ge=0.0, le=1.0, description="share of rows that are scaled")
    overlay: float = Field(
        default=0.0, ge=0.0, le=1.0, description="share of rows onto which another training row is added"
    )
    overlay_from: str | None = Field(default=None, description="sample the added rows come from; default: any")
    samples: tuple[str, ...] | None = Field(
        default=None, description="samples that are scaled and overlaid; default: all"
    )


class RefitConfig(_Section):
    """A second decoder, trained from scratch for the finished encoder (it is free: it runs off the detector)."""

    epochs: int = Field(ge=1, description="epochs of the refit")
    loss: LossName = Field(default="transport", description="loss, as in a phase")
    batch_size: int = Field(default=250, ge=8, le=65536, description="events per step")
    learning_rate: float = Field(default=2e-3, gt=0.0, le=1.0, description="largest learning rate")
    decoder: DecoderConfig = Field(default=DecoderConfig(width=512, depth=3), description="the new decoder")
    sample_shares: dict[str, float] | None = Field(
        default=None, description="share of each sample in a batch, as in train.sample_shares; default: the same"
    )
    augment: AugmentConfig | None = Field(default=None, description="changes to training rows; default: train.augment")
    average: bool = Field(
        default=False, description="decode with the mean of the first and the new decoder, not the new alone"
    )


class TrainConfig(_Section):
    """Training of encoder and decoder together."""

    links: Literal[1, 2, 3, 4, 5] = Field(default=2, description="output links; latents keep 1, 3, 5, 7 or 9 bits")
    phases: tuple[PhaseConfig, ...] = Field(
        default=(
            PhaseConfig(epochs=4, loss="energy", smooth_latents=True),
            PhaseConfig(epochs=6, loss="energy"),
            PhaseConfig(epochs=10, loss="root_energy"),
        ),
        min_length=1,
        description="stretches of the training, one after the other",
    )
    epoch_events: int | None = Field(
        default=None, ge=1, description="events per epoch; default: as many as there are training rows"
    )
    batch_size: int = Field(default=1000, ge=8, le=65536, description="events per step")
    learning_rate: float = Field(default=2e-3, gt=0.0, le=1.0, description="largest learning rate (Adam)")
    final_rate: float = Field(
        default=0.001, ge=0.0, le=1.0, description="learning rate at the end, as a share of the largest"
    )
    warmup_steps: int = Field(default=100, ge=0, description="steps over which the learning rate rises from zero")
    schedule: Literal["cosine", "constant"] = Field(
        default="cosine", description="shape of the learning rate after the warm-up"
    )
    gradient_clip: float = Field(default=1.0, gt=0.0, description="largest global norm of the gradient")
    sample_shares: dict[str, float] = Field(
        default_factory=dict,
        description="share of named samples in a batch; the others share the rest in proportion to their rows",
    )
    sample_weights: dict[str, float] = Field(
        default_factory=dict, description="weight of each sample in the loss; default 1"
    )
    augment: AugmentConfig = Field(default_factory=AugmentConfig, description="changes to training rows")
    decoder: DecoderConfig = Field(default_factory=DecoderConfig, description="network off the detector")
    refit: RefitConfig | None = Field(default=None, description="train a new decoder for the finished encoder")
    xla: bool = Field(
        default=True, description="compile the training step with XLA (same results, about twice as fast)"
    )
    early_stopping: int | None = Field(
        default=None,
        ge=1,
        description="stop a run whose validation EMD has not improved for so many epochs of the last phase",
    )
    validate_every: int = Field(default=1, ge=1, description="epochs between validations")
    validation_events: int = Field(default=4000, ge=1, description="validation rows used after an epoch (at most)")
    checkpoint_every: int = Field(
        default=5, ge=1, description="epochs between checkpoints; a killed run continues from the last one"
    )
    threads: int = Field(default=2, ge=1, le=256, description="CPU threads of TensorFlow")
    start_from: Path | None = Field(
        default=None, description="run folder whose encoder and decoder the training starts from"
    )

    @property
    def epochs(self) -> int:
        """Epochs of all phases."""
        return sum(phase.epochs for phase in self.phases)

    @property
    def latent_bits(self) -> int:
        """Bits of each latent that leave the chip."""
        return BITS_PER_LATENT[self.links]


class EvaluateConfig(_Section):
    """What `econ_ae.evaluate` reports after a training."""

    events: int = Field(default=20000, ge=1, description="test rows evaluated per sample (at most)")
    refine: bool = Field(
        default=True, description="correct the decoder's answer until its encoding agrees with the received code"
    )
    examples: int = Field(default=12, ge=0, description="events written to examples.json")
    seed: int = Field(default=1, ge=0, description="seed of the choice of rows")


class BudgetConfig(_Section):
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


class RunConfig(_Section):
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
        overrides: ``dotted.key=value`` settings; values are YAML, list items are addressed by number.

    Raises:
        TrainingError: the file is missing, is not YAML, names an unset variable, or holds an unknown or wrong key.
    """
    try:
        content = yaml.safe_load(path.read_text())
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
    node: Any = content
    parts = key.strip().split(".")
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if isinstance(node, list):
            if not part.isdigit() or int(part) >= len(node):
                raise TrainingError(
                    f"--set {setting!r}: {'.'.join(parts[:index])} is a list of {len(node)}, without item {part!r}"
                )
            slot: Any = int(part)
        elif isinstance(node, dict):
            slot = part
        else:
            raise TrainingError(f"--set {setting!r}: {'.'.join(parts[:index])} is a value, not a section")
        if last:
            node[slot] = value
        else:
            if isinstance(node, dict) and node.get(slot) is None:
                node[slot] = {}
            node = node[slot]


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
