"""econ_weight_bank, small: byte port, missing bits, upset counters with saturation and clear."""

import random

import cocotb
from cocotb.triggers import FallingEdge
from common import options, reset, settle, upset

OPTIONS = options()
BITS, BLOCK_BYTES, COUNTER = OPTIONS["bits"], OPTIONS["block_bytes"], OPTIONS["counter"]
N_BYTES = -(-BITS // 8)
N_BLOCKS = -(-N_BYTES // BLOCK_BYTES)


async def start(dut):
    for name in ("we_i", "block_sel_i", "byte_sel_i", "wdata_i", "clear_i"):
        getattr(dut, name).value = 0
    dut.refresh_i.value = 1
    await reset(dut)


async def select(dut, index):
    dut.block_sel_i.value = 1 << (index // BLOCK_BYTES)
    dut.byte_sel_i.value = 1 << (index % BLOCK_BYTES)
    await settle()


async def write(dut, index, value):
    await select(dut, index)
    dut.wdata_i.value, dut.we_i.value = value, 1
    await FallingEdge(dut.clk_i)
    dut.we_i.value = 0


async def read(dut, index):
    await select(dut, index)
    return int(dut.rdata_o.value)


def count(dut, block):
    return (int(dut.count_o.value) >> (COUNTER * block)) & ((1 << COUNTER) - 1)


def block_copy(dut, block, copy):
    return getattr(dut.gen_block[block].u_bits, f"u_copy_{copy}").q_q


@cocotb.test()
async def bytes_read_back(dut):
    await start(dut)
    rng = random.Random(2)
    model = [rng.randrange(256) for _ in range(N_BYTES)]
    order = list(range(N_BYTES))
    rng.shuffle(order)
    for index in order:
        await write(dut, index, model[index])
    stream = sum(byte << (8 * i) for i, byte in enumerate(model)) & ((1 << BITS) - 1)
    assert int(dut.weights_o.value) == stream
    for index in range(N_BLOCKS * BLOCK_BYTES):
        want = (stream >> (8 * index)) & 255
        assert await read(dut, index) == want, f"byte {index}"
    dut.block_sel_i.value = 0
    await settle()
    assert int(dut.rdata_o.value) == 0
    dut.we_i.value = 1
    await FallingEdge(dut.clk_i)
    assert int(dut.weights_o.value) == stream, "a write without a selected block changed something"


@cocotb.test()
async def upsets_are_corrected_and_counted_per_block(dut):
    await start(dut)
    for index in range(N_BYTES):
        await write(dut, index, 0xA5)
    stream = int(dut.weights_o.value)
    want = [0] * N_BLOCKS
    rng = random.Random(3)
    for step in range(60):
        block = rng.randrange(N_BLOCKS)
        width = min(8 * BLOCK_BYTES, BITS - 8 * BLOCK_BYTES * block)
        upset(block_copy(dut, block, "abc"[step % 3]), 1 << rng.randrange(width))
        await settle()
        assert int(dut.weights_o.value) == stream
        await FallingEdge(dut.clk_i)
        want[block] = min(want[block] + 1, (1 << COUNTER) - 1)
        assert [count(dut, b) for b in range(N_BLOCKS)] == want
    assert max(want) == (1 << COUNTER) - 1, "the test never reached saturation"
    dut.clear_i.value = 1
    await FallingEdge(dut.clk_i)
    assert int(dut.count_o.value) == 0
    upset(block_copy(dut, 0, "a"), 1)
    await FallingEdge(dut.clk_i)
    assert int(dut.count_o.value) == 0, "clear must hold the counters at zero"


@cocotb.test()
async def refresh_off_keeps_counting(dut):
    await start(dut)
    dut.refresh_i.value = 0
    upset(block_copy(dut, 0, "b"), 2)
    for clocks in range(1, 4):
        await FallingEdge(dut.clk_i)
        assert count(dut, 0) == clocks
