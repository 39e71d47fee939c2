"""econ_i2c_target: everything that may go wrong on a bus. Each case ends with a plain transfer that has to work."""

import random

import cocotb
from cocotb.triggers import FallingEdge, Timer
from common import upset
from i2c_common import DEVICE, refused, save_coverage, start, still_works

from asic_flow.tb.i2c import I2cTiming


@cocotb.test()
async def stop_and_start_inside_a_byte_drop_it(dut):
    master, registers = await start(dut)
    for bits in range(1, 8):
        await master.start()
        for byte in (DEVICE << 1, 0x20, 0x00, 0xA1):
            assert await master.write_byte(byte)
        for bit in range(bits):
            await master.write_bit(bit & 1)
        if bits % 2:
            await master.stop()
        else:  # repeated START
            await master.start()
            assert await master.write_byte((DEVICE << 1) | 1)
            assert await master.read_byte(ack=False) == registers.byte(0x2001)
            await master.stop()
        assert registers.writes == [(0x2000, 0xA1)] * bits
    await still_works(master, registers)


@cocotb.test()
async def stop_and_start_inside_a_byte_that_is_read(dut):
    master, registers = await start(dut)
    registers.memory |= {0x2100: 0xFF, 0x2101: 0x5A}
    for bits in range(1, 8):
        await master.write(b"\x21\x00")
        await master.start()
        assert await master.write_byte((DEVICE << 1) | 1)
        for _ in range(bits):
            assert await master.read_bit() == 1
        if bits % 2:
            await master.stop()
        else:
            await master.start()
            assert await master.write_byte(DEVICE << 1)
            await master.stop()
        assert await master.read(2) == b"\xff\x5a", "an aborted byte does not move the pointer"
    await still_works(master, registers)


@cocotb.test()
async def empty_messages_and_repeated_starts(dut):
    master, registers = await start(dut)
    await master.write(b"\x22\x00")
    bus, limits = master.bus, master.timing.limits
    for _ in range(3):  # START and STOP without a clock, then with one
        bus.set_sda(0)
        await Timer(limits.start_hold, "ns")
        bus.set_sda(1)
        await Timer(limits.bus_free, "ns")
        await master.start()
        await master.stop()
    await master.start()
    for _ in range(5):
        await master.start()  # repeated START behind START
    assert await master.write_byte(DEVICE << 1)
    for _ in range(3):
        await master.start()
        assert await master.write_byte((DEVICE << 1) | 1)
        assert await master.read_byte(ack=False) == registers.byte(0x2200 + len(registers.reads) - 1)
    await master.stop()
    assert registers.reads == [0x2200, 0x2201, 0x2202]
    await still_works(master, registers)


@cocotb.test()
async def spikes_below_50_ns_are_ignored(dut):
    rng = random.Random(7)
    master, registers = await start(dut)
    bus = master.bus
    for width in (1, 10, 24, 25, 26, 40, 49):
        for _ in range(4):
            await bus.spike("SCL", width)
            await Timer(rng.randrange(60, 160), "ns")
            await bus.spike("SDA", width)  # looks like START and STOP
            await Timer(rng.randrange(60, 160), "ns")
    busy, spikes = True, 0

    async def noise():
        nonlocal spikes
        while busy:
            await Timer(rng.randrange(170, 420), "ns")
            await bus.spike(rng.choice(["SCL", "SDA"]), rng.randrange(1, 50))
            spikes += 1

    master.timing = I2cTiming.for_speed(400)
    task = cocotb.start_soon(noise())
    for round_ in range(4):
        data = rng.randbytes(2)
        await master.write_registers(0x4000 + round_, data)
        assert await master.read_registers(0x4000 + round_, 2) == data, "a spike disturbed a transfer"
    busy = False
    await task
    assert spikes > 500
    assert len(registers.writes) == 8


@cocotb.test()
async def negative_control_long_pulse_is_seen(dut):
    master, registers = await start(dut)
    await master.start()
    for byte in (DEVICE << 1, 0x50):
        assert await master.write_byte(byte)
    await Timer(300, "ns")
    dut.scl_i.value = 1  # a real clock edge on the pin: bits shift by one
    await Timer(110, "ns")
    dut.scl_i.value = 0
    await Timer(300, "ns")
    acknowledged = [await master.write_byte(byte) for byte in (0x00, 0x99, 0x99)]
    await master.stop()
    assert not all(acknowledged) or (0x5000, 0x99) not in registers.writes, "a 110 ns clock pulse went unseen"
    await still_works(master, registers)


@cocotb.test()
async def abandoned_read_is_freed_by_clocks(dut):
    master, registers = await start(dut)
    registers.memory[0x6000] = 0x00  # eight low bits: the target holds SDA
    for seen in range(8):
        await master.write(b"\x60\x00")
        await master.start()
        assert await master.write_byte((DEVICE << 1) | 1)
        for _ in range(seen):
            assert await master.read_bit() == 0
        await master.abandon()
        await refused(master.start())
        assert await master.recover() == 8 - seen, "SDA is free behind the eighth bit"
    assert registers.writes == []
    await still_works(master, registers)


@cocotb.test()
async def abandoned_acknowledge_is_freed_by_one_clock(dut):
    master, registers = await start(dut)
    payload = (DEVICE << 1, 0x61, 0x00, 0x3C)
    for whole in range(len(payload)):
        await master.start()
        for byte in payload[:whole]:
            assert await master.write_byte(byte)
        for position in range(7, -1, -1):
            await master.write_bit((payload[whole] >> position) & 1)
        await master.abandon()  # in front of the acknowledge clock
        await refused(master.start())
        assert await master.recover() == 1
    assert registers.writes == [(0x6100, 0x3C)], "recovery must not write anything"
    await still_works(master, registers)


@cocotb.test()
async def others_may_hold_the_bus(dut):
    master, registers = await start(dut)
    await master.write(b"\x62\x00")
    master.bus.hold_sda(True)  # looks like START
    await Timer(40, "us")
    await refused(master.start())
    await refused(master.recover())
    await Timer(5, "us")
    master.bus.hold_sda(False)
    await Timer(5, "us")
    assert registers.writes == []
    await still_works(master, registers)


@cocotb.test()
async def a_slow_master_is_waited_for(dut):
    master, registers = await start(dut)
    await master.start()
    for byte in (DEVICE << 1, 0x63, 0x00):
        assert await master.write_byte(byte)
        await Timer(60, "us")  # SCL low between bytes
    for bit in (1, 0, 0, 1, 0, 1, 1, 0):
        await master.write_bit(bit)
        await Timer(10, "us")  # and between bits
    assert await master.read_bit() == 0, "acknowledge"
    await master.stop()
    assert registers.writes == [(0x6300, 0x96)]
    await still_works(master, registers)


@cocotb.test()
async def reset_lets_go_of_the_bus(dut):
    master, registers = await start(dut)
    registers.memory[0x6400] = 0x00
    await master.write(b"\x64\x00")
    await master.start()
    assert await master.write_byte((DEVICE << 1) | 1)
    assert await master.read_bit() == 0
    await Timer(200, "ns")
    assert int(dut.sda_oe_o.value) == 1
    dut.rst_ni.value = 0
    await Timer(1, "ns")
    assert int(dut.sda_oe_o.value) == 0, "reset is asynchronous"
    await FallingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    await master.abandon()
    assert await master.recover() == 0
    await still_works(master, registers)


def copies(word):
    """The three copies of a triplicated register."""
    return [getattr(word, f"u_copy_{name}").q_q for name in "abc"]


@cocotb.test()
async def upsets_of_one_copy_disturb_no_transfer(dut):
    """An upset in every clock, in the state of the target or in the levels behind its filters."""
    rng = random.Random(9)
    master, registers = await start(dut)
    target = dut.u_target
    words = [target.u_state, target.u_state, target.u_scl.u_level, target.u_sda.u_level]
    busy, hits, seen = True, 0, 0

    async def radiation():
        nonlocal hits, seen
        while busy:
            await FallingEdge(dut.clk_i)
            await Timer(1, "ns")
            copy = rng.choice(copies(rng.choice(words)))
            upset(copy, 1 << rng.randrange(len(copy)))
            hits += 1
            await Timer(1, "ns")
            seen += int(dut.error_o.value)

    task = cocotb.start_soon(radiation())
    for round_ in range(3):
        data = rng.randbytes(2)
        await master.write_registers(0x6500 + round_, data)
        assert await master.read_registers(0x6500 + round_, 2, repeated_start=bool(round_)) == data
    busy = False
    await task
    assert hits == seen > 5000, "every upset is reported"
    assert len(registers.writes) == 6
    await still_works(master, registers)


@cocotb.test()
async def a_bus_stuck_by_a_double_upset_is_freed(dut):
    """Beyond triplication: the same bit in two copies. The target transmits in the middle of a byte that it receives."""
    master, registers = await start(dut)
    state = dut.u_target.u_state
    receive, transmit = 1, 3
    lowest = len(state.u_copy_a.q_q) - 6  # the three bits below SCL and SDA of the clocks before
    stuck = 0
    for bits in range(1, 8):
        await master.start()
        for byte in (DEVICE << 1, 0x66, 0x00):
            assert await master.write_byte(byte)
        for _ in range(bits):
            await master.write_bit(0)
        await FallingEdge(dut.clk_i)
        assert int(dut.u_target.state_q.value) == receive
        for copy in copies(state)[:2]:
            upset(copy, (receive ^ transmit) << lowest)
        await Timer(1, "ns")
        assert int(dut.u_target.state_q.value) == transmit
        await master.write_bit(1)
        await master.abandon()
        if master.bus.sda == 0:
            stuck += 1
            await refused(master.start())
        assert await master.recover() <= 8
        assert registers.writes == [(0x1234, 0x5A), (0x1235, 0xC3)] * (bits - 1)
        await still_works(master, registers)
    assert stuck > 3


@cocotb.test()
async def coverage_is_saved(dut):
    save_coverage()
