"""Whole small chip: registers over I2C, weights upset while events flow, counters read back."""

import json
import os
from pathlib import Path

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, FallingEdge, Timer
from common import upset

from asic_flow.ir import read_structure
from asic_flow.registers.model import CLEAR_BIT, RUN_BIT, STATUS_SEU_SEEN
from asic_flow.tb.chip import ChipBench
from asic_flow.tb.events import pack_events
from asic_flow.tb.scoreboard import Scoreboard
from asic_flow.tb.vectors import read_chip_vectors

PROJECT = Path(json.loads(os.environ["BENCH_OPTIONS"])["project"])
STALE = 1 << 3


async def start(dut):
    structure = read_structure(PROJECT / "encoder.json")
    bench = ChipBench(dut, structure, khz=1000, frame=None, period_ns=25)
    await bench.reset()
    return bench, (PROJECT / "image.bin").read_bytes()


async def status(bench):
    return (await bench.master.read_registers(bench.layout.status_address, 1))[0]


async def count(bench, block):
    return int.from_bytes(await bench.master.read_registers(bench.layout.seu_address + 2 * block, 2), "little")


@cocotb.test()
async def upsets_do_not_reach_the_output(dut):
    bench, image = await start(dut)
    vectors = read_chip_vectors(PROJECT / "tb_data", cells=48, latents=bench.structure.n_latents)
    await bench.load(image)
    await bench.set_run(True)
    bits = dut.u_top.u_registers.u_store.u_bank.gen_block[0].u_bits
    rng = np.random.default_rng(9)
    busy, hits = True, 0

    async def radiation():
        nonlocal hits
        while busy:
            await FallingEdge(dut.clk_i)
            await Timer(1, "ns")
            copy = getattr(bits, "u_copy_" + "abc"[int(rng.integers(3))]).q_q
            upset(copy, 1 << int(rng.integers(len(copy))))
            hits += 1

    task = cocotb.start_soon(radiation())
    bench.monitor.scoreboard = Scoreboard({"latents": vectors.latents, "sum_code": vectors.sum_codes})
    await bench.stream(pack_events(vectors.charges, 22))
    busy = False
    await task
    bench.monitor.scoreboard.check()
    await ClockCycles(dut.clk_i, 4)
    assert hits > 100
    assert await count(bench, 0) == hits, "every upset is counted, each in its own clock"
    assert await status(bench) & STATUS_SEU_SEEN
    assert await bench.crc_matches(image), "the weights are whole after all upsets"
    misc = bench.layout.misc_base
    await bench.master.write_registers(misc, bytes([1 << CLEAR_BIT | 1 << RUN_BIT]))
    await bench.master.write_registers(misc, bytes([1 << RUN_BIT]))
    assert await count(bench, 0) == 0
    assert not await status(bench) & STATUS_SEU_SEEN


@cocotb.test()
async def gaps_read_zero_and_ignore_writes(dut):
    bench, image = await start(dut)
    layout, master = bench.layout, bench.master
    await bench.load(image)
    end = layout.block_address(layout.n_blocks - 1) + layout.last_block_bytes
    for address, size in (
        (end, 1),
        (layout.misc_base + 1, 1),
        (layout.monitor_base + 0x0D, 3),
        (layout.monitor_base + 0x16, 10),
        (layout.monitor_end, 1),
        (layout.control_base + 1, 1),
        (layout.control_base + 4, 13),
        (0xFFFF, 1),
    ):
        await master.write_registers(address, b"\xff" * size)
        assert await master.read_registers(address, size) == bytes(size), f"address {address:#06x}"
    await master.write_registers(layout.monitor_base, b"\xff" * 40)
    assert (await master.read_registers(layout.monitor_base, 8))[:4] == b"ECAE"
    await master.write_registers(layout.misc_base, b"\xfc")
    assert await master.read_registers(layout.misc_base, 1) == b"\x00"
    assert await bench.read_image() == image
    assert await bench.crc_matches(image)


@cocotb.test()
async def stale_weights_hold_the_output(dut):
    bench, image = await start(dut)
    await bench.load(image)
    assert await status(bench) & STALE
    await bench.set_run(True)
    assert not await status(bench) & STALE
    assert int(dut.live_o.value) == 1
    await bench.master.write_registers(bench.layout.block_address(0), image[:1])
    assert int(dut.live_o.value) == 0
    assert await status(bench) & STALE
    await bench.set_run(True)
    assert int(dut.live_o.value) == 1


@cocotb.test()
async def crc_sees_a_changed_weight(dut):
    bench, image = await start(dut)
    await bench.load(image)
    assert await bench.crc_matches(image)
    await bench.master.write_registers(bench.layout.byte_address(3), bytes([image[3] ^ 0x10]))
    assert not await bench.crc_matches(image), "negative control: the CRC must differ"
    changed = image[:3] + bytes([image[3] ^ 0x10]) + image[4:]
    assert await bench.crc_matches(changed)
