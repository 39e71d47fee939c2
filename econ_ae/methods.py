"""What a method (pruning, distillation, the variational variant) may do in a training step; `econ_ae.training` calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from econ_ae.losses import Loss

Tensor = Any


@dataclass(frozen=True)
class Step:
    """Tensors of one training step.

    Attributes:
        images: float32[n, height, width, channels], natural units.
        conditions: float32[n, CONDITIONS + m].
        truth: true distributions float32[n,48].
        weights: loss weights float32[n].
        latents: encoder outputs float32[n, latents], before noise and link.
        reco: decoded distributions float32[n,48].
        loss: loss function of the phase.
    """

    images: Tensor
    conditions: Tensor
    truth: Tensor
    weights: Tensor
    latents: Tensor
    reco: Tensor
    loss: Loss


class TrainingMethod:
    """Base: a method that changes nothing. All tensor functions are traced into the compiled step."""

    trainable: list[Any]
    """Variables the optimiser trains besides encoder and decoder."""
    state: list[Any]
    """All variables that a checkpoint must hold."""

    def __init__(self) -> None:
        self.trainable, self.state = [], []

    def begin_epoch(self, epoch: int) -> None:
        """Called before epoch `epoch` (from 0) starts."""

    def ready(self, epoch: int) -> bool:
        """Whether the state after `epoch` epochs may be kept as the best one."""
        return epoch >= 0

    def decoder_latents(self, images: Tensor, latents: Tensor) -> Tensor:
        """What the decoder is given in training instead of the latents."""
        del images
        return latents

    def loss(self, step: Step) -> Tensor:
        """Scalar added to the loss."""
        del step
        return 0.0

    def constrain(self) -> None:
        """Called in the step after the weights have moved."""
