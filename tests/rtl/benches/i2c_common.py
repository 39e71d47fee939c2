"""What the benches of econ_i2c_target share: registers in Python behind its port, coverage of the bus conditions."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, First, RisingEdge, Timer, ValueChange
from common import options, reset

from asic_flow.tb.coverage import I2C, Coverage
from asic_flow.tb.i2c import I2cBus, I2cError, I2cMaster, I2cTiming
from asic_flow.tb.i2c_monitor import CONDITIONS

DEVICE = 0x20
COVERAGE = Coverage({I2C: CONDITIONS})


class Registers:
    """64 KiB of registers behind the target's port; remembers every write and read strobe."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.memory: dict[int, int] = {}
        self.writes: list[tuple[int, int]] = []
        self.reads: list[int] = []
        dut.rdata_i.value = 0
        cocotb.start_soon(self.watch())
        cocotb.start_soon(self.serve())

    def byte(self, address: int) -> int:
        return self.memory.get(address, (address * 37 + 11) & 255)

    async def serve(self) -> None:
        while True:
            await ValueChange(self.dut.addr_o)
            self.dut.rdata_i.value = self.byte(int(self.dut.addr_o.value))

    async def watch(self) -> None:
        """Strobes are one clock long, and never in two clocks in a row."""
        edges = RisingEdge(self.dut.wr_en_o), RisingEdge(self.dut.rd_en_o)
        while True:
            await First(*edges)
            await FallingEdge(self.dut.clk_i)
            address = int(self.dut.addr_o.value)
            if int(self.dut.wr_en_o.value):
                self.memory[address] = int(self.dut.wdata_o.value)
                self.writes.append((address, self.memory[address]))
            if int(self.dut.rd_en_o.value):
                self.reads.append(address)


async def start(dut: Any, khz: int = 1000, phase: int = 0, data_hold: int | None = None) -> tuple[I2cMaster, Registers]:
    """Reset target, master, registers; everything that happens on the bus is counted."""
    dut.device_address_i.value = DEVICE
    master = I2cMaster(I2cBus(dut.scl_i, dut.sda_i, dut.sda_oe_o), timing=I2cTiming.for_speed(khz, data_hold))
    master.monitor.on_condition = lambda name: COVERAGE.hit(I2C, name)
    registers = Registers(dut)
    await reset(dut)
    await Timer(1000 + phase, "ns")
    return master, registers


async def still_works(master: I2cMaster, registers: Registers) -> None:
    """A plain write and read-back; every corner case has to leave the target in a state in which it works."""
    await master.write_registers(0x1234, b"\x5a\xc3")
    assert await master.read_registers(0x1234, 2) == b"\x5a\xc3"
    assert registers.writes[-2:] == [(0x1234, 0x5A), (0x1235, 0xC3)]


async def refused(attempt: Awaitable[Any]) -> None:
    """The master must notice that the bus is not free."""
    try:
        await attempt
    except I2cError:
        return
    raise AssertionError("SDA held low went unseen")


def save_coverage() -> None:
    """Leave the counts for the pytest side; the last test of every bench calls this."""
    COVERAGE.write(Path(options()["coverage"]))
