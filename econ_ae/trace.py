"""``python -m econ_ae.trace RUN --images FILE --out FILE``: layer outputs of a run's Keras model, as integers.

`asic_flow verify` runs this in a process of its own, because it never imports TensorFlow itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from asic_flow.errors import FlowError
from asic_flow.formats import Integers
from asic_flow.ir import read_structure
from econ_ae.errors import LoweringError, TrainingError
from econ_ae.quiet import quiet_tensorflow
from hgcal_data.files import atomic_path

app = typer.Typer(add_completion=False)

_BATCH = 2048


def trace(run: Path, images: Integers) -> dict[str, Integers]:
    """Output integers of every layer of ``RUN/train/model.keras`` by the layer names of ``encoder.json``.

    Args:
        run: run folder.
        images: integers of shape (n, pixels) or (n, height, width, channels) in the input format.

    Raises:
        TrainingError: the run is incomplete, or the images do not fit.
    """
    quiet_tensorflow()
    import keras

    from econ_ae.encoder import layer_output
    from econ_ae.model import load_keras

    structure = read_structure(run / "encoder.json")
    model = load_keras(run / "train" / "model.keras")
    size = int(np.prod(structure.input.shape))
    if images.ndim < 2 or int(np.prod(images.shape[1:])) != size:
        raise TrainingError(f"tracing {run}: images have shape {images.shape}, expected (n, {size})")
    outputs = [layer_output(model, layer.name) for layer in structure.layers]
    tap = keras.Model(model.inputs[0], outputs)
    step = np.float32(1 << structure.input.format.fraction)
    real = images.reshape(-1, *structure.input.shape).astype(np.float32) / step
    parts = [tap(real[i : i + _BATCH], training=False) for i in range(0, len(real), _BATCH)]
    result: dict[str, Integers] = {}
    for index, layer in enumerate(structure.layers):
        taken = [part[index] if isinstance(part, list | tuple) else part for part in parts]
        scaled = np.concatenate([np.asarray(p, dtype=np.float64) for p in taken]) * (
            1 << structure.geometry[layer.name].output_format.fraction
        )
        integers = np.rint(scaled).astype(np.int64)
        if np.any(integers != scaled):
            raise LoweringError(f"tracing {run}: layer {layer.name!r} gives values off the grid of its output format")
        result[layer.name] = integers
    return result


@app.command()
def main(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="run folder")],
    images: Annotated[Path, typer.Option(help=".npy file of integer images")],
    out: Annotated[Path, typer.Option(help=".npz file to write: one array per layer")],
) -> None:
    """Write the layer outputs of a run's Keras model as integers."""
    try:
        try:
            array = np.load(images)
        except (OSError, ValueError) as error:
            raise TrainingError(f"reading images {images}: {error}") from error
        layers: dict[str, Any] = dict(trace(run, array))
        with atomic_path(out) as temporary:
            np.savez(temporary, **layers)
    except (TrainingError, FlowError) as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    app()
