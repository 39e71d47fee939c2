"""The training loop: phases, one learning-rate schedule, validation by exact EMD, checkpoints, resume."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from pydantic import ValidationError

from asic_flow.formats import Integers
from asic_flow.ir import Structure
from econ_ae.config import PhaseConfig, TrainConfig
from econ_ae.dataset import BatchSampler
from econ_ae.errors import TrainingError
from econ_ae.features import distribution, encoder_images, sum_codes, sum_conditions
from econ_ae.losses import LOSSES
from econ_ae.methods import Step, TrainingMethod
from econ_ae.training_state import TrainingState, ValidationSet, history_text
from hgcal_data.emd import emd
from hgcal_data.files import atomic_path, atomic_write_text

__all__ = ["Trainer", "TrainingState", "ValidationSet"]

logger = logging.getLogger(__name__)

FloatArray = NDArray[np.float32]
_CHUNK = 2000
_RESUMABLE = {"checkpoint_every", "threads", "early_stopping", "refit", "xla"}
"""Keys that may change between a kill and the resumption."""


class Trainer:
    """Trains encoder and decoder; the best state by validation EMD (mean over the samples) is kept.

    Example:
        >>> trainer = Trainer(encoder, decoder, structure, config, sampler, validation, seed=1)
        >>> state = trainer.run(folder)
    """

    def __init__(
        self, encoder: keras.Model, decoder: keras.Model, structure: Structure, config: TrainConfig, sampler:
        BatchSampler,
        validation: Sequence[ValidationSet], seed: int, methods: Sequence[TrainingMethod] = (),
    ) -> None:  # fmt: skip
        self.encoder, self.decoder = encoder, decoder
        self.state = TrainingState()
        self._structure = structure
        self._config = config
        self._sampler = sampler
        self._validation = validation
        self._seed = seed
        self._optimizer = keras.optimizers.Adam(1.0)
        self._methods = methods
        self._method_variables = [variable for method in methods for variable in method.trainable]
        self._optimizer.build(encoder.trainable_variables + decoder.trainable_variables + self._method_variables)
        self._limits = _weight_limits(encoder, structure)
        self._steps = max(1, math.ceil((config.epoch_events or sampler.rows) / config.batch_size))
        self._best: list[Any] | None = None
        self._rate = tf.Variable(0.0, trainable=False, dtype=tf.float32)

    def run(self, folder: Path, progress: Callable[[TrainingState, int], None] | None = None) -> TrainingState:
        """Train until the phases end or early stopping; continue from a checkpoint in `folder` if there is one.

        Args:
            folder: for ``checkpoint.npz`` and ``history.csv``.
            progress: called after every epoch with the state and the number of epochs.

        Raises:
            TrainingError: the loss is not finite, or the checkpoint belongs to another configuration.
        """
        checkpoint = folder / "checkpoint.npz"
        if checkpoint.is_file():
            self._restore(checkpoint)
        ends = np.cumsum([phase.epochs for phase in self._config.phases])
        step: Any = None
        active = -1
        while self.state.epoch < self._config.epochs and not self.state.stopped_early:
            index = int(np.searchsorted(ends, self.state.epoch, side="right"))
            phase = self._config.phases[index]
            if index != active:
                self._enter(phase)
                step, active = self._make_step(phase), index
            self._epoch(step, phase, index)
            last = self.state.epoch == self._config.epochs
            self.state.stopped_early = index == len(ends) - 1 and self._patience_over()
            atomic_write_text(folder / "history.csv", history_text(self.state.history))
            if last or self.state.stopped_early or self.state.epoch % self._config.checkpoint_every == 0:
                self._save(checkpoint)
            if progress is not None:
                progress(self.state, self._config.epochs)
        self._enter(PhaseConfig(epochs=1))
        if self._best is not None:
            _assign(self._model_variables(), self._best)
        return self.state

    def _enter(self, phase: PhaseConfig) -> None:
        self.decoder.get_layer("link").smooth = phase.smooth_latents
        for layer in self._structure.weighted_layers:
            self.encoder.get_layer(layer.name).smooth_products = not phase.product_exact

    def _make_step(self, phase: PhaseConfig) -> Any:
        """One compiled training step (images, conditions, truth, weights) -> loss."""
        loss_function = LOSSES[phase.loss]
        variables = (
            [] if phase.freeze_encoder else self.encoder.trainable_variables
        ) + self.decoder.trainable_variables
        variables = variables + self._method_variables

        def step(images: Any, conditions: Any, truth: Any, weights: Any) -> Any:
            with tf.GradientTape() as tape:
                latents = self.encoder(images, training=True)
                seen = latents
                for method in self._methods:
                    seen = method.decoder_latents(images, seen)
                reco = self.decoder([seen, conditions], training=True)
                loss = tf.reduce_mean(weights * loss_function(truth, reco))
                parts = Step(images, conditions, truth, weights, latents, reco, loss_function)
                for method in self._methods:
                    loss += method.loss(parts)
            gradients = tape.gradient(loss, variables)
            clipped, _ = tf.clip_by_global_norm(gradients, self._config.gradient_clip)
            self._optimizer.learning_rate.assign(self._rate)
            self._optimizer.apply(clipped, variables)
            if not phase.freeze_encoder:
                for variable, low, high in self._limits:
                    variable.assign(tf.clip_by_value(variable, low, high))
            for method in self._methods:
                method.constrain()
            return loss

        return tf.function(step, jit_compile=self._config.xla)

    def _epoch(self, step: Any, phase: PhaseConfig, phase_index: int) -> None:
        begin = time.monotonic()
        rng = np.random.default_rng([self._seed, 2, self.state.epoch])
        losses = []
        for method in self._methods:
            method.begin_epoch(self.state.epoch)
        for _ in range(self._steps):
            charges, weights, modules = self._sampler.draw_batch(rng)
            self._rate.assign(self._learning_rate())
            losses.append(step(*(tf.constant(part) for part in (*self._inputs(charges, modules), weights))))
            self.state.step += 1
        loss = float(np.mean([float(value) for value in losses]))
        if not math.isfinite(loss):
            raise TrainingError(
                f"training diverged in epoch {self.state.epoch + 1}: the loss is {loss}; lower train.learning_rate"
            )
        self.state.epoch += 1
        if self.state.epoch % self._config.validate_every and self.state.epoch < self._config.epochs:
            return
        val_loss, val_emd = self._validate(phase)
        usable = not phase.smooth_latents and phase.product_exact
        usable = usable and all(method.ready(self.state.epoch) for method in self._methods)
        if usable and val_emd < self.state.best_emd:
            self.state.best_emd, self.state.best_epoch, self.state.best_loss = val_emd, self.state.epoch, val_loss
            self._best = [np.asarray(variable) for variable in self._model_variables()]
        self.state.history.append(
            {
                "epoch": self.state.epoch,
                "loss": loss,
                "val_loss": val_loss,
                "learning_rate": float(self._rate),
                "seconds": time.monotonic() - begin,
                "val_emd": val_emd,
                "phase": phase_index,
            }
        )

    def _inputs(
        self, charges: Integers, modules: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(images in natural units, conditions, true distribution) of charges int64[n,48] in these modules."""
        spec = self._structure.input
        images = encoder_images(charges, spec).astype(np.float32) / np.float32(1 << spec.format.fraction)
        conditions = sum_conditions(sum_codes(charges))
        if modules is not None:
            conditions = np.concatenate([conditions, modules], axis=1)
        return images, conditions, distribution(charges)

    def _learning_rate(self) -> float:
        config = self._config
        total = self._steps * config.epochs
        rise = min(1.0, (self.state.step + 1) / max(1, config.warmup_steps))
        if config.schedule == "constant":
            return config.learning_rate * rise
        fall = 0.5 * (1.0 + math.cos(math.pi * self.state.step / total))
        return config.learning_rate * rise * (config.final_rate + (1.0 - config.final_rate) * fall)

    def _validate(self, phase: PhaseConfig) -> tuple[float, float]:
        """Mean loss and mean EMD over the samples (each sample counts the same), without smoothing."""
        self._enter(PhaseConfig(epochs=1))
        losses, distances = [], []
        for part in self._validation:
            reco, loss = [], []
            for start in range(0, len(part.charges), _CHUNK):
                modules = None if part.modules is None else part.modules[start : start + _CHUNK]
                inputs = self._inputs(part.charges[start : start + _CHUNK], modules)
                images, conditions, truth = (tf.constant(array) for array in inputs)
                output = self.decoder([self.encoder(images, training=False), conditions], training=False)
                reco.append(np.asarray(output))
                loss.append(np.asarray(LOSSES[phase.loss](truth, output)))
            losses.append(float(np.concatenate(loss).mean()))
            distances.append(float(np.nanmean(emd(part.charges, np.concatenate(reco)))))
        self._enter(phase)
        return float(np.mean(losses)), float(np.mean(distances))

    def _patience_over(self) -> bool:
        patience = self._config.early_stopping
        last_phase = self._config.epochs - self._config.phases[-1].epochs
        waited = self.state.epoch - max(self.state.best_epoch, last_phase)
        return patience is not None and waited >= patience

    def _model_variables(self) -> list[Any]:
        kept = [variable for method in self._methods for variable in method.state]
        return [*self.encoder.variables, *self.decoder.variables, *kept]

    def _save(self, path: Path) -> None:
        arrays: dict[str, Any] = {f"model{i}": np.asarray(v) for i, v in enumerate(self._model_variables())}
        arrays |= {f"optimizer{i}": np.asarray(v) for i, v in enumerate(self._optimizer.variables)}
        if self._best is not None:
            arrays |= {f"best{i}": np.asarray(v) for i, v in enumerate(self._best)}
        meta = {"state": asdict(self.state), "fingerprint": self._fingerprint()}
        with atomic_path(path) as temporary:
            np.savez(temporary, meta=json.dumps(meta), **arrays)

    def _restore(self, path: Path) -> None:
        with np.load(path) as file:
            meta = json.loads(str(file["meta"]))
            if self._completed(meta["fingerprint"]) != self._fingerprint():
                raise TrainingError(
                    f"resuming from {path}: it was written with another configuration; choose another name, or pass "
                    "--fresh to discard it and start again"
                )
            model = self._model_variables()
            _assign(model, [file[f"model{i}"] for i in range(len(model))])
            _assign(self._optimizer.variables, [file[f"optimizer{i}"] for i in range(len(self._optimizer.variables))])
            if "best0" in file:
                self._best = [file[f"best{i}"] for i in range(len(model))]
        self.state = TrainingState(**meta["state"])
        logger.info("continuing after epoch %d from %s", self.state.epoch, path)

    def _fingerprint(self) -> str:
        config = self._config.model_dump(mode="json", exclude=_RESUMABLE)
        return json.dumps([config, self._seed, self._structure.sha256, self._sampler.rows], sort_keys=True)

    @staticmethod
    def _completed(fingerprint: str) -> str:
        """A checkpoint's fingerprint with the defaults of keys that the version which wrote it did not have."""
        config, *others = json.loads(fingerprint)
        try:
            config = TrainConfig.model_validate(config).model_dump(mode="json", exclude=_RESUMABLE)
        except ValidationError:
            return fingerprint
        return json.dumps([config, *others], sort_keys=True)


def _weight_limits(encoder: keras.Model, structure: Structure) -> list[tuple[Any, float, float]]:
    """Range of every shadow weight: the format's, so that a weight cannot drift away behind the saturation."""
    limits = []
    for layer in structure.weighted_layers:
        keras_layer = encoder.get_layer(layer.name)
        for variable, fmt in ((keras_layer.kernel, layer.kernel), (keras_layer.bias, layer.bias)):
            step = float(1 << fmt.fraction)
            limits.append((variable, fmt.minimum / step, fmt.maximum / step))
    return limits


def _assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
