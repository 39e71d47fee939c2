"""Area and power from the structure alone, calibrated against synthesised designs.

Every block has drivers that follow from `encoder.json` (products, weight bits, ...). What a driver costs in NAND2 equivalents
and in picojoule per event is fitted, without negative costs, to the blocks of synthesised estimates; `calibration.json` beside
this file holds the fit, the designs and how far the fit is off on each of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from asic_flow.bounds import accumulator_bounds
from asic_flow.errors import FlowError
from asic_flow.estimate import blocks
from asic_flow.estimate.derates import Assumptions
from asic_flow.estimate.power import BlockEnergy
from asic_flow.estimate.scaling import scaling_from
from asic_flow.estimate.synthesised import results
from asic_flow.hardware import HardwareConfig
from asic_flow.ir import Conv2D, Dense, Structure
from asic_flow.rtl import module_sources
from asic_flow.rtl.placement import PlacedLayer, place_layers
from asic_flow.rtl.render import CHARGE_WIDTH

CALIBRATION = Path(__file__).with_name("calibration.json")


@dataclass(frozen=True)
class Coefficients:
    """Cost of every driver of a block."""

    nand2: tuple[float, ...]
    dynamic_pj: tuple[float, ...]
    clock_pj: tuple[float, ...]


def drivers(structure: Structure) -> dict[str, tuple[float, ...]]:
    """What makes each block large: numbers that follow from the structure.

    Layers with weights: live bit products (live products x input width x weight width) and outputs; converter: cells x charge
    bits; stage registers: bits; weight bank and its shadow: weight bits; registers and control: one and weight bytes; I2C target:
    one; formatter: latent bits.
    """
    spec = structure.input
    bits = structure.weight_bits
    found = {
        "converter": (float(len(spec.cell_positions) * CHARGE_WIDTH),),
        "stage registers": (
            float(sum(_outputs(item) * item.output.width for item in place_layers(structure) if item.registered)),
        ),
        "weight bank": (float(bits),),
        "shadow bank": (float(bits),),
        "registers and control": (1.0, float(-(-bits // 8))),
        "I2C target": (1.0,),
        "formatter": (float(structure.n_latents * structure.latent_format.width),),
    }
    for block, kind in (("convolution", Conv2D), ("dense", Dense)):
        layers = [item for item in place_layers(structure) if isinstance(item.layer, kind)]
        if layers:
            found[block] = (sum(_bit_products(structure, item) for item in layers), float(sum(map(_outputs, layers))))
    return found


def fit(designs: Mapping[str, tuple[Structure, Mapping[str, Any]]]) -> dict[str, Coefficients]:
    """Costs that reproduce the blocks of synthesised designs best (least squares of relative errors).

    Args:
        designs: structure and content of ``estimate/estimate.json`` by name.

    Raises:
        FlowError: an estimate is not a synthesised one with power.
    """
    for name, (_, content) in designs.items():
        if content.get("method") != "synthesised" or not content.get("power"):
            raise FlowError(f"calibrating with {name}: its estimate is not a synthesised one with power")
    rows: dict[str, list[tuple[tuple[float, ...], tuple[float, float, float]]]] = {}
    for structure, content in designs.values():
        known = drivers(structure)
        for block, classes in content["area"]["by_block_nand2"].items():
            power = content["power"]["library_by_block"].get(block, {})
            period = content["timing"]["clock_ns"]
            measured = (
                sum(classes.values()),
                power.get("dynamic_mw", 0.0) * period,
                power.get("clock_mw", 0.0) * period,
            )
            if block in known:
                rows.setdefault(_shared(block), []).append((known[block], measured))
    return {block: _fit_block(found) for block, found in rows.items()}


def apply(
    coefficients: Mapping[str, Coefficients], structure: Structure, hardware: HardwareConfig
) -> dict[str, tuple[float, BlockEnergy]]:
    """NAND2 equivalents and energy by block."""
    found = {}
    for block, amount in drivers(structure).items():
        if (block == "shadow bank" and not hardware.shadow_bank) or _shared(block) not in coefficients:
            continue
        cost = coefficients[_shared(block)]
        nand2, dynamic, clock = (float(np.dot(amount, part)) for part in (cost.nand2, cost.dynamic_pj, cost.clock_pj))
        found[block] = (nand2, BlockEnergy(dynamic, clock, 0.0))
    return found


def estimate_fast(structure: Structure, hardware: HardwareConfig, assumptions: Assumptions) -> dict[str, Any]:
    """Content of ``estimate/estimate.json`` without synthesis.

    Raises:
        FlowError: `CALIBRATION` is malformed.
    """
    calibration = read_calibration()
    coefficients = {
        block: Coefficients(*(tuple(part) for part in cost)) for block, cost in calibration["coefficients"].items()
    }
    parts = apply(coefficients, structure, hardware)
    energies = {block: energy for block, (_, energy) in parts.items()}
    gates = sum(nand2 for block, (nand2, _) in parts.items() if block not in blocks.NOT_PUBLISHED)
    scaling = scaling_from(calibration["node_nm"], calibration["voltage_v"])
    period = assumptions.clock_ns
    return {
        "schema_version": 1,
        "method": "fast",
        "structure_sha256": structure.sha256,
        "hardware": hardware.model_dump(mode="json"),
        "area": {
            "by_block_nand2": {block: {"all": nand2} for block, (nand2, _) in parts.items()},
            "total_nand2": sum(nand2 for nand2, _ in parts.values()),
            "published_scope_nand2": gates,
        },
        "power": {
            "events": 0,
            "activity": "energies per product, weight bit and cell of the calibration designs",
            "library_by_block": {
                block: {"dynamic_mw": e.dynamic_pj / period, "clock_mw": e.clock_pj / period, "leakage_mw": 0.0}
                for block, e in energies.items()
            },
        },
        "result": results(gates, energies, None, [], scaling, assumptions),
        "assumptions": assumptions.model_dump(mode="json"),
        "error": _error_text(calibration, hardware.model_dump(mode="json")),
    }


def read_calibration() -> dict[str, Any]:
    """Content of `CALIBRATION`.

    Raises:
        FlowError: it is missing or malformed.
    """
    try:
        content: dict[str, Any] = json.loads(CALIBRATION.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise FlowError(
            f"reading {CALIBRATION}: {error}; write it with python -m asic_flow.estimate.calibrate"
        ) from error
    return content


@cache
def rtl_sha256() -> str:
    """Hash of the hand-written RTL, which a calibration belongs to."""
    return hashlib.sha256(json.dumps(module_sources(), sort_keys=True).encode()).hexdigest()


def _error_text(calibration: Mapping[str, Any], hardware: Mapping[str, Any]) -> str:
    """How far off the estimate is, as far as that is known."""
    points = calibration["designs"]
    errors = [
        (abs(point["area_error"]), abs(point["power_error"])) for point in points if point["area_error"] is not None
    ]
    if errors:
        area, power = (100 * max(column) for column in zip(*errors, strict=True))
        text = (
            f"Fast estimate: on {len(points)} synthesised designs, each left out of the fit in turn, off by at most "
            f"{area:.0f} % in area and {power:.0f} % in power; scaling to the target comes on top."
        )
    else:
        text = (
            f"Fast estimate: costs are those of one synthesised design ({points[0]['design']}), so its error on other designs "
            "has not been measured; scaling to the target comes on top."
        )
    if all(point["hardware"] != hardware for point in points):
        text += " No calibration design has these hardware options, so the error may be larger."
    if calibration["rtl_sha256"] != rtl_sha256():
        text += " The RTL has changed since the calibration, so the error may be larger."
    return text


def _outputs(item: PlacedLayer) -> int:
    height, width, channels = item.out_shape
    return height * width * channels


def _bit_products(structure: Structure, item: PlacedLayer) -> float:
    if item.weights is None:
        return 0.0
    live = accumulator_bounds(structure)[item.weights.name].live_products
    return float(live * item.geometry.input_format.width * item.weights.kernel.width)


def _shared(block: str) -> str:
    """Convolution and dense layers are made of the same neurons and share their costs."""
    return "neurons" if block in {"convolution", "dense"} else block


def _fit_block(rows: list[tuple[tuple[float, ...], tuple[float, float, float]]]) -> Coefficients:
    amounts = np.array([amount for amount, _ in rows])

    def one(column: int) -> tuple[float, ...]:
        values = np.array([measured[column] for _, measured in rows])
        weight = 1.0 / np.where(values > 0, values, 1.0)
        solution, _ = nnls(amounts * weight[:, None], values * weight)
        return tuple(float(value) for value in solution)

    return Coefficients(one(0), one(1), one(2))
