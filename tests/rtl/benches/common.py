"""What the module benches share."""

from __future__ import annotations

import json
import os
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import Event, FallingEdge, Timer

_PERIOD_NS = 25


def options() -> dict[str, Any]:
    """Options passed by the pytest side."""
    loaded: dict[str, Any] = json.loads(os.environ["BENCH_OPTIONS"])
    return loaded


async def reset(dut: Any) -> None:
    """40 MHz clock, then reset; returns behind a falling edge."""
    Clock(dut.clk_i, _PERIOD_NS, "ns", impl="gpi").start()  # no Python in idle clocks
    dut.rst_ni.value = 0
    await FallingEdge(dut.clk_i)
    await FallingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    await FallingEdge(dut.clk_i)


class TripleClock:
    """The three 40 MHz clocks of a module with triplicated registers, any of which can be stopped.

    Attributes:
        stopped: bit mask of the clocks that stay low.
    """

    def __init__(self, dut: Any) -> None:
        self._dut = dut
        self._fell = Event()
        self.stopped = 0

    async def start(self) -> None:
        """Start the clocks and reset; returns at a falling edge."""
        self._dut.rst_ni.value = 0
        self._dut.clk_tmr_i.value = 0
        cocotb.start_soon(self._drive())
        await self.clocks(2)
        self._dut.rst_ni.value = 1
        await self.clocks(1)

    async def clocks(self, count: int = 1) -> None:
        """Wait for falling edges; what is written then is taken at the next rising edge."""
        for _ in range(count):
            self._fell.clear()
            await self._fell.wait()

    async def _drive(self) -> None:
        while True:
            await Timer(_PERIOD_NS // 2, "ns")
            self._dut.clk_tmr_i.value = 0b111 & ~self.stopped
            await Timer(_PERIOD_NS - _PERIOD_NS // 2, "ns")
            self._dut.clk_tmr_i.value = 0
            self._fell.set()


async def settle() -> None:
    """Let combinational logic settle."""
    await Timer(1, "ns")


def upset(flip_flops: Any, mask: int) -> None:
    """Single-event upset: flip bits of one copy; the next write or refresh overwrites it."""
    flip_flops.value = int(flip_flops.value) ^ mask
