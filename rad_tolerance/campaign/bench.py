"""cocotb bench: the same stimulus and upsets as the compiled campaign, one after the other in one simulation.

Started by `rad_tolerance.campaign.cross_check`, which passes a JSON job through the environment variable ``RAD_CAMPAIGN_JOB``.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from cocotb.triggers import Timer

from rad_tolerance.campaign.stimulus import REFRESH, RESET_N, SCL, SDA, STOP_SHIFT, VALID, port_bytes
from rad_tolerance.errors import RadiationError

JOB_VARIABLE = "RAD_CAMPAIGN_JOB"
_LOW_NS, _HIGH_NS = 12, 13
_OUTPUTS = ("valid_o", "latents_o", "sum_code_o", "links_o", "sda_oe_o", "live_o")


def find(dut: HierarchyObject, name: str) -> Any:
    """Handle of a full name as the compiled model gives it (``TOP.econ_top.u_x.gen_y[0].q_q``)."""
    handle: Any = dut
    for part in name.split(".")[2:]:
        plain, *indices = re.split(r"[\[\]]+", part.rstrip("]"))
        handle = getattr(handle, plain)
        for index in indices:
            handle = handle[int(index)]
    return handle


class Pins:
    """The chip's pins, driven as the compiled harness drives them."""

    def __init__(self, dut: HierarchyObject, charges: list[int]) -> None:
        self._dut = dut
        self._charges = charges

    def low(self, levels: int, crossing: int, event: int) -> None:
        """Clocks low, inputs of this clock."""
        dut = self._dut
        dut.clk_i.value = 0
        dut.clk_tmr_i.value = 0
        dut.rst_ni.value = int(bool(levels & RESET_N))
        dut.refresh_i.value = int(bool(levels & REFRESH))
        dut.valid_i.value = int(bool(levels & VALID))
        dut.scl_i.value = int(bool(levels & SCL))
        dut.sda_i.value = int(bool(levels & SDA) and not self._pulled())
        dut.bx_i.value = crossing
        if levels & VALID:
            dut.charges_i.value = self._charges[event]

    def high(self, levels: int) -> None:
        """Rising edge of the clocks that run."""
        self._dut.clk_i.value = 1
        self._dut.clk_tmr_i.value = 7 & ~(levels >> STOP_SHIFT)

    def outputs(self) -> bytes:
        """As the compiled harness writes them."""
        ports = [getattr(self._dut, name) for name in _OUTPUTS]
        return b"".join(int(port.value).to_bytes(port_bytes(len(port)), "little") for port in ports)

    def _pulled(self) -> bool:
        value = self._dut.sda_oe_o.value
        return bool(value.is_resolvable and int(value))


@cocotb.test()
async def upsets(dut: HierarchyObject) -> None:
    """Every upset of the job; writes the wrong clocks of each: data, bus, live flag."""
    job: dict[str, Any] = json.loads(Path(os.environ[JOB_VARIABLE]).read_text())
    rows, golden = np.load(job["rows"]).tolist(), np.load(job["golden"])
    hits: dict[int, list[Any]] = {clock: [index, name, bit] for index, (clock, name, bit) in enumerate(job["upsets"])}
    pins = Pins(dut, [int(value) for value in job["charges"]])
    wrong, current, preset = [[0, 0, 0] for _ in hits], -1, False
    for clock, (levels, crossing, event) in enumerate(rows[: job["clocks"]]):
        pins.low(levels, crossing, event)
        if not preset and levels & RESET_N:
            for name, value in job["presets"]:
                find(dut, name).value = int(value)
            preset = True
        await Timer(_LOW_NS, "ns")
        if clock in hits:
            current, name, bit = hits[clock]
            target = find(dut, name)
            target.value = int(target.value) ^ (1 << bit)
            await Timer(1, "ns")
        if preset:
            found, expected = pins.outputs(), golden[clock].tobytes()
            same = (found[:-2] == expected[:-2], found[-2] == expected[-2], found[-1] == expected[-1])
            if not all(same):
                if current < 0:
                    raise RadiationError(f"outputs differ in clock {clock} before any upset")
                wrong[current] = [count + (not good) for count, good in zip(wrong[current], same, strict=True)]
        pins.high(levels)
        await Timer(_HIGH_NS, "ns")
    Path(job["result"]).write_text(json.dumps(wrong))
