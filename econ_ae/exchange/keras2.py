"""Keras 2 / QKeras 0.9 model files, rebuilt layer by layer for Keras 3.

Keras 3 cannot load these files by itself: names of constructor arguments changed, and QKeras classes are spelt without
a module. So the network is built here from its configuration, each class and quantiser by name, and the arrays are
taken from the HDF5 file by layer name. Nothing in a file is executed: there are no Lambda layers, no pickles, no
evaluated expressions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from numpy.typing import NDArray
from qkeras import QActivation, QConv2D, QDense, quantized_bits, quantized_relu

from econ_ae.errors import TrainingError

Config = Mapping[str, Any]
Arrays = list[NDArray[np.float32]]

_QUANTISERS: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "quantized_bits": (
        quantized_bits,
        ("bits", "integer", "symmetric", "keep_negative", "alpha", "use_stochastic_rounding", "qnoise_factor"),
    ),
    "quantized_relu": (
        quantized_relu,
        (
            "bits", "integer", "use_sigmoid", "negative_slope", "use_stochastic_rounding", "relu_upper_bound",
            "is_quantized_clip", "qnoise_factor",
        ),
    ),
}  # fmt: skip
_CALL = re.compile(r"^(quantized_bits|quantized_relu)\(([^()]*)\)$")
_PLAIN_ACTIVATIONS = ("linear", "relu", "sigmoid", "softmax", "tanh")
_FAULTS = ("ber", "bit_loc")
"""Fault-injection settings of FKeras layers; at zero the layer is the plain QKeras layer."""


def quantiser(entry: Any, where: str) -> Any:
    """Quantiser or activation of a configuration entry.

    Args:
        entry: None, a name such as ``relu`` or ``quantized_relu(8,1)``, or a serialised object.
        where: words for the message.

    Raises:
        TrainingError: something that is neither a plain activation nor one of QKeras' two fixed-point quantisers.
    """
    if entry is None:
        return None
    if isinstance(entry, str):
        if entry in _PLAIN_ACTIVATIONS:
            return entry
        found = _CALL.match(entry.replace(" ", ""))
        if found:
            return _from_text(found.group(1), found.group(2), where)
        raise TrainingError(f"{where}: activation {entry!r} is not supported; {_supported()}")
    name = entry.get("class_name") if isinstance(entry, Mapping) else None
    if name not in _QUANTISERS:
        raise TrainingError(f"{where}: quantiser {name or entry!r} is not supported; {_supported()}")
    make, known = _QUANTISERS[name]
    settings = entry.get("config", {})
    extra = sorted(set(settings) - set(known) - {"var_name", "use_ste", "use_variables", "name"})
    if extra:
        raise TrainingError(f"{where}: {name} has unknown settings {', '.join(extra)}")
    return make(**{key: settings[key] for key in known if key in settings})


def _supported() -> str:
    return f"supported: {', '.join(_PLAIN_ACTIVATIONS)}, {', '.join(_QUANTISERS)}"


def _from_text(name: str, arguments: str, where: str) -> Any:
    make, known = _QUANTISERS[name]
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for part in filter(None, arguments.split(",")):
        key, separator, text = part.rpartition("=")
        try:
            value = None if text == "None" else json.loads(text.lower())
        except json.JSONDecodeError:
            value = text.strip("'\"")
        if not separator:
            positional.append(value)
        elif key in known:
            named[key] = value
        else:
            raise TrainingError(f"{where}: {name}({arguments}) has an unknown argument {key!r}")
    return make(*positional, **named)


def _quantised(config: Config, name: str) -> dict[str, Any]:
    """Arguments common to QConv2D and QDense."""
    where = f"layer {name!r}"
    faults = [key for key in _FAULTS if config.get(key)]
    if faults:
        raise TrainingError(f"{where}: injects faults ({faults[0]}={config[faults[0]]}); export it without")
    return {
        "name": name,
        "use_bias": config.get("use_bias", True),
        "activation": _activation(config, where),
        "kernel_quantizer": quantiser(config.get("kernel_quantizer"), f"{where}, kernel"),
        "bias_quantizer": quantiser(config.get("bias_quantizer"), f"{where}, bias"),
    }


def _activation(config: Config, where: str) -> Any:
    found = quantiser(config.get("activation"), where)
    return None if found == "linear" else found


def _convolution(config: Config) -> dict[str, Any]:
    return {
        "filters": config["filters"],
        "kernel_size": tuple(config["kernel_size"]),
        "strides": tuple(config.get("strides", (1, 1))),
        "padding": config.get("padding", "valid"),
        "data_format": config.get("data_format", "channels_last"),
        "dilation_rate": tuple(config.get("dilation_rate", (1, 1))),
    }


def _layer(kind: str, config: Config, name: str) -> Any:  # noqa: PLR0911
    """The Keras 3 layer of one Keras 2 configuration."""
    where = f"layer {name!r}"
    plain = {"name": name, "use_bias": config.get("use_bias", True)}
    match kind:
        case "QConv2D" | "FQConv2D":
            return QConv2D(**_convolution(config), **_quantised(config, name))
        case "QDense" | "FQDense":
            return QDense(config["units"], **_quantised(config, name))
        case "QActivation":
            return QActivation(quantiser(config["activation"], where), name=name)
        case "Conv2D":
            return keras.layers.Conv2D(**_convolution(config), **plain, activation=_activation(config, where))
        case "Conv2DTranspose":
            return keras.layers.Conv2DTranspose(**_convolution(config), **plain, activation=_activation(config, where))
        case "Dense":
            return keras.layers.Dense(config["units"], **plain, activation=_activation(config, where))
        case "Activation":
            return keras.layers.Activation(config["activation"], name=name)
        case "ReLU":
            return keras.layers.ReLU(name=name)
        case "Flatten":
            return keras.layers.Flatten(name=name, data_format=config.get("data_format", "channels_last"))
        case "Reshape":
            return keras.layers.Reshape(tuple(config["target_shape"]), name=name)
        case _:
            raise TrainingError(
                f"{where}: class {kind!r} is not supported; supported: QConv2D, QDense (also as FQConv2D, FQDense), "
                "QActivation, Conv2D, Conv2DTranspose, Dense, Activation, ReLU, Flatten, Reshape"
            )


def build(config: Config, source: str) -> keras.Model:
    """Network of a Keras 2 configuration: ``Sequential``, or ``Functional`` (``Model``) in one chain.

    Args:
        config: parsed JSON with ``class_name`` and ``config``.
        source: file name for messages.

    Raises:
        TrainingError: a class, quantiser or topology that is not supported, or a malformed entry.
    """
    kind, inner = config.get("class_name"), config.get("config")
    if kind not in ("Functional", "Model", "Sequential") or not isinstance(inner, Mapping | list):
        raise TrainingError(f"importing {source}: expected a Functional or Sequential model, found {kind!r}")
    entries = inner if isinstance(inner, list) else inner.get("layers", [])
    name = "model" if isinstance(inner, list) else str(inner.get("name", "model"))
    inputs = values = None
    previous = ""
    try:
        for entry in entries:
            settings = entry["config"]
            layer_name = str(entry.get("name") or settings["name"])
            if kind != "Sequential":
                _require_chain(entry, layer_name, previous)
            previous = layer_name
            shape = settings.get("batch_input_shape") or settings.get("batch_shape")
            if inputs is None:
                if shape is None:
                    raise TrainingError(f"importing {source}: layer {layer_name!r} comes first but has no input shape")
                inputs = values = keras.Input(tuple(shape[1:]), name=str(f"{layer_name}_input"))
            if entry["class_name"] != "InputLayer":
                values = _layer(entry["class_name"], settings, layer_name)(values)
    except TrainingError as error:
        raise TrainingError(f"importing {source}: {str(error).removeprefix(f'importing {source}: ')}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TrainingError(f"importing {source}: layer {previous!r} is malformed: {error!r}") from error
    if inputs is None:
        raise TrainingError(f"importing {source}: the model has no layers")
    return keras.Model(inputs, values, name=re.sub(r"\W", "_", name))


def _require_chain(entry: Config, name: str, previous: str) -> None:
    nodes = entry.get("inbound_nodes", [])
    sources = [str(link[0]) for node in nodes for link in node]
    if sources != ([previous] if previous else []):
        raise TrainingError(
            f"layer {name!r} takes {sources or 'nothing'}, expected only the layer before, {previous!r}"
        )


def read_arrays(path: Path) -> dict[str, Arrays]:
    """Weights of every layer by name from a Keras 2 HDF5 file (weights alone, or a whole model).

    Raises:
        TrainingError: the file is missing, is no HDF5 file, or holds no Keras weights.
    """
    try:
        with h5py.File(path) as file:
            group = file.get("model_weights", file)
            names = [_text(item) for item in group.attrs.get("layer_names", [])]
            if not names:
                raise TrainingError(f"reading weights {path}: no attribute 'layer_names'; is this a Keras weight file?")
            return {
                name: [np.asarray(group[name][_text(key)], np.float32) for key in group[name].attrs["weight_names"]]
                for name in names
            }
    except OSError as error:
        raise TrainingError(f"reading weights {path}: {_reason(path, error)}") from error
    except KeyError as error:
        raise TrainingError(f"reading weights {path}: damaged file, {error.args[0]}") from error


def read_config(path: Path) -> dict[str, Any]:
    """Configuration of a model from ``.json``, or from the attribute of an HDF5 file.

    Raises:
        TrainingError: the file is missing, or holds no model configuration.
    """
    try:
        if path.suffix == ".json":
            text = path.read_text(encoding="utf-8")
        else:
            with h5py.File(path) as file:
                if "model_config" not in file.attrs:
                    raise TrainingError(
                        f"importing {path}: holds weights but no model; name the .json file, and this one by --weights"
                    )
                text = _text(file.attrs["model_config"])
        content = json.loads(text)
    except OSError as error:
        raise TrainingError(f"importing {path}: {_reason(path, error)}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"importing {path}: not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise TrainingError(f"importing {path}: expected a model configuration, found {type(content).__name__}")
    return content


def set_arrays(model: keras.Model, arrays: Mapping[str, Arrays], source: str) -> None:
    """Put arrays into the layers of their names.

    Raises:
        TrainingError: a layer without arrays, arrays without a layer, or wrong shapes.
    """
    filled = {name for name, values in arrays.items() if values}
    wanted = {layer.name for layer in model.layers if layer.weights}
    if filled != wanted:
        raise TrainingError(
            f"reading weights {source}: weights for {_names(filled)}, but the model's layers are {_names(wanted)}"
        )
    for name in wanted:
        layer = model.get_layer(name)
        shapes = [tuple(variable.shape) for variable in layer.weights]
        found = [values.shape for values in arrays[name]]
        if found != shapes:
            raise TrainingError(
                f"reading weights {source}: layer {name!r} has shapes {found}, the model needs {shapes}"
            )
        layer.set_weights(arrays[name])


def _names(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _reason(path: Path, error: OSError) -> str:
    return "no such file" if not path.is_file() else str(error).splitlines()[0]
