"""The integer intermediate representation of an encoder: structure only, no weights.

``encoder.json`` is this model written as JSON. Weights live in separate files (`asic_flow.weights`), because they are
reprogrammable: everything generated from a structure is byte-identical for two weight sets.

Arithmetic of a weighted layer, all in integers (facts of the chip: ECON-T emulator replay, design.md section 3):

1. product ``p = x * w`` has ``input.fraction + weight.fraction`` fraction bits;
2. if the layer has a ``product_fraction``, every product is floored to it before accumulation (profile ``econ_t``);
3. the bias is shifted to the accumulator's fraction and added; the accumulator is as wide as any weight set needs;
4. activation, then one cast (rounding, overflow) into ``output``.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from asic_flow.errors import StructureError
from asic_flow.formats import Format, Rounding
from asic_flow.layers import (
    Activation,
    ActivationLayer,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    LayerGeometry,
    Model,
    Pool2D,
    WeightedLayer,
    ZeroPad2D,
    layer_geometry,
)
from hgcal_data.geometry import AE_TO_TC, IMAGE_POSITIONS

__all__ = [
    "Activation", "ActivationLayer", "Conv2D", "Dense", "Flatten", "InputSpec", "Layer", "LayerGeometry", "Pool2D", "Profile",
    "Structure", "WeightedLayer", "ZeroPad2D", "econ_t_structure", "input_4x4x3", "read_structure",
]  # fmt: skip

SCHEMA_VERSION = 1


class Profile(StrEnum):
    """Arithmetic profile of a structure."""

    ECON_T = "econ_t"
    EXACT = "exact"


class InputSpec(Model):
    """Image that the converter hands to the first layer."""

    height: int = Field(default=8, ge=1)
    width: int = Field(default=8, ge=1)
    channels: int = Field(default=1, ge=1)
    format: Format = Field(default=Format(width=8, fraction=7, signed=False))
    cell_positions: tuple[int, ...] = Field(
        default=tuple(int(p) for p in IMAGE_POSITIONS),
        description="flat image index (row, column, channel) of each post-mux trigger cell; other positions stay zero",
    )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return (self.height, self.width, self.channels)

    @model_validator(mode="after")
    def _positions_fit(self) -> InputSpec:
        size = self.height * self.width * self.channels
        if len(set(self.cell_positions)) != len(self.cell_positions):
            raise ValueError("cell_positions: two trigger cells share an image position")
        if any(not 0 <= p < size for p in self.cell_positions):
            raise ValueError(f"cell_positions: every position must lie in 0..{size - 1}")
        return self


def input_4x4x3() -> InputSpec:
    """The older arrangement of the 48 trigger cells: three 4x4 images, one per third of the module.

    Trigger cell ``i`` (TC order) lies at row ``i % 16 // 4``, column ``i % 4`` of channel ``i // 16`` (facts/data.md, CMSSW).
    """
    return InputSpec(height=4, width=4, channels=3, cell_positions=tuple(int(3 * (i % 16) + i // 16) for i in AE_TO_TC))


class Structure(Model):
    """A whole encoder: input, layers, output, register profile."""

    schema_version: Literal[1] = 1
    name: str = Field(default="econ_encoder", pattern=r"^[a-z][a-z0-9_]*$")
    profile: Profile = Profile.ECON_T
    input: InputSpec = Field(default_factory=InputSpec)
    layers: tuple[Layer, ...]
    register_profile: Literal["econ_t", "generic"] = "econ_t"

    @model_validator(mode="after")
    def _consistent(self) -> Structure:
        names = [layer.name for layer in self.layers]
        if len(set(names)) != len(names):
            raise ValueError(f"layer names must be unique, found {names}")
        if not self.layers:
            raise ValueError("a structure needs at least one layer")
        if not self.weighted_layers:
            raise ValueError("a structure needs at least one layer with weights (conv2d or dense)")
        last = self.layers[-1]
        if len(shape := self.geometry[last.name].output_shape) != 1:
            raise ValueError(
                f"the latents must be a vector, but {last.name!r} gives shape {shape}; end with dense or flatten"
            )
        return self

    @property
    def geometry(self) -> dict[str, LayerGeometry]:
        """Shapes and formats of every layer by name, in order."""
        shape: tuple[int, ...] = self.input.shape
        fmt = self.input.format
        result: dict[str, LayerGeometry] = {}
        for layer in self.layers:
            item = layer_geometry(layer, shape, fmt)
            result[layer.name] = item
            shape, fmt = item.output_shape, item.output_format
        return result

    @property
    def weighted_layers(self) -> tuple[Conv2D | Dense, ...]:
        """The layers that have weights, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, Conv2D | Dense))

    @property
    def latency_clocks(self) -> int:
        """Clocks from an event to its latents: one register stage per layer with weights."""
        return len(self.weighted_layers)

    @property
    def n_latents(self) -> int:
        """Number of latents."""
        return self.geometry[self.layers[-1].name].output_shape[0]

    @property
    def latent_format(self) -> Format:
        """Format of each latent."""
        return self.geometry[self.layers[-1].name].output_format

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all weight tensors in register order: ``name.kernel`` (Keras layout) and ``name.bias``."""
        shapes: dict[str, tuple[int, ...]] = {}
        geometry = self.geometry
        for layer in self.weighted_layers:
            geo = geometry[layer.name]
            if isinstance(layer, Conv2D):
                shapes[f"{layer.name}.kernel"] = (*layer.kernel_size, geo.input_shape[2], layer.filters)
                shapes[f"{layer.name}.bias"] = (layer.filters,)
            else:
                shapes[f"{layer.name}.kernel"] = (int(np.prod(geo.input_shape)), layer.units)
                shapes[f"{layer.name}.bias"] = (layer.units,)
        return shapes

    def tensor_format(self, tensor: str) -> Format:
        """Format of a weight tensor named as in `tensor_shapes`."""
        name, part = tensor.split(".")
        layer = next(item for item in self.weighted_layers if item.name == name)
        return layer.kernel if part == "kernel" else layer.bias

    def word_widths(self) -> list[int]:
        """Width of every weight word in register order."""
        return [
            self.tensor_format(t).width for t, shape in self.tensor_shapes().items() for _ in range(int(np.prod(shape)))
        ]

    @property
    def n_weights(self) -> int:
        """Number of weights and biases."""
        return sum(int(np.prod(shape)) for shape in self.tensor_shapes().values())

    @property
    def weight_bits(self) -> int:
        """Bits of one copy of the weight bank."""
        return sum(int(np.prod(s)) * self.tensor_format(t).width for t, s in self.tensor_shapes().items())

    def accumulator_fraction(self, name: str) -> int:
        """Fraction bits of a weighted layer's accumulator."""
        layer = next(item for item in self.weighted_layers if item.name == name)
        full = self.geometry[name].input_format.fraction + layer.kernel.fraction
        return full if layer.product_fraction is None else layer.product_fraction

    def product_drop(self, name: str) -> int:
        """Bits floored off every product of a weighted layer; 0 for exact products."""
        layer = next(item for item in self.weighted_layers if item.name == name)
        return self.geometry[name].input_format.fraction + layer.kernel.fraction - self.accumulator_fraction(name)

    def to_json(self) -> str:
        """Deterministic JSON text of the structure."""
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"

    @property
    def sha256(self) -> str:
        """Hash that weight files carry; independent of the structure's name."""
        payload = self.model_dump(mode="json", exclude={"name"})
        return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


def econ_t_structure(
    profile: Profile | str = Profile.ECON_T, *, filters: int = 8, units: int = 16, weight_bits: int = 6
) -> Structure:
    """The chip's own encoder: 8x8x1 -> conv 3x3 stride 2 -> ReLU -> dense -> ReLU.

    Weights are ``weight_bits`` wide with ``weight_bits - 1`` fraction bits; hidden values have 8 bits (7 fraction),
    latents 9 bits (8 fraction), saturating (facts/econ-t.md section 1.4). In profile ``econ_t`` convolution products
    are floored to 7 and dense products to 8 fraction bits; in ``exact`` the only rounding is half-to-even at the
    activation, which is what QKeras quantisers do.
    """
    profile = Profile(profile)
    floored = profile is Profile.ECON_T
    weight = Format(width=weight_bits, fraction=weight_bits - 1, signed=True)
    rounding = Rounding.FLOOR if floored else Rounding.HALF_EVEN
    conv = Conv2D(
        name="conv", filters=filters, kernel_size=(3, 3), strides=(2, 2), kernel=weight, bias=weight,
        product_fraction=7 if floored else None, output=Format(width=8, fraction=7, signed=False, rounding=rounding),
    )  # fmt: skip
    dense = Dense(
        name="dense", units=units, kernel=weight, bias=weight,
        product_fraction=8 if floored else None, output=Format(width=9, fraction=8, signed=False, rounding=rounding),
    )  # fmt: skip
    standard = (filters, units, weight_bits) == (8, 16, 6)
    return Structure(profile=profile, layers=(conv, dense), register_profile="econ_t" if standard else "generic")


def read_structure(path: Path) -> Structure:
    """Read and validate ``encoder.json``.

    Raises:
        StructureError: the file is missing, is not JSON, or does not describe a structure the flow builds.
    """
    try:
        return Structure.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StructureError(
            f"reading structure {path}: {error.strerror}. Train or export an encoder first."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "top level"
        raise StructureError(f"reading structure {path}: at {where}: {first['msg']}") from error
