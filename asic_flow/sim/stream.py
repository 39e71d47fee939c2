"""Long event streams through the RTL encoder: a C++ harness around the Verilator model, files in and out.

The cocotb bench of `asic_flow.sim.rtl` drives the whole chip, with weights over I2C. This one trades that for speed: the
encoder block alone (converter and network), weights at its port, 100,000 events in seconds to minutes.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asic_flow.errors import FlowError, ToolFailedError
from asic_flow.formats import Integers
from asic_flow.ir import Structure
from asic_flow.rtl import PACKAGE_FILE, render_rtl
from asic_flow.rtl.render import CHARGE_WIDTH, ENCODER_MODULES
from asic_flow.sim.simulators import default_cache
from asic_flow.sim.tools import make_variables, require_build_tools, verilator_executable
from asic_flow.weights import WeightSet
from hgcal_data.files import atomic_dir

TOP = "econ_stream"
HARNESS = tuple(Path(__file__).with_name(f"{TOP}.{suffix}") for suffix in ("sv", "cpp"))
_BUILD_TIMEOUT_S, _RUN_TIMEOUT_S = 1800, 7200
_LINT = ("-Wall", "-Wno-UNUSEDPARAM")
"""The package also holds the register map, which the encoder alone does not use."""


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
    require_build_tools()
    verilator = verilator_executable()
    fmt = structure.latent_format
    defines = {
        "AE_CELLS": len(structure.input.cell_positions), "AE_CHARGE_WIDTH": CHARGE_WIDTH,
        "AE_LATENTS": structure.n_latents, "AE_LATENT_WIDTH": fmt.width,
    }  # fmt: skip
    harness = [path.read_text(encoding="utf-8") for path in HARNESS]
    state = hashlib.sha256(repr([str(verilator), _LINT, make_variables(), defines, chosen, harness]).encode())
    target = (cache or default_cache()) / f"stream-{state.hexdigest()[:24]}"
    program = target / "model" / TOP
    if program.is_file():
        return program
    with atomic_dir(target) as folder:
        for name, text in chosen.items():
            (folder / name).write_text(text, encoding="utf-8")
        control = folder / "shared.vlt"
        control.write_text('`verilator_config\nno_inline -module "econ_neuron"\n')
        command = [
            str(verilator), "--cc", "--exe", "--build", "-O3", "--no-timing", *_LINT, "--output-split", "20000",
            "--top-module", TOP, "--Mdir", str(folder / "model"), "-o", TOP,
            "-CFLAGS", " ".join(f"-D{key}={value}" for key, value in defines.items()),
            str(control), *(str(folder / name) for name in chosen), *map(str, HARNESS),
        ]  # fmt: skip
        _execute(command, {**os.environ, **_environment(verilator)}, _BUILD_TIMEOUT_S)
    return program


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
    if len(charges) == 0:
        raise FlowError("streaming events through the RTL: there are none, so nothing would be compared")
    structure = weights.structure
    with tempfile.TemporaryDirectory(prefix="econ_stream_") as scratch:
        paths = [Path(scratch) / name for name in ("weights", "charges", "output")]
        paths[0].write_bytes(weights.to_bytes())
        paths[1].write_bytes(np.ascontiguousarray(charges, dtype="<u4").tobytes())
        _execute([str(program), *map(str, paths)], dict(os.environ), _RUN_TIMEOUT_S)
        rows = np.fromfile(paths[2], dtype="<u4").astype(np.int64).reshape(len(charges), structure.n_latents + 2)
    latents, fmt = rows[:, : structure.n_latents], structure.latent_format
    if fmt.signed:
        latents = np.where(latents > fmt.maximum, latents - (1 << fmt.width), latents)
    return StreamOutput(latents, rows[:, -2], rows[:, -1])


def _environment(verilator: Path) -> dict[str, str]:
    return {"PATH": f"{verilator.parent}{os.pathsep}{os.environ['PATH']}", "MAKEFLAGS": make_variables()}


def _execute(command: list[str], environment: dict[str, str], timeout_s: int) -> None:
    name = Path(command[0]).name
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise ToolFailedError(f"streaming events through the RTL: {name} did not end within {timeout_s} s") from error
    if done.returncode:
        tail = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-25:])
        raise ToolFailedError(f"streaming events through the RTL: {name} ended with status {done.returncode}\n{tail}")
