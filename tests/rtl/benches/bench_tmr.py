"""econ_tmr_reg: writing, holding, upsets of each bit of each copy, refresh off, two copies hit, clocks stopped."""

import random

import cocotb
from common import TripleClock, settle, upset

WIDTH = 6
ALL = (1 << WIDTH) - 1


async def start(dut):
    dut.refresh_i.value = 1
    dut.wmask_i.value = 0
    dut.d_i.value = 0
    clock = TripleClock(dut)
    await clock.start()
    return clock


async def write(dut, clock, value, mask=ALL):
    dut.d_i.value, dut.wmask_i.value = value, mask
    await clock.clocks()
    dut.wmask_i.value = 0
    await settle()


def copies(dut):
    return [dut.u_copy_a.q_q, dut.u_copy_b.q_q, dut.u_copy_c.q_q]


@cocotb.test()
async def write_mask_and_hold(dut):
    clock = await start(dut)
    assert int(dut.q_o.value) == 0
    model, rng = 0, random.Random(1)
    for _ in range(200):
        value, mask = rng.randrange(64), rng.randrange(64)
        await write(dut, clock, value, mask)
        model = (value & mask) | (model & ~mask)
        assert int(dut.q_o.value) == model
        assert int(dut.error_o.value) == 0
        await clock.clocks()
        assert int(dut.q_o.value) == model


@cocotb.test()
async def every_single_upset_is_corrected(dut):
    clock = await start(dut)
    for copy in copies(dut):
        for bit in range(WIDTH):
            for value in (0, ALL, 0b101010):
                await write(dut, clock, value)
                upset(copy, 1 << bit)
                await settle()
                assert int(dut.q_o.value) == value, "an upset of one copy reached the output"
                assert int(dut.error_o.value) == 1, "an upset was not reported"
                await clock.clocks()
                assert int(dut.error_o.value) == 0, "the upset is still there one clock later"
                assert [int(c.value) for c in copies(dut)] == [value] * 3


@cocotb.test()
async def a_whole_copy_upset_is_corrected(dut):
    clock = await start(dut)
    await write(dut, clock, 0b110010)
    upset(copies(dut)[1], ALL)
    await settle()
    assert int(dut.q_o.value) == 0b110010
    await clock.clocks()
    assert int(dut.error_o.value) == 0


@cocotb.test()
async def negative_control_without_refresh_upsets_add_up(dut):
    clock = await start(dut)
    await write(dut, clock, 0)
    dut.refresh_i.value = 0
    upset(copies(dut)[0], 1)
    for _ in range(5):
        await clock.clocks()
        assert int(dut.error_o.value) == 1
        assert int(dut.q_o.value) == 0
    upset(copies(dut)[2], 1)
    await clock.clocks()
    assert int(dut.q_o.value) == 1, "two accumulated upsets must win the vote: is the injection working?"


@cocotb.test()
async def negative_control_two_copies_at_once(dut):
    clock = await start(dut)
    await write(dut, clock, 0)
    upset(copies(dut)[0], 4)
    upset(copies(dut)[1], 4)
    await settle()
    assert int(dut.q_o.value) == 4, "two copies hit at once must win the vote: is the injection working?"


@cocotb.test()
async def one_of_three_clocks_may_stop(dut):
    clock = await start(dut)
    rng = random.Random(2)
    for copy in range(3):
        clock.stopped = 1 << copy
        left_behind = int(copies(dut)[copy].value)
        for _ in range(20):
            value = rng.randrange(64)
            await write(dut, clock, value)
            assert int(dut.q_o.value) == value, f"clock {copy} stopped: the other two are not enough"
            assert int(copies(dut)[copy].value) == left_behind
            assert int(dut.error_o.value) == (value != left_behind), "the copy left behind is not reported"
        clock.stopped = 0
        await clock.clocks()
        assert [int(c.value) for c in copies(dut)] == [value] * 3, "the copy did not catch up in one clock"
        assert int(dut.error_o.value) == 0


@cocotb.test()
async def negative_control_two_clocks_stopped(dut):
    clock = await start(dut)
    for copy in range(3):
        await write(dut, clock, 0)
        clock.stopped = 0b111 & ~(1 << copy)
        await write(dut, clock, ALL)
        assert int(dut.q_o.value) == 0, "one copy of three must not win the vote: do the clocks stop?"
        assert int(dut.error_o.value) == 1
        clock.stopped = 0
