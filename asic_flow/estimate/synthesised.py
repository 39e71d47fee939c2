"""The estimate from a netlist: synthesis, census, area, timing, power, and all of it scaled to the target technology."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asic_flow.config import AsicConfig
from asic_flow.errors import FlowError
from asic_flow.estimate import blocks
from asic_flow.estimate.activity import Activity, stream_activity
from asic_flow.estimate.buffers import Buffered, insert_buffers
from asic_flow.estimate.cells import read_power_library
from asic_flow.estimate.derates import Assumptions
from asic_flow.estimate.measured import area_with_buffers, energy_pj, with_glitches
from asic_flow.estimate.power import (
    BlockEnergy,
    block_of_cells,
    powers_mw,
)
from asic_flow.estimate.scaling import Factor, Scaled, Scaling, scaled, scaling_from
from asic_flow.estimate.timing import GroupTiming, time_netlist
from asic_flow.generate import stale_files
from asic_flow.links import MAX_LINKS
from asic_flow.rtl import TOP, render_rtl
from asic_flow.run_folder import RunFolder
from asic_flow.synthesis.census import census, check_census
from asic_flow.synthesis.flow import Synthesis, synthesise
from asic_flow.synthesis.gates import flatten
from asic_flow.synthesis.liberty import DEFAULT_LIBRARY, read_liberty

DEFAULT_NODE_NM = 180
"""Technology of the default library."""
UM2_PER_MM2 = 1e6
PJ_PER_NJ = 1e3


@dataclass(frozen=True)
class Options:
    """What `asic_flow estimate` is asked.

    Attributes:
        library: Liberty file.
        node_nm: its technology; None: known for the default library only.
        events: events streamed through the netlist.
        seed: seed of their choice.
        refresh_period: the weight bank is refreshed once in this number of clocks plus one; 0 is the chip's reset value.
        timing: whether OpenSTA runs.
        power: whether events are simulated.
        cache: folder of mapped modules; None: the usual one.
    """

    library: Path = DEFAULT_LIBRARY
    node_nm: int | None = None
    events: int = 1024
    seed: int = 1
    refresh_period: int = 0
    timing: bool = True
    power: bool = True
    cache: Path | None = None

    @property
    def technology_nm(self) -> int:
        """The node.

        Raises:
            FlowError: it is not known.
        """
        if self.node_nm is not None:
            return self.node_nm
        if self.library == DEFAULT_LIBRARY:
            return DEFAULT_NODE_NM
        raise FlowError(f"estimating with {self.library}: in which technology is it? Give --node, e.g. --node 45")


def estimate_run(
    run: RunFolder, config: AsicConfig, options: Options, assumptions: Assumptions, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Synthesise the design of a run and estimate it.

    Args:
        run: run folder with a generated project.
        config: hardware options and link count.
        options: library, events.
        assumptions: all that does not follow from design and library.
        progress: called with one line per step.

    Returns:
        Content of ``estimate/estimate.json``.

    Raises:
        FlowError: the project is missing or stale, the library is missing or unfit, or a tool is missing or fails.
        MismatchError: the census of the netlist found merged copies.
    """
    structure = run.structure()
    _check_project(run, config)
    library = read_liberty(options.library)
    scaling_from(
        options.technology_nm, read_power_library(options.library).voltage
    )  # refuse before minutes of synthesis
    begin = time.monotonic()
    progress("synthesising")
    synthesis = synthesise(render_rtl(structure, config.hardware), TOP, library, cache=options.cache, progress=progress)
    check_census(census(synthesis, structure, config.hardware))
    seconds = {"synthesis": round(time.monotonic() - begin, 2)}
    return estimate_synthesis(synthesis, run, config, options, assumptions, progress, seconds)


def estimate_synthesis(
    synthesis: Synthesis, run: RunFolder, config: AsicConfig, options: Options, assumptions: Assumptions,
    progress: Callable[[str], None], seconds: dict[str, float],
) -> dict[str, Any]:  # fmt: skip
    """Estimate a mapped design: arguments and result as for `estimate_run`; `seconds` holds what was spent so far."""
    library, electrical = synthesis.library, read_power_library(options.library)
    scaling = scaling_from(options.technology_nm, electrical.voltage)
    begin = time.monotonic()

    def lap(name: str) -> None:
        nonlocal begin
        seconds[name], begin = round(time.monotonic() - begin, 2), time.monotonic()

    netlist = flatten(synthesis)
    buffered = insert_buffers(netlist, library, assumptions.max_fanout)
    homes = block_of_cells(netlist, synthesis)
    area = area_with_buffers(synthesis, buffered, homes)
    lap("flattening")
    timing = []
    if options.timing:
        progress("static timing (OpenSTA)")
        timing = time_netlist(buffered.netlist, homes, options.library, TOP, assumptions, cache=options.cache)
        lap("timing")
    energies: dict[str, BlockEnergy] = {}
    activity = glitches = None
    if options.power:
        progress(f"streaming {options.events} events through the netlist")
        weights = run.weights(config.links)
        links = config.links or int(weights.provenance.get("links", MAX_LINKS))
        charges = run.test_charges(options.events, options.seed)
        activity = stream_activity(netlist, weights, charges, links=links, refresh_period=options.refresh_period)
        energies, glitches = with_glitches(buffered, homes, activity, electrical, assumptions)
        lap("power")
    return {
        "schema_version": 1,
        "method": "synthesised",
        "structure_sha256": run.structure().sha256,
        "hardware": config.hardware.model_dump(mode="json"),
        "library": {
            "name": library.name, "file": options.library.name, "node_nm": options.technology_nm,
            "voltage_v": electrical.voltage, "temperature_c": electrical.temperature_c, "nand2_area": library.nand2_area,
        },
        "area": _area(synthesis, buffered, area),
        "census": [asdict(row) for row in census(synthesis, run.structure())],
        "timing": _timing(timing, scaling, assumptions),
        "power": _power(energies, activity, assumptions),
        "result": results(blocks.total(area, published=True), energies, glitches, timing, scaling, assumptions),
        "assumptions": assumptions.model_dump(mode="json"),
        "seconds": {**seconds, "modules_mapped_now": synthesis.fresh},
    }  # fmt: skip


def results(
    gates: float,
    energies: dict[str, BlockEnergy],
    glitches: Factor | None,
    timing: list[GroupTiming],
    scaling: Scaling,
    assumptions: Assumptions,
) -> dict[str, dict[str, Any] | None]:
    """The numbers that budgets ask for, in the target technology, with ranges and factors; None where not estimated.

    Args:
        gates: gate equivalents of the blocks that published figures contain.
        energies: from `measured_energies`.
        glitches: range of their sum between no glitches and all of unit delay; None: not known.
        timing: from `time_design`.
        scaling: from the library to the target.
        assumptions: densities, leakage, derates.
    """
    area = scaled(
        gates / UM2_PER_MM2, {"um2 per gate": assumptions.nand2_um2, "1/utilisation": assumptions.utilisation},
        f"{gates:,.0f} NAND2 equivalents",
    )  # fmt: skip
    found: dict[str, Scaled | None] = {
        "area_mm2": area,
        "energy_nj": None,
        "power_mw": None,
        "slack_ns": None,
        "dose_mrad": None,
    }
    if energies:
        picojoule = energy_pj(energies)
        leakage = scaled(gates * 1e-6, {"nW per gate": assumptions.leakage_nw_per_gate}).value
        words = f"{picojoule / PJ_PER_NJ:.3g} nJ per event in the library, plus {leakage:.2g} mW leakage (assumption)"
        power = scaled(
            picojoule / assumptions.clock_ns,
            {"energy": scaling.energy} | ({"glitches": glitches} if glitches else {}),
            words,
            offset=leakage,
        )
        found["power_mw"] = power
        period = assumptions.clock_ns / PJ_PER_NJ
        found["energy_nj"] = Scaled(
            power.value * period, power.low * period, power.high * period, f"power x {assumptions.clock_ns:g} ns"
        )
    if timing:
        room = assumptions.clock_ns - assumptions.clock_uncertainty_ns
        worst = max(derated_ns(group, assumptions) for group in timing)
        delay = scaled(worst, {"delay": scaling.delay}, f"longest derated path {worst:.2f} ns in the library")
        found["slack_ns"] = Scaled(room - delay.value, room - delay.high, room - delay.low, delay.detail)
        if room >= delay.value:
            dose = assumptions.derates.dose_mrad
            words = f"timing closes with the dose derate {assumptions.derates.dose.factor:g}: {assumptions.derates.dose.source}"
            found["dose_mrad"] = Scaled(dose, dose, dose, words)
    return {name: None if item is None else asdict(item) for name, item in found.items()}


def derated_ns(group: GroupTiming, assumptions: Assumptions) -> float:
    """Delay of a worst path with its setup time at the derated corner, in the library's technology."""
    return group.path_ns * assumptions.derates.total


def _check_project(run: RunFolder, config: AsicConfig) -> None:
    if not (run.asic / "manifest.json").is_file():
        raise FlowError(
            f"estimating {run.path}: no generated project in {run.asic}; run: asic_flow generate {run.path}"
        )
    if stale := stale_files(run.structure(), run.asic, config.catapult, config.hardware):
        raise FlowError(
            f"estimating {run.path}: {len(stale)} files in {run.asic} differ from what this version generates "
            f"(first: {stale[0]}); run: asic_flow generate {run.path}"
        )


def _area(synthesis: Synthesis, buffered: Buffered, table: dict[str, dict[str, float]]) -> dict[str, Any]:
    return {
        "by_block_nand2": table,
        "total_nand2": blocks.total(table),
        "published_scope_nand2": blocks.total(table, published=True),
        "cells": len(buffered.netlist.kind),
        "buffers": buffered.buffers,
        "flip_flops": synthesis.flip_flops(),
    }


def _timing(timing: list[GroupTiming], scaling: Scaling, assumptions: Assumptions) -> dict[str, Any]:
    room = assumptions.clock_ns - assumptions.clock_uncertainty_ns
    return {
        "clock_ns": assumptions.clock_ns,
        "clock_uncertainty_ns": assumptions.clock_uncertainty_ns,
        "derate": assumptions.derates.total,
        "groups": [_group(group, room, derated_ns(group, assumptions), scaling) for group in timing],
    }


def _group(group: GroupTiming, room: float, derated: float, scaling: Scaling) -> dict[str, Any]:
    target = derated * scaling.delay.factor
    return {
        **asdict(group), "derated_path_ns": derated, "derated_slack_ns": room - derated, "scaled_path_ns": target,
        "scaled_slack_ns": room - target,
    }  # fmt: skip


def _power(
    energies: dict[str, BlockEnergy], activity: Activity | None, assumptions: Assumptions
) -> dict[str, Any] | None:
    if activity is None:
        return None
    return {
        "events": activity.events,
        "activity": activity.description,
        "glitch_factor": activity.glitch_factor(assumptions.glitch_share.factor),
        "glitch_factor_unit_delay": activity.glitch_factor(1.0),
        "library_by_block": powers_mw(energies, assumptions.clock_ns),
        "library_energy_pj": sum(item.dynamic_pj + item.clock_pj for item in energies.values()),
    }
