"""Whole small chip with a shadow bank: other weights are loaded while events flow; every event sees one set only."""

import json
import os
import zlib
from pathlib import Path

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, FallingEdge

from asic_flow.emulator import Emulator
from asic_flow.ir import read_structure
from asic_flow.links import ORBIT
from asic_flow.registers.model import BANK_DONE, BANK_PENDING
from asic_flow.tb.chip import ChipBench
from asic_flow.tb.events import pack_events, unpack_event
from asic_flow.tb.vectors import read_chip_vectors
from asic_flow.vectors import to_images
from asic_flow.weights import from_bytes, random_weights

PROJECT = Path(json.loads(os.environ["BENCH_OPTIONS"])["project"])


class Swap:
    """A running chip, two weight sets, and events that tell them apart."""

    def __init__(self, dut):
        structure = read_structure(PROJECT / "encoder.json")
        self.dut, self.bench = dut, ChipBench(dut, structure, khz=1000, frame=None, period_ns=25)
        self.old = from_bytes(structure, (PROJECT / "image.bin").read_bytes(), {})
        self.new = random_weights(structure, np.random.default_rng(77))
        charges = read_chip_vectors(PROJECT / "tb_data", cells=48, latents=structure.n_latents).charges
        images = to_images(self.old, charges)
        results = [Emulator(weights).run(images) for weights in (self.old, self.new)]
        chosen = np.flatnonzero((results[0] != results[1]).any(axis=1) & (charges.sum(axis=1) > 0))
        assert len(chosen) > 20
        self.events = pack_events(charges[chosen], 22)
        self.expected = [[tuple(row) for row in result[chosen].tolist()] for result in results]
        self.seen = []
        self.crossings = []

    async def start(self):
        await self.bench.reset()
        await self.bench.load(self.old.to_bytes())
        await self.bench.set_run(True)
        cocotb.start_soon(self.watch())

    async def watch(self):
        """Which set every output event was made with: 0 old, 1 new, None held."""
        dut, structure = self.dut, self.bench.structure
        width = structure.latent_format.width
        while True:
            await FallingEdge(dut.clk_i)
            if int(dut.valid_o.value):
                latents = tuple(unpack_event(int(dut.latents_o.value), structure.n_latents, width))
                index = len(self.seen) % len(self.events)
                if int(dut.sum_code_o.value) == 0:
                    assert not any(latents)
                    self.seen.append(None)
                else:
                    self.seen.append([result[index] for result in self.expected].index(latents))

    async def beam(self, first):
        """Send events for ever, one per clock."""
        dut, crossing, index = self.dut, first, 0
        while True:
            await FallingEdge(dut.clk_i)
            dut.next_bx_i.value = crossing
            dut.next_charges_i.value = self.events[index % len(self.events)]
            dut.next_valid_i.value = 1
            self.crossings.append(crossing)
            index, crossing = index + 1, (crossing + 1) % ORBIT


@cocotb.test()
async def the_commit_meets_its_crossing(dut):
    swap = Swap(dut)
    await swap.start()
    image = swap.new.to_bytes()
    await swap.bench.master.write_registers(swap.bench.layout.weight_base, image)
    await ClockCycles(dut.clk_i, 2 * len(image))
    await swap.bench.request_commit(zlib.crc32(image), bx=3540)
    assert await swap.bench.bank_status() & BANK_PENDING
    beam = cocotb.start_soon(swap.beam(first=3500))
    await ClockCycles(dut.clk_i, 120)
    beam.cancel()
    dut.next_valid_i.value = 0
    await ClockCycles(dut.clk_i, 4)
    assert await swap.bench.bank_status() & BANK_DONE
    made = dict(zip(swap.crossings, swap.seen, strict=False))
    assert {made[bx] for bx in range(3500, 3540)} == {0}, "the last event before the crossing has the old weights"
    assert made[3540] is None, "the event of the crossing meets both sets and leaves as zero"
    assert {made[bx % ORBIT] for bx in range(3541, 3500 + len(swap.seen))} == {1}, (
        "from the next one on: the new weights"
    )
