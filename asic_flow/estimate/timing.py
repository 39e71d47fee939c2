"""Static timing of the whole mapped design with OpenSTA: the worst path of every endpoint, grouped by where it starts and ends.

One search in the typical library is enough: derates multiply every cell delay and setup time alike, and clocks are ideal, so
the derated path is the typical one times the product of the derates.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asic_flow.errors import FlowError
from asic_flow.estimate.derates import Assumptions
from asic_flow.estimate.flat_verilog import cell_number, flat_verilog
from asic_flow.estimate.opensta import TimingEnd, parse_ends, run_opensta
from asic_flow.sim.simulators import default_cache
from asic_flow.synthesis.gates import GateNetlist
from hgcal_data.files import atomic_write_text

_SCRIPT = """
read_liberty cells.lib
read_liberty wires.lib
read_verilog netlist.v
link_design {top}
create_clock -name clock -period {period} [get_ports {{{clocks}}}]
set_clock_uncertainty {uncertainty} [get_clocks clock]
set_clock_transition {clock_slew} [get_clocks clock]
set_wire_load_model -name estimate -library wires
set_input_delay {input_delay} -clock clock [all_inputs]
set_output_delay 0 -clock clock [all_outputs]
set_input_transition {slew} [all_inputs]
{false_paths}
report_checks -path_delay max -format summary -digits 4 -endpoint_count 1 -group_count 1000000
"""
_WIRES = """library(wires) {{
  time_unit : "1ns"; voltage_unit : "1V"; current_unit : "1uA"; pulling_resistance_unit : "1kohm";
  leakage_power_unit : "1nW"; capacitive_load_unit (1,pf); delay_model : table_lookup;
  input_threshold_pct_rise : 50; input_threshold_pct_fall : 50; output_threshold_pct_rise : 50;
  output_threshold_pct_fall : 50; slew_lower_threshold_pct_rise : 20; slew_lower_threshold_pct_fall : 20;
  slew_upper_threshold_pct_rise : 80; slew_upper_threshold_pct_fall : 80;
  wire_load("estimate") {{ resistance : 0; capacitance : {per_load}; area : 0; slope : 1; fanout_length(1, 1); }}
}}
"""


@dataclass(frozen=True)
class GroupTiming:
    """Worst path among those that start in one part of the design and end in another.

    Attributes:
        group: blocks where the paths start and end, or ``ports``.
        startpoint: pin or port where the worst one starts.
        endpoint: where it ends.
        path_ns: its delay including the setup time of its end, in the typical library.
        slack_ns: room that it leaves in the clock period less the uncertainty.
        endpoints: how many endpoints have their worst path in this group.
    """

    group: str
    startpoint: str
    endpoint: str
    path_ns: float
    slack_ns: float
    endpoints: int


def time_netlist(
    netlist: GateNetlist,
    blocks: Sequence[str],
    library: Path,
    top: str,
    assumptions: Assumptions,
    *,
    cache: Path | None = None,
) -> list[GroupTiming]:
    """Worst setup paths of a flat netlist, by group; the worst group first.

    Args:
        netlist: flat design, with buffers.
        blocks: block (see `asic_flow.estimate.blocks.BLOCKS`) of every instance in ``netlist.blocks``.
        library: Liberty file.
        top: name of the design.
        assumptions: clock, slews, wire load.
        cache: folder for results; default: beside the mapped modules.

    Raises:
        ToolNotFoundError: OpenSTA is not installed.
        ToolFailedError: it failed, or found no path.
        FlowError: the design has no clock.
    """
    files = {
        "cells.lib": library.read_text(encoding="utf-8", errors="replace"),
        "wires.lib": wire_library(assumptions),
        "netlist.v": flat_verilog(netlist, top),
    }
    text = script(top, {name: len(nets) for name, nets in netlist.ports.items()}, assumptions)
    folder = cache or default_cache().parent / "synthesis"
    entry = folder / f"timing_{hashlib.sha256(json.dumps([text, files]).encode()).hexdigest()[:32]}.json"
    if entry.is_file():
        ends = [TimingEnd(*item) for item in json.loads(entry.read_text(encoding="utf-8"))]
    else:
        with tempfile.TemporaryDirectory(prefix="econ_timing_") as scratch:
            for name, content in files.items():
                (Path(scratch) / name).write_text(content, encoding="utf-8")
            ends = parse_ends(run_opensta(text, Path(scratch), purpose=f"timing of {top}"))
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write_text(entry, json.dumps([[end.startpoint, end.endpoint, end.slack_ns] for end in ends]))

    def part(point: str) -> str:
        cell = cell_number(point)
        return "ports" if cell is None else blocks[netlist.block[cell]]

    return group_ends(ends, part, assumptions)


def wire_library(assumptions: Assumptions) -> str:
    """Liberty text of the wire load."""
    return _WIRES.format(per_load=assumptions.wire_pf_per_load)


def group_ends(ends: list[TimingEnd], part: Callable[[str], str], assumptions: Assumptions) -> list[GroupTiming]:
    """Worst path of every pair of parts that paths start and end in, the worst first; `part` names that of a pin or port."""
    groups: dict[str, list[TimingEnd]] = {}
    for end in ends:
        groups.setdefault(f"{part(end.startpoint)} to {part(end.endpoint)}", []).append(end)
    room = assumptions.clock_ns - assumptions.clock_uncertainty_ns
    found = []
    for name, members in groups.items():
        worst = min(members, key=lambda end: end.slack_ns)
        slack = worst.slack_ns
        found.append(GroupTiming(name, worst.startpoint, worst.endpoint, room - slack, slack, len(members)))
    return sorted(found, key=lambda item: item.slack_ns)


def script(top: str, ports: Mapping[str, int], assumptions: Assumptions) -> str:
    """Commands for OpenSTA.

    Args:
        top: top module.
        ports: width of every port of the top module by name; ``clk...`` are clocks, ``rst...`` resets. OpenSTA warns that
            clocks get no input delay, which is meant.
        assumptions: clock, slews, wire load.

    Raises:
        FlowError: no port is a clock.
    """
    clocks = [bit for name, width in ports.items() if name.startswith("clk") for bit in _bits(name, width)]
    if not clocks:
        raise FlowError(f"timing of {top}: no port is called clk...; ports: {', '.join(ports)}")
    resets = [name for name in ports if name.startswith("rst")]
    return _SCRIPT.format(
        top=top, period=assumptions.clock_ns, clocks=" ".join(clocks), uncertainty=assumptions.clock_uncertainty_ns,
        clock_slew=assumptions.clock_slew_ns, slew=assumptions.input_slew_ns,
        input_delay=assumptions.input_delay_ns,
        false_paths="\n".join(f"set_false_path -from [get_ports {name}]" for name in resets),
    )  # fmt: skip


def _bits(name: str, width: int) -> list[str]:
    return [name] if width == 1 else [f"{name}[{i}]" for i in range(width)]
