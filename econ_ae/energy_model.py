"""Energy of one inference of an integer structure, by the published operation costs of a 45 nm process.

Costs per operation: M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, pages 10-14,
in the continuous form that QTools gives them (C. Coelho et al., Nature Machine Intelligence 3 (2021) 675,
arXiv:2006.10159; parameter names as in its configuration ``horowitz``). Counting rules are QTools' too, so that figures
can be set beside published ones: every product of a layer costs one multiplication of the geometric mean width and
one addition in an accumulator that grows by one bit per doubling of the number of terms, and by one for the bias.
Pooling costs one addition (or comparison) per window cell but the first, at the input's width; zero padding, flattening
and casts are free.

This file needs no machine-learning package; `econ_ae.energy_qtools` estimates Keras models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from asic_flow.ir import Conv2D, Dense, Layer, LayerGeometry, Pool2D, Structure

Place = Literal["registers", "sram"]

FIXED_ADD = (0.003125, 0.0)
"""Fixed-point addition: pJ as a polynomial of the width in bits, highest power first."""
FIXED_MULTIPLY = (0.002994791667, 0.001041666667, 0.0)
"""Fixed-point multiplication: pJ as a polynomial of the width in bits."""
SRAM_READ = (9.02427321e-04, -2.68847858e-02, 2.08900804e-01, 0.0)
"""One 64-bit access to an SRAM: pJ as a polynomial of log2 of its size in bits."""
SRAM_WORD = 64
PICO_TO_MICRO = 1e-6

QTOOLS_SRAM_BITS = 8 * 16 * 1024 * 1024
"""Smallest SRAM assumed in QTools' own examples and in the field's published table: 16 MiB."""


@dataclass(frozen=True)
class Memory:
    """Where weights and values between layers live.

    Attributes:
        weights: ``registers`` cost nothing to read (an on-detector encoder holds every weight at its multiplier).
        activations: ``registers`` for a network that is laid out in space, ``sram`` for one that is run layer by layer.
        smallest_sram_bits: an SRAM is at least this large, which sets the energy of an access.
    """

    weights: Place = "registers"
    activations: Place = "registers"
    smallest_sram_bits: int = 0


@dataclass(frozen=True)
class LayerEnergy:
    """Energy of one layer per inference.

    Attributes:
        name: layer name.
        operations: number of multiply-accumulates.
        operations_pj: energy of the multiply-accumulates (pJ).
        inputs_pj: energy of reading the layer's input (pJ).
        parameters_pj: energy of reading the weights (pJ).
        outputs_pj: energy of writing the output (pJ); counted for activation layers only, as QTools does.
    """

    name: str
    operations: int
    operations_pj: float
    inputs_pj: float = 0.0
    parameters_pj: float = 0.0
    outputs_pj: float = 0.0

    @property
    def total_pj(self) -> float:
        """All of it (pJ)."""
        return self.operations_pj + self.inputs_pj + self.parameters_pj + self.outputs_pj


@dataclass(frozen=True)
class EnergyEstimate:
    """Energy of one inference, layer by layer.

    Attributes:
        layers: in the order of the network.
        memory: where weights and values were assumed to live.
        method: what made the estimate, in words.
        weight_bits: bits of all weights and biases, or None if unknown.
        uncounted: layers whose operations have no published cost (only where the caller allowed them).
    """

    layers: tuple[LayerEnergy, ...]
    memory: Memory
    method: str
    weight_bits: int | None = None
    uncounted: tuple[str, ...] = field(default=())

    @property
    def total_uj(self) -> float:
        """Energy of one inference (uJ)."""
        return sum(layer.total_pj for layer in self.layers) * PICO_TO_MICRO

    def to_metrics(self) -> dict[str, Any]:
        """Entries for ``train/metrics.json``."""
        return {
            "energy_uj": self.total_uj,
            "energy_uj_per_layer": {layer.name: layer.total_pj * PICO_TO_MICRO for layer in self.layers},
            "energy_model": f"{self.method}; weights in {self.memory.weights}, values in {self.memory.activations}",
        }


def structure_energy(structure: Structure, memory: Memory | None = None) -> EnergyEstimate:
    """Energy of one inference of an integer structure.

    Args:
        structure: the encoder; where it floors products (profile ``econ_t``) the adders are narrower by the bits
            that the floor drops.
        memory: where weights and values live; default: registers, which cost nothing to read.
    """
    place = memory or Memory()
    layers = [_layer_energy(structure, layer, structure.geometry[layer.name], place) for layer in structure.layers]
    return EnergyEstimate(
        tuple(layers),
        place,
        "counts of the integer structure, Horowitz 45 nm costs by QTools' rules",
        structure.weight_bits,
    )


def _layer_energy(structure: Structure, layer: Layer, geo: LayerGeometry, memory: Memory) -> LayerEnergy:
    operations, energy = 0, 0.0
    if isinstance(layer, Conv2D | Dense):
        operations, energy = _products(structure, layer, geo)
    elif isinstance(layer, Pool2D):
        operations = (layer.pool_size[0] * layer.pool_size[1] - 1) * int(np.prod(geo.output_shape))
        energy = operations * _polynomial(FIXED_ADD, geo.input_format.width)
    inputs = parameters = outputs = 0.0
    if memory.activations == "sram":
        inputs = sram_energy(int(np.prod(geo.input_shape)) * geo.input_format.width, memory.smallest_sram_bits)
        outputs = sram_energy(int(np.prod(geo.output_shape)) * geo.output_format.width, memory.smallest_sram_bits)
    if memory.weights == "sram":
        for name, shape in structure.tensor_shapes().items():
            if name.split(".")[0] == layer.name:
                bits = int(np.prod(shape)) * structure.tensor_format(name).width
                parameters += sram_energy(bits, memory.smallest_sram_bits)
    return LayerEnergy(layer.name, operations, energy, inputs, parameters, outputs)


def _products(structure: Structure, layer: Conv2D | Dense, geo: LayerGeometry) -> tuple[int, float]:
    """(multiply-accumulates, their energy in pJ) of a layer with weights."""
    terms = int(np.prod(structure.tensor_shapes()[f"{layer.name}.kernel"][:-1]))
    operations = terms * int(np.prod(geo.output_shape))
    width, weight = geo.input_format.width, layer.kernel.width
    product = width + weight - int(geo.input_format.signed)
    dropped = geo.input_format.fraction + layer.kernel.fraction - structure.accumulator_fraction(layer.name)
    accumulator = product - dropped + math.ceil(math.log2(terms)) + 1  # one bit more for the bias
    multiply = _polynomial(FIXED_MULTIPLY, math.sqrt(width * weight))
    return operations, operations * (multiply + _polynomial(FIXED_ADD, accumulator))


def sram_energy(bits: int, smallest_sram_bits: int) -> float:
    """Energy (pJ) of moving `bits` bits between an SRAM that just holds them (or is larger) and the logic."""
    size = math.log2(max(bits, smallest_sram_bits))
    return math.ceil(bits / SRAM_WORD) * _polynomial(SRAM_READ, size)


def _polynomial(coefficients: tuple[float, ...], value: float) -> float:
    values: NDArray[np.float64] = np.asarray(coefficients, dtype=np.float64)
    return max(float(np.polyval(values, value)), 0.0)
