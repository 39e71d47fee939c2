"""I2C bus master for cocotb, with the timing of the bus specification; every time on the bus is checked by a monitor.

The bus is modelled as it is wired: SCL is driven by the master alone (the target never stretches), SDA is a wired AND of the
master, of the target's pull-down and of anybody else who holds it.
"""

from __future__ import annotations

import cocotb
from cocotb.handle import LogicObject
from cocotb.simtime import get_sim_time
from cocotb.triggers import Timer, ValueChange

from asic_flow.registers.model import DEVICE
from asic_flow.tb.i2c_monitor import I2cMonitor
from asic_flow.tb.i2c_timing import I2cError, I2cNackError, I2cTiming, I2cTimingError

__all__ = ["I2cBus", "I2cError", "I2cMaster", "I2cNackError", "I2cTiming", "I2cTimingError"]

RECOVERY_CLOCKS = 9


class I2cBus:
    """The two wires: resolves SDA from master, target and others, and shows every change to the monitor."""

    def __init__(self, scl: LogicObject, sda: LogicObject, target_pulls: LogicObject) -> None:
        self._scl_pin = scl
        self._sda_pin = sda
        self._target_pulls = target_pulls
        self.scl = 1
        self._master_sda = 1
        self._target_sda = 1
        self._other_sda = 1
        self.monitor: I2cMonitor | None = None
        self._drive()

    def start(self) -> None:
        """Begin to follow the target's pull-down."""
        cocotb.start_soon(self._follow())

    @property
    def sda(self) -> int:
        """Level of the wire."""
        return self._master_sda & self._target_sda & self._other_sda

    def set_scl(self, level: int) -> None:
        """Drive SCL."""
        self.scl = level
        self._drive()

    def set_sda(self, level: int) -> None:
        """The master pulls SDA low (0) or releases it (1)."""
        self._master_sda = level
        self._drive()

    def hold_sda(self, held: bool) -> None:
        """Somebody else on the bus holds SDA low, or releases it."""
        self._other_sda = int(not held)
        self._drive()

    async def spike(self, line: str, width: int) -> None:
        """A pulse of `width` ns (below 50) against the level of ``SCL`` or ``SDA``, on the pin alone."""
        pin, level = (self._scl_pin, self.scl) if line == "SCL" else (self._sda_pin, self.sda)
        if self.monitor is not None:
            self.monitor.spike(line, width)
        pin.value = 1 - level
        await Timer(width, "ns")
        self._write_pins()

    def _drive(self, *, by_target: bool = False) -> None:
        self._write_pins()
        if self.monitor is not None:
            self.monitor.see(get_sim_time("ns"), self.scl, self.sda, by_target=by_target)

    def _write_pins(self) -> None:
        self._scl_pin.value = self.scl
        self._sda_pin.value = self.sda

    async def _follow(self) -> None:
        while True:
            await ValueChange(self._target_pulls)
            level = 0 if int(self._target_pulls.value) else 1
            if level != self._target_sda:
                self._target_sda = level
                self._drive(by_target=True)


class I2cMaster:
    """Bus master with 16-bit register addresses (MSB first), as the encoder chip has them.

    Example:
        >>> master = I2cMaster(I2cBus(dut.scl_i, dut.sda_i, dut.sda_oe_o), khz=1000)
        >>> await master.write_registers(0x0538, image)
        >>> await master.read_registers(0x0538, 134)
    """

    def __init__(self, bus: I2cBus, *, device: int = DEVICE, khz: int = 1000, timing: I2cTiming | None = None) -> None:
        self.bus = bus
        self.device = device
        self._timing = timing or I2cTiming.for_speed(khz)
        self.monitor = bus.monitor = I2cMonitor(device, self._timing.limits)
        self.bytes_sent = 0
        self.transactions = 0
        self._busy = False
        bus.start()

    @property
    def timing(self) -> I2cTiming:
        """Times in use; set it while the bus is free."""
        return self._timing

    @timing.setter
    def timing(self, timing: I2cTiming) -> None:
        self._timing = timing
        self.monitor.limits = timing.limits

    # --- conditions and bits ------------------------------------------------------------------------

    async def start(self) -> None:
        """START, or repeated START inside a transaction. Leaves SCL low.

        Raises:
            I2cError: SDA is held low (see `recover`).
        """
        t = self.timing
        if self._busy:
            await _ns(t.data_hold)
            self.bus.set_sda(1)
            await _ns(t.low - t.data_hold)
            self.bus.set_scl(1)
            await _ns(t.limits.start_setup)
        if self.bus.sda == 0:
            self.monitor.on_condition("SDA held low at START")
            raise I2cError("START impossible: SDA is held low")
        self.bus.set_sda(0)
        await _ns(t.limits.start_hold)
        self.bus.set_scl(0)
        self._busy = True
        self.transactions += 1

    async def stop(self) -> None:
        """STOP; waits the bus-free time.

        Raises:
            I2cError: the target holds SDA low.
        """
        t = self.timing
        await _ns(t.data_hold)
        self.bus.set_sda(0)
        await _ns(t.low - t.data_hold)
        self.bus.set_scl(1)
        await _ns(t.limits.stop_setup)
        self.bus.set_sda(1)
        self._busy = False
        await _ns(t.limits.bus_free)
        if self.bus.sda == 0:
            raise I2cError("STOP impossible: the target holds SDA low")

    async def abandon(self) -> None:
        """The master is reset in the middle of a transaction: it lets go of SDA, then of SCL, and forgets everything."""
        self._busy = False
        self.bus.set_sda(1)
        await _ns(self.timing.low)
        self.bus.set_scl(1)

    async def recover(self) -> int:
        """Free a bus on which the target holds SDA: clocks until SDA is high (at most nine), then START and STOP.

        Returns:
            Number of clocks.

        Raises:
            I2cError: SDA is still low after nine clocks.
        """
        t, clocks = self.timing, 0
        self.monitor.on_condition("nine clocks")
        await _ns(t.high)
        while self.bus.sda == 0:
            if clocks == RECOVERY_CLOCKS:
                raise I2cError(f"SDA is still held low after {clocks} clocks")
            self.bus.set_scl(0)
            await _ns(t.low)
            self.bus.set_scl(1)
            await _ns(t.high)
            clocks += 1
        await _ns(t.limits.start_setup)
        self._busy = False
        await self.start()
        await self.stop()
        return clocks

    async def write_bit(self, bit: int) -> None:
        """One SCL pulse with SDA driven by the master."""
        await self._pulse(bit)

    async def read_bit(self) -> int:
        """One SCL pulse with SDA released."""
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
        self.bus.set_scl(1)
        await _ns(t.high)
        level = self.bus.sda
        self.bus.set_scl(0)
        return level

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
