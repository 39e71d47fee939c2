"""Lists of injections: what is hit, and when. Everything random comes from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rad_tolerance.campaign.machine import Machine, Register
from rad_tolerance.campaign.stimulus import Stimulus

UPSET, PULSE, GATE = range(3)
"""Kinds: a flip in the low phase of the clock; a transient over one clock edge; a flip in the high phase (``kind_t``)."""
_PAIRS: Final = 3
FIELDS: Final = 3 + 2 * _PAIRS

IntTable = NDArray[np.int32]


@dataclass(frozen=True)
class Targets:
    """Single bits that can be hit: int64[n] each, number of the register and bit in it."""

    register: NDArray[np.int64]
    bit: NDArray[np.int64]

    @classmethod
    def of(cls, registers: Sequence[Register]) -> Targets:
        """Every bit of some registers."""
        counts = [item.bits for item in registers]
        numbers = np.repeat([item.number for item in registers], counts)
        bits = np.concatenate([np.arange(count) for count in counts]) if counts else np.zeros(0)
        return cls(numbers.astype(np.int64), bits.astype(np.int64))

    def __len__(self) -> int:
        """Number of bits."""
        return len(self.register)

    def take(self, rows: NDArray[np.int64]) -> Targets:
        """Some of them."""
        return Targets(self.register[rows], self.bit[rows])


def single(kind: int, targets: Targets, clocks: NDArray[np.int64]) -> IntTable:
    """One injection per target at the clocks int64[n]: int32[n, FIELDS]."""
    table = np.full((len(targets), FIELDS), -1, dtype=np.int32)
    table[:, 0], table[:, 1], table[:, -1] = clocks, kind, 0
    table[:, 2], table[:, 3] = targets.register, targets.bit
    return table


def every(kind: int, machine_targets: Targets, clocks: NDArray[np.int64], rng: np.random.Generator) -> IntTable:
    """Every target once, each at a random one of the clocks."""
    return single(kind, machine_targets, rng.choice(clocks, size=len(machine_targets)))


def drawn(kind: int, targets: Targets, clocks: NDArray[np.int64], count: int, rng: np.random.Generator) -> IntTable:
    """Random target, random clock."""
    chosen = rng.integers(len(targets), size=count) if len(targets) else np.zeros(0, dtype=np.int64)
    return single(kind, targets.take(chosen), rng.choice(clocks, size=len(chosen)))


def copies(
    machine: Machine, part: str, clocks: NDArray[np.int64], count: int, rng: np.random.Generator, *, hit: int, delay: int = 0
) -> IntTable:  # fmt: skip
    """The same random bit in two or all three copies of registers of a part.

    Args:
        machine: the chip.
        part: part of the chip.
        clocks: when.
        count: injections.
        rng: source of chance.
        hit: copies hit, 2 or 3; of two, which ones is drawn.
        delay: clocks from the first copy to the others.
    """
    first = [item for item in machine.flip_flops() if item.part == part and item.copy == "a"]
    threes = np.array([[other.number for other in machine.siblings(item)] for item in first])
    row_of = {item.number: row for row, item in enumerate(first)}
    table = drawn(UPSET, Targets.of(first), clocks, count, rng)
    rows = [row_of[int(number)] for number in table[:, 2]]
    orders = rng.permuted(np.tile(np.arange(3), (count, 1)), axis=1)[:, :hit]
    for place in range(hit):
        table[:, 2 + 2 * place] = threes[rows, orders[:, place]]
        table[:, 3 + 2 * place] = table[:, 3]
    table[:, -1] = delay
    return table


def clocks_of(stimulus: Stimulus, *phases: str) -> NDArray[np.int64]:
    """Clocks of some phases; of all of them without names."""
    chosen = [np.arange(a, b) for name, a, b in stimulus.phases if not phases or name in phases]
    return np.concatenate(chosen).astype(np.int64)
