"""econ_control: every address and bit, against a model in Python; the commit key; reset."""

import random

import cocotb
from common import TripleClock, options, settle

SHADOW = bool(options()["shadow"])
WRITABLE = [0xFF, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0]
EXIST = [mask if SHADOW or i in (0, 2, 3) else 0 for i, mask in enumerate(WRITABLE)]
KEY, COMMIT = 0xA5, 6


async def start(dut):
    for name in ("we_i", "offset_i", "wdata_i"):
        getattr(dut, name).value = 0
    clock = TripleClock(dut)
    await clock.start()
    return clock


def outputs(dut):
    names = ("fmt_links", "read_shadow", "refresh_period", "commit_bx", "expected_crc", "weight_version")
    return tuple(int(getattr(dut, f"{name}_o").value) for name in names)


def expected(model):
    value = [
        int.from_bytes(bytes(model[a:b]), "little") for a, b in ((0, 1), (1, 2), (2, 4), (4, 6), (8, 12), (12, 14))
    ]
    return tuple(value)


@cocotb.test()
async def every_byte_against_a_model(dut):
    clock, rng = await start(dut), random.Random(1)
    model = [0] * 16
    assert outputs(dut) == expected(model)
    seen = [0] * 16
    for step in range(400):
        offset, value, write = rng.randrange(16), rng.choice((0, 255, KEY, rng.randrange(256))), rng.randrange(2)
        if step < 16:
            offset, value, write = step, 0xFF, 1
        dut.offset_i.value, dut.wdata_i.value, dut.we_i.value = offset, value, write
        await settle()
        commit = write and offset == COMMIT and SHADOW
        assert int(dut.request_o.value) == bool(commit and value == KEY), f"step {step}"
        assert int(dut.withdraw_o.value) == bool(commit and value != KEY)
        await clock.clocks()
        dut.we_i.value = 0
        if write:
            model[offset] = value & EXIST[offset]
            seen[offset] |= model[offset]
        assert outputs(dut) == expected(model)
        read = rng.randrange(16)
        dut.offset_i.value = read
        await settle()
        assert int(dut.rdata_o.value) == model[read]
        assert int(dut.error_o.value) == 0
    assert seen == EXIST, "not every bit was set once"
    dut.rst_ni.value = 0
    await settle()
    assert outputs(dut) == (0,) * 6
