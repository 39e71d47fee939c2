"""cocotb bench: the host loader drives the simulated chip through its I2C pins."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.task import bridge
from cocotb.triggers import FallingEdge

from asic_flow.host import CocotbBus, Monitor, WeightLoader
from asic_flow.ir import Structure, read_structure
from asic_flow.links import ORBIT
from asic_flow.registers.model import COMMIT_AT_ONCE
from asic_flow.tb.chip import ChipBench
from asic_flow.tb.i2c import I2cNackError
from asic_flow.weights import random_weights

SMALL = 500
"""Weights up to which the bench also swaps weights and reads everything several times."""


async def swap_behind_the_output(bench: ChipBench, loader: WeightLoader, structure: Structure) -> None:
    """Load other weights through the shadow bank and back: the output is held for the clocks of the two commits alone."""
    dut, held = bench.dut, 0

    async def watch() -> None:
        nonlocal held
        while True:
            await FallingEdge(dut.live_o)
            await FallingEdge(dut.clk_i)
            while not int(dut.live_o.value):
                held += 1
                await FallingEdge(dut.clk_i)

    task = cocotb.start_soon(watch())
    dut.next_bx_i.value = ORBIT - 1  # the crossing that the first commit asks for is always there
    for seed, version, bx in ((2, 500, ORBIT - 1), (1, 501, COMMIT_AT_ONCE)):
        weights = random_weights(structure, np.random.default_rng(seed))
        report = await bridge(lambda w=weights, v=version, b=bx: loader.load(w, version=v, bx=b))()
        assert (report.path, report.version, report.running) == ("shadow", version, True)
        status = await bridge(loader.status)()
        assert (status.crc, status.bank.version, status.bank.done) == (weights.crc32, version, True)
        assert status.bank.mismatches == 0
    task.cancel()
    assert held == 2 * (structure.latency_clocks - 1), "the clocks in which events leave that met both sets"


async def swap_weights(bench: ChipBench, loader: WeightLoader, structure: Structure) -> None:
    """Verify, dump, load other weights on top without running, and one flipped bit on top of those."""
    dut = bench.dut
    first, second = (random_weights(structure, np.random.default_rng(seed)) for seed in (1, 2))
    assert await bridge(loader.verify)(first) == []
    assert (await bridge(loader.dump)()).crc32 == first.crc32

    assert len(await bridge(loader.verify)(second)) > 0, "a comparison that cannot fail"
    swapped = await bridge(lambda: loader.load(second, resume=True, run=False))()
    assert not swapped.running
    assert int(dut.live_o.value) == 0, "held on request"
    one_bit = await bridge(lambda: loader.load(second.flip_bit(0), resume=True))()
    assert one_bit.registers_skipped > 0
    status = await bridge(loader.status)()
    assert status.crc == second.flip_bit(0).crc32
    assert status.running
    assert not status.stale
    assert not any(status.upsets)


@cocotb.test()
async def host(dut: Any) -> None:
    folder = Path(os.environ["HOST_BENCH_FOLDER"])
    structure = read_structure(folder / "encoder.json")
    bench = ChipBench(dut, structure, khz=1000, frame=None, period_ns=25)
    await bench.reset()
    first = random_weights(structure, np.random.default_rng(1))
    bus = CocotbBus(bench.master, nack=I2cNackError)
    loader = WeightLoader(bus, structure, monitor=Monitor.REQUIRE)

    report = await bridge(lambda: loader.load(first, links=3))()
    assert report.links == 3
    assert report.crc_checked
    assert report.running
    assert report.retries == 0
    assert report.registers_repaired == 0
    assert int(dut.live_o.value) == 1
    if structure.n_weights < SMALL:  # every pass over the chip's own 1,608 bytes takes minutes
        if report.path == "shadow":
            await swap_behind_the_output(bench, loader, structure)
        await swap_weights(bench, loader, structure)

    nobody = WeightLoader(bus, structure, device=0x21, retries=1)
    try:
        await bridge(nobody.status)()
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
    else:
        text = "no error"
    (folder / "result.json").write_text(json.dumps({"report": asdict(report), "wrong_device": text}))
