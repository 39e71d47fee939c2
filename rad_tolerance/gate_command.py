"""Transients at gate level for a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from asic_flow.config import read_asic_section
from hgcal_data.geometry import AE_TO_TC
from rad_tolerance.campaign.experiments import small_hardware, small_structure, small_weights
from rad_tolerance.gate_level import GateOptions, transients
from rad_tolerance.outputs import write_json
from rad_tolerance.sensitivity import run_folder

_EVENTS = 64


def run_gates(
    run: Path, links: int | None, *, small: bool, options: GateOptions,
    progress: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:  # fmt: skip
    """Transients on the netlist of a run's chip or of its smallest relative; writes and returns ``rad/gates.json``.

    Raises:
        FlowError: the run is incomplete, or a tool is missing or fails.
        RadiationError: the chip gives nothing without transients.
    """
    folder = run_folder(run)
    weights = folder.weights(links)
    structure, hardware = weights.structure, read_asic_section(run).hardware
    if small:
        structure, hardware = small_structure(structure), small_hardware()
        weights = small_weights(structure, options.seed)
    charges = folder.test_charges(_EVENTS, options.seed)[:, AE_TO_TC]
    content = {
        "chip": "small" if small else "chip",
        **transients(structure, hardware, weights, charges, options, progress),
    }
    write_json(content, run / "rad" / "gates.json")
    return content
