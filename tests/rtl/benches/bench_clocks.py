"""Whole small chip with three clock trees: one stops, nothing is lost; two stop, and that is seen."""

import json
import os
from pathlib import Path

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge

from asic_flow.ir import read_structure
from asic_flow.registers.model import CLEAR_BIT, CONTROL_SEU_OFFSET, REFRESH_PERIOD_OFFSET
from asic_flow.tb.chip import ChipBench
from asic_flow.tb.events import pack_events
from asic_flow.tb.i2c import I2cNackError
from asic_flow.tb.vectors import read_chip_vectors

PROJECT = Path(json.loads(os.environ["BENCH_OPTIONS"])["project"])


async def start(dut):
    bench = ChipBench(dut, read_structure(PROJECT / "encoder.json"), khz=1000, frame=None, period_ns=25)
    await bench.reset()
    return bench


async def stop(dut, mask):
    await FallingEdge(dut.clk_i)
    dut.gen_stop.stop_q.value = mask


async def control_upsets(bench):
    return int.from_bytes(
        await bench.master.read_registers(bench.layout.monitor_base + CONTROL_SEU_OFFSET, 2), "little"
    )


@cocotb.test()
async def one_stopped(dut):
    bench = await start(dut)
    await bench.load((PROJECT / "image.bin").read_bytes())
    vectors = read_chip_vectors(PROJECT / "tb_data", cells=48, latents=bench.structure.n_latents, events=20)
    events = pack_events(vectors.charges, 22)
    register = bench.layout.control_base + REFRESH_PERIOD_OFFSET
    assert await control_upsets(bench) == 0
    await stop(dut, 0b010)
    await bench.set_run(True)
    await bench.expect(events, vectors.latents, vectors.sum_codes)
    await bench.master.write_registers(register, b"\x5a")
    assert await bench.master.read_registers(register, 1) == b"\x5a"
    assert await control_upsets(bench) > 100, "nobody noticed the stopped clock"
    await stop(dut, 0)
    await bench.master.write_registers(bench.layout.misc_base, bytes([1 << CLEAR_BIT]))
    await bench.set_run(True)
    assert await control_upsets(bench) == 0, "the copies did not come together again"
    await bench.expect(events, vectors.latents, vectors.sum_codes)


@cocotb.test()
async def negative_control_two_stopped(dut):
    bench = await start(dut)
    await bench.set_run(True)
    await stop(dut, 0b101)
    with pytest.raises(I2cNackError):
        await bench.master.write_registers(bench.layout.misc_base, b"\0")
    await ClockCycles(dut.clk_i, 4)
    assert int(dut.live_o.value) == 1, "one clock of three must not be enough to write"
