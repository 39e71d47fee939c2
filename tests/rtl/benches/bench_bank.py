"""econ_weight_bank, small: bytes and whole loads, missing bits, refresh ticks, upset counters with saturation and clear."""

import random

import cocotb
from common import TripleClock, options, settle, upset

OPTIONS = options()
BITS, BLOCK_BYTES, COUNTER = OPTIONS["bits"], OPTIONS["block_bytes"], OPTIONS["counter"]
PARALLEL = bool(OPTIONS["parallel"])
N_BYTES = -(-BITS // 8)
N_BLOCKS = -(-N_BYTES // BLOCK_BYTES)
ALL = (1 << BITS) - 1


async def start(dut):
    for name in ("we_i", "block_sel_i", "byte_sel_i", "wdata_i", "load_i", "load_data_i", "clear_i"):
        getattr(dut, name).value = 0
    dut.refresh_i.value = dut.tick_i.value = 1
    clock = TripleClock(dut)
    await clock.start()
    return clock


async def write_byte(dut, clock, index, value):
    dut.block_sel_i.value = 1 << (index // BLOCK_BYTES)
    dut.byte_sel_i.value = 1 << (index % BLOCK_BYTES)
    dut.wdata_i.value, dut.we_i.value = value, 1
    await clock.clocks()
    dut.we_i.value = 0
    await settle()


async def fill(dut, clock, stream):
    """Write all weights; `stream` is one integer, first bit at the LSB."""
    if PARALLEL:
        dut.load_data_i.value, dut.load_i.value = stream, 1
        await clock.clocks()
        dut.load_i.value = 0
        await settle()
        return
    for index in random.Random(7).sample(range(N_BYTES), N_BYTES):
        await write_byte(dut, clock, index, (stream >> (8 * index)) & 255)


def count(dut, block):
    return (int(dut.count_o.value) >> (COUNTER * block)) & ((1 << COUNTER) - 1)


def width(block):
    return min(8 * BLOCK_BYTES, BITS - 8 * BLOCK_BYTES * block)


def copies(dut, block):
    return [getattr(dut.gen_block[block].u_bits, f"u_copy_{copy}").q_q for copy in "abc"]


@cocotb.test()
async def every_bit_is_written_at_every_tick_rate(dut):
    clock, rng = await start(dut), random.Random(2)
    for tick in (1, 0):
        dut.tick_i.value = tick
        for stream in (ALL, rng.getrandbits(BITS), 0, rng.getrandbits(BITS)):
            await fill(dut, clock, stream)
            assert int(dut.weights_o.value) == stream
            await clock.clocks(3)
            assert int(dut.weights_o.value) == stream
    assert int(dut.count_o.value) == 0


@cocotb.test()
async def the_other_way_of_writing_does_nothing(dut):
    clock = await start(dut)
    await fill(dut, clock, ALL)
    dut.byte_sel_i.value = (1 << BLOCK_BYTES) - 1
    dut.load_i.value = dut.we_i.value = 1
    (dut.load_i if PARALLEL else dut.block_sel_i).value = 0
    await clock.clocks(2)
    assert int(dut.weights_o.value) == ALL


@cocotb.test()
async def upsets_are_corrected_and_counted_per_block(dut):
    clock, rng = await start(dut), random.Random(3)
    stream = rng.getrandbits(BITS)
    await fill(dut, clock, stream)
    want = [0] * N_BLOCKS
    for step in range(60):
        block = rng.randrange(N_BLOCKS)
        upset(copies(dut, block)[step % 3], 1 << rng.randrange(width(block)))
        await settle()
        assert int(dut.weights_o.value) == stream
        await clock.clocks()
        want[block] = min(want[block] + 1, (1 << COUNTER) - 1)
        assert [count(dut, b) for b in range(N_BLOCKS)] == want
    assert max(want) == (1 << COUNTER) - 1, "the test never reached saturation"
    dut.clear_i.value = 1
    await clock.clocks()
    assert int(dut.count_o.value) == 0
    upset(copies(dut, 0)[0], 1)
    await clock.clocks()
    assert int(dut.count_o.value) == 0, "clear must hold the counters at zero"


@cocotb.test()
async def an_upset_waits_for_the_tick(dut):
    clock = await start(dut)
    await fill(dut, clock, ALL)
    dut.tick_i.value = 0
    for block in range(N_BLOCKS):
        before = count(dut, block)
        upset(copies(dut, block)[1], 1)
        await clock.clocks(4)
        assert int(copies(dut, block)[1].value) & 1 == 0, "repaired without a tick: is the clock gated?"
        assert count(dut, block) == before, "counted without a tick"
        dut.tick_i.value = 1
        await clock.clocks()
        dut.tick_i.value = 0
        await clock.clocks()
        assert len({int(copy.value) for copy in copies(dut, block)}) == 1
        assert count(dut, block) == before + 1
    assert int(dut.weights_o.value) == ALL


@cocotb.test()
async def a_write_repairs_its_block_and_counts(dut):
    clock = await start(dut)
    await fill(dut, clock, ALL)
    dut.tick_i.value = 0
    upset(copies(dut, 0)[2], 1 << (width(0) - 1))
    await fill(dut, clock, ALL)
    assert count(dut, 0) == 1
    assert len({int(copy.value) for copy in copies(dut, 0)}) == 1


@cocotb.test()
async def refresh_off_keeps_counting_and_repairs_nothing(dut):
    clock = await start(dut)
    dut.refresh_i.value = 0
    upset(copies(dut, 0)[1], 2)
    for clocks in range(1, 4):
        await clock.clocks()
        assert count(dut, 0) == clocks
        assert int(dut.weights_o.value) == 0
    upset(copies(dut, 0)[2], 2)
    await clock.clocks()
    assert int(dut.weights_o.value) == 2, "two accumulated upsets must win the vote"


@cocotb.test()
async def one_clock_stopped(dut):
    clock, rng = await start(dut), random.Random(4)
    for copy in range(3):
        clock.stopped = 1 << copy
        await fill(dut, clock, ALL)
        stream = rng.getrandbits(BITS)
        await fill(dut, clock, stream)
        assert int(dut.weights_o.value) == stream
        before = count(dut, 0)
        await clock.clocks(2)
        assert count(dut, 0) == min(before + 2, (1 << COUNTER) - 1), "a stopped clock must show in the counters"
        clock.stopped = 0
        await clock.clocks(2)
        assert all(len({int(c.value) for c in copies(dut, b)}) == 1 for b in range(N_BLOCKS))
        dut.clear_i.value = 1
        await clock.clocks()
        dut.clear_i.value = 0
    clock.stopped = 0b011
    before = int(dut.weights_o.value)
    await fill(dut, clock, before ^ ALL)
    assert int(dut.weights_o.value) != before ^ ALL, "negative control: one clock of three cannot write"
