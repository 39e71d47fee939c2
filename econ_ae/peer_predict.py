"""``python -m econ_ae.peer_predict``: events per second of hls4ml's and Keras' ``predict`` for an encoder, as one JSON line.

`asic_flow bench emulator` runs this in a process of its own, because it never imports TensorFlow or hls4ml itself. The network
goes to hls4ml as plain Keras layers with the weights on their grid and every precision set by hand: hls4ml 1.3 does not read
QKeras activations of Keras 3.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from asic_flow.errors import FlowError
from asic_flow.formats import Format, Integers, Overflow, Rounding
from asic_flow.ir import Activation, Conv2D, Dense, Structure, read_structure
from asic_flow.weights import WeightSet, read_weights
from econ_ae.errors import LoweringError, TrainingError
from econ_ae.quiet import quiet_tensorflow

app = typer.Typer(add_completion=False)

_BATCH = 4096
_MODES = {Rounding.FLOOR: "TRN", Rounding.HALF_UP: "RND", Rounding.HALF_EVEN: "RND_CONV"}


def hls4ml_predict(weights: WeightSet, folder: Path) -> Callable[[Any], Any]:
    """The hls4ml model of an encoder (io_parallel, Vitis types), compiled in `folder`; returns its ``predict``.

    Raises:
        LoweringError: the structure has layers other than convolution and dense with ReLU.
    """
    import hls4ml

    model = _plain_model(weights)
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
    structure = weights.structure
    names = config["LayerName"]
    _set(names, "image", "result", structure.input.format)
    for layer in structure.weighted_layers:
        for part, fmt in (("weight", layer.kernel), ("bias", layer.bias)):
            _set(names, layer.name, part, fmt)
        wide = Format(width=32, fraction=structure.accumulator_fraction(layer.name), signed=True)
        _set(names, layer.name, "accum", wide)
        _set(names, layer.name, "result", wide)
        _set(names, f"{layer.name}_relu", "result", layer.output)
    converted = hls4ml.converters.convert_from_keras_model(
        model, hls_config=config, output_dir=str(folder), io_type="io_parallel", backend="Vitis"
    )
    converted.compile()
    predict: Callable[[Any], Any] = converted.predict
    return predict


def _set(names: dict[str, Any], layer: str, part: str, fmt: Format) -> None:
    """Write one precision into hls4ml's configuration."""
    kind = "fixed" if fmt.signed else "ufixed"
    overflow = "SAT" if fmt.overflow is Overflow.SATURATE else "WRAP"
    text = f"{kind}<{fmt.width},{fmt.width - fmt.fraction},{_MODES[fmt.rounding]},{overflow}>"
    precision = names.setdefault(layer, {}).setdefault("Precision", {})
    if isinstance(precision, str):
        precision = names[layer]["Precision"] = {}
    precision[part] = text


def _plain_model(weights: WeightSet) -> Any:
    import keras

    structure: Structure = weights.structure
    inputs = values = keras.Input(shape=structure.input.shape, name="image")
    for layer in structure.layers:
        if not isinstance(layer, Conv2D | Dense) or layer.activation is not Activation.RELU:
            raise LoweringError(f"peer: layer {layer.name!r} ({layer.kind}) is not converted to hls4ml here")
        if isinstance(layer, Conv2D):
            values = keras.layers.Conv2D(
                layer.filters, layer.kernel_size, strides=layer.strides, padding=layer.padding, name=layer.name
            )(values)
        else:
            values = keras.layers.Flatten(name=f"{layer.name}_flatten")(values) if len(values.shape) > 2 else values
            values = keras.layers.Dense(layer.units, name=layer.name)(values)
        values = keras.layers.ReLU(name=f"{layer.name}_relu")(values)
    model = keras.Model(inputs, values, name=structure.name)
    for layer in structure.weighted_layers:
        model.get_layer(layer.name).set_weights(
            [
                weights.tensors[f"{layer.name}.{part}"] / (1 << fmt.fraction)
                for part, fmt in (("kernel", layer.kernel), ("bias", layer.bias))
            ]
        )
    return model


def measure(weights: WeightSet, images: Integers, latents: Integers, folder: Path, repeats: int) -> dict[str, Any]:
    """Times of ``predict`` on a batch, of hls4ml and of the Keras model, and how many values differ from `latents`.

    Args:
        weights: the encoder.
        images: int[n, height, width, channels].
        latents: int64[n, latents] of the emulator.
        folder: for hls4ml's project.
        repeats: calls that are timed, after one that is not.
    """
    from econ_ae.encoder import build_encoder, set_integer_weights

    structure = weights.structure
    real = images.astype(np.float32) / np.float32(1 << structure.input.format.fraction)
    keras_model = build_encoder(structure)
    set_integer_weights(keras_model, weights)
    peers: dict[str, Callable[[Any], Any]] = {
        "hls4ml predict": hls4ml_predict(weights, folder),
        "QKeras predict": lambda x: keras_model.predict(x, batch_size=_BATCH, verbose=0),
    }
    result: dict[str, Any] = {}
    for name, predict in peers.items():
        found = np.asarray(predict(real)).reshape(latents.shape) * (1 << structure.latent_format.fraction)
        times = []
        for _ in range(repeats):
            begin = time.perf_counter(), time.process_time()
            predict(real)
            times.append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
        result[name] = {
            "seconds": [wall for wall, _ in times],
            "cpu_seconds": [cpu for _, cpu in times],
            "differing_values": int(np.count_nonzero(np.rint(found) != latents)),
        }
    return result


@app.command()
def main(
    folder: Annotated[Path, typer.Argument(help="folder with encoder.json, weights.json, images.npy, latents.npy")],
    repeats: Annotated[int, typer.Option(min=1)] = 3,
) -> None:
    """Measure, and write peers.json into the folder."""
    quiet_tensorflow()
    try:
        weights = read_weights(folder / "weights.json", read_structure(folder / "encoder.json"))
        images, latents = np.load(folder / "images.npy"), np.load(folder / "latents.npy")
        result = measure(weights, images, latents, folder / "hls4ml", repeats)
    except (FlowError, LoweringError, TrainingError) as error:
        typer.echo(f"econ_ae.peer_predict: {error}", err=True)
        sys.exit(2)
    (folder / "peers.json").write_text(json.dumps(result))


if __name__ == "__main__":
    app()
