"""Export to an hls4ml project whose own bit-accurate prediction equals the emulator.

The project is made from the integer structure, not from a Keras model: every precision of every node (weights, bias,
accumulator, result) is stated, so nothing is left to the defaults that go wrong silently (facts/hls4ml-and-catapult.md
section 0, findings 2 and 3). Accumulators have the width that no weight set can overflow (`asic_flow.bounds`).
"""

from __future__ import annotations

import contextlib
import io
import logging
from pathlib import Path
from typing import Any, Literal

import numpy as np

from asic_flow.bounds import accumulator_bounds
from asic_flow.formats import Format, Integers, Overflow, Rounding
from asic_flow.ir import Activation, Conv2D, Dense, Flatten, Layer, Structure
from asic_flow.weights import WeightSet
from econ_ae.errors import LoweringError, TrainingError
from econ_ae.exchange.plain import require_exact_products
from econ_ae.exchange.prove import prove_equal
from hgcal_data.files import atomic_dir

Backend = Literal["Catapult", "Vitis", "Vivado", "Quartus"]
BACKENDS: tuple[Backend, ...] = ("Catapult", "Vitis", "Vivado", "Quartus")
_ROUNDING = {Rounding.FLOOR: "TRN", Rounding.HALF_UP: "RND", Rounding.HALF_EVEN: "RND_CONV"}
_OVERFLOW = {Overflow.SATURATE: "SAT", Overflow.WRAP: "WRAP"}
_INPUT = "image"
logger = logging.getLogger(__name__)


def precision(fmt: Format) -> str:
    """A format as hls4ml writes it: total and integer bits (the sign among them), rounding, overflow."""
    kind = "fixed" if fmt.signed else "ufixed"
    return f"{kind}<{fmt.width},{fmt.width - fmt.fraction},{_ROUNDING[fmt.rounding]},{_OVERFLOW[fmt.overflow]}>"


def export_hls4ml(
    weights: WeightSet, folder: Path, *, backend: Backend = "Catapult", events: int = 1000, seed: int = 1
) -> dict[str, Any]:
    """Write an hls4ml project, compile it with g++ and compare its prediction with the emulator.

    Args:
        weights: encoder and its weights, profile ``exact``.
        folder: project folder; replaced only when everything is equal.
        backend: hls4ml backend.
        events: random images compared.
        seed: seed of these images.

    Returns:
        What was compared, as `econ_ae.exchange.prove.prove_equal` gives it.

    Raises:
        LoweringError: hls4ml has no exact counterpart of a layer, or a value differs.
        TrainingError: hls4ml is not installed, the backend is unknown, or g++ fails.
    """
    if backend not in BACKENDS:
        raise TrainingError(f"exporting to hls4ml: backend {backend!r} is unknown; known: {', '.join(BACKENDS)}")
    require_exact_products(weights, "hls4ml")
    nodes, config = layer_list(weights)
    folder = folder.absolute()
    with atomic_dir(folder) as temporary:
        try:
            model = _graph(nodes, config, temporary, backend)
        finally:  # hls4ml's Catapult writer also packs the project, beside it and unasked
            temporary.with_name(f"{temporary.name}.tar.gz").unlink(missing_ok=True)
        rows = prove_equal(weights, lambda images: _predict(model, weights.structure, images), "hls4ml", events, seed)
        for path in (temporary / "hls4ml_config.yml", *temporary.glob("*_bridge.cpp")):
            path.write_text(path.read_text().replace(str(temporary), str(folder)))
    return rows


def layer_list(weights: WeightSet) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """hls4ml's description of an encoder: nodes, and the precision of each.

    Raises:
        LoweringError: a layer kind that is not exported to hls4ml.
    """
    structure = weights.structure
    nodes: list[dict[str, Any]] = [
        {"class_name": "InputLayer", "name": _INPUT, "input_shape": list(structure.input.shape)}
    ]
    precisions: dict[str, dict[str, str]] = {_INPUT: {"result": precision(structure.input.format)}}
    for layer in structure.layers:
        made, used = _nodes(weights, layer)
        nodes += made
        precisions |= used
    names = {
        name: {"Precision": table, "Strategy": "Latency", "ReuseFactor": 1, "Trace": False}
        for name, table in precisions.items()
    }
    default = {"Precision": {"default": precision(structure.latent_format)}, "ReuseFactor": 1, "Strategy": "Latency"}
    return nodes, {"Model": default, "LayerName": names}


def _nodes(weights: WeightSet, layer: Layer) -> tuple[list[dict[str, Any]], dict[str, dict[str, str]]]:
    geo = weights.structure.geometry[layer.name]
    if isinstance(layer, Flatten):
        return [_flatten(layer.name, geo.output_shape)], {layer.name: {"result": precision(geo.output_format)}}
    if not isinstance(layer, Conv2D | Dense):
        raise LoweringError(
            f"exporting to hls4ml: layer {layer.name!r} ({layer.kind}) is not exported; exported: conv2d, dense, flatten"
        )
    sums = accumulator_bounds(weights.structure)[layer.name]
    whole = precision(Format(width=sums.width, fraction=sums.fraction, signed=True, overflow=Overflow.WRAP))
    out, used = f"{layer.name}_out", {}
    nodes: list[dict[str, Any]] = []
    if isinstance(layer, Dense) and len(geo.input_shape) > 1:
        flat = f"{layer.name}_flatten"
        nodes.append(_flatten(flat, (int(np.prod(geo.input_shape)),)))
        used[flat] = {"result": precision(geo.input_format)}
    kernel = weights.tensors[f"{layer.name}.kernel"] / float(1 << layer.kernel.fraction)
    bias = weights.tensors[f"{layer.name}.bias"] / float(1 << layer.bias.fraction)
    common = {"name": layer.name, "weight_data": kernel, "bias_data": bias, "use_bias": True}
    nodes.append({**common, **(_convolution(layer, geo) if isinstance(layer, Conv2D) else _dense(kernel))})
    kind = "relu" if layer.activation is Activation.RELU else "linear"
    nodes.append({"class_name": "Activation", "name": out, "activation": kind, "n_in": int(np.prod(geo.output_shape))})
    used[layer.name] = {
        "weight": precision(layer.kernel), "bias": precision(layer.bias), "accum": whole, "result": whole,
    }  # fmt: skip
    used[out] = {"result": precision(layer.output)}
    return nodes, used


def _flatten(name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"class_name": "Reshape", "name": name, "target_shape": list(shape)}


def _dense(kernel: Any) -> dict[str, Any]:
    return {"class_name": "Dense", "n_in": int(kernel.shape[0]), "n_out": int(kernel.shape[1])}


def _convolution(layer: Conv2D, geo: Any) -> dict[str, Any]:
    (height, width, channels), (rows, columns, _) = geo.input_shape, geo.output_shape
    top, bottom, left, right = geo.pad
    return {
        "class_name": "Conv2D", "data_format": "channels_last", "padding": layer.padding, "n_filt": layer.filters,
        "in_height": height, "in_width": width, "n_chan": channels, "out_height": rows, "out_width": columns,
        "filt_height": layer.kernel_size[0], "filt_width": layer.kernel_size[1],
        "stride_height": layer.strides[0], "stride_width": layer.strides[1],
        "pad_top": top, "pad_bottom": bottom, "pad_left": left, "pad_right": right,
    }  # fmt: skip


def _graph(nodes: list[dict[str, Any]], config: dict[str, Any], folder: Path, backend: Backend) -> Any:
    """Compiled ModelGraph in `folder`; what hls4ml prints goes to the log."""
    try:
        from hls4ml.backends import get_backend
        from hls4ml.model.graph import ModelGraph
        from hls4ml.utils.config import create_config
    except ImportError as error:
        raise TrainingError(
            f"exporting to hls4ml: {error.name} is not installed; install it with the project's extra 'hls'"
        ) from error
    get_backend(backend)
    settings = create_config(output_dir=str(folder), project_name="econ_encoder", backend=backend, clock_period=25.0)
    settings |= {"HLSConfig": config, "WriterOpts": {"WriteTar": False}}
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            model = ModelGraph.from_layer_list(settings, nodes)
            model.compile()
    except Exception as error:  # hls4ml raises whatever its passes and the compiler raise
        raise TrainingError(f"exporting to hls4ml: {backend} failed: {type(error).__name__}: {error}") from error
    finally:
        logger.debug("hls4ml said: %s", said.getvalue())
    return model


def _predict(model: Any, structure: Structure, images: Integers) -> Integers:
    """Latents int64[n, latents] of integer images by hls4ml's compiled C++."""
    real = (images / float(1 << structure.input.format.fraction)).astype(np.float32)
    found = np.asarray(model.predict(np.ascontiguousarray(real)), dtype=np.float64).reshape(len(images), -1)
    scaled = found * (1 << structure.latent_format.fraction)
    rounded = np.rint(scaled).astype(np.int64)
    if np.any(rounded != scaled):
        raise LoweringError("exporting to hls4ml: its latents are off the grid of the output format")
    return rounded
