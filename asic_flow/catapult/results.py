"""What a build delivered, and whether it meets the design rules."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from asic_flow.catapult.config import CatapultConfig, Stage
from asic_flow.catapult.reports import (
    CycleReport,
    PowerReport,
    RtlReport,
    SolutionValues,
    newest_solution,
    read_cycle_report,
    read_power_report,
    read_rtl_report,
    read_solution_values,
)
from asic_flow.catapult.tcl import PROJECT, VALUES_FILE, design_name
from asic_flow.ir import Structure
from hgcal_data.files import atomic_write_text

WEIGHT_COPIES = 3


@dataclass(frozen=True)
class BuildResult:
    """Everything read back from a finished build.

    Attributes:
        solution: folder of the solution, ``.../Catapult/<design>.v<N>``.
        rtl: self-contained Verilog.
        violations: design rules that the reports contradict, one line each; empty for a good build.
    """

    design: str
    solution: Path
    rtl: Path
    cycle: CycleReport
    registers: RtlReport
    power: PowerReport | None
    values: SolutionValues
    violations: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Write the figures as JSON."""
        payload = {"schema_version": 1, **asdict(self)}
        atomic_write_text(path, json.dumps(payload, indent=2, default=str) + "\n")


def collect_results(
    work: Path, structure: Structure, config: CatapultConfig, *, started: datetime, run_id: str
) -> BuildResult:
    """Read the newest solution of a working folder.

    Args:
        work: folder in which Catapult ran.
        structure: what was built.
        config: how it was built.
        started: local time the build started; older reports are refused.
        run_id: identifier of the run that wrote the values file.

    Raises:
        ReportError: a report is missing, partial, stale, of another solution, or in another layout.
    """
    design = design_name(structure.name, config)
    solution = newest_solution(work / PROJECT, design)
    cycle = read_cycle_report(solution / "cycle.rpt", solution=solution.name, not_before=started)
    registers = read_rtl_report(solution / "rtl.rpt", solution=solution.name, not_before=started)
    power = None
    if Stage.POWER in config.stages:
        power = read_power_report(solution / "power.rpt", solution=solution.name, not_before=started)
    values = read_solution_values(work / VALUES_FILE, run_id=run_id)
    return BuildResult(
        design, solution, solution / "concat_rtl.v", cycle, registers, power, values,
        tuple(violations(structure, config, cycle, registers)),
    )  # fmt: skip


def violations(structure: Structure, config: CatapultConfig, cycle: CycleReport, registers: RtlReport) -> list[str]:
    """Design rules that the reports contradict.

    Latency and throughput as asked for; no negative slack; no memories; weights are direct inputs of the structure's
    widths, or three copies of every weight bit are registers.
    """
    found: list[str] = []
    total = cycle.total
    if total is None or total.latency is None or total.throughput is None:
        found.append("cycle.rpt gives no latency and throughput for the design")
    elif config.design != "weight_bank":
        if total.latency > config.max_latency:
            found.append(f"latency is {total.latency} clocks, expected at most {config.max_latency}")
        if total.throughput != 1:
            found.append(f"throughput is one event per {total.throughput} clocks, expected 1")
    if registers.slack_ns < 0:
        found.append(f"slack is {registers.slack_ns} ns, expected none below 0")
    memory = sum(registers.area_by_class.get(name, 0.0) for name in ("MEM", "ROM"))
    if memory > 0:
        found.append(f"memories take an area score of {memory}, expected 0: an array was mapped to a memory")
    if config.design == "datapath":
        found += _port_violations(structure, config, cycle)
    else:
        needed = WEIGHT_COPIES * structure.weight_bits
        if registers.register_bits < needed:
            found.append(
                f"{registers.register_bits} register bits in the design, expected at least {needed} "
                f"(three copies of {structure.weight_bits} weight bits): copies were merged"
            )
    return found


def _port_violations(structure: Structure, config: CatapultConfig, cycle: CycleReport) -> list[str]:
    found: list[str] = []
    top = f"/{design_name(structure.name, config)}/"
    resources = {
        item.name.removeprefix(top).removesuffix(":rsc"): item for item in cycle.resources if item.name.startswith(top)
    }
    for tensor, shape in structure.tensor_shapes().items():
        name = tensor.replace(".", "_")
        bits = structure.tensor_format(tensor).width
        for size in shape:
            bits *= size
        resource = resources.get(name)
        if resource is None:
            found.append(f"weight port {name} is missing in cycle.rpt")
        elif resource.component != "[DirectInput]" or resource.bits != bits:
            found.append(
                f"weight port {name} is {resource.component} of {resource.bits} bits, expected [DirectInput] of {bits}"
            )
    return found
