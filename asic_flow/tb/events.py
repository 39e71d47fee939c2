"""Driver and monitor of the encoder's data ports: one event per clock in, latents and sum code out, latency measured."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from cocotb.simtime import get_sim_time
from cocotb.task import Task
from cocotb.triggers import FallingEdge, RisingEdge
from numpy.typing import NDArray

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


def unpack_event(value: int, count: int, width: int) -> list[int]:
    """Inverse of `pack_events` for one event."""
    mask = (1 << width) - 1
    return [(value >> (i * width)) & mask for i in range(count)]


class EventDriver:
    """Drives ``valid_i`` and ``charges_i`` just behind the rising clock edge, as an upstream register does."""

    def __init__(self, dut: HierarchyObject) -> None:
        self._dut = dut
        self.launch_times: deque[float] = deque()
        dut.valid_i.value = 0
        dut.charges_i.value = 0

    async def send(self, events: Sequence[int], *, gaps: Sequence[int] = ()) -> None:
        """Send packed events back to back.

        Args:
            events: wide integers from `pack_events`.
            gaps: idle clocks in front of each event (cyclic); default none: one event per clock.
        """
        dut = self._dut
        edge = RisingEdge(dut.clk_i)
        for index, event in enumerate(events):
            for _ in range(gaps[index % len(gaps)] if gaps else 0):
                await edge
                dut.valid_i.value = 0
            await edge
            dut.charges_i.value = event
            dut.valid_i.value = 1
            self.launch_times.append(get_sim_time("ns"))
        await edge
        dut.valid_i.value = 0


class OutputMonitor:
    """Collects output events in the middle of each clock cycle, and the latency of each.

    Latency: clocks from the edge behind which an event was launched to the edge behind which its latents appeared.
    """

    def __init__(self, dut: HierarchyObject, driver: EventDriver, *, latents: int, width: int, period_ns: int) -> None:
        self._dut = dut
        self._driver = driver
        self._latents = latents
        self._width = width
        self._period = period_ns
        self._task: Task[None] | None = None
        self.scoreboard: Scoreboard | None = None
        self.received = 0
        self.nonzero = 0
        self.latencies: Counter[float] = Counter()

    def start(self) -> None:
        """Begin to watch the outputs."""
        self._task = cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        dut = self._dut
        edge = FallingEdge(dut.clk_i)
        while True:
            await edge
            if not int(dut.valid_o.value):
                continue
            self.received += 1
            shown = get_sim_time("ns") - self._period / 2
            launched = self._driver.launch_times.popleft() if self._driver.launch_times else float("nan")
            self.latencies[(shown - launched) / self._period] += 1
            latents, code = int(dut.latents_o.value), int(dut.sum_code_o.value)
            self.nonzero += bool(latents or code)
            if self.scoreboard is not None:
                self.scoreboard.add(latents=unpack_event(latents, self._latents, self._width), sum_code=[code])

    @property
    def latency_clocks(self) -> int | None:
        """The latency if all events had the same whole number of clocks, else None."""
        if len(self.latencies) != 1:
            return None
        value = next(iter(self.latencies))
        return int(value) if value == int(value) else None
