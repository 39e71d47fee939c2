"""Export to QONNX: standard ONNX operators with ``Quant`` nodes of the domain ``qonnx.custom_op.general``.

Weights and biases are real numbers behind a ``Quant`` node each, so that the formats stand in the file; every cast of the
structure is a ``Quant`` node too. The input keeps Keras' layout (row, column, channel). QONNX has no floor of single
products and no wrap-around, so a structure with either is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from asic_flow.formats import Format, Integers, Overflow, Rounding
from asic_flow.ir import Activation, ActivationLayer, Conv2D, Dense, Flatten, Pool2D, Structure, ZeroPad2D
from asic_flow.weights import WeightSet
from econ_ae.errors import LoweringError, TrainingError
from econ_ae.exchange.plain import require_exact_products
from econ_ae.exchange.prove import prove_equal
from hgcal_data.files import atomic_path

_DOMAIN = "qonnx.custom_op.general"
_OPSET = 13
_INPUT, _OUTPUT = "image", "latents"
_ROUNDING = {Rounding.FLOOR: "FLOOR", Rounding.HALF_EVEN: "ROUND"}


def export_qonnx(weights: WeightSet, path: Path, *, events: int = 200, seed: int = 1) -> dict[str, Any]:
    """Write a QONNX file and compare what QONNX's own executor makes of it with the emulator.

    Args:
        weights: encoder and its weights, profile ``exact``.
        path: ``.onnx`` file; written only when everything is equal.
        events: random images compared.
        seed: seed of these images.

    Returns:
        What was compared, as `econ_ae.exchange.prove.prove_equal` gives it.

    Raises:
        LoweringError: QONNX has no exact counterpart of something in the structure, or a value differs.
        TrainingError: the package qonnx is not installed.
    """
    _require_qonnx()
    require_exact_products(weights, "QONNX")
    checked = prove_equal(
        weights, lambda images: run_qonnx(build_qonnx(weights, len(images)), images), "QONNX", events, seed
    )
    with atomic_path(path) as temporary:
        build_qonnx(weights, 1).save(str(temporary))
    return checked


def _require_qonnx() -> None:
    try:
        import qonnx  # noqa: F401
    except ImportError as error:
        raise TrainingError(
            "exporting to QONNX: package qonnx is not installed; install it with the project's extra 'exchange'"
        ) from error


def run_qonnx(model: Any, images: Integers) -> Integers:
    """Latents int64[n, latents] of images int64[n, height, width, channels] by QONNX's executor.

    Args:
        model: ``ModelWrapper`` made for n images; formats are read from its first and last cast.
        images: integers in the input format.
    """
    from qonnx.core.onnx_exec import execute_onnx

    def scale(node: Any) -> float:
        return float(model.get_initializer(node.input[1]))

    quants = [node for node in model.graph.node if node.op_type == "Quant"]
    real = (images * scale(next(n for n in quants if n.input[0] == _INPUT))).astype(np.float32)
    unit = scale(quants[-1])
    found = np.asarray(execute_onnx(model, {_INPUT: real})[_OUTPUT], dtype=np.float64) / unit
    rounded: Integers = np.rint(found).astype(np.int64)
    if np.any(rounded != found):
        raise LoweringError("exporting to QONNX: its latents are off the grid of the output format")
    return rounded


def build_qonnx(weights: WeightSet, batch: int = 1) -> Any:
    """QONNX ``ModelWrapper`` of an encoder for `batch` images.

    Raises:
        LoweringError: a cast that a Quant node does not have.
    """
    from onnx import TensorProto, helper
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.infer_shapes import InferShapes
    from qonnx.util.basic import qonnx_make_model

    structure = weights.structure
    graph = _Graph(structure, batch)
    graph.quantise(_INPUT, structure.input.format, "image_quant")
    graph.node("Transpose", "image_nchw", perm=[0, 3, 1, 2])
    for layer in structure.layers:
        graph.add(layer, weights)
    if graph.value != _OUTPUT:
        graph.node("Identity", _OUTPUT)
    made = helper.make_graph(
        graph.nodes, structure.name,
        [helper.make_tensor_value_info(_INPUT, TensorProto.FLOAT, (batch, *structure.input.shape))],
        [helper.make_tensor_value_info(_OUTPUT, TensorProto.FLOAT, (batch, structure.n_latents))],
        [helper.make_tensor(k, TensorProto.FLOAT, v.shape, v.ravel().tolist()) for k, v in graph.constants.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_DOMAIN, 1)]
    return ModelWrapper(qonnx_make_model(made, producer_name="econ-ae", opset_imports=opsets)).transform(InferShapes())


@dataclass
class _Graph:
    """An ONNX graph under construction; `value` names the tensor that the next node reads."""

    structure: Structure
    batch: int
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    value: str = _INPUT

    def node(self, kind: str, output: str, *more: str, **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, [self.value, *more], [output], name=f"{output}_node", **attributes))
        self.value = output

    def constant(self, name: str, values: Any) -> str:
        self.constants[name] = np.asarray(values, dtype=np.float32)
        return name

    def quantise(self, source: str, fmt: Format, output: str) -> None:
        """Cast of `source` into `fmt`."""
        if fmt.overflow is not Overflow.SATURATE or fmt.rounding not in _ROUNDING:
            raise LoweringError(
                f"exporting to QONNX: the cast {output!r} rounds {fmt.rounding} and overflows by {fmt.overflow}; "
                "QONNX's Quant node has floor and half_even, saturating"
            )
        self.value = source
        inputs = (
            self.constant(f"{output}_scale", 2.0**-fmt.fraction),
            self.constant(f"{output}_zero", 0.0),
            self.constant(f"{output}_bits", fmt.width),
        )
        self.node(
            "Quant", output, *inputs,
            domain=_DOMAIN, signed=int(fmt.signed), narrow=0, rounding_mode=_ROUNDING[fmt.rounding],
        )  # fmt: skip

    def parameter(self, weights: WeightSet, name: str, order: tuple[int, ...] | None = None) -> str:
        """A weight tensor behind its Quant node."""
        fmt = self.structure.tensor_format(name)
        values = weights.tensors[name] / float(1 << fmt.fraction)
        source, output = name.replace(".", "_"), f"{name.replace('.', '_')}_quant"
        kept = self.value
        self.quantise(self.constant(source, values if order is None else values.transpose(order)), fmt, output)
        self.value = kept
        return output

    def add(self, layer: Any, weights: WeightSet) -> None:
        """One layer of the structure."""
        geo, name = self.structure.geometry[layer.name], layer.name
        if isinstance(layer, Conv2D):
            parameters = (
                self.parameter(weights, f"{name}.kernel", (3, 2, 0, 1)),
                self.parameter(weights, f"{name}.bias"),
            )
            self.node(
                "Conv", f"{name}_sum", *parameters,
                kernel_shape=list(layer.kernel_size), strides=list(layer.strides), pads=_pads(geo.pad),
            )  # fmt: skip
        elif isinstance(layer, Dense):
            if len(geo.input_shape) > 1:
                self.flatten(name)
            kernel, bias = self.parameter(weights, f"{name}.kernel"), self.parameter(weights, f"{name}.bias")
            self.node("MatMul", f"{name}_product", kernel)
            self.node("Add", f"{name}_sum", bias)
        elif isinstance(layer, Pool2D):
            kind = "MaxPool" if layer.mode == "max" else "AveragePool"
            self.node(
                kind, f"{name}_pooled",
                kernel_shape=list(layer.pool_size), strides=list(layer.strides), pads=_pads(geo.pad),
            )  # fmt: skip
        elif isinstance(layer, ZeroPad2D):
            top, bottom, left, right = layer.padding
            self.pad(name, [0, 0, top, left, 0, 0, bottom, right])
        elif isinstance(layer, Flatten):
            self.flatten(name)
        elif not isinstance(layer, ActivationLayer):
            raise LoweringError(f"exporting to QONNX: layer {name!r} ({layer.kind}) is not exported")
        if getattr(layer, "activation", Activation.LINEAR) is Activation.RELU:
            self.node("Relu", f"{name}_relu")
        if getattr(layer, "output", None) is not None:
            last = layer is self.structure.layers[-1]
            self.quantise(self.value, layer.output, _OUTPUT if last else f"{name}_out")

    def flatten(self, name: str) -> None:
        """(channel, row, column) to the vector in Keras' order (row, column, channel)."""
        self.node("Transpose", f"{name}_nhwc", perm=[0, 2, 3, 1])
        self.node("Flatten", f"{name}_flat", axis=1)

    def pad(self, name: str, pads: list[int]) -> None:
        """Zeros around an image; from opset 11 on the widths are an integer tensor."""
        from onnx import TensorProto, helper

        constant = helper.make_tensor(f"{name}_pads", TensorProto.INT64, (len(pads),), pads)
        self.nodes.append(helper.make_node("Constant", [], [f"{name}_pads"], value=constant))
        self.node("Pad", f"{name}_padded", f"{name}_pads", mode="constant")


def _pads(pad: tuple[int, int, int, int]) -> list[int]:
    """(top, bottom, left, right) in ONNX's order: beginnings, then ends."""
    top, bottom, left, right = pad
    return [top, left, bottom, right]
