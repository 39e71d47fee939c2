"""Variational variant, and an anomaly score that the integer encoder computes without its decoder.

While training, Gaussian noise is added to the latents, whose width a float head predicts from the image; a KL term pulls
mean and width to a unit Gaussian at zero. The head never reaches the chip: the integer latents are the means, and the score
``sum mu^2`` needs them only (Govorkova et al., arXiv:2108.03986, use the same idea for triggers on FPGAs).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from asic_flow.formats import Integers
from asic_flow.ir import Structure
from econ_ae.config import VariationalConfig
from econ_ae.methods import Step, TrainingMethod

Tensor = Any

_LOG_RANGE = 6.0
"""Bound of the logarithm of the variance."""
_START = -4.0
"""Logarithm of the variance before training."""


class Variational(TrainingMethod):
    """Noise on the latents and the KL term, with a noise head that is trained along and left off the chip."""

    def __init__(self, config: VariationalConfig, structure: Structure, seed: int) -> None:
        super().__init__()
        self._config = config
        inputs = keras.Input(structure.input.shape)
        values = keras.layers.Flatten()(inputs)
        start = keras.initializers.Constant(_START)
        values = keras.layers.Dense(structure.n_latents, kernel_initializer="zeros", bias_initializer=start)(values)
        self._head = keras.Model(inputs, values, name="noise")
        self._counter = tf.Variable([seed, 0], dtype=tf.int32, trainable=False)
        self._weight = tf.Variable(0.0, trainable=False, dtype=tf.float32)
        self.trainable = list(self._head.trainable_variables)
        self.state = [*self.trainable, self._counter]

    def begin_epoch(self, epoch: int) -> None:
        """Weight of the KL term in this epoch."""
        rise = min(1.0, (epoch + 1) / (self._config.warmup_epochs + 1))
        self._weight.assign(self._config.weight * rise)

    def _log_variance(self, images: Tensor) -> Tensor:
        return tf.clip_by_value(self._head(images), -_LOG_RANGE, _LOG_RANGE)

    def decoder_latents(self, images: Tensor, latents: Tensor) -> Tensor:
        """Latents with noise, inside their range from zero on."""
        noise = tf.random.stateless_normal(tf.shape(latents), seed=self._counter)
        self._counter.assign_add([0, 1])
        return tf.nn.relu(latents + tf.exp(0.5 * self._log_variance(images)) * noise)

    def loss(self, step: Step) -> Tensor:
        """``w mean_n sum_k (mu^2 + s^2 - log s^2 - 1) / 2``, a scalar."""
        log_variance = self._log_variance(step.images)
        terms = tf.square(step.latents) + tf.exp(log_variance) - log_variance - 1.0
        return self._weight * tf.reduce_mean(step.weights * 0.5 * tf.reduce_sum(terms, axis=-1))


def anomaly_score(latents: Integers, drop: int = 0) -> Integers:
    """``sum_k (z_k >> drop)^2`` of integer latents int64[n, latents]: int64[n], in squared steps of the sent code.

    It needs one square and one adder per latent, in integers: the same number on the chip and off the detector.
    """
    sent = latents >> drop
    score: Integers = np.square(sent).sum(axis=1)
    return score


def roc(background: NDArray[Any], signal: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of background and of signal above every threshold, float64[m] each, both rising from 0 to 1."""
    cuts = np.unique(np.concatenate([background, signal]))[::-1]
    false = 1.0 - np.searchsorted(np.sort(background), cuts, side="left") / len(background)
    true = 1.0 - np.searchsorted(np.sort(signal), cuts, side="left") / len(signal)
    return np.concatenate([[0.0], false]), np.concatenate([[0.0], true])


def area_under_curve(background: NDArray[Any], signal: NDArray[Any]) -> float:
    """Probability that a signal event scores higher than a background event, equal scores counting one half."""
    false, true = roc(background, signal)
    return float((np.diff(false) * 0.5 * (true[1:] + true[:-1])).sum())
