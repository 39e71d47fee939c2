"""econ_formatter against the words that the pytest side computed: one event per clock, some clocks without an event."""

import json
from pathlib import Path

import cocotb
from cocotb.triggers import FallingEdge
from common import options, reset

OPTIONS = options()


@cocotb.test()
async def words_of_every_event(dut):
    segments = json.loads(Path(OPTIONS["events"]).read_text())
    latency = OPTIONS["latency"]
    for name in ("links_i", "bx_i", "valid_i", "latents_i", "sum_code_i"):
        getattr(dut, name).value = 0
    await reset(dut)
    assert int(dut.links_o.value) == 0
    compared = 0
    for links, events in segments:
        dut.links_i.value = links
        for step in range(len(events) + latency):
            # the crossing comes with the charges, `latency` clocks before the encoder's output
            dut.bx_i.value = events[step]["bx"] if step < len(events) else 0
            leaving = step - latency
            if leaving < 0:
                await FallingEdge(dut.clk_i)
                continue
            event = events[leaving]
            dut.valid_i.value = event["valid"]
            dut.latents_i.value = int(event["latents"], 16)
            dut.sum_code_i.value = event["sum_code"]
            await FallingEdge(dut.clk_i)
            want, found = int(event["words"], 16), int(dut.links_o.value)
            assert found == want, f"{links} links, event {leaving}: expected {want:040x}, found {found:040x}"
            compared += 1
        dut.valid_i.value = 0
        await FallingEdge(dut.clk_i)
        assert int(dut.links_o.value) == 0, "a clock without an event must send zeros"
    assert compared == OPTIONS["compared"] > 0
