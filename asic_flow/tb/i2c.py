"""I2C bus master for cocotb, with the timing of the bus specification and checks of the target's timing.

The bus is modelled as it is wired: SCL is driven by the master alone (the target never stretches), SDA is a wired AND of the
master and of the target's pull-down. Timing numbers: UM10204, as quoted in facts/radiation.md section 5.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import cocotb
from cocotb.handle import LogicObject
from cocotb.simtime import get_sim_time
from cocotb.triggers import Timer, ValueChange


class I2cError(AssertionError):
    """Something on the bus was not as it must be."""


class I2cNackError(I2cError):
    """The target did not acknowledge."""


class I2cTimingError(I2cError):
    """The target changed SDA too late, or while SCL was high."""


@dataclass(frozen=True)
class I2cTiming:
    """Times of one bus speed in ns.

    Attributes:
        low: SCL low time.
        high: SCL high time.
        start_hold: START (SDA falls) to SCL falls.
        start_setup: SCL rises to a repeated START.
        stop_setup: SCL rises to STOP.
        bus_free: STOP to the next START.
        data_hold: SCL falls to the master's change of SDA.
        data_setup: smallest time between the master's change of SDA and the rise of SCL (checked).
        valid_max: latest change of SDA by the target after SCL falls (checked).
    """

    low: int
    high: int
    start_hold: int
    start_setup: int
    stop_setup: int
    bus_free: int
    data_hold: int
    data_setup: int
    valid_max: int

    @classmethod
    def for_speed(cls, khz: int, data_hold: int | None = None) -> I2cTiming:
        """Timing of a bus speed: Standard mode up to 100 kHz, Fast mode up to 400 kHz, Fast-mode Plus up to 1 MHz.

        Args:
            khz: SCL frequency.
            data_hold: SCL falls to the master's change of SDA in ns; default: the middle of SCL low.

        Raises:
            ValueError: outside 1..1000 kHz, or `data_hold` leaves less than the set-up time.
        """
        if not 1 <= khz <= 1000:
            raise ValueError(f"I2C speed {khz} kHz: this bus runs at 1..1000 kHz")
        # minimum low, high, tHD;STA, tSU;STA, tSU;STO, tBUF, tSU;DAT, maximum tVD;DAT
        if khz <= 100:
            low, high, hold, setup, stop, free, data, valid = 4700, 4000, 4000, 4700, 4000, 4700, 250, 3450
        elif khz <= 400:
            low, high, hold, setup, stop, free, data, valid = 1300, 600, 600, 600, 600, 1300, 100, 900
        else:
            low, high, hold, setup, stop, free, data, valid = 500, 260, 260, 260, 260, 500, 50, 450
        period = 1_000_000 // khz
        high = max(high, period * 2 // 5)
        low = max(low, period - high)
        change = low // 2 if data_hold is None else data_hold
        if change < 0 or low - change < data:
            raise ValueError(f"I2C data hold {change} ns leaves less than the {data} ns set-up time of {khz} kHz")
        return cls(low, high, hold, setup, stop, free, change, data, valid)


class I2cBus:
    """The two wires: resolves SDA from master and target, and records when the target moved it."""

    def __init__(self, scl: LogicObject, sda: LogicObject, target_pulls: LogicObject) -> None:
        self._scl_pin = scl
        self._sda_pin = sda
        self._target_pulls = target_pulls
        self.scl = 1
        self._master_sda = 1
        self._target_sda = 1
        self.target_changed_ns = 0.0
        self.target_changed_in_high = False
        self._drive()

    def start(self) -> None:
        """Begin to follow the target's pull-down."""
        cocotb.start_soon(self._follow())

    @property
    def sda(self) -> int:
        """Level of the wire."""
        return self._master_sda & self._target_sda

    def set_scl(self, level: int) -> None:
        """Drive SCL."""
        self.scl = level
        self._drive()

    def set_sda(self, level: int) -> None:
        """Pull SDA low (0) or release it (1)."""
        self._master_sda = level
        self._drive()

    def _drive(self) -> None:
        self._scl_pin.value = self.scl
        self._sda_pin.value = self.sda

    async def _follow(self) -> None:
        while True:
            await ValueChange(self._target_pulls)
            level = 0 if int(self._target_pulls.value) else 1
            if level != self._target_sda:
                self._target_sda = level
                self.target_changed_ns = get_sim_time("ns")
                self.target_changed_in_high |= self.scl == 1
                self._drive()


class I2cMaster:
    """Bus master with 16-bit register addresses (MSB first), as the encoder chip has them.

    Example:
        >>> master = I2cMaster(I2cBus(dut.scl_i, dut.sda_i, dut.sda_oe_o), khz=1000)
        >>> await master.write_registers(0x0538, image)
        >>> await master.read_registers(0x0538, 134)
    """

    def __init__(self, bus: I2cBus, *, device: int = 0x20, khz: int = 1000, timing: I2cTiming | None = None) -> None:
        self.bus = bus
        self.device = device
        self.timing = timing or I2cTiming.for_speed(khz)
        self.bytes_sent = 0
        self.transactions = 0
        self._scl_fell_ns = 0.0
        self._busy = False
        bus.start()

    # --- conditions and bits ------------------------------------------------------------------------

    async def start(self) -> None:
        """START, or repeated START inside a transaction. Leaves SCL low."""
        t = self.timing
        if self._busy:
            await _ns(t.data_hold)
            self.bus.set_sda(1)
            await _ns(t.low - t.data_hold)
            self.bus.set_scl(1)
            await _ns(t.start_setup)
        if self.bus.sda == 0:
            raise I2cError("START impossible: SDA is held low")
        self.bus.set_sda(0)
        await _ns(t.start_hold)
        self._scl_low()
        self._busy = True
        self.transactions += 1

    async def stop(self) -> None:
        """STOP; waits the bus-free time."""
        t = self.timing
        await _ns(t.data_hold)
        self.bus.set_sda(0)
        await _ns(t.low - t.data_hold)
        self.bus.set_scl(1)
        await _ns(t.stop_setup)
        self.bus.set_sda(1)
        self._busy = False
        await _ns(t.bus_free)
        if self.bus.sda == 0:
            raise I2cError("STOP impossible: the target holds SDA low")

    async def write_bit(self, bit: int) -> None:
        """One SCL pulse with SDA driven by the master."""
        await self._pulse(bit)

    async def read_bit(self) -> int:
        """One SCL pulse with SDA released; checks the target's timing."""
        return await self._pulse(1)

    async def write_byte(self, value: int) -> bool:
        """Eight bits, MSB first, and the acknowledge clock. Returns True for ACK."""
        for position in range(7, -1, -1):
            await self._pulse((value >> position) & 1)
        self.bytes_sent += 1
        return await self._pulse(1) == 0

    async def read_byte(self, *, ack: bool) -> int:
        """Eight bits from the target, then ACK or NACK by the master."""
        value = 0
        for _ in range(8):
            value = (value << 1) | await self._pulse(1)
        await self._pulse(0 if ack else 1)
        return value

    async def _pulse(self, bit: int) -> int:
        t = self.timing
        await _ns(t.data_hold)
        self.bus.set_sda(bit)
        await _ns(t.low - t.data_hold)
        self._check_target()
        self.bus.set_scl(1)
        await _ns(t.high)
        if self.bus.target_changed_in_high:
            raise I2cTimingError("the target changed SDA while SCL was high")
        level = self.bus.sda
        self._scl_low()
        return level

    def _scl_low(self) -> None:
        self.bus.set_scl(0)
        self._scl_fell_ns = get_sim_time("ns")
        self.bus.target_changed_in_high = False

    def _check_target(self) -> None:
        """At the rise of SCL: did the target change SDA in time, and leave the set-up time?"""
        changed = self.bus.target_changed_ns
        if changed < self._scl_fell_ns:
            return
        if changed - self._scl_fell_ns > self.timing.valid_max:
            raise I2cTimingError(
                f"the target changed SDA {changed - self._scl_fell_ns:.0f} ns after SCL fell, allowed {self.timing.valid_max}"
            )
        if get_sim_time("ns") - changed < self.timing.data_setup:
            raise I2cTimingError("the target changed SDA less than the set-up time before SCL rose")

    # --- transactions -------------------------------------------------------------------------------

    async def write(self, payload: bytes, *, stop: bool = True) -> None:
        """START, device address + W, payload, and STOP.

        Raises:
            I2cNackError: a byte was not acknowledged (the bus is released with STOP first).
        """
        await self.start()
        for index, byte in enumerate(bytes([self.device << 1]) + payload):
            if not await self.write_byte(byte):
                await self.stop()
                what = "device address" if index == 0 else f"byte {index - 1} of the payload"
                raise I2cNackError(f"I2C write to device {self.device:#04x}: {what} was not acknowledged")
        if stop:
            await self.stop()

    async def read(self, count: int, *, stop: bool = True) -> bytes:
        """START, device address + R, `count` bytes (the last with NACK), and STOP.

        Raises:
            I2cNackError: the device address was not acknowledged.
        """
        await self.start()
        if not await self.write_byte((self.device << 1) | 1):
            await self.stop()
            raise I2cNackError(f"I2C read from device {self.device:#04x}: device address was not acknowledged")
        data = bytes([await self.read_byte(ack=i < count - 1) for i in range(count)])
        if stop:
            await self.stop()
        return data

    async def write_registers(self, address: int, data: bytes, *, frame: int | None = None) -> None:
        """Write consecutive registers.

        Args:
            address: address of the first byte.
            data: bytes.
            frame: longest transaction in bytes, register address included (16 for an lpGBT master); default: one
                transaction for everything.
        """
        step = len(data) if frame is None else frame - 2
        for first in range(0, len(data), step):
            part = data[first : first + step]
            await self.write((address + first).to_bytes(2, "big") + part)

    async def read_registers(
        self, address: int, count: int, *, repeated_start: bool = True, frame: int | None = None
    ) -> bytes:
        """Read consecutive registers.

        Args:
            address: address of the first byte.
            count: number of bytes.
            repeated_start: False: STOP behind the address, then a separate read (lpGBT masters).
            frame: longest read in bytes; later frames go on from the target's pointer.
        """
        await self.write(address.to_bytes(2, "big"), stop=not repeated_start)
        data = b""
        while len(data) < count:
            data += await self.read(min(count - len(data), frame or count))
        return data


async def _ns(time: int) -> None:
    if time > 0:
        await Timer(time, "ns")
