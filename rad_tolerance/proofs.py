"""The formal proofs that radiation tolerance rests on, run by `asic_flow.formal`, and the census behind synthesis."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from itertools import chain
from typing import Any, Final

from asic_flow.formal.memory import (
    commit_proofs,
    counter_proofs,
    refresh_controls,
    refresh_proofs,
    store_proofs,
    walker_proofs,
    word_controls,
    word_proofs,
)
from asic_flow.formal.structure import bank_check
from asic_flow.formal.suite import run_proofs
from asic_flow.hardware import HardwareConfig
from asic_flow.ir import Structure
from asic_flow.results import Check
from asic_flow.rtl import MODULES, render_rtl
from asic_flow.synthesis.census import census
from asic_flow.synthesis.flow import synthesise
from asic_flow.synthesis.liberty import DEFAULT_LIBRARY, read_liberty

NEEDED_CONTROLS: Final = (
    "refresh switched off", "voter removed", "copies merged into one", "two copies hit in one clock"
)  # fmt: skip
"""Planted faults without whose counter-examples nothing counts as proven."""
_TOP: Final = "econ_registers"


def prove(
    structure: Structure, hardware: HardwareConfig, *, quick: bool, synthesis: bool,
    progress: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:  # fmt: skip
    """Content of ``rad/proofs.json``.

    Args:
        structure: whose weight bank is counted; the proofs are of modules and hold for every structure.
        hardware: options of the chip that is counted.
        quick: leave out the proofs that take longer than a few seconds.
        synthesis: also map registers and weight bank to gates and count copies and voters in the netlist (minutes, once).
        progress: called with one line per finished step.

    Raises:
        ToolNotFoundError: Yosys is not installed.
        ToolFailedError: Yosys failed.
        FlowError: the cell library cannot be read.
    """
    wanted = chain(word_proofs(), refresh_proofs(), counter_proofs(), commit_proofs(), store_proofs())
    planted = chain(word_controls(), refresh_controls())
    checks, controls = run_proofs([*wanted, *([] if quick else walker_proofs())], list(planted), progress)
    progress("counting the flip-flops of the weight bank")
    checks.append(bank_check(structure))
    if synthesis:
        checks.append(_census(structure, hardware, progress))
    names = {control.name.removeprefix("formal: ") for control in controls if control.caught}
    missing = [name for name in NEEDED_CONTROLS if name not in names]
    good = all(check.status == "pass" for check in checks) and all(control.caught for control in controls)
    return {
        "schema_version": 1,
        "title": "Proofs about triplication",
        "verdict": "fail" if not good or missing else "pass" if synthesis and not quick else "incomplete",
        "structure_sha256": structure.sha256,
        "proofs": [{key: row[key] for key in ("name", "status", "detail", "seconds")} for row in map(asdict, checks)],
        "negative_controls": [asdict(control) for control in controls],
        "negative_controls_missing": missing,
    }


def _census(structure: Structure, hardware: HardwareConfig, progress: Callable[[str], None]) -> Check:
    """Copies and voters of the registers' netlist against RTL and structure."""
    begin = time.monotonic()
    rtl = render_rtl(structure, hardware)
    needed = MODULES[: MODULES.index(f"{_TOP}.sv") + 1]
    sources = {name: text for name, text in rtl.items() if name in needed or name not in MODULES}
    rows = census(synthesise(sources, _TOP, read_liberty(DEFAULT_LIBRARY), progress=progress), structure, hardware)
    wrong = [row for row in rows if not row.good]
    first = f"; first: {wrong[0].what}: expected {wrong[0].expected}, found {wrong[0].found}" if wrong else ""
    found = sum(row.found for row in rows if row.what == "flip-flops of the triplicated weight bits")
    return Check(
        "census behind synthesis", "rtl", "netlist", 0, len(rows), len(wrong), "fail" if wrong or not found else "pass",
        time.monotonic() - begin, f"{len(rows)} counts, {found} flip-flops of triplicated weight bits{first}",
    )  # fmt: skip
