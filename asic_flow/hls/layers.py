"""What the C++ templates need to know of each layer: types, sizes, kernel call."""

from __future__ import annotations

import math
from typing import Any

from asic_flow.bounds import AccumulatorBounds, accumulator_bounds
from asic_flow.hls.cpp_types import fixed_type, format_type, product_type
from asic_flow.ir import ActivationLayer, Conv2D, Dense, Flatten, LayerGeometry, Pool2D, Structure, ZeroPad2D
from asic_flow.layers import mean_shift

_Called = Conv2D | Dense | Pool2D | ZeroPad2D | ActivationLayer


def layer_contexts(structure: Structure) -> list[dict[str, Any]]:
    """One dictionary per kernel call, in order; flattening is none, because tensors are flat already."""
    bounds, geometry = accumulator_bounds(structure), structure.geometry
    layers: list[_Called] = [layer for layer in structure.layers if not isinstance(layer, Flatten)]
    source, source_type = "image", "::input_t"
    result: list[dict[str, Any]] = []
    for layer in layers:
        geo = geometry[layer.name]
        last = layer is layers[-1]
        context: dict[str, Any] = {
            "name": layer.name,
            "upper": layer.name.upper(),
            "source": source,
            "target": "latents" if last else f"{layer.name}_output",
            "output_size": math.prod(geo.output_shape),
            "output_type": format_type(geo.output_format, with_modes=True),
            "relu": None,
            "weighted": isinstance(layer, Conv2D | Dense),
        }
        if isinstance(layer, Conv2D | Dense):
            context |= _weighted(structure, layer, geo, bounds[layer.name])
        else:
            context |= _unweighted(layer, geo)
        context["types"] = [
            ("input_t", source_type),
            *((f"{name}_t", f"{layer.name}_{name}_t") for name in context["aliases"]),
        ]
        result.append(context)
        source, source_type = f"{layer.name}_output", f"{layer.name}_output_t"
    return result


def _weighted(
    structure: Structure, layer: Conv2D | Dense, geometry: LayerGeometry, bound: AccumulatorBounds
) -> dict[str, Any]:
    shapes = structure.tensor_shapes()
    return {
        "function": "conv2d" if isinstance(layer, Conv2D) else "dense",
        "arguments": [f"{layer.name}_kernel", f"{layer.name}_bias"],
        "relu": layer.activation.value == "relu",
        "comment": f"accumulator in [{bound.minimum}, {bound.maximum}] over all weight sets",
        "sizes": [("KERNEL", math.prod(shapes[f"{layer.name}.kernel"])), ("BIAS", math.prod(shapes[f"{layer.name}.bias"]))],
        "typedefs": [
            ("kernel", format_type(layer.kernel, with_modes=False)),
            ("bias", format_type(layer.bias, with_modes=False)),
            ("product", product_type(layer, geometry)),
            ("accum", fixed_type(bound.width, bound.fraction, signed=True)),
        ],
        "aliases": ["kernel", "bias", "product", "accum", "output"],
        "constants": _constants(layer, geometry),
    }  # fmt: skip


def _unweighted(layer: Pool2D | ZeroPad2D | ActivationLayer, geometry: LayerGeometry) -> dict[str, Any]:
    context: dict[str, Any] = {"arguments": [], "sizes": [], "typedefs": [], "aliases": ["output"]}
    fmt = geometry.input_format
    if isinstance(layer, ActivationLayer):
        size = [("size", math.prod(geometry.input_shape))]
        accum = [("accum", format_type(fmt, with_modes=False))]
        text = f"activation {layer.activation.value}"
        return context | {
            "function": "activate_all", "relu": layer.activation.value == "relu", "comment": text, "constants": size,
            "typedefs": accum, "aliases": ["accum", "output"],
        }  # fmt: skip
    context["constants"] = _constants(layer, geometry)
    if isinstance(layer, ZeroPad2D):
        return context | {"function": "zero_pad2d", "comment": "rows and columns of zeros"}
    if layer.mode == "max":
        return context | {"function": "max_pool2d", "comment": "largest value of each window"}
    width, shift = fmt.width + mean_shift(layer), mean_shift(layer)
    return context | {
        "function": "average_pool2d",
        "comment": "mean of each window",
        "typedefs": [
            ("sum", fixed_type(width, fmt.fraction, signed=fmt.signed)),
            ("accum", fixed_type(width, fmt.fraction + shift, signed=fmt.signed)),
        ],
        "aliases": ["sum", "accum", "output"],
        "relu": False,
    }


def _constants(layer: Conv2D | Dense | Pool2D | ZeroPad2D, geometry: LayerGeometry) -> list[tuple[str, int]]:
    """Integer members of a layer's configuration struct."""
    if isinstance(layer, Dense):
        return [("inputs", math.prod(geometry.input_shape)), ("units", layer.units)]
    (height, width, channels), (rows, columns, _) = geometry.input_image, geometry.output_image
    image = [("in_height", height), ("in_width", width), ("in_channels", channels)]
    place = [("pad_top", geometry.pad[0]), ("pad_left", geometry.pad[2]), ("out_height", rows), ("out_width", columns)]
    if isinstance(layer, ZeroPad2D):
        return [*image, *place]
    window, name = (layer.kernel_size, "kernel") if isinstance(layer, Conv2D) else (layer.pool_size, "pool")
    windows = [
        (f"{name}_height", window[0]), (f"{name}_width", window[1]),
        ("stride_height", layer.strides[0]), ("stride_width", layer.strides[1]),
    ]  # fmt: skip
    filters = [("filters", layer.filters)] if isinstance(layer, Conv2D) else []
    return [*image, *windows, *place, *filters]
