"""Whole small chip without shadow bank: weights rewritten over I2C while events flow; no output comes from a mixture."""

import json
from pathlib import Path

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles
from common import options
from loading_phases import phases

from asic_flow.ir import read_structure
from asic_flow.tb.chip import ChipBench
from asic_flow.tb.coverage import I2C
from asic_flow.tb.events import pack_events

OPTIONS = options()
PROJECT = Path(OPTIONS["project"])
TAIL = 2
GAPS = (2,)  # one event in three clocks


async def change(bench, image):
    """Write the bytes of the last biases, the only ones that are not zero, and let the output go."""
    first = len(image) - TAIL
    await bench.master.write_registers(bench.layout.byte_address(first), image[first:])
    await bench.set_run(True)


@cocotb.test()
async def no_mixture_is_ever_seen(dut):
    work = json.loads((PROJECT / "loading.json").read_text())
    bench = ChipBench(dut, read_structure(PROJECT / "encoder.json"), khz=1000, frame=None, period_ns=25)
    images = [bytes.fromhex(text) for text in work["images"]]
    packed = pack_events(np.array(work["charges"]), 22)
    expected = [[tuple(row) for row in table] for table in work["outputs"]]
    await bench.reset()
    await change(bench, images[0])

    bench.monitor.start()
    stream = cocotb.start_soon(bench.driver.send(packed * 4000, gaps=GAPS))
    await ClockCycles(dut.clk_i, 40)
    await change(bench, images[1])
    await ClockCycles(dut.clk_i, 40)
    assert not stream.done(), "the events ended before the weights were loaded"
    stream.cancel()
    bench.monitor.stop()
    assert bench.coverage.hits[I2C]["write"] > 0

    order = [(expected[0][i % len(packed)], expected[1][i % len(packed)]) for i in range(len(bench.monitor.events))]
    old, held, new = phases([tuple(event) for event in bench.monitor.events], order)
    assert bench.monitor.latency_clocks == bench.structure.latency_clocks
    assert old > 10
    assert new > 10
    assert held > 100, "without a shadow bank the output is held from the first byte until run is written"
    dut._log.info("%d events of the old weights, %d held, %d of the new", old, held, new)
