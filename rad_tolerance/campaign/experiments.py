"""The experiments of a campaign: what is injected into which chip, and what has to come of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from asic_flow.formats import Integers
from asic_flow.hardware import HardwareConfig
from asic_flow.ir import Structure, econ_t_structure
from asic_flow.weights import WeightSet
from rad_tolerance.campaign.injections import (
    GATE,
    PULSE,
    UPSET,
    IntTable,
    Targets,
    clocks_of,
    copies,
    drawn,
    every,
)
from rad_tolerance.campaign.machine import PULSE_VOTER, WEIGHTS, Machine
from rad_tolerance.campaign.stimulus import REFRESH, STOP_SHIFT, STREAM, Stimulus, make_stimulus
from rad_tolerance.errors import RadiationError

Expectation = Literal["none", "some", "reported"]
"""Wrong outcomes in triplicated storage: there must be none, there must be some (negative control), or they are told."""
CHIP: Final = "chip"
SMALL: Final = "small"
_REPAIR_CLOCKS: Final = 2
"""Clocks between two upsets of one bit that refresh in every clock keeps apart."""
_APART_CLOCKS: Final = 20
"""Clocks between two upsets of one bit that only refresh can keep apart."""
_GATE_CLOCKS: Final = 20
_STOPPED: Final = 0b010
"""Clock that is stopped while single upsets come."""
_MAJORITY: Final = "((a_i & b_i) | (b_i & c_i) | (a_i & c_i))"


@dataclass(frozen=True)
class _Pair:
    """Upsets of several copies of one weight bit."""

    short: str
    title: str
    expected: Expectation
    hit: int
    delay: int
    refresh: bool


_PAIRS: Final = (
    _Pair("two upsets, refreshed", "two copies of a weight bit one after the other", "none", 2, _REPAIR_CLOCKS, True),
    _Pair("two copies at once", "two copies of a weight bit in one clock", "some", 2, 0, True),
    _Pair("all copies at once", "all copies of a weight bit: as good as not triplicated", "some", 3, 0, True),
    _Pair("two upsets, no refresh", "two copies of a bit, one after the other", "some", 2, _APART_CLOCKS, False),
)


class CampaignOptions(BaseModel):
    """How much is injected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=1, ge=0, description="seed of everything drawn at random")
    random: int = Field(
        default=20_000, ge=0, description="upsets at random place and time, beyond every flip-flop once"
    )
    control: int = Field(default=500, ge=1, description="injections of each negative control")
    events: int = Field(default=64, ge=2, description="different events in the stream")
    stream_clocks: int = Field(default=1_000, ge=100, description="clocks of the stream between load and read-back")
    loaded_bytes: int = Field(default=8, ge=1, description="weight bytes written over I2C while upsets come")
    window: int = Field(default=300, ge=10, description="clocks until an upset that has not settled counts as stuck")
    chunk: int = Field(default=4_000, ge=1, description="injections of one call of the simulation")


@dataclass(frozen=True)
class Experiment:
    """One list of injections.

    Attributes:
        name: short name, unique in a campaign.
        title: what is done, in words.
        chip: `CHIP` (the run's own) or `SMALL`.
        machine: the chip.
        stimulus: what it does meanwhile.
        injections: what is hit; may be empty if the stimulus itself is the fault.
        expected: what has to come of it.
        reference: stimulus whose outputs those of `stimulus` are compared with (stopped clocks).
    """

    name: str
    title: str
    chip: str
    machine: Machine
    stimulus: Stimulus
    injections: IntTable
    expected: Expectation
    reference: Stimulus | None = None


def small_structure(structure: Structure) -> Structure:
    """The smallest relative of a chip: one filter, two latents, the same arithmetic; every other module as it is."""
    return econ_t_structure(structure.profile.value, filters=1, units=2)


def small_hardware() -> HardwareConfig:
    """With a shadow bank, so that commits are hit too."""
    return HardwareConfig(shadow_bank=True)


def small_weights(structure: Structure, seed: int) -> WeightSet:
    """Random weights of a small chip, mostly small and positive: latents that neither vanish nor saturate show upsets."""
    rng = np.random.default_rng(seed)
    tensors: dict[str, Integers] = {}
    for name, shape in structure.tensor_shapes().items():
        fmt = structure.tensor_format(name)
        tensors[name] = rng.integers(fmt.minimum // 8, fmt.maximum // 2, size=shape)
    return WeightSet(structure, tensors, {"source": f"random, seed {seed}"})


def without_voter() -> str:
    """The voter of a chip whose copies are never compared: it passes copy a on."""
    text = PULSE_VOTER.read_text(encoding="utf-8")
    if text.count(_MAJORITY) != 1:
        raise RadiationError(f"planting a fault: {PULSE_VOTER.name} does not hold {_MAJORITY!r} once")
    # reading the other copies keeps the ports in use
    return text.replace(_MAJORITY, "(a_i | (a_i & (b_i ^ c_i)))")


def experiments(
    name: str, machine: Machine, weights: WeightSet, charges: Integers, options: CampaignOptions
) -> Iterator[Experiment]:
    """Everything that is done to one chip.

    Args:
        name: `CHIP` or `SMALL`.
        machine: the chip.
        weights: its weights.
        charges: int64[events, cells], encoder order.
        options: how much.
    """
    stimulus = _stimulus(machine, weights, charges, options)
    clocks, still = clocks_of(stimulus), clocks_of(stimulus, STREAM)
    flip_flops = Targets.of(machine.flip_flops())
    gates = Targets.of([item for item in machine.gates() for _ in range(_GATE_CLOCKS)])
    voters = Targets.of(machine.voters())
    rng = np.random.default_rng([options.seed, len(flip_flops)])

    def made(
        short: str, title: str, injections: IntTable, expected: Expectation, changed: Stimulus | None = None
    ) -> Experiment:
        return Experiment(f"{name}: {short}", title, name, machine, changed or stimulus, injections, expected)

    yield made(
        "every flip-flop", "an upset of every flip-flop, each at a random clock", every(UPSET, flip_flops, clocks, rng), "none"
    )  # fmt: skip
    yield made(
        "random upsets",
        "upsets at random place and time",
        drawn(UPSET, flip_flops, clocks, options.random, rng),
        "none",
    )
    yield made("clock gates", "upsets of the clock gates' latches", every(GATE, gates, clocks, rng), "none")
    yield made(
        "transients in voters", "a transient at every voter's output that meets a clock edge",
        every(PULSE, voters, clocks, rng), "reported",
    )  # fmt: skip
    for row in _PAIRS:
        changed = stimulus if row.refresh else stimulus.with_pins(int(still[0]), clear=REFRESH)
        table = copies(machine, WEIGHTS, still, options.control, rng, hit=row.hit, delay=row.delay)
        yield made(row.short, row.title, table, row.expected, changed)
    weights_hit = Targets.of([item for item in machine.flip_flops() if item.part == WEIGHTS])
    yield from _stopped(name, machine, stimulus, drawn(UPSET, weights_hit, still, options.control, rng))


def _stimulus(machine: Machine, weights: WeightSet, charges: Integers, options: CampaignOptions) -> Stimulus:
    return make_stimulus(
        weights, machine.layout, charges, shadow=machine.hardware.shadow_bank, loaded_bytes=options.loaded_bytes,
        stream_clocks=options.stream_clocks, tail_clocks=options.window,
    )  # fmt: skip


def voter_removed(machine: Machine, weights: WeightSet, charges: Integers, options: CampaignOptions) -> Experiment:
    """Negative control on a chip built `without_voter`: every upset of copy a of a weight."""
    stimulus = _stimulus(machine, weights, charges, options)
    hit = Targets.of([item for item in machine.flip_flops() if item.part == WEIGHTS and item.copy == "a"])
    rng = np.random.default_rng([options.seed, len(hit)])
    table = every(UPSET, hit, clocks_of(stimulus, STREAM), rng)
    return Experiment(
        f"{SMALL}: voter removed", "one copy of every weight bit", SMALL, machine, stimulus, table, "some"
    )


def _stopped(name: str, machine: Machine, stimulus: Stimulus, hits: IntTable) -> Iterator[Experiment]:
    """Clocks of the triplicated registers that stop right behind the reset; with one stopped, also single upsets."""
    nothing = hits[:0]
    for stopped in (0b001, 0b010, 0b100, 0b011, 0b110):
        letters = " and ".join("abc"[bit] for bit in range(3) if stopped >> bit & 1)
        many = stopped.bit_count() > 1
        # what is stored once is on clock a: without it nothing can be loaded
        alone = stopped & 1 and (machine.hardware.shadow_bank or machine.hardware.triplicated is not None)
        expected: Expectation = "some" if many else "reported" if alone else "none"
        changed = stimulus.with_pins(stimulus.first, raised=stopped << STOP_SHIFT)
        title = f"{'clocks' if many else 'clock'} {letters} stopped"
        yield Experiment(f"{name}: {title}", title, name, machine, changed, nothing, expected, stimulus)
        if stopped == _STOPPED:
            title = f"upsets of weights with clock {letters} stopped"
            yield Experiment(f"{name}: {title}", title, name, machine, changed, hits, "reported")
