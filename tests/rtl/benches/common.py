"""What the module benches share."""

from __future__ import annotations

import json
import os
from typing import Any

from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer


def options() -> dict[str, Any]:
    """Options passed by the pytest side."""
    loaded: dict[str, Any] = json.loads(os.environ["BENCH_OPTIONS"])
    return loaded


async def reset(dut: Any) -> None:
    """40 MHz clock, then reset; returns behind a falling edge."""
    Clock(dut.clk_i, 25, "ns").start()
    dut.rst_ni.value = 0
    await FallingEdge(dut.clk_i)
    await FallingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    await FallingEdge(dut.clk_i)


async def settle() -> None:
    """Let combinational logic settle."""
    await Timer(1, "ns")


def upset(flip_flops: Any, mask: int) -> None:
    """Single-event upset: flip bits of one copy; the next write or refresh overwrites it."""
    flip_flops.value = int(flip_flops.value) ^ mask
