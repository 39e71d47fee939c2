"""Pruning of encoder weights on the integer grid: magnitude, cubic schedule, masks that stay while training goes on.

What is removed is an integer weight that reads zero in the chip's register. Weights are ranked by the magnitude of their
integers; equal integers by the float shadow weights behind them. The share removed follows the cubic schedule of Zhu and
Gupta (arXiv:1710.01878).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from asic_flow.ir import Conv2D, Dense, Structure
from asic_flow.weights import WeightSet
from econ_ae.config import PruneConfig
from econ_ae.errors import TrainingError
from econ_ae.methods import TrainingMethod

FloatArray = NDArray[np.float64]


def scheduled_sparsity(config: PruneConfig, epoch: int) -> float:
    """Share removed in epoch `epoch` (from 0): ``s (1 - (1 - t)^3)``, t from 0 at `begin_epoch` to 1 at `end_epoch`."""
    progress = (epoch + 1 - config.begin_epoch) / (config.end_epoch - config.begin_epoch)
    return config.sparsity * (1.0 - (1.0 - min(1.0, max(0.0, progress))) ** 3)


@dataclass(frozen=True)
class _Target:
    """One pruned layer: its Keras variables and masks."""

    layer: Conv2D | Dense
    kernel: Any
    bias: Any
    kernel_mask: Any
    bias_mask: Any

    @property
    def shadow(self) -> FloatArray:
        return np.abs(np.asarray(self.kernel, dtype=np.float64))

    @property
    def integers(self) -> FloatArray:
        """Magnitudes of the integer weights; ties keep the order of the shadow weights."""
        scaled = np.rint(self.shadow * (1 << self.layer.kernel.fraction))
        return scaled + self.shadow / (2.0 * max(1.0, float(self.shadow.max())))


class Pruning(TrainingMethod):
    """Removes weights (or filters) of the encoder before an epoch, and keeps them at zero in every step."""

    def __init__(self, config: PruneConfig, structure: Structure, encoder: keras.Model) -> None:
        """Prepare masks.

        Raises:
            TrainingError: a configured layer does not exist, or nothing can be pruned.
        """
        super().__init__()
        self._config = config
        candidates = structure.weighted_layers if config.what == "weights" else structure.weighted_layers[:-1]
        names = [layer.name for layer in candidates]
        if unknown := set(config.layers or ()) - set(names):
            raise TrainingError(f"key train.prune.layers: {sorted(unknown)} cannot be pruned; choose from {names}")
        chosen = [layer for layer in candidates if config.layers is None or layer.name in config.layers]
        if not chosen:
            raise TrainingError("key train.prune: no layer to prune; the latents' own layer has no filters to remove")
        self._targets = []
        for layer in chosen:
            made = encoder.get_layer(layer.name)
            masks = [tf.Variable(tf.ones(variable.shape), trainable=False) for variable in (made.kernel, made.bias)]
            self._targets.append(_Target(layer, made.kernel, made.bias, *masks))
        self.state = [mask for target in self._targets for mask in (target.kernel_mask, target.bias_mask)]

    def begin_epoch(self, epoch: int) -> None:
        """Raise the share removed to the schedule's value for this epoch."""
        share = scheduled_sparsity(self._config, epoch)
        for target in self._targets:
            if self._config.what == "weights":
                self._remove_weights(target, share)
            else:
                self._remove_filters(target, share)
        self.constrain()

    def ready(self, epoch: int) -> bool:
        """From the epoch on in which everything has been removed."""
        return epoch >= self._config.end_epoch

    def constrain(self) -> None:
        """Set removed weights to zero."""
        for target in self._targets:
            target.kernel.assign(target.kernel * target.kernel_mask)
            target.bias.assign(target.bias * target.bias_mask)

    @staticmethod
    def _remove_weights(target: _Target, share: float) -> None:
        kept = np.asarray(target.kernel_mask)
        order = np.argsort(np.where(kept > 0, target.integers, -1.0), axis=None, kind="stable")
        mask = np.ones(kept.size, dtype=np.float32)
        mask[order[: round(share * kept.size)]] = 0.0
        target.kernel_mask.assign(mask.reshape(kept.shape) * kept)

    @staticmethod
    def _remove_filters(target: _Target, share: float) -> None:
        kept = np.asarray(target.bias_mask)
        strength = target.integers.reshape(-1, kept.size).sum(axis=0)
        order = np.argsort(np.where(kept > 0, strength, -1.0), kind="stable")
        mask = np.ones(kept.size, dtype=np.float32)
        mask[order[: min(round(share * kept.size), kept.size - 1)]] = 0.0
        target.bias_mask.assign(mask * kept)
        target.kernel_mask.assign(tf.ones_like(target.kernel_mask) * (mask * kept))


def pruning_report(weights: WeightSet, config: PruneConfig) -> dict[str, Any]:
    """What the integer weights no longer hold, per layer and filter (schema ``train/pruning.json``).

    Zeros are counted in the integers that reach the chip, so that they include weights that training itself set to zero.
    """
    structure = weights.structure
    layers = []
    for layer in structure.weighted_layers:
        kernel = weights.tensors[f"{layer.name}.kernel"]
        bias = weights.tensors[f"{layer.name}.bias"]
        columns = kernel.reshape(-1, kernel.shape[-1])
        zeros = (columns == 0).sum(axis=0)
        layers.append(
            {
                "layer": layer.name,
                "kernel_weights": int(columns.size),
                "zero_kernel_weights": int(zeros.sum()),
                "sparsity": float(zeros.sum() / columns.size),
                "inputs_never_used": int((columns == 0).all(axis=1).sum()),
                "filters_removed": np.flatnonzero((zeros == len(columns)) & (bias == 0)).tolist(),
                "filters": [{"index": i, "weights": len(columns), "zeros": int(zeros[i])} for i in range(len(zeros))],
            }
        )
    kernels = [weights.tensors[f"{layer.name}.kernel"] for layer in structure.weighted_layers]
    total = sum(kernel.size for kernel in kernels)
    zeros_total = sum(int((kernel == 0).sum()) for kernel in kernels)
    return {
        "schema_version": 1,
        "what": config.what,
        "sparsity_asked": config.sparsity,
        "sparsity": zeros_total / total,
        "kernel_weights": total,
        "zero_kernel_weights": zeros_total,
        "structure_sha256": structure.sha256,
        "layers": layers,
    }
