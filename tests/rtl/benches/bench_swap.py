"""Whole chip: a second weight set arrives over I2C while events flow; every output of every event is compared.

With a shadow bank the set is committed at a chosen bunch crossing. Without (a planted fault) it goes straight into the
weights in use.
"""

import json
import zlib
from pathlib import Path

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, FallingEdge, First
from common import options
from loading_phases import phases

from asic_flow.ir import read_structure
from asic_flow.links import LINK_WIDTH, MAX_LINKS, ORBIT
from asic_flow.registers.model import ACTIVE_VERSION_OFFSET
from asic_flow.tb.chip import ChipBench
from asic_flow.tb.events import pack_events, unpack_event

OPTIONS = options()
PROJECT = Path(OPTIONS["project"])
SHADOW = OPTIONS["shadow"]
EVERY = 16  # clocks per event while weights are written
LOADED = OPTIONS["loaded"]  # the shadow is written before the events begin (planted faults, to save time)
BX = 3540
FIRST = BX - 2000
VERSION = 7
MARGIN = 40
TOUCHED = 4  # bytes written straight into the weights in use


class Beam:
    """Events at every crossing, or at one in several, and what leaves."""

    def __init__(self, dut, bench, work):
        self.dut, self.bench, self.every, self.crossing = dut, bench, EVERY, FIRST
        self.events = pack_events(np.array(work["charges"]), 22)
        self.tables = [np.array(table) for table in work["outputs"]]
        self.clock = 0
        self.launched = []  # clock and crossing of each event
        self.found = []  # latents and sum code, and then the links of each event
        self.links = []
        self.task = cocotb.start_soon(self._run())

    async def _run(self):
        edge, due, inside = FallingEdge(self.dut.clk_i), False, self.bench.structure.latency_clocks + 2
        while True:
            phase = self.clock % self.every
            if phase <= 1:
                self._launch(valid=phase == 0)
            self.clock, self.crossing = self.clock + 1, (self.crossing + 1) % ORBIT
            await edge
            if phase <= inside:
                due = self._take(due)

    def _launch(self, *, valid):
        dut = self.dut
        dut.next_valid_i.value = int(valid)
        dut.next_bx_i.value = self.crossing
        if valid:
            dut.next_charges_i.value = self.events[len(self.launched) % len(self.events)]
            self.launched.append((self.clock, self.crossing))

    def _take(self, due):
        """Words of the event of the clock before (if one was `due`), and outputs of this clock; whether there are any."""
        dut = self.dut
        if due:
            self.links.append(int(dut.links_o.value))
        due = bool(int(dut.valid_o.value))
        if due:
            self.found.append((int(dut.latents_o.value), int(dut.sum_code_o.value)))
        return due

    def check(self):
        """Compare every event; returns how many are of the old set, held, and of the new set."""
        structure, count = self.bench.structure, len(self.links)
        assert len(self.launched) - count <= structure.latency_clocks + 2, "an event was lost"
        width = structure.latent_format.width
        sets = [
            list(zip(pack_events(table[:, :-1], width), table[:, -1].tolist(), strict=True)) for table in self.tables
        ]
        expected = [(sets[0][i % len(self.events)], sets[1][i % len(self.events)]) for i in range(count)]
        old, held, new = phases(self.found[:count], expected)
        index = np.arange(count)
        made = np.where((index < old)[:, None], *(table[index % len(table)] for table in self.tables))
        made[old : old + held] = 0
        crossings = np.array([crossing for _, crossing in self.launched[:count]])
        words = self.bench.words(made[:, :-1], made[:, -1], crossings)
        left = np.array([unpack_event(links, MAX_LINKS, LINK_WIDTH) for links in self.links])
        assert np.array_equal(left, words), f"{(left != words).any(axis=1).sum()} packets differ"
        return old, held, new


@cocotb.test()
async def no_event_sees_two_sets(dut):
    work = json.loads((PROJECT / "swap.json").read_text())
    bench = ChipBench(dut, read_structure(PROJECT / "encoder.json"), khz=1000, frame=None, period_ns=25)
    old_image, image = [bytes.fromhex(text) for text in work["images"]]
    await bench.reset()
    await bench.load(old_image)
    await bench.set_links(MAX_LINKS)
    await bench.set_run(True)
    if SHADOW:
        await bench.prepare_commit(zlib.crc32(image), bx=BX, version=VERSION)
        if LOADED:
            await bench.write_image(image)
    beam = Beam(dut, bench, work)
    await ClockCycles(dut.clk_i, MARGIN)
    if SHADOW:
        await the_commit_meets_its_crossing(dut, bench, beam, image)
    else:
        await bench.master.write_registers(bench.layout.byte_address(0), image[:TOUCHED])
        await ClockCycles(dut.clk_i, MARGIN)
        beam.check()


async def the_commit_meets_its_crossing(dut, bench, beam, image):
    if not LOADED:
        await bench.write_image(image)
    before = beam.clock
    await bench.request_commit()
    beam.every = 1  # around the commit
    beam.crossing = (BX - bench.layout.n_bytes - MARGIN) % ORBIT  # which comes soon
    last = beam.clock + bench.layout.n_bytes + ORBIT
    await First(FallingEdge(dut.live_o), ClockCycles(dut.clk_i, last - beam.clock + MARGIN))
    await ClockCycles(dut.clk_i, MARGIN)
    beam.task.cancel()
    dut.next_valid_i.value = 0
    old, held, new = beam.check()
    assert held == bench.structure.latency_clocks - 1, "only the event that met the commit inside the encoder is held"
    clock, crossing = beam.launched[old]
    assert crossing == BX, "it is the one of the crossing asked for"
    assert before < clock < last, "at the first such crossing behind the pass over the shadow"
    assert min(old, new) > MARGIN // 2
    address = bench.layout.monitor_base + ACTIVE_VERSION_OFFSET
    assert int.from_bytes(await bench.master.read_registers(address, 2), "little") == VERSION
    dut._log.info("%d events of the old weights, %d held, %d of the new", old, held, new)
