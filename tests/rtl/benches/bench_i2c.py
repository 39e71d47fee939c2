"""econ_i2c_target with our bus master and registers in Python: transfers at every speed, phase and framing."""

import random

import cocotb
from cocotb.triggers import Timer
from i2c_common import DEVICE, save_coverage, start, still_works

from asic_flow.tb.i2c import I2cNackError, I2cTiming


@cocotb.test()
async def write_and_read_at_all_speeds_and_phases(dut):
    rng = random.Random(5)
    master, registers = await start(dut)
    for khz in (100, 400, 1000):
        low = I2cTiming.for_speed(khz).low
        setup = I2cTiming.for_speed(khz).limits.data_setup
        # SDA together with SCL's fall, at the set-up limit, in the middle
        for hold in (0, low - setup) if khz < 1000 else (0, low - setup, low // 2):
            master.timing = I2cTiming.for_speed(khz, hold)
            await Timer(rng.randrange(1, 40), "ns")
            address, data = rng.randrange(0x10000), rng.randbytes(1)
            await master.write_registers(address, data)
            assert registers.writes[-1:] == [(address, data[0])]
            assert await master.read_registers(address, 1) == data


@cocotb.test()
async def every_clock_phase(dut):
    master, registers = await start(dut, data_hold=0)
    for phase in range(25):
        await Timer(1000 + 1, "ns")  # moves the bus by 1 ns against the 25 ns clock
        value = bytes([0xA5 ^ phase])
        await master.write_registers(0x0100, value)
        assert await master.read_registers(0x0100, 1) == value, f"phase {phase}"


@cocotb.test()
async def pointer_survives_stop_and_goes_on(dut):
    master, registers = await start(dut)
    await master.write_registers(0x0538, bytes(range(10)))
    await master.write(b"\x05\x38")  # pointer, STOP
    assert await master.read(4) == bytes(range(4))  # separate read
    assert await master.read(3) == bytes(range(4, 7)), "the pointer must go on over STOP"
    assert await master.read_registers(0x0538, 10, repeated_start=False, frame=4) == bytes(range(10))
    assert await master.read_registers(0x0538, 10, repeated_start=True) == bytes(range(10))


@cocotb.test()
async def lpgbt_frames(dut):
    master, registers = await start(dut)
    image = random.Random(6).randbytes(40)
    await master.write_registers(0x0600, image, frame=16)
    assert [registers.byte(0x0600 + i) for i in range(40)] == list(image)
    assert len(registers.writes) == 40
    found = await master.read_registers(0x0600, 40, repeated_start=False, frame=16)  # STOP in front of every read
    assert found == image


@cocotb.test()
async def foreign_address_and_general_call_are_ignored(dut):
    master, registers = await start(dut)
    for device in (0x00, 0x21, 0x60, 0x7F, 0x10):
        master.device = device
        try:
            await master.write(b"\x12\x34\xff")
        except I2cNackError:
            pass  # as it must be
        else:
            raise AssertionError(f"address {device:#04x} was acknowledged")
        # go on sending to a foreign device without looking at the acknowledge
        await master.start()
        for byte in (device << 1, 0x12, 0x34, 0xEE):
            assert not await master.write_byte(byte)
        await master.stop()
    for first in (0x01, 0x43, 0xF0, 0xF1, 0xFF):  # START byte, foreign read, 10-bit addresses
        await master.start()
        assert not await master.write_byte(first)
        assert await master.read_byte(ack=True) == 0xFF, "SDA belongs to others"
        assert await master.read_byte(ack=False) == 0xFF
        await master.stop()
    assert registers.writes == []
    assert registers.reads == []
    master.device = DEVICE
    await still_works(master, registers)


@cocotb.test()
async def half_a_pointer_changes_nothing(dut):
    master, registers = await start(dut)
    await master.write(b"\x30\x10")
    await master.write(b"\x44")  # only the first address byte
    assert await master.read(1) == bytes([registers.byte(0x3010)])
    await master.write(b"")  # device address alone
    assert await master.read(1) == bytes([registers.byte(0x3011)])


@cocotb.test()
async def read_past_the_end_wraps(dut):
    master, registers = await start(dut)
    want = bytes(registers.byte(a & 0xFFFF) for a in range(0xFFFE, 0x10002))
    assert await master.read_registers(0xFFFE, 4) == want
    await master.write_registers(0xFFFF, b"\x77\x88")
    assert registers.writes[-2:] == [(0xFFFF, 0x77), (0x0000, 0x88)]


@cocotb.test()
async def random_traffic(dut):
    rng = random.Random(8)
    master, registers = await start(dut)
    model = {}
    for _ in range(15):
        address, count = rng.choice([0x0538, 0x0BEC, 0x0C80, 0xFF00]) + rng.randrange(8), rng.randrange(1, 6)
        if rng.random() < 0.5:
            data = rng.randbytes(count)
            await master.write_registers(address, data, frame=rng.choice([None, 3, 16]))
            model |= {address + i: data[i] for i in range(count)}
        else:
            want = bytes(model.get(address + i, registers.byte(address + i)) for i in range(count))
            found = await master.read_registers(address, count, repeated_start=rng.random() < 0.5)
            assert found == want
    assert {a: registers.memory[a] for a in model} == model


@cocotb.test()
async def coverage_is_saved(dut):
    save_coverage()
