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
import numpy as np
from cocotb.clock import Clock
from cocotb.handle import HierarchyObject
from cocotb.triggers import ClockCycles, FallingEdge, Timer

from asic_flow.formats import Integers
from asic_flow.ir import Structure, read_structure
from asic_flow.links import LINK_WIDTH, MAX_LINKS, ORBIT, link_words
from asic_flow.registers.model import (
    BANK_DONE,
    BANK_HAS_SHADOW,
    BANK_PENDING,
    BANK_STATUS_OFFSET,
    CHIP_ID,
    COMMIT_AT_ONCE,
    COMMIT_BX_OFFSET,
    COMMIT_KEY,
    COMMIT_OFFSET,
    EXPECTED_CRC_OFFSET,
    HASH_OFFSET,
    ID_OFFSET,
    LINKS_OFFSET,
    RUN_BIT,
    STATUS_CRC_VALID,
    STATUS_RUNNING,
    RegisterLayout,
    register_layout,
)
from asic_flow.tb.coverage import I2C, chip_coverage, cover_access, cover_latents
from asic_flow.tb.events import EventDriver, OutputMonitor, pack_events, unpack_event
from asic_flow.tb.i2c import I2cBus, I2cMaster
from asic_flow.tb.scoreboard import Scoreboard
from asic_flow.tb.vectors import ChipVectors, read_chip_vectors

JOB_VARIABLE = "ASIC_FLOW_TB_JOB"
_HELD_EVENTS = 8
_POLLS = 40
"""Times to look for the end of a pass of the CRC."""


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
        self.links = 0
        self.shadow = False
        dut.rst_ni.value = 0
        dut.refresh_i.value = 1
        dut.next_bx_i.value = 0
        self.master = I2cMaster(I2cBus(dut.scl_i, dut.sda_i, dut.sda_oe_o), khz=khz)
        self.driver = EventDriver(dut)
        fmt = structure.latent_format
        self.monitor = OutputMonitor(dut, latents=structure.n_latents, width=fmt.width, signed=fmt.signed)
        self.coverage = chip_coverage(structure)
        self.master.monitor.end = self.layout.end
        self.master.monitor.on_condition = lambda name: self.coverage.hit(I2C, name)
        self.master.monitor.on_access = lambda address, write: cover_access(self.coverage, address, write=write)

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
        """Write the whole weight image, and commit it if the chip has a shadow bank.

        Returns:
            The weight bytes written.
        """
        await self.write_image(image)
        self.shadow = bool(await self.bank_status() & BANK_HAS_SHADOW)
        if self.shadow:
            await self.prepare_commit(zlib.crc32(image))
            await self.request_commit()
            await self.committed()
        return len(image)

    async def write_image(self, image: bytes) -> None:
        """Write the whole weight image block by block."""
        step = self.layout.block_bytes
        for block in range(self.layout.n_blocks):
            part = image[block * step : (block + 1) * step]
            await self.master.write_registers(self.layout.block_address(block), part, frame=self.frame)

    async def bank_status(self) -> int:
        """State of the shadow bank and of its commits."""
        return (await self.master.read_registers(self.layout.monitor_base + BANK_STATUS_OFFSET, 1))[0]

    async def prepare_commit(self, crc: int, *, bx: int = COMMIT_AT_ONCE, version: int = 0) -> None:
        """Write what the next commit needs."""
        await self._write_control(COMMIT_BX_OFFSET, bx.to_bytes(2, "little"))
        await self._write_control(EXPECTED_CRC_OFFSET, crc.to_bytes(4, "little") + version.to_bytes(2, "little"))

    async def request_commit(self) -> None:
        """Ask for the commit that was prepared."""
        await self._write_control(COMMIT_OFFSET, bytes([COMMIT_KEY]))

    async def _write_control(self, offset: int, data: bytes) -> None:
        await self.master.write_registers(self.layout.control_base + offset, data)

    async def committed(self) -> None:
        """Wait until the commit that was requested is done."""
        state = BANK_PENDING
        for _ in range(_POLLS):
            if not state & BANK_PENDING:
                break
            state = await self.bank_status()
        assert state & BANK_DONE, f"the chip did not commit its shadow bank: bank_status is {state:#04x}"

    async def read_image(self) -> bytes:
        """Read the whole weight image back."""
        data = b""
        for block in range(self.layout.n_blocks):
            size = self.layout.block_size(block)
            data += await self.master.read_registers(self.layout.block_address(block), size, frame=self.frame)
        return data

    async def crc_matches(self, image: bytes) -> bool:
        """Whether the chip's own CRC of the voted bank is that of the image; waits for the pass under way."""
        for _ in range(_POLLS):
            await Timer((self.layout.n_bytes + 64) * self.period_ns, "ns")
            status = (await self.master.read_registers(self.layout.status_address, 1))[0]
            if status & STATUS_CRC_VALID:
                crc = int.from_bytes(await self.master.read_registers(self.layout.crc_address, 4), "little")
                return crc == zlib.crc32(image)
        return False

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

    async def set_links(self, links: int) -> None:
        """Write the number of links in use, and read it back."""
        address = self.layout.control_base + LINKS_OFFSET
        await self.master.write_registers(address, bytes([links]))
        found = (await self.master.read_registers(address, 1))[0]
        assert found == links, f"fmt_links is {found}, {links} was written"
        self.links = links

    def words(self, latents: Integers, sum_codes: Integers, bx: Integers | None = None) -> Integers:
        """Link words of events (int64[n, links]), by `asic_flow.links`; `bx` as `EventDriver.send` counts it."""
        crossings = np.arange(len(latents)) % ORBIT if bx is None else bx
        return link_words(self.structure, latents, sum_codes, crossings, self.links).astype(np.int64)

    async def expect(self, packed: list[int], latents: Integers, sum_codes: Integers, gaps: Sequence[int] = ()) -> None:
        """Send events and require exactly these latents, sum codes and link words."""
        self.monitor.scoreboard = board = Scoreboard({"latents": latents, "sum_code": sum_codes})
        self.monitor.link_scoreboard = links = Scoreboard({"links": self.words(latents, sum_codes)})
        try:
            await self.stream(packed, gaps=gaps)
        finally:
            self.monitor.scoreboard = self.monitor.link_scoreboard = None
        board.check()
        links.check()

    async def expect_held(self, packed: list[int]) -> None:
        """Send events and require zeros: the output is held; packets go on, with header and zeros."""
        zeros = np.zeros((len(packed), self.structure.n_latents), dtype=np.int64)
        await self.expect(packed, zeros, zeros[:, 0])

    async def stream(self, events: list[int], *, bx: Sequence[int] = (), gaps: Sequence[int] = ()) -> None:
        """Send events with the monitor watching, until the words of the last one have left."""
        self.monitor.start()
        await self.driver.send(events, bx=bx, gaps=gaps)
        await ClockCycles(self.dut.clk_i, self.structure.latency_clocks + 5)
        self.monitor.stop()
        assert self.monitor.stray == 0, f"links were not zero in {self.monitor.stray} clocks without an event"
        if self.monitor.events:
            cover_latents(self.coverage, self.structure.latent_format, np.array(self.monitor.events)[:, :-1])


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
        await bench.set_links(job["links"])
        await _stream(bench, vectors, job, result)
        await _hold_again(bench, vectors, image)
        result["finished"] = True
    finally:
        bench.coverage.write(Path(job["coverage"]))
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


async def _stream(bench: ChipBench, vectors: ChipVectors, job: dict[str, Any], result: dict[str, Any]) -> None:
    packed = pack_events(vectors.charges, 22)
    await bench.expect_held(packed[:_HELD_EVENTS])
    await bench.set_run(True)
    assert int(bench.dut.live_o.value) == 1, "live_o is low although run is set and the weights are complete"
    bx = np.load(job["bx"]) if job["bx"] else None
    words = np.load(job["words"]) if job["words"] else bench.words(vectors.latents, vectors.sum_codes, bx)
    board = Scoreboard({"latents": vectors.latents, "sum_code": vectors.sum_codes})
    links = Scoreboard({"links": words})
    bench.monitor.scoreboard, bench.monitor.link_scoreboard = board, links
    bench.monitor.latencies.clear()
    begin = time.monotonic()
    try:
        await bench.stream(packed, bx=() if bx is None else bx.tolist())
    finally:
        bench.monitor.scoreboard = bench.monitor.link_scoreboard = None
        result |= {
            "stream_seconds": time.monotonic() - begin,
            "events": board.events,
            "values": board.values,
            "mismatches": board.mismatches,
            "missing": board.missing,
            "link_values": links.values,
            "link_mismatches": links.mismatches,
            "link_missing": links.missing,
            "latency_clocks": bench.monitor.latency_clocks,
            "first_mismatch": _first(board),
            "first_link_mismatch": _first(links),
        }
        found = [unpack_event(value, MAX_LINKS, LINK_WIDTH) for value in bench.monitor.words]
        np.save(job["words_found"], np.array(found, dtype=np.int64).reshape(-1, MAX_LINKS))
    board.check()
    links.check()
    want = bench.structure.latency_clocks
    assert bench.monitor.latency_clocks == want, (
        f"latency {dict(bench.monitor.latencies)} clocks: count, expected all {want}"
    )


def _first(board: Scoreboard) -> list[Any] | None:
    return None if board.first is None else list(vars(board.first).values())


async def _hold_again(bench: ChipBench, vectors: ChipVectors, image: bytes) -> None:
    """Writing a weight with run = 1 holds the output until run is written, or touches only the shadow; run = 0 holds it."""
    packed = pack_events(vectors.charges[:_HELD_EVENTS], 22)
    await bench.master.write_registers(bench.layout.block_address(0), bytes([image[0] ^ 0xFF]))
    if not bench.shadow:
        await bench.expect_held(packed)
        await bench.master.write_registers(bench.layout.block_address(0), image[:1])
        await bench.set_run(True)
    await bench.expect(packed, vectors.latents[:_HELD_EVENTS], vectors.sum_codes[:_HELD_EVENTS], gaps=(0, 1, 3))
    await bench.set_run(False)
    await bench.expect_held(packed)
