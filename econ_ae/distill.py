"""Knowledge distillation: a large float encoder is trained first; the integer encoder then learns from its answers too.

The teacher sees the same images, sends the same number of latent bits, and has a decoder of the same kind, so that its
answers are what a better encoder could have said on the same links.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from asic_flow.ir import Structure
from econ_ae.config import DistillConfig, PhaseConfig, TrainConfig
from econ_ae.methods import Step, TrainingMethod

Tensor = Any


def build_teacher(config: DistillConfig, structure: Structure, seed: int) -> keras.Model:
    """Float encoder: images float32[n, height, width, channels] to latents float32[n, latents] in the latents' range."""
    inputs = keras.Input(structure.input.shape, name="image")
    values = keras.layers.Flatten(name="flat")(inputs)
    for index in range(config.depth):
        start = keras.initializers.GlorotUniform(seed=seed * 1000 + 700 + index)
        values = keras.layers.Dense(config.width, activation="gelu", kernel_initializer=start, name=f"hidden{index}")(
            values
        )
    start = keras.initializers.GlorotUniform(seed=seed * 1000 + 799)
    values = keras.layers.Dense(structure.n_latents, activation="sigmoid", kernel_initializer=start, name="shares")(
        values
    )
    top = structure.latent_format.maximum / float(1 << structure.latent_format.fraction)
    return keras.Model(inputs, keras.layers.Rescaling(top, name="latents")(values), name="teacher")


def teacher_options(train: TrainConfig) -> TrainConfig:
    """Training options of the teacher: one phase with the loss of the last one, nothing but plain training."""
    loss = train.phases[-1].loss
    epochs = 1 if train.distill is None else train.distill.epochs
    plain: dict[str, Any] = dict.fromkeys(("refit", "prune", "distill", "variational", "start_from"))
    return train.model_copy(update={**plain, "phases": (PhaseConfig(epochs=epochs, loss=loss),)})


def teacher_structure(structure: Structure) -> Structure:
    """The structure's input without its layers: a float teacher has no integer weights to bound."""
    return structure.model_copy(update={"layers": ()})


class Distillation(TrainingMethod):
    """Replaces a share of the loss by the loss against the teacher's answers; optionally matches the latents."""

    def __init__(self, config: DistillConfig, encoder: keras.Model, decoder: keras.Model) -> None:
        super().__init__()
        self._config = config
        self._encoder, self._decoder = encoder, decoder

    def loss(self, step: Step) -> Tensor:
        """``w (L(teacher, q) - L(p, q)) + v (latents - teacher's latents)^2``, a scalar."""
        latents = self._encoder(step.images, training=False)
        answer = tf.stop_gradient(self._decoder([latents, step.conditions], training=False))
        change = step.loss(answer, step.reco) - step.loss(step.truth, step.reco)
        result = self._config.weight * tf.reduce_mean(step.weights * change)
        if self._config.latents > 0:
            result += self._config.latents * tf.reduce_mean(tf.square(step.latents - tf.stop_gradient(latents)))
        return result
