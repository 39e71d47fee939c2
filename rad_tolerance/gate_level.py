"""Transients on the nets of the synthesised netlist: what one that meets a clock edge does, and how often it meets one.

Every lane of the gate simulator is a copy of the running chip. In one clock each lane but the first gets a transient on
another net, which holds until the clock edge; then all lanes run on and are compared with the first. So logical masking is
simulated; electrical masking (a pulse that dies out on its way) is not, and makes the truth better. A transient of length w
meets the edge with probability (w + setup and hold) / 25 ns.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from asic_flow.formats import Integers
from asic_flow.hardware import HardwareConfig
from asic_flow.ir import Structure
from asic_flow.links import MAX_LINKS
from asic_flow.rtl import TOP, render_rtl
from asic_flow.synthesis.flow import synthesise
from asic_flow.synthesis.gate_check import start_chip
from asic_flow.synthesis.gate_simulator import GateSimulator
from asic_flow.synthesis.gates import OPEN, GateNetlist, flatten
from asic_flow.synthesis.liberty import DEFAULT_LIBRARY, read_liberty
from asic_flow.weights import WeightSet
from rad_tolerance.campaign.machine import COUNTERS, part_of
from rad_tolerance.campaign.outcomes import CLASSES, CONFIDENCE, CORRECTED, MASKED, STUCK, VISIBLE
from rad_tolerance.errors import RadiationError
from rad_tolerance.intervals import clopper_pearson

WIDTHS_NS: Final = (0.2, 0.5, 1.0, 2.0)
CLOCK_NS: Final = 25.0
_OUTPUTS: Final = ("valid_o", "latents_o", "sum_code_o", "links_o", "sda_oe_o", "live_o")
_PIPELINE: Final = "pipeline and arithmetic"
_TOP: Final = "wires of the top"
_GAP: Final = 7
_START_CLOCKS: Final = 64
_VOTE: Final = re.compile(r"\.u_vote_[abc]$")
_COPY: Final = re.compile(r"\.u_copy_[abc]$|\.u_chain_[abc]$")


class GateOptions(BaseModel):
    """How many transients."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    transients: int = Field(
        default=20_000, ge=1, description="transients; as many as nets or more: every net at least once"
    )
    window: int = Field(default=12, ge=4, description="clocks until a transient that has not settled counts as stuck")
    lanes: int = Field(default=512, description="copies simulated side by side")
    edge_ns: float = Field(
        default=0.1, ge=0, description="setup and hold time in which a flip-flop takes the pulse; assumption"
    )
    seed: int = Field(default=1, ge=0, description="seed of everything drawn at random")


@dataclass
class _Run:
    """A chip in all lanes, with the fault-free one in lane 0."""

    sim: GateSimulator
    charges: Integers
    states: list[str]
    functional: NDArray[np.bool_]
    outputs: NDArray[np.int32]
    clock: int = 0

    @classmethod
    def of(cls, netlist: GateNetlist, weights: WeightSet, charges: Integers, lanes: int) -> _Run:
        sim = GateSimulator(netlist, lanes)
        start_chip(sim, weights, MAX_LINKS)
        states = list(netlist.state_names)
        functional = np.array([part_of(f".{name}") != COUNTERS for name in states])
        outputs = np.concatenate([netlist.ports[name] for name in _OUTPUTS])
        run = cls(sim, charges, states, functional, outputs)
        for _ in range(_START_CLOCKS):
            run.inputs()
            run.sim.step()
        return run

    def inputs(self) -> None:
        """Inputs of the next clock, the same in all lanes: an event, or none in every so many clocks."""
        valid = self.clock % _GAP != _GAP - 1
        self.sim.set("valid_i", int(valid))
        event = self.charges[self.clock % len(self.charges)]
        self.sim.set("charges_i", np.broadcast_to(event, (self.sim.lanes, len(event))))
        self.clock += 1

    def batch(self, nets: NDArray[np.int64], window: int) -> tuple[NDArray[np.int64], Integers]:
        """Transients on up to lanes - 1 nets: class of each, and flip-flops that latched something wrong."""
        lanes = np.arange(1, len(nets) + 1)
        self.inputs()
        self.sim.disturb(nets.astype(np.int32), lanes)
        self.sim.step()
        latched = self._differs(self.sim.read_state(self.states), self.functional).sum(axis=1)
        seen = np.zeros(self.sim.lanes, dtype=bool)
        for _ in range(window):
            self.inputs()
            seen |= self._differs(self.sim.peek_nets(self.outputs)).any(axis=1)
            self.sim.step()
        final = self.sim.read_state(self.states)
        stuck = self._differs(final, self.functional).any(axis=1)
        counted = self._differs(final, ~self.functional).any(axis=1)
        self.sim.load_state(self.states, final[0])
        classes = np.where(stuck, STUCK, np.where(seen, VISIBLE, np.where(counted, CORRECTED, MASKED)))
        return classes[lanes], latched[lanes].astype(np.int64)

    @staticmethod
    def _differs(bits: NDArray[np.uint8], chosen: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
        """Which bits differ from those of lane 0, bool[lanes, bits]."""
        part = bits if chosen is None else bits[:, chosen]
        return np.asarray(part != part[:1])


def transients(
    structure: Structure, hardware: HardwareConfig, weights: WeightSet, charges: Integers, options: GateOptions,
    progress: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:  # fmt: skip
    """Content of ``rad/gates.json``: transients on the nets of a chip's netlist.

    Args:
        structure: the encoder.
        hardware: options of the chip.
        weights: its weights.
        charges: int64[events, cells], encoder order.
        options: how many.
        progress: called with what is being done.

    Raises:
        ToolNotFoundError: Yosys is not installed.
        FlowError: the netlist cannot be made or simulated.
        RadiationError: the chip gives nothing without transients.
    """
    library = read_liberty(DEFAULT_LIBRARY)
    progress("synthesising")
    synthesis = synthesise(render_rtl(structure, hardware), TOP, library, progress=progress)
    netlist = flatten(synthesis)
    run = _Run.of(netlist, weights, charges, options.lanes)
    nets = targets(netlist, run.sim)
    rng = np.random.default_rng(options.seed)
    rounds = -(-options.transients // len(nets))
    chosen = np.concatenate([rng.permutation(nets) for _ in range(rounds)])[: options.transients]
    _, latched_by_none = run.batch(chosen[:0], options.window)
    if not run.sim.peek_nets(netlist.ports["latents_o"]).any() or latched_by_none.any():
        raise RadiationError(
            "transients at gate level: all latents are zero without a transient, so nothing would be seen"
        )
    tables: defaultdict[str, Counter[int]] = defaultdict(Counter)
    latched: Counter[str] = Counter()
    step = options.lanes - 1
    for first in range(0, len(chosen), step):
        part = chosen[first : first + step]
        progress(f"transients: {first:,} of {len(chosen):,}")
        classes, flips = run.batch(part, options.window)
        for net, found, wrong in zip(part.tolist(), classes.tolist(), flips.tolist(), strict=True):
            name = group_of(netlist, net)
            tables[name][found] += 1
            latched[name] += wrong > 0
    rows = [
        {"part": name, "latched": latched[name], **_row(counts, options)} for name, counts in sorted(tables.items())
    ]
    total = sum(tables.values(), Counter())
    return {
        "schema_version": 1, "title": "Transients in the gate netlist", "verdict": _verdict(tables),
        "structure_sha256": structure.sha256, "library": library.path.stem, "cells": len(netlist.kind), "nets": len(nets),
        "different_nets_hit": len(np.unique(chosen)), "clock_ns": CLOCK_NS, "confidence": CONFIDENCE,
        "options": options.model_dump(), **_row(total, options), "latched": sum(latched.values()), "parts": rows,
    }  # fmt: skip


def targets(netlist: GateNetlist, sim: GateSimulator) -> NDArray[np.int64]:
    """Nets that a gate drives, without the clock network."""
    driven = np.flatnonzero(netlist.driver != OPEN)
    return np.setdiff1d(driven, sim.clocks.nets).astype(np.int64)


def group_of(netlist: GateNetlist, net: int) -> str:
    """Where a net is driven: part of the chip, for triplicated registers split into copies, voters and the logic around them."""
    block = netlist.blocks[int(netlist.block[netlist.driver[net]])]
    path = f".{block}."
    part = part_of(path) or _TOP
    if ".u_encoder." in path:
        return _PIPELINE
    if _VOTE.search(f".{block}"):
        return f"{part}: voters"
    if _COPY.search(f".{block}"):
        return f"{part}: flip-flops"
    return f"{part}: other logic"


def _row(counts: Counter[int], options: GateOptions) -> dict[str, Any]:
    """Counts, share of wrong outcomes with limits, and the same per transient of each length."""
    total, wrong = counts.total(), counts[VISIBLE] + counts[STUCK]
    low, high = clopper_pearson(wrong, total, CONFIDENCE) if total else (0.0, 1.0)
    share = wrong / total if total else 0.0
    meets = {width: (width + options.edge_ns) / CLOCK_NS for width in WIDTHS_NS}
    return {
        "transients": total, **{name: counts[index] for index, name in enumerate(CLASSES)}, "wrong_fraction": share,
        "wrong_low": low, "wrong_high": high,
        "wrong_per_transient": {f"{width:g} ns": chance * share for width, chance in meets.items()},
    }  # fmt: skip


def _verdict(tables: dict[str, Counter[int]]) -> str:
    """Outputs of flip-flop copies are behind a voter: a transient there must never be seen."""
    copies = sum((counts for name, counts in tables.items() if name.endswith(": flip-flops")), Counter())
    return "pass" if copies.total() and not copies[VISIBLE] + copies[STUCK] else "fail"
