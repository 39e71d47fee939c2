"""The training in a run's configuration: phases, augmentation, decoder refit, methods."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from econ_ae.config_methods import DistillConfig, PruneConfig, VariationalConfig
from econ_ae.config_networks import DecoderConfig, Section
from hgcal_data.packets import BITS_PER_LATENT

LossName = Literal["energy", "root_energy", "telescope", "transport", "sinkhorn", "weighted_mse"]


class PhaseConfig(Section):
    """One stretch of the training. The learning rate follows one schedule over all phases."""

    epochs: int = Field(ge=1, description="epochs of this phase")
    loss: LossName = Field(
        default="root_energy",
        description="'energy' hexagonal energy distance; 'root_energy' its square root; 'telescope'; "
        "'transport' the EMD through its dual; 'sinkhorn' the debiased Sinkhorn divergence; 'weighted_mse' squared differences "
        "weighted by the larger share. The output is a distribution, so that the module sum is kept under every loss",
    )
    smooth_latents: bool = Field(default=False, description="warm-up: the decoder sees latents before link truncation")
    product_exact: bool = Field(
        default=True,
        description="floor every product in the forward pass (profile econ_t); false trains with smooth products",
    )
    freeze_encoder: bool = Field(default=False, description="train the decoder only")


class AugmentConfig(Section):
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


class RefitConfig(Section):
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


class TrainConfig(Section):
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
        default=None,
        description="run folder whose encoder and decoder the training starts from; 'pretrained' is the one that ships for "
        "these links",
    )
    start_from_weights: Path | None = Field(
        default=None,
        description="weight file or register image (YAML, hex, raw, C) of an existing chip: its encoder is kept, only the "
        "decoder is trained",
    )
    bits_per_latent: int | None = Field(
        default=None,
        ge=1,
        le=12,
        description="bits of each latent that leave the encoder; default: the chip's for this link count",
    )
    prune: PruneConfig | None = Field(default=None, description="remove small encoder weights while training")
    distill: DistillConfig | None = Field(default=None, description="learn from a large float encoder as well")
    variational: VariationalConfig | None = Field(default=None, description="variational variant with KL term")

    @property
    def epochs(self) -> int:
        """Epochs of all phases."""
        return sum(phase.epochs for phase in self.phases)

    @property
    def latent_bits(self) -> int:
        """Bits of each latent that leave the chip."""
        return BITS_PER_LATENT[self.links] if self.bits_per_latent is None else self.bits_per_latent
