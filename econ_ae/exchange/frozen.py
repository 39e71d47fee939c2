"""Frozen TensorFlow graphs (``.pb``) of encoder and decoder, as CMSSW's emulation of the concentrator loads them.

CMSSW's ``HGCalConcentratorAutoEncoderImpl`` feeds the first node of the graph and fetches the last, so the nodes are
written in that order: inputs first, output last.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from econ_ae.errors import TrainingError
from hgcal_data.files import atomic_path

Arrays = Sequence[NDArray[np.float32]]


def export_frozen(model: keras.Model, path: Path, samples: Arrays) -> dict[str, Any]:
    """Freeze a model, load the graph again, compare on samples, and write it.

    Args:
        model: encoder or decoder; one or several inputs, one output.
        path: ``.pb`` file; written only when the outputs are equal.
        samples: one array per input, float32[n, ...].

    Returns:
        ``{"target", "inputs", "output", "events", "largest_difference"}``.

    Raises:
        TrainingError: the outputs of the frozen graph differ, or TensorFlow cannot freeze the model.
    """
    graph = freeze(model)
    expected = np.asarray(model(_as_inputs(model, samples), training=False))
    found = run_frozen(graph, samples)
    difference = float(np.abs(found - expected).max(initial=0.0))
    if found.shape != expected.shape or not np.allclose(found, expected, rtol=1e-5, atol=1e-6):
        raise TrainingError(
            f"freezing model {model.name!r}: outputs of the frozen graph differ by up to {difference:.3g}; nothing was written"
        )
    with atomic_path(path) as temporary:
        temporary.write_bytes(graph.SerializeToString())
    return {
        "target": "frozen graph", "inputs": input_names(graph), "output": graph.node[-1].name, "events": len(expected),
        "largest_difference": difference,
    }  # fmt: skip


def freeze(model: keras.Model) -> Any:
    """``GraphDef`` of a model with its variables as constants; inputs are its first nodes, the output its last.

    Raises:
        TrainingError: this TensorFlow cannot freeze the model.
    """
    try:
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    except ImportError as error:
        raise TrainingError(
            f"freezing model {model.name!r}: TensorFlow {tf.__version__} has no graph freezing"
        ) from error
    specs = [tf.TensorSpec(tensor.shape, tf.float32, name=f"input_{i + 1}") for i, tensor in enumerate(model.inputs)]

    def call(*values: Any) -> Any:
        return tf.identity(model(_as_inputs(model, values), training=False), name="output")

    try:
        concrete = tf.function(call).get_concrete_function(*specs)
        frozen = convert_variables_to_constants_v2(concrete)
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise TrainingError(f"freezing model {model.name!r}: {str(error).splitlines()[0]}") from error
    graph, output = frozen.graph.as_graph_def(), frozen.outputs[0].op.name
    nodes = {node.name: node for node in graph.node}
    inputs = [tensor.op.name for tensor in frozen.inputs]
    inner = [node for node in graph.node if node.name not in {*inputs, output} and node.op != "NoOp"]
    ordered = tf.compat.v1.GraphDef(versions=graph.versions, library=graph.library)
    ordered.node.extend([*(nodes[name] for name in inputs), *inner, nodes[output]])
    for node in ordered.node:
        kept = [name for name in node.input if not name.startswith("^") or nodes[name[1:]].op != "NoOp"]
        del node.input[:]
        node.input.extend(kept)
    return ordered


def input_names(graph: Any) -> list[str]:
    """Names of the placeholders, in order."""
    return [node.name for node in graph.node if node.op == "Placeholder"]


def read_frozen(path: Path) -> Any:
    """``GraphDef`` of a ``.pb`` file.

    Raises:
        TrainingError: the file is missing or is no graph.
    """
    from google.protobuf.message import DecodeError

    graph = tf.compat.v1.GraphDef()
    try:
        graph.ParseFromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise TrainingError(f"reading frozen graph {path}: {error}") from error
    if not graph.node:
        raise TrainingError(f"reading frozen graph {path}: it has no nodes")
    return graph


def run_frozen(graph: Any, values: Arrays) -> NDArray[np.float32]:
    """Output of a frozen graph: feeds the placeholders in order, fetches the last node."""
    names = [f"{name}:0" for name in input_names(graph)]

    def load() -> None:
        tf.compat.v1.import_graph_def(graph, name="")

    wrapped = tf.compat.v1.wrap_function(load, [])
    element = wrapped.graph.as_graph_element
    pruned = wrapped.prune([element(name) for name in names], element(f"{graph.node[-1].name}:0"))
    result: NDArray[np.float32] = np.asarray(pruned(*[tf.constant(array) for array in values]))
    return result


def _as_inputs(model: keras.Model, values: Sequence[Any]) -> Any:
    return list(values) if len(model.inputs) > 1 else values[0]
