"""cocotb bench of the whole chip: reset, weights over I2C, read-back, events one per clock, exact comparison.

Started by `asic_flow.sim.simulate_rtl`, which passes a JSON job through the environment variable ``ASIC_FLOW_TB_JOB`` and reads
the JSON result that the bench writes, whatever happens.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.handle import HierarchyObject
from cocotb.triggers import ClockCycles, FallingEdge, Timer

from asic_flow.ir import Structure, read_structure
from asic_flow.registers.model import (
    CHIP_ID,
    HASH_OFFSET,
    ID_OFFSET,
    RUN_BIT,
    STATUS_CRC_VALID,
    STATUS_RUNNING,
    RegisterLayout,
    register_layout,
)
from asic_flow.tb.events import EventDriver, OutputMonitor, pack_events
from asic_flow.tb.i2c import I2cBus, I2cMaster
from asic_flow.tb.scoreboard import Scoreboard
from asic_flow.tb.vectors import ChipVectors, read_chip_vectors

JOB_VARIABLE = "ASIC_FLOW_TB_JOB"
_HELD_EVENTS = 8


class ChipBench:
    """One simulated chip with bus master, driver and monitor."""

    def __init__(
        self, dut: HierarchyObject, structure: Structure, *, khz: int, frame: int | None, period_ns: int
    ) -> None:
        self.dut = dut
        self.structure = structure
        self.layout: RegisterLayout = register_layout(structure)
        self.frame = frame
        self.period_ns = period_ns
        dut.rst_ni.value = 0
        dut.refresh_i.value = 1
        dut.next_bx_i.value = 0
        self.master = I2cMaster(I2cBus(dut.scl_i, dut.sda_i, dut.sda_oe_o), khz=khz)
        self.driver = EventDriver(dut)
        fmt = structure.latent_format
        self.monitor = OutputMonitor(dut, latents=structure.n_latents, width=fmt.width, signed=fmt.signed)

    async def reset(self) -> None:
        """Start the clock (native, so that idle clocks cost no Python), reset, release behind a falling edge."""
        Clock(self.dut.clk_i, self.period_ns, "ns", impl="gpi").start()
        await ClockCycles(self.dut.clk_i, 4)
        await FallingEdge(self.dut.clk_i)
        self.dut.rst_ni.value = 1
        await ClockCycles(self.dut.clk_i, 8)

    async def check_identity(self) -> None:
        """The chip in front of us is made for this structure."""
        found = await self.master.read_registers(self.layout.monitor_base + ID_OFFSET, len(CHIP_ID))
        assert found == CHIP_ID, f"chip id is {found!r}, expected {CHIP_ID!r}"
        digest = await self.master.read_registers(
            self.layout.monitor_base + HASH_OFFSET, len(self.layout.structure_hash), repeated_start=False
        )
        assert digest == self.layout.structure_hash, (
            f"structure hash {digest.hex()}, expected {self.layout.structure_hash.hex()}"
        )

    async def load(self, image: bytes) -> int:
        """Write the whole weight image block by block; returns the weight bytes written."""
        step = self.layout.block_bytes
        for block in range(self.layout.n_blocks):
            part = image[block * step : (block + 1) * step]
            await self.master.write_registers(self.layout.block_address(block), part, frame=self.frame)
        return len(image)

    async def read_image(self) -> bytes:
        """Read the whole weight image back."""
        data = b""
        for block in range(self.layout.n_blocks):
            size = self.layout.block_size(block)
            data += await self.master.read_registers(self.layout.block_address(block), size, frame=self.frame)
        return data

    async def crc_matches(self, image: bytes) -> bool:
        """Whether the chip's own CRC of the voted bank is that of the image."""
        await Timer((self.layout.n_bytes + 64) * self.period_ns, "ns")
        status = (await self.master.read_registers(self.layout.status_address, 1))[0]
        crc = int.from_bytes(await self.master.read_registers(self.layout.crc_address, 4), "little")
        return bool(status & STATUS_CRC_VALID) and crc == zlib.crc32(image)

    async def spot_check(self, image: bytes) -> bool:
        """Read the first and last byte of every block back."""
        good = True
        for block in range(self.layout.n_blocks):
            first = block * self.layout.block_bytes
            for offset in (0, self.layout.block_size(block) - 1):
                found = await self.master.read_registers(self.layout.block_address(block) + offset, 1)
                good &= found[0] == image[first + offset]
        return good

    async def set_run(self, run: bool) -> None:
        """Write the run bit."""
        await self.master.write_registers(self.layout.misc_base, bytes([int(run) << RUN_BIT]))
        status = (await self.master.read_registers(self.layout.status_address, 1))[0]
        assert bool(status & STATUS_RUNNING) == run, f"status is {status:#04x} after run = {int(run)}"

    async def expect_held(self, events: list[int]) -> None:
        """Send events and require that they come out as zeros."""
        before, nonzero = self.monitor.received, self.monitor.nonzero
        await self.stream(events)
        assert self.monitor.received == before + len(events), "valid_o did not follow valid_i while the output is held"
        assert self.monitor.nonzero == nonzero, "the output is not held at zero while no complete weights are active"

    async def stream(self, events: list[int], *, gaps: Sequence[int] = ()) -> None:
        """Send events with the monitor watching, until the last one has left."""
        self.monitor.start()
        await self.driver.send(events, gaps=gaps)
        await ClockCycles(self.dut.clk_i, self.structure.latency_clocks + 4)
        self.monitor.stop()


@cocotb.test()
async def chip(dut: HierarchyObject) -> None:
    """Weights over I2C, then every vector, one per clock."""
    job: dict[str, Any] = json.loads(Path(os.environ[JOB_VARIABLE]).read_text())
    structure = read_structure(Path(job["structure"]))
    vectors = read_chip_vectors(
        Path(job["vectors"]),
        cells=len(structure.input.cell_positions),
        latents=structure.n_latents,
        events=job["events"],
    )
    image = Path(job["image"]).read_bytes()
    bench = ChipBench(dut, structure, khz=job["i2c_khz"], frame=job["frame"], period_ns=job["period_ns"])
    result: dict[str, Any] = {"readback_ok": False}
    try:
        await _load_weights(bench, image, job, result)
        await _stream(bench, vectors, result)
        await _hold_again(bench, vectors, image)
        result["finished"] = True
    finally:
        Path(job["result"]).write_text(json.dumps(result))


async def _load_weights(bench: ChipBench, image: bytes, job: dict[str, Any], result: dict[str, Any]) -> None:
    begin, cpu = time.monotonic(), time.process_time()
    await bench.reset()
    await bench.check_identity()
    result["i2c_bytes_written"] = await bench.load(image)
    result["i2c_transactions"] = bench.master.transactions
    good = await bench.crc_matches(image) and await bench.spot_check(image)
    if job["full_readback"]:
        good &= await bench.read_image() == image
    result["readback_ok"] = good
    result["load_seconds"] = time.monotonic() - begin
    result["load_cpu_seconds"] = time.process_time() - cpu
    bench.dut._log.info(
        "weights loaded and checked in %.1f s (%.1f s CPU)", result["load_seconds"], result["load_cpu_seconds"]
    )
    assert good, "reading the weights back: CRC or bytes differ from what was written"


async def _stream(bench: ChipBench, vectors: ChipVectors, result: dict[str, Any]) -> None:
    packed = pack_events(vectors.charges, 22)
    await bench.expect_held(packed[:_HELD_EVENTS])
    await bench.set_run(True)
    assert int(bench.dut.live_o.value) == 1, "live_o is low although run is set and the weights are complete"
    board = Scoreboard({"latents": vectors.latents, "sum_code": vectors.sum_codes})
    bench.monitor.scoreboard = board
    bench.monitor.latencies.clear()
    begin = time.monotonic()
    try:
        await bench.stream(packed)
    finally:
        bench.monitor.scoreboard = None
        result |= {
            "stream_seconds": time.monotonic() - begin,
            "events": board.events,
            "values": board.values,
            "mismatches": board.mismatches,
            "missing": board.missing,
            "latency_clocks": bench.monitor.latency_clocks,
            "first_mismatch": None if board.first is None else list(vars(board.first).values()),
        }
    board.check()
    want = bench.structure.latency_clocks
    assert bench.monitor.latency_clocks == want, (
        f"latency {dict(bench.monitor.latencies)} clocks: count, expected all {want}"
    )


async def _hold_again(bench: ChipBench, vectors: ChipVectors, image: bytes) -> None:
    """Output held while a weight is rewritten with run = 1, live again after run is written, held after run = 0."""
    packed = pack_events(vectors.charges[:_HELD_EVENTS], 22)
    await bench.master.write_registers(bench.layout.block_address(0), image[:1])
    await bench.expect_held(packed)
    await bench.set_run(True)
    bench.monitor.scoreboard = Scoreboard(
        {"latents": vectors.latents[:_HELD_EVENTS], "sum_code": vectors.sum_codes[:_HELD_EVENTS]}
    )
    await bench.stream(packed, gaps=(0, 1, 3))
    bench.monitor.scoreboard.check()
    bench.monitor.scoreboard = None
    await bench.set_run(False)
    await bench.expect_held(packed)
