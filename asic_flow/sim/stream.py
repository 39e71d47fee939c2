"""Long event streams through the RTL encoder: a C++ harness around the Verilator model, files in and out.

The cocotb bench of `asic_flow.sim.rtl` drives the whole chip, with weights over I2C. This one trades that for speed: the
encoder block alone (converter and network), weights at its port, 100,000 events in seconds to minutes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asic_flow.errors import FlowError
from asic_flow.formats import Integers
from asic_flow.ir import Structure
from asic_flow.rtl import PACKAGE_FILE, render_rtl
from asic_flow.rtl.render import CHARGE_WIDTH, ENCODER_MODULES
from asic_flow.sim.harness import Harness, execute
from asic_flow.weights import WeightSet

TOP = "econ_stream"
HARNESS = tuple(Path(__file__).with_name(f"{TOP}.{suffix}") for suffix in ("sv", "cpp"))
_PURPOSE = "streaming events through the RTL"
_RUN_TIMEOUT_S = 7200


@dataclass(frozen=True)
class StreamOutput:
    """What the RTL encoder gave.

    Attributes:
        latents: int64[n, latents].
        sum_codes: int64[n].
        latencies: int64[n], clocks from launch to output of each event.
    """

    latents: Integers
    sum_codes: Integers
    latencies: Integers


def build_stream(structure: Structure, cache: Path | None = None) -> Path:
    """Compile the harness for a structure, or take it from the cache; returns the program.

    Raises:
        FlowError: the structure cannot be built as RTL, or a tool is missing.
        ToolFailedError: Verilator or the compiler failed.
    """
    sources = render_rtl(structure)
    chosen = {name: sources[name] for name in (PACKAGE_FILE, *ENCODER_MODULES)}
    defines = {
        "AE_CELLS": len(structure.input.cell_positions), "AE_CHARGE_WIDTH": CHARGE_WIDTH,
        "AE_LATENTS": structure.n_latents, "AE_LATENT_WIDTH": structure.latent_format.width,
        "AE_WEIGHT_BYTES": -(-structure.weight_bits // 8),
    }  # fmt: skip
    bench, program = HARNESS
    modules = {**chosen, bench.name: bench.read_text(encoding="utf-8")}
    return Harness(_PURPOSE, TOP, TOP, modules, program, defines).build(cache)


def run_stream(program: Path, weights: WeightSet, charges: Integers) -> StreamOutput:
    """Stream charges through the RTL encoder.

    Args:
        program: from `build_stream` for the structure of `weights`.
        weights: weights held at the encoder's port.
        charges: int64[n, cells], 22-bit charges in encoder order.

    Raises:
        FlowError: there are no events.
        ToolFailedError: the model died, or not as many events came out as went in.
    """
    output = run_stream_sets(program, [weights], charges)
    return StreamOutput(output.latents[0], output.sum_codes[0], output.latencies[0])


def run_stream_sets(program: Path, weight_sets: Sequence[WeightSet], charges: Integers) -> StreamOutput:
    """Stream the same charges through the RTL encoder with each of several weight sets of one structure.

    Args:
        program: from `build_stream` for the structure of the weights.
        weight_sets: weight sets, one after the other at the encoder's port, with a reset before each.
        charges: int64[n, cells], 22-bit charges in encoder order.

    Returns:
        Arrays with one more axis in front: int64[sets, n, latents] and int64[sets, n].

    Raises:
        FlowError: there are no events or no weight sets.
        ToolFailedError: the model died, or not as many events came out as went in.
    """
    if len(charges) == 0 or not weight_sets:
        raise FlowError("streaming events through the RTL: there are none, so nothing would be compared")
    structure = weight_sets[0].structure
    shape = (len(weight_sets), len(charges), structure.n_latents + 2)
    with tempfile.TemporaryDirectory(prefix="econ_stream_") as scratch:
        paths = [Path(scratch) / name for name in ("weights", "charges", "output")]
        paths[0].write_bytes(b"".join(weights.to_bytes() for weights in weight_sets))
        paths[1].write_bytes(np.ascontiguousarray(charges, dtype="<u4").tobytes())
        execute(_PURPOSE, [str(program), *map(str, paths)], _RUN_TIMEOUT_S)
        rows = np.fromfile(paths[2], dtype="<u4").astype(np.int64).reshape(shape)
    latents, fmt = rows[..., : structure.n_latents], structure.latent_format
    if fmt.signed:
        latents = np.where(latents > fmt.maximum, latents - (1 << fmt.width), latents)
    return StreamOutput(latents, rows[..., -2], rows[..., -1])
