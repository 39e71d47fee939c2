"""Write `calibration.json` of the fast estimate: ``python -m asic_flow.estimate.calibrate RUN RUN ...``.

Every run needs a synthesised estimate with power (``asic_flow estimate RUN``), all with one library. Do this again whenever
the RTL has changed; the fast estimate says so in its output.
"""

from __future__ import annotations

import json
import sys
from dataclasses import astuple
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from asic_flow.errors import FlowError
from asic_flow.estimate.fast import CALIBRATION, apply, fit, rtl_sha256
from asic_flow.estimate.known import ESTIMATE
from asic_flow.hardware import HardwareConfig
from asic_flow.ir import Structure
from asic_flow.run_folder import RunFolder
from hgcal_data.files import atomic_write_text

Design = tuple[Structure, dict[str, Any]]


def calibration(designs: dict[str, Design]) -> dict[str, Any]:
    """Content of ``calibration.json``; errors are of a fit to the other designs, None if there is only one.

    Args:
        designs: structure and synthesised estimate by name.

    Raises:
        FlowError: no designs, or different libraries.
    """
    libraries = {
        (d["library"]["name"], d["library"]["node_nm"], d["library"]["voltage_v"]) for _, d in designs.values()
    }
    if len(libraries) != 1:
        raise FlowError(
            f"calibrating: {len(designs)} designs of {len(libraries)} libraries, expected at least one design, and one library"
        )
    name, node, voltage = next(iter(libraries))
    return {
        "schema_version": 1,
        "library": name,
        "node_nm": node,
        "voltage_v": voltage,
        "rtl_sha256": rtl_sha256(),
        "coefficients": {block: astuple(cost) for block, cost in sorted(fit(designs).items())},
        "designs": [_left_out(designs, key) for key in designs],
    }


def _left_out(designs: dict[str, Design], key: str) -> dict[str, Any]:
    """How far a fit to all other designs is off on one design, as fractions."""
    structure, content = designs[key]
    known = {
        "design": key,
        "hardware": content["hardware"],
        "nand2": content["area"]["total_nand2"],
        "energy_pj": content["power"]["library_energy_pj"],
    }
    if len(designs) == 1:
        return known | {"area_error": None, "power_error": None}
    others = fit({name: design for name, design in designs.items() if name != key})
    parts = apply(others, structure, HardwareConfig.model_validate(content["hardware"]))
    nand2 = sum(value for value, _ in parts.values())
    energy = sum(item.dynamic_pj + item.clock_pj for _, item in parts.values())
    return known | {"area_error": nand2 / known["nand2"] - 1.0, "power_error": energy / known["energy_pj"] - 1.0}


def _read(run: Path) -> Design:
    path = run / ESTIMATE
    if not path.is_file():
        raise FlowError(f"calibrating with {run}: no {ESTIMATE}; run: asic_flow estimate {run}")
    return RunFolder(run).structure(), json.loads(path.read_text(encoding="utf-8"))


def _main(runs: list[Path]) -> None:
    """Fit the costs of the fast estimate to the synthesised estimates of runs."""
    try:
        content = calibration({run.name: _read(run) for run in runs})
    except FlowError as error:
        Console(stderr=True).print(f"calibrate: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    atomic_write_text(CALIBRATION, json.dumps(content, indent=1) + "\n")
    for design in content["designs"]:
        Console().print(design)


if __name__ == "__main__":
    typer.run(_main)
