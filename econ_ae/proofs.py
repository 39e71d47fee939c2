"""Proofs on the spot that a lowered model equals its Keras source: every cast exhaustively, the whole on random images."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from asic_flow.bounds import accumulator_bounds
from asic_flow.emulator import Emulator
from asic_flow.ir import Activation, Pool2D, Structure
from asic_flow.layers import mean_shift
from asic_flow.weights import WeightSet
from econ_ae.encoder import run_integers
from econ_ae.errors import LoweringError
from econ_ae.quantisers import prove_cast

logger = logging.getLogger(__name__)

_EXACT_FLOAT = 1 << 24
_PROBES = 64


def prove_outputs(
    structure: Structure, quantisers: Mapping[str, tuple[str, Any]], input_quantiser: tuple[str, Any] | None
) -> None:
    """Compare every activation quantiser with the integer cast on every value that any weight set can produce.

    Args:
        structure: lowered structure.
        quantisers: (words for messages, quantiser) by layer name.
        input_quantiser: the same of the input, if there is one.

    Raises:
        LoweringError: a quantiser that differs from the cast, or an accumulator that float32 does not count exactly.
    """
    fmt = structure.input.format
    if input_quantiser is not None:
        where, quantiser = input_quantiser
        grid = np.arange(fmt.minimum, fmt.maximum + 1) / float(1 << fmt.fraction)
        if np.any(np.asarray(quantiser(grid.astype(np.float32)), dtype=np.float64) != grid):
            raise LoweringError(
                f"{where}: this quantiser changes values of the input format ({fmt.width} bits, {fmt.fraction} "
                "fraction); the converter delivers that format, so the input quantiser must pass it unchanged"
            )
    for layer in structure.layers:
        if isinstance(layer, Pool2D) and layer.output is not None:
            _prove_mean(structure, layer, *quantisers[layer.name])
    limits = accumulator_bounds(structure)
    for layer in structure.weighted_layers:
        name, bounds = layer.name, limits[layer.name]
        where, quantiser = quantisers[name]
        if max(bounds.maximum, -bounds.minimum) >= _EXACT_FLOAT:
            raise LoweringError(
                f"layer {name!r}: its accumulator needs {bounds.width} bits; float32 counts exactly only to 2**24"
            )
        prove_cast(quantiser, layer.activation, layer.output, bounds.fraction, bounds.minimum, bounds.maximum, where)


def _prove_mean(structure: Structure, layer: Pool2D, where: str, quantiser: Any) -> None:
    """The cast of an average pooling, on every sum of its window."""
    fmt = structure.geometry[layer.name].input_format
    taps = layer.pool_size[0] * layer.pool_size[1]
    fraction = fmt.fraction + mean_shift(layer)
    activation = Activation.LINEAR if fmt.signed else Activation.RELU
    assert layer.output is not None  # noqa: S101 - the caller asked
    prove_cast(quantiser, activation, layer.output, fraction, fmt.minimum * taps, fmt.maximum * taps, where)


def prove_model(model: keras.Model, weights: WeightSet) -> None:
    """Compare model and emulator on random images.

    Raises:
        LoweringError: the first latent that differs.
    """
    spec = weights.structure.input
    rng = np.random.default_rng(20240607)
    flat = np.zeros((_PROBES, spec.height * spec.width * spec.channels), dtype=np.int64)
    cells = rng.integers(spec.format.minimum, spec.format.maximum + 1, (_PROBES, len(spec.cell_positions)))
    flat[:, list(spec.cell_positions)] = cells >> rng.integers(0, spec.format.width, cells.shape)
    images = flat.reshape(-1, *spec.shape)
    expected = run_integers(model, weights.structure, images)
    found = Emulator(weights).run(images)
    if np.any(found != expected):
        event, latent = (int(i) for i in np.argwhere(found != expected)[0])
        raise LoweringError(
            f"model {model.name!r}: lowered integers differ from the model at random image {event}, latent {latent}: "
            f"model {int(expected[event, latent])}, integers {int(found[event, latent])}; please report this model"
        )
    logger.debug("lowered %s: %d weights, %d probe images equal", model.name, weights.structure.n_weights, _PROBES)
