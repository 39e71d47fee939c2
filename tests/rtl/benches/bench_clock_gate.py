"""econ_clock_gate: whole pulses only, decided by the enable in the low phase before."""

import random

import cocotb
from common import settle


@cocotb.test()
async def whole_pulses(dut):
    rng, seen = random.Random(1), 0
    dut.clk_i.value, dut.enable_i.value = 0, 0
    await settle()
    for _ in range(200):
        enable = rng.randrange(2)
        for level in (1 - enable, enable):  # only the last value before the rising edge counts
            dut.enable_i.value = level
            await settle()
            assert int(dut.clk_o.value) == 0
        dut.clk_i.value = 1
        await settle()
        for level in (enable, 1 - enable, enable, 1 - enable):
            dut.enable_i.value = level
            await settle()
            assert int(dut.clk_o.value) == enable, "the gated clock changed inside the high phase"
        seen += enable
        dut.clk_i.value = 0
        await settle()
        assert int(dut.clk_o.value) == 0
    assert 50 < seen < 150
