"""Energy of any Keras or QKeras model by QTools, with the traps of QTools made loud.

QTools (`qkeras.qtools`) works under Keras 3 as shipped with qkeras-v3; but it looks layers up by the *name* of their
class, and where it does not know a name it counts **zero** operations and warns on the screen at most. So layers of
this package are first replaced by the QKeras layers they derive from, and every other layer whose operations would be
counted as zero is refused by name.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from qkeras.qtools import run_qtools, settings

from econ_ae.energy_model import EnergyEstimate, LayerEnergy, Memory
from econ_ae.errors import TrainingError
from econ_ae.exchange.plain import plain_model

COUNTED = frozenset(
    [
        "QConv2D",
        "QConv1D",
        "QDepthwiseConv2D",
        "QDense",
        "Conv2D",
        "Conv1D",
        "DepthwiseConv2D",
        "Dense",
        "Add",
        "Subtract",
        "Multiply",
        "Average",
        "Maximum",
        "Minimum",
        "Concatenate",
        "AveragePooling2D",
        "AvgPool2D",
        "GlobalAvgPool2D",
        "GlobalAveragePooling2D",
        "QBatchNormalization",
        "BatchNormalization",
    ]
)
"""Classes whose operations QTools counts."""
FREE = frozenset(
    [
        "InputLayer",
        "QActivation",
        "QAdaptiveActivation",
        "Activation",
        "ReLU",
        "Flatten",
        "Reshape",
        "Permute",
        "Dropout",
        "ZeroPadding2D",
    ]
)
"""Classes without arithmetic, or whose arithmetic QTools holds to be free."""


def model_energy(
    model: keras.Model,
    *,
    source: Any,
    memory: Memory | None = None,
    float_type: str = "fp16",
    float_accumulator: str = "fp32",
    allow_uncounted: bool = False,
) -> EnergyEstimate:
    """Energy of one inference of a Keras or QKeras model.

    Args:
        model: any model of layers that QTools knows.
        source: quantiser of the model's input, for example ``quantized_bits(8, 0, 1)``.
        memory: where weights and values live; default: registers, which cost nothing to read. QTools reads the
            network's own input from SRAM in either case.
        float_type: number format of layers without quantisers.
        float_accumulator: their accumulator.
        allow_uncounted: count layers without a published cost as zero and list them, instead of refusing them.

    Returns:
        The estimate; every layer's energy in the parts that QTools includes for its class.

    Raises:
        TrainingError: a layer has no published cost, or QTools fails on the model.
    """
    place = memory or Memory()
    plain = plain_model(model)
    unknown = tuple(layer.name for layer in plain.layers if type(layer).__name__ not in COUNTED | FREE)
    if unknown and not allow_uncounted:
        first = plain.get_layer(unknown[0])
        raise TrainingError(
            f"estimating the energy of model {model.name!r}: layer {first.name!r} is a {type(first).__name__}, for "
            f"which QTools has no cost and would silently count zero (layers concerned: {', '.join(unknown)}); "
            "estimate the part without it, or allow uncounted layers"
        )
    energies, counts = _run(plain, source, place, float_type, float_accumulator)
    layers = []
    for name, entry in energies.items():
        if name == "total_cost":
            continue
        parts = _included(entry["class_name"])
        found = {key: float(entry["energy"][key]) if key in parts else 0.0 for key in entry["energy"]}
        if place.activations == "registers":
            found["inputs"] = found["outputs"] = 0.0
        layers.append(
            LayerEnergy(
                name, counts.get(name, 0), found["op_cost"], found["inputs"], found["parameters"], found["outputs"]
            )
        )
    bits = weight_bits(plain, float_type)
    return EnergyEstimate(tuple(layers), place, "QTools, Horowitz 45 nm", bits, unknown)


def _run(
    model: keras.Model, source: Any, memory: Memory, float_type: str, float_accumulator: str
) -> tuple[dict[str, Any], dict[str, int]]:
    """(energies, multiply-accumulates by layer name) as QTools gives them; its prints go to the log."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            tools = run_qtools.QTools(
                model, process="horowitz", source_quantizers=[source] * len(model.inputs), is_inference=False,
                keras_quantizer=float_type, keras_accumulator=float_accumulator, for_reference=False,
            )  # fmt: skip
            energies = tools.pe(
                weights_on_memory="sram" if memory.weights == "sram" else "fixed",
                activations_on_memory="sram",
                min_sram_size=memory.smallest_sram_bits,
                rd_wr_on_io=False,
            )
    except Exception as error:  # QTools raises whatever its parts raise, asserts included
        raise TrainingError(
            f"estimating the energy of model {model.name!r}: QTools failed: {type(error).__name__}: {error}"
        ) from error
    if printed.getvalue().strip():
        logging.getLogger(__name__).debug("QTools said: %s", printed.getvalue().strip())
    table = tools._output_dict
    return energies, {name: int(item["operation_count"]) for name, item in table.items() if isinstance(item, dict)}


def _included(class_name: str) -> Sequence[str]:
    included: dict[str, list[str]] = settings.cfg.include_energy
    return included.get(class_name, included["default"])


def weight_bits(model: keras.Model, float_type: str = "fp16") -> int:
    """Bits of all weights and biases; layers without quantisers count in `float_type`."""
    total = 0
    for layer in model.layers:
        quantisers = layer.get_quantizers() if hasattr(layer, "get_quantizers") else []
        for index, values in enumerate(layer.get_weights()):
            quantiser = quantisers[index] if index < len(quantisers) else None
            bits = int(float_type.removeprefix("fp")) if quantiser is None else int(quantiser.bits)
            total += bits * int(np.prod(values.shape))
    return total
