"""Encoders for programs that know only QKeras' own layers."""

from __future__ import annotations

from typing import Any

import keras
from qkeras import QConv2D, QDense

from asic_flow.weights import WeightSet
from econ_ae.encoder import build_encoder, set_integer_weights
from econ_ae.errors import LoweringError
from econ_ae.layers import FlooredConv2D, FlooredDense

_FLOORED = {FlooredConv2D: QConv2D, FlooredDense: QDense}


def plain_model(model: keras.Model) -> keras.Model:
    """The model with this package's layers replaced by the QKeras layers whose shapes and quantisers they have.

    Products are no longer floored: where a layer floors them, values differ (use it for counting, not for values).
    """
    if not any(type(layer) in _FLOORED for layer in model.layers):
        return model

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        config.pop("product_fraction", None)
        return _FLOORED.get(type(layer), type(layer)).from_config(config)

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy


def keras_encoder(weights: WeightSet) -> keras.Model:
    """Keras encoder of a weight set: equals the emulator in either profile."""
    model = build_encoder(weights.structure)
    set_integer_weights(model, weights)
    return model


def require_exact_products(weights: WeightSet, target: str) -> None:
    """Refuse structures that floor products.

    Raises:
        LoweringError: a layer floors its products (profile ``econ_t``).
    """
    structure = weights.structure
    for layer in structure.weighted_layers:
        full = structure.geometry[layer.name].input_format.fraction + layer.kernel.fraction
        if structure.accumulator_fraction(layer.name) != full:
            raise LoweringError(
                f"exporting to {target}: layer {layer.name!r} floors every product to {layer.product_fraction} fraction "
                f"bits (profile econ_t), which {target} cannot express; train with encoder.profile: exact"
            )
