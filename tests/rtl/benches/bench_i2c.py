"""econ_i2c_target with our bus master and a register file in Python: transfers, and everything that may go wrong on a bus."""

import random

import cocotb
from cocotb.triggers import RisingEdge, Timer, ValueChange
from common import reset

from asic_flow.tb.i2c import I2cBus, I2cMaster, I2cNackError, I2cTiming

DEVICE = 0x20


class Registers:
    """64 KiB of registers behind the target's port; remembers every write and read strobe."""

    def __init__(self, dut):
        self.dut = dut
        self.memory = {}
        self.writes = []
        self.reads = []
        dut.rdata_i.value = 0
        cocotb.start_soon(self.watch())
        cocotb.start_soon(self.serve())

    def byte(self, address):
        return self.memory.get(address, (address * 37 + 11) & 255)

    async def serve(self):
        while True:
            await ValueChange(self.dut.addr_o)
            self.dut.rdata_i.value = self.byte(int(self.dut.addr_o.value))

    async def watch(self):
        while True:
            await RisingEdge(self.dut.clk_i)
            if int(self.dut.wr_en_o.value):
                address, data = int(self.dut.addr_o.value), int(self.dut.wdata_o.value)
                self.memory[address] = data
                self.writes.append((address, data))
            if int(self.dut.rd_en_o.value):
                self.reads.append(int(self.dut.addr_o.value))


async def start(dut, khz=1000, phase=0, **timing):
    dut.device_address_i.value = DEVICE
    master = I2cMaster(I2cBus(dut.scl_i, dut.sda_i, dut.sda_oe_o), timing=I2cTiming.for_speed(khz, **timing))
    registers = Registers(dut)
    await reset(dut)
    await Timer(1000 + phase, "ns")
    return master, registers


async def still_works(master, registers):
    """A plain write and read-back; every corner case has to leave the target in a state in which it works."""
    await master.write_registers(0x1234, b"\x5a\xc3")
    assert await master.read_registers(0x1234, 2) == b"\x5a\xc3"


@cocotb.test()
async def write_and_read_at_all_speeds_and_phases(dut):
    rng = random.Random(5)
    master, registers = await start(dut)
    for khz in (100, 400, 1000):
        low = I2cTiming.for_speed(khz).low
        setup = I2cTiming.for_speed(khz).data_setup
        # SDA together with SCL's fall, at the set-up limit, in the middle
        for hold in (0, low - setup) if khz < 1000 else (0, low - setup, low // 2):
            master.timing = I2cTiming.for_speed(khz, hold)
            await Timer(rng.randrange(1, 40), "ns")
            address, data = rng.randrange(0x10000 - 8), rng.randbytes(2)
            await master.write_registers(address, data)
            assert registers.writes[-2:] == [(address + i, data[i]) for i in range(2)]
            assert await master.read_registers(address, 2) == data


@cocotb.test()
async def every_clock_phase(dut):
    master, registers = await start(dut, data_hold=0)
    for phase in range(25):
        await Timer(1000 + 1, "ns")  # moves the bus by 1 ns against the 25 ns clock
        value = bytes([phase, 255 - phase])
        await master.write_registers(0x0100, value)
        assert await master.read_registers(0x0100, 2) == value, f"phase {phase}"


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
    assert registers.writes == []
    master.device = DEVICE
    await still_works(master, registers)


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


async def spike(pin, width, idle):
    """A pulse of `width` ns against the idle level."""
    pin.value = 1 - idle
    await Timer(width, "ns")
    pin.value = idle


@cocotb.test()
async def spikes_below_50_ns_are_ignored(dut):
    rng = random.Random(7)
    master, registers = await start(dut)
    bus = master.bus
    for width in (1, 10, 24, 25, 26, 40, 49):
        for _ in range(4):
            await spike(dut.scl_i, width, 1)
            await Timer(rng.randrange(60, 160), "ns")
            await spike(dut.sda_i, width, 1)  # looks like START and STOP
            await Timer(rng.randrange(60, 160), "ns")
    busy = True

    async def noise():
        while busy:
            await Timer(rng.randrange(170, 420), "ns")
            pin, level = (dut.scl_i, bus.scl) if rng.random() < 0.5 else (dut.sda_i, bus.sda)
            pin.value = 1 - level
            await Timer(rng.randrange(1, 50), "ns")
            bus._drive()

    master.timing = I2cTiming.for_speed(400)
    task = cocotb.start_soon(noise())
    for round_ in range(6):
        data = rng.randbytes(2)
        await master.write_registers(0x4000 + round_, data)
        assert await master.read_registers(0x4000 + round_, 2) == data, "a spike disturbed a transfer"
    busy = False
    await task
    bus._drive()
    assert len(registers.writes) == 12


@cocotb.test()
async def negative_control_long_pulse_is_seen(dut):
    master, registers = await start(dut)
    await master.start()
    for byte in (DEVICE << 1, 0x50):
        assert await master.write_byte(byte)
    await Timer(300, "ns")
    await spike(dut.scl_i, 110, 0)  # a real clock edge: bits shift by one
    await Timer(300, "ns")
    acknowledged = [await master.write_byte(byte) for byte in (0x00, 0x99, 0x99)]
    await master.stop()
    assert not all(acknowledged) or (0x5000, 0x99) not in registers.writes, "a 110 ns clock pulse went unseen"
    await still_works(master, registers)


@cocotb.test()
async def stuck_sda_is_released_by_nine_clocks(dut):
    master, registers = await start(dut)
    registers.memory[0x6000] = 0x00  # eight low bits: the target holds SDA
    await master.write(b"\x60\x00")
    for seen in range(1, 8):
        await master.write(b"\x60\x00")
        await master.start()
        assert await master.write_byte((DEVICE << 1) | 1)
        for _ in range(seen):
            assert await master.read_bit() == 0
        await Timer(1000, "ns")  # the master was reset here, and finds SDA held low
        assert master.bus.sda == 0
        for _ in range(9):
            await master.read_bit()
        assert master.bus.sda == 1, "nine clocks must free the bus"
        await master.stop()
    await still_works(master, registers)


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
