"""Where the layers of a structure lie in the RTL: weight stream, data bus, register stages."""

from __future__ import annotations

import math
from dataclasses import dataclass

from asic_flow.formats import Format
from asic_flow.ir import (
    Activation,
    ActivationLayer,
    Conv2D,
    Dense,
    Flatten,
    LayerGeometry,
    Pool2D,
    Structure,
    ZeroPad2D,
)
from asic_flow.layers import mean_shift

KINDS = ("KindConv", "KindDense", "KindMaxPool", "KindMeanPool", "KindPad", "KindActivation")
"""Names of the kinds of layer in the package of parameters, in the order of their codes."""

_Carried = Conv2D | Dense | Pool2D | ZeroPad2D | ActivationLayer


@dataclass(frozen=True)
class PlacedLayer:
    """A layer with its geometry and its places in the weight stream and in the data bus (bit offsets).

    `fraction` is that of the integers which are cast into the output; `registered` says whether a stage ends behind it.
    """

    layer: _Carried
    geometry: LayerGeometry
    fraction: int
    kernel_lsb: int
    bias_lsb: int
    in_lsb: int
    out_lsb: int
    registered: bool

    @property
    def in_shape(self) -> tuple[int, int, int]:
        """(height, width, channels); a vector is one row of one channel."""
        return self.geometry.input_image

    @property
    def out_shape(self) -> tuple[int, int, int]:
        """(height, width, outputs); a dense layer is one position."""
        if isinstance(self.layer, Dense):
            return (1, 1, self.layer.units)
        return self.geometry.output_image

    @property
    def weights(self) -> Conv2D | Dense | None:
        """The layer if it has weights."""
        return self.layer if isinstance(self.layer, Conv2D | Dense) else None

    @property
    def output(self) -> Format:
        """Format of the output."""
        return self.geometry.output_format

    @property
    def relu(self) -> bool:
        """Whether negative values become zero."""
        return not isinstance(self.layer, Pool2D | ZeroPad2D) and self.layer.activation is Activation.RELU

    @property
    def kind(self) -> int:
        """Index into `KINDS`."""
        if isinstance(self.layer, Pool2D):
            return KINDS.index("KindMaxPool" if self.layer.mode == "max" else "KindMeanPool")
        kinds = {Conv2D: "KindConv", Dense: "KindDense", ZeroPad2D: "KindPad", ActivationLayer: "KindActivation"}
        return KINDS.index(kinds[type(self.layer)])

    @property
    def window(self) -> tuple[int, int, int, int]:
        """Window height and width, strides; ones for a layer without windows."""
        if isinstance(self.layer, Conv2D):
            return (*self.layer.kernel_size, *self.layer.strides)
        return (*self.layer.pool_size, *self.layer.strides) if isinstance(self.layer, Pool2D) else (1, 1, 1, 1)

    @property
    def product_shift(self) -> int:
        """Bits floored off every product; 0 without weights."""
        if self.weights is None:
            return 0
        return self.geometry.input_format.fraction + self.weights.kernel.fraction - self.fraction

    @property
    def may_be_compact(self) -> bool:
        """Whether `econ_compact_neuron` carries the layer's products: unsigned inputs, sign bits above the floor."""
        signed = self.geometry.input_format.signed
        return self.weights is not None and not signed and self.product_shift < self.weights.kernel.width


def place_layers(structure: Structure) -> list[PlacedLayer]:
    """Bit offsets of every layer's weights (register order) and data; flattening is no layer here."""
    spec = structure.input
    placed: list[PlacedLayer] = []
    weight_lsb, in_lsb = 0, 0
    out_lsb = spec.height * spec.width * spec.channels * spec.format.width
    shapes, geometry = structure.tensor_shapes(), structure.geometry
    layers: list[_Carried] = [layer for layer in structure.layers if not isinstance(layer, Flatten)]
    weighted = False
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        geo = geometry[layer.name]
        fraction, bias_lsb, end = geo.input_format.fraction, weight_lsb, weight_lsb
        if isinstance(layer, Conv2D | Dense):
            weighted = True
            fraction = structure.accumulator_fraction(layer.name)
            bias_lsb = weight_lsb + math.prod(shapes[f"{layer.name}.kernel"]) * layer.kernel.width
            end = bias_lsb + math.prod(shapes[f"{layer.name}.bias"]) * layer.bias.width
        elif isinstance(layer, Pool2D):
            fraction += mean_shift(layer)
        ends_stage = following is None or (weighted and isinstance(following, Conv2D | Dense))
        placed.append(PlacedLayer(layer, geo, fraction, weight_lsb, bias_lsb, in_lsb, out_lsb, ends_stage))
        weight_lsb = end
        in_lsb, out_lsb = out_lsb, out_lsb + math.prod(geo.output_shape) * geo.output_format.width
    return placed
