"""The same upsets through cocotb and another simulator: every flip-flop of a chip, on the RTL as it is delivered."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from asic_flow.errors import ToolFailedError
from asic_flow.rtl import TOP, render_rtl
from asic_flow.rtl.render import CHARGE_WIDTH
from asic_flow.sim.simulators import Model, SimulatorName, build_model, run_bench
from asic_flow.tb.events import pack_events
from rad_tolerance.campaign.injections import UPSET, Targets, single
from rad_tolerance.campaign.machine import PUBLIC, Machine
from rad_tolerance.campaign.runner import simulate
from rad_tolerance.campaign.stimulus import Stimulus

_BENCH: Final = "rad_tolerance.campaign.bench"
_JOB_VARIABLE: Final = "RAD_CAMPAIGN_JOB"
_SPACING: Final = 9
"""Clocks from one upset to the next; what has not settled by then (counted by the compiled model) is left out."""


def cross_check(
    machine: Machine, stimulus: Stimulus, *, seed: int, window: int, most: int | None = None,
    simulator: SimulatorName = "icarus", cache: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Upset every flip-flop once under cocotb and compare the wrong clocks with those of the compiled campaign.

    Args:
        machine: the chip.
        stimulus: what it does meanwhile.
        seed: of the order.
        window: clocks behind the last upset.
        most: use only so many flip-flops.
        simulator: which simulator runs the cocotb bench.
        cache: folder of built models.

    Returns:
        Counts, with ``equal`` the upsets of which both say the same.

    Raises:
        ToolNotFoundError: the simulator is missing.
        ToolFailedError: a simulation failed, or differs before any upset.
    """
    begin = time.monotonic()
    targets = Targets.of(machine.flip_flops())
    clocks = np.arange(stimulus.first, stimulus.end - window, _SPACING)
    order = np.random.default_rng(seed).permutation(len(targets))[: min(len(clocks), most or len(targets))]
    table = single(UPSET, targets.take(order), clocks[: len(order)])
    golden, answers = simulate(machine, stimulus, table, window)
    chosen = (answers[:, 0] > 0) & (answers[:, 5] < _SPACING)
    found = _bench(machine, stimulus, table[chosen], golden, simulator, cache)
    expected = answers[chosen][:, 2:5].tolist()
    return {
        "simulator": simulator,
        "flip_flops": len(targets),
        "upsets": int(chosen.sum()),
        "left_out_not_settled": int((~chosen).sum()),
        "wrong_output": sum(any(row) for row in found),
        "equal": sum(a == b for a, b in zip(found, expected, strict=True)),
        "seconds": round(time.monotonic() - begin, 1),
    }


def _bench(
    machine: Machine, stimulus: Stimulus, table: Any, golden: Any, simulator: SimulatorName, cache: Path | None
) -> list[list[int]]:
    """Run the cocotb bench; wrong clocks (data, bus, live flag) of every upset."""
    with tempfile.TemporaryDirectory(prefix="rad_bench_") as scratch:
        folder = Path(scratch)
        sources = []
        for name, text in render_rtl(machine.structure, machine.hardware).items():
            (folder / name).write_text(text, encoding="utf-8")
            sources.append(folder / name)
        public = {module: names for module, names in PUBLIC.items() if module != "econ_voter"}
        built = build_model(simulator, Model(tuple(sources), TOP, public=public, shared=("econ_neuron",)), cache)
        np.save(folder / "rows.npy", stimulus.rows)
        np.save(folder / "golden.npy", golden)
        result = folder / "result.json"
        job = {
            "rows": str(folder / "rows.npy"), "golden": str(folder / "golden.npy"), "result": str(result),
            "clocks": int(table[:, 0].max()) + _SPACING,
            "charges": [str(value) for value in pack_events(stimulus.charges, CHARGE_WIDTH)],
            "presets": [[name, str(value)] for name, value in machine.contents(stimulus.preset.to_bytes()).items()],
            "upsets": [[int(row[0]), machine.registers[row[2]].name, int(row[3])] for row in table],
        }  # fmt: skip
        (folder / "job.json").write_text(json.dumps(job))
        outcome = run_bench(built, _BENCH, folder / "work", environment={_JOB_VARIABLE: str(folder / "job.json")})
        if not outcome.passed or not result.is_file():
            raise ToolFailedError(f"injecting upsets through cocotb: {'; '.join(outcome.failures) or 'no result'}")
        found: list[list[int]] = json.loads(result.read_text())
        return found
