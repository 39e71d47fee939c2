"""A whole campaign on a run: chips built, experiments run, ``rad/campaign.json`` written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from asic_flow.config import read_asic_section
from hgcal_data.geometry import AE_TO_TC
from rad_tolerance.campaign.cross_check import cross_check
from rad_tolerance.campaign.experiments import (
    CHIP,
    SMALL,
    CampaignOptions,
    Experiment,
    experiments,
    small_hardware,
    small_structure,
    small_weights,
    voter_removed,
    without_voter,
)
from rad_tolerance.campaign.machine import Machine
from rad_tolerance.campaign.report import report
from rad_tolerance.campaign.runner import Ledger, chunks_of, run_chunks
from rad_tolerance.outputs import write_json
from rad_tolerance.rate_config import read_config
from rad_tolerance.sensitivity import run_folder

LEDGER: Final = "campaign.jsonl"
RESULT: Final = "campaign.json"


def run_campaign(
    run: Path, links: int | None, chip: str, options: CampaignOptions, *, jobs: int, fresh: bool, cocotb: bool,
    progress: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:  # fmt: skip
    """Go on with the campaign of a run, or begin one; returns the content of ``rad/campaign.json``.

    Args:
        run: run folder.
        links: link count of the weights; default: the only weight file.
        chip: `CHIP`, `SMALL` or ``both``.
        options: how much.
        jobs: simulations at once.
        fresh: forget earlier results.
        cocotb: also upset every flip-flop of the small chip through cocotb under Icarus.
        progress: called with what is being done.

    Raises:
        FlowError: the run is incomplete, or a tool is missing or fails.
        RadiationError: the simulation is wrong without upsets.
    """
    planned = plan_experiments(run, links, chip, options, progress)
    path = run / "rad" / LEDGER
    if fresh:
        path.unlink(missing_ok=True)
    ledger = Ledger(path)
    parts = {item.name: chunks_of(item, options.chunk, options.window) for item in planned}
    run_chunks(
        [part for found in parts.values() for part in found], ledger, jobs,
        lambda done, everything: progress(f"injecting: {done} of {everything} parts done"),
    )  # fmt: skip
    lines = {name: [ledger.lines[part.key] for part in found] for name, found in parts.items()}
    content = report(planned, lines, options, read_config(None, []).cases[0])
    content["cocotb"] = None
    if cocotb and (example := next((item for item in planned if item.chip == SMALL), None)):
        progress("the same upsets through cocotb")
        found = cross_check(example.machine, example.stimulus, seed=options.seed, window=options.window)
        content["cocotb"] = found
        if not 0 < found["upsets"] == found["equal"]:
            content["verdict"] = "fail"
    write_json(content, run / "rad" / RESULT)
    return content


def plan_experiments(
    run: Path, links: int | None, chip: str, options: CampaignOptions, progress: Callable[[str], None]
) -> list[Experiment]:
    """Build the chips and list everything that is done to them.

    Raises:
        FlowError: the run is incomplete, or a tool is missing or fails.
    """
    folder = run_folder(run)
    weights = folder.weights(links)
    charges = folder.test_charges(options.events, options.seed)[:, AE_TO_TC]
    planned: list[Experiment] = []
    if chip in (CHIP, "both"):
        progress("building the simulation of the run's chip (minutes, once)")
        machine = Machine.build(weights.structure, read_asic_section(run).hardware)
        planned += experiments(CHIP, machine, weights, charges, options)
    if chip in (SMALL, "both"):
        progress("building the simulation of a small chip")
        structure = small_structure(weights.structure)
        few = small_weights(structure, options.seed)
        whole = options.model_copy(update={"loaded_bytes": len(few.to_bytes())})
        planned += experiments(SMALL, Machine.build(structure, small_hardware()), few, charges, whole)
        progress("building the small chip without voters")
        planted = Machine.build(structure, small_hardware(), voter=without_voter())
        planned.append(voter_removed(planted, few, charges, whole))
    return planned
