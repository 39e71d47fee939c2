"""Driver and monitor of the encoder's data ports: one event per clock in, latents and sum code out, latency measured."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from cocotb.task import Task
from cocotb.triggers import FallingEdge
from numpy.typing import NDArray

from asic_flow.links import LINK_WIDTH, MAX_LINKS, ORBIT
from asic_flow.tb.scoreboard import Scoreboard

Integers = NDArray[np.int64]


def pack_events(values: Integers, width: int) -> list[int]:
    """Rows of integers as one wide integer each, element 0 at the least significant end.

    Args:
        values: int64[n, elements], each in ``0 .. 2**width - 1``.
        width: bits of one element.
    """
    bits = ((values[:, :, None] >> np.arange(width)) & 1).astype(np.uint8).reshape(len(values), -1)
    return [int.from_bytes(row.tobytes(), "little") for row in np.packbits(bits, axis=1, bitorder="little")]


def unpack_event(value: int, count: int, width: int, *, signed: bool = False) -> list[int]:
    """Inverse of `pack_events` for one event; two's complement if `signed`."""
    mask = (1 << width) - 1
    elements = [(value >> (i * width)) & mask for i in range(count)]
    return [e - (1 << width) if signed and e >> (width - 1) else e for e in elements]


class EventDriver:
    """Feeds the launching register of `econ_bench` with one event per clock, at falling clock edges."""

    def __init__(self, dut: HierarchyObject) -> None:
        self._dut = dut
        dut.next_valid_i.value = 0
        dut.next_charges_i.value = 0
        dut.next_bx_i.value = 0

    async def send(self, events: Sequence[int], *, bx: Sequence[int] = (), gaps: Sequence[int] = ()) -> None:
        """Send packed events back to back.

        Args:
            events: wide integers from `pack_events`.
            bx: bunch crossing of each event; default: counting from 0, modulo the orbit.
            gaps: idle clocks in front of each event (cyclic); default none: one event per clock.
        """
        dut = self._dut
        edge = FallingEdge(dut.clk_i)
        for index, event in enumerate(events):
            for _ in range(gaps[index % len(gaps)] if gaps else 0):
                await edge
                dut.next_valid_i.value = 0
            await edge
            dut.next_charges_i.value = event
            dut.next_bx_i.value = bx[index] if len(bx) else index % ORBIT
            dut.next_valid_i.value = 1
        await edge
        dut.next_valid_i.value = 0


class OutputMonitor:
    """Collects output events in the middle of each clock cycle, and the latency of each.

    Latency: rising clock edges from the one at which the upstream register launches an event to the one at which the
    output register takes its latents. Events leave in the order in which they were launched. The words of an event are on
    the links one clock later.

    Attributes:
        scoreboard: takes ``latents`` and ``sum_code`` of every event.
        link_scoreboard: takes ``links``, the words of every event.
        events: latents and, behind them, the sum code of every event since `start`.
        words: link words of every event since `start`, link 0 at the least significant end.
        stray: clocks in which a link was not zero although no event was due.
        latencies: how often each latency was seen.
    """

    def __init__(self, dut: HierarchyObject, *, latents: int, width: int, signed: bool = False) -> None:
        self._dut = dut
        self._latents = latents
        self._width = width
        self._signed = signed
        self._task: Task[None] | None = None
        self.scoreboard: Scoreboard | None = None
        self.link_scoreboard: Scoreboard | None = None
        self.events: list[list[int]] = []
        self.words: list[int] = []
        self.stray = 0
        self.latencies: Counter[int] = Counter()

    def start(self) -> None:
        """Begin to watch the outputs. Costs some Python in every clock: watch only while events are in flight."""
        self.events, self.words = [], []
        self._task = cocotb.start_soon(self._watch())

    def stop(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self) -> None:
        dut = self._dut
        edge = FallingEdge(dut.clk_i)
        launched: deque[int] = deque()
        cycle, due = 0, False
        while True:
            await edge
            cycle += 1
            self._take_words(int(dut.links_o.value), due)
            if int(dut.launched_o.value):
                launched.append(cycle)
            due = bool(int(dut.valid_o.value))
            if due:
                self.latencies[cycle - launched.popleft() if launched else -1] += 1
                self._take_event(int(dut.latents_o.value), int(dut.sum_code_o.value))

    def _take_event(self, latents: int, code: int) -> None:
        values = unpack_event(latents, self._latents, self._width, signed=self._signed)
        self.events.append([*values, code])
        if self.scoreboard is not None:
            self.scoreboard.add(latents=values, sum_code=[code])

    def _take_words(self, words: int, due: bool) -> None:
        if not due:
            self.stray += bool(words)
            return
        self.words.append(words)
        if self.link_scoreboard is not None:
            self.link_scoreboard.add(links=unpack_event(words, MAX_LINKS, LINK_WIDTH))

    @property
    def latency_clocks(self) -> int | None:
        """The latency if it was the same for all events, else None (-1 counts outputs without an input)."""
        return next(iter(self.latencies)) if len(self.latencies) == 1 else None
