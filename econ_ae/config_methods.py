"""Methods of training in a run's configuration: pruning, distillation, the variational variant."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from econ_ae.config_networks import Section


class PruneConfig(Section):
    """Pruning of encoder weights by the magnitude of their integers; the share removed rises as a cubic."""

    sparsity: float = Field(gt=0.0, lt=1.0, description="share of the kernel weights (or filters) removed at the end")
    what: Literal["weights", "filters"] = Field(
        default="weights",
        description="'weights' single kernel weights; 'filters' whole filters and hidden units (never latents)",
    )
    begin_epoch: int = Field(default=0, ge=0, description="epoch before which nothing is removed")
    end_epoch: int = Field(ge=1, description="epoch from which the full share is removed")
    layers: tuple[str, ...] | None = Field(default=None, description="layers that are pruned; default: all")

    @model_validator(mode="after")
    def _order(self) -> PruneConfig:
        if self.begin_epoch >= self.end_epoch:
            raise ValueError(f"begin_epoch {self.begin_epoch} must be smaller than end_epoch {self.end_epoch}")
        return self


class DistillConfig(Section):
    """Knowledge distillation: a large float encoder is trained first, and its answers are a second target."""

    weight: float = Field(default=0.5, gt=0.0, le=1.0, description="share of the teacher's answers in the loss")
    width: int = Field(default=256, ge=8, le=4096, description="units of every hidden layer of the teacher's encoder")
    depth: int = Field(default=2, ge=1, le=12, description="hidden layers of the teacher's encoder")
    epochs: int = Field(default=20, ge=1, description="epochs of the teacher's own training")
    latents: float = Field(
        default=0.0, ge=0.0, description="weight of the mean squared difference between the latents of both encoders"
    )


class VariationalConfig(Section):
    """Variational variant: noise on the latents while training, and a KL term that pulls them to a unit Gaussian at zero.

    The noise's width is learned by a head that never reaches the chip; the integer encoder gives the means.
    """

    weight: float = Field(default=1e-3, ge=0.0, description="weight of the KL term")
    warmup_epochs: int = Field(default=0, ge=0, description="epochs over which the weight rises from zero")
