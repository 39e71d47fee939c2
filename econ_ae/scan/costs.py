"""What an encoder costs before it is trained, and the forgiving factor."""

from __future__ import annotations

import math

from asic_flow.bounds import accumulator_bounds
from asic_flow.ir import Structure
from econ_ae.energy_model import structure_energy
from econ_ae.scan.config import ForgivingConfig

BIT_CELLS = 4.0
"""A triplicated weight bit in full adders: three flip-flops and a voter (Nangate 45 nm Open Cell Library: DFF_X1 4.522,
three NAND2_X1 and a NAND3_X1 3.458, FA_X1 4.256 um2)."""

UNITS = {"emd": "half pitches", "energy_uj": "uJ at 45 nm", "area_proxy": "full adders", "weight_bits": "bits"}
NAMES = {
    "emd": "validation EMD",
    "energy_uj": "energy per inference",
    "area_proxy": "area proxy",
    "weight_bits": "weight bank",
}


def costs(structure: Structure) -> dict[str, float]:
    """``weight_bits``, ``energy_uj`` (`econ_ae.energy_model`) and ``area_proxy`` of a structure."""
    return {
        "weight_bits": float(structure.weight_bits),
        "energy_uj": structure_energy(structure).total_uj,
        "area_proxy": area_proxy(structure),
    }


def area_proxy(structure: Structure) -> float:
    """Area in full adders: a multiplier of a x b bits counts a*b, an addition the accumulator's width, a weight bit 4.

    Only products that can differ from zero count: the network is laid out in space, so products with padding and with
    empty places of the image have no hardware. For comparing structures, not for absolute areas (`asic_flow build` gives
    those).
    """
    bounds = accumulator_bounds(structure)
    logic = sum(
        bounds[layer.name].live_products
        * (structure.geometry[layer.name].input_format.width * layer.kernel.width + bounds[layer.name].width)
        for layer in structure.weighted_layers
    )
    return logic + BIT_CELLS * structure.weight_bits


def forgiving_score(emd: float, cost: float, reference: float, options: ForgivingConfig) -> float:
    """EMD with the forgiving factor, to be minimised: ``emd / (1 + delta)``.

    ``delta = delta_p/100 * log(reference/cost) / log(rate)`` where the trial is cheaper than the reference, with ``delta_n``
    where it is dearer (AutoQKeras, arXiv:2006.10159; ``ForgivingFactor.delta`` in google/qkeras). AutoQKeras maximises
    accuracy * (1 + delta); an EMD is minimised, so the factor divides.

    Args:
        emd: validation EMD.
        cost: the trial's cost.
        reference: the base configuration's cost.
        options: delta_p, delta_n and rate.

    Returns:
        The score; infinity where so much was spent that 1 + delta is not positive.
    """
    percent = options.delta_p if cost < reference else options.delta_n
    factor = 1.0 + percent / 100.0 * math.log(reference / cost) / math.log(options.rate)
    return emd / factor if factor > 0 else math.inf
