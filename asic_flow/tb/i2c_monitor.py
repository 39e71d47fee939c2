"""Passive monitor of an I2C bus: decodes conditions, bytes and register accesses, and checks every time against the mode.

Needs no simulator: `I2cMonitor.see` takes the levels of the two wires with their time.
"""

from __future__ import annotations

from collections.abc import Callable

from asic_flow.tb.i2c_timing import MODES, SPIKE_NS, I2cLimits, I2cTimingError

CONDITIONS = (
    *(mode.mode for mode in MODES),
    "START", "repeated START", "STOP", "empty message", "START inside a byte", "STOP inside a byte",
    "acknowledged", "not acknowledged", "foreign address", "general call",
    "write", "read", "pointer kept over STOP", "read past the end", "16-byte frame",
    "spike on SCL", "spike on SDA", "SDA held low at START", "nine clocks",
)  # fmt: skip
"""What a bench can do to a target; see `I2cMonitor`."""

Condition = Callable[[str], None]
Access = Callable[[int, bool], None]


class I2cMonitor:
    """Watches one bus with a target of 16-bit register addresses.

    Args:
        device: 7-bit address of the target.
        limits: limits of the mode in use; may be changed while the bus is free.

    Attributes:
        on_condition: called with each of `CONDITIONS` as it happens.
        on_access: called with register address and True for a write, False for a read.
        end: first address above the target's registers (default: above the address space).
    """

    def __init__(self, device: int, limits: I2cLimits) -> None:
        self.device = device
        self.limits = limits
        self.end = 0x1_0000
        self.on_condition: Condition = lambda _name: None
        self.on_access: Access = lambda _address, _write: None
        self._scl = self._sda = 1
        self._rose = self._fell = self._moved = self._stopped = float("-inf")
        self._busy = self._condition = self._kept = self._wrapped = False
        self._bits: list[int] = []
        self._bytes: list[int] = []
        self._pointer = 0

    # --- wires --------------------------------------------------------------------------------------

    def see(self, time: float, scl: int, sda: int, *, by_target: bool = False) -> None:
        """The levels of the wires from `time` (ns) on; one of them at a time may change.

        Raises:
            I2cTimingError: a time is outside the limits, or the target moved SDA while SCL was high.
        """
        if scl != self._scl:
            self._scl = scl
            if scl:
                self._scl_rises(time)
            else:
                self._scl_falls(time)
        elif sda != self._sda:
            self._sda = sda
            self._sda_moves(time, by_target)

    def spike(self, line: str, width: float) -> None:
        """A pulse on ``SCL`` or ``SDA`` that is too short to count.

        Raises:
            I2cTimingError: it is not.
        """
        if width >= SPIKE_NS:
            raise I2cTimingError(f"a pulse of {width:g} ns on {line} is no spike (below {SPIKE_NS} ns)")
        self.on_condition(f"spike on {line}")

    def _scl_rises(self, time: float) -> None:
        self._at_least("SCL low", time - self._fell, self.limits.low)
        self._at_least("data set-up (SDA to the rise of SCL)", time - self._moved, self.limits.data_setup)
        self._rose, self._condition = time, False

    def _scl_falls(self, time: float) -> None:
        if self._condition:
            self._at_least("START hold", time - self._moved, self.limits.start_hold)
        else:
            self._at_least("SCL high", time - self._rose, self.limits.high)
            self._bit()
        self._fell = time

    def _sda_moves(self, time: float, by_target: bool) -> None:
        if not self._scl:
            if by_target and time - self._fell > self.limits.valid_max:
                raise I2cTimingError(
                    f"the target changed SDA {time - self._fell:g} ns after SCL fell, allowed {self.limits.valid_max}"
                )
        elif by_target:
            raise I2cTimingError("the target changed SDA while SCL was high")
        elif self._sda:
            self._stop(time)
        else:
            self._start(time)
        self._moved = time

    def _at_least(self, what: str, found: float, limit: int) -> None:
        if found < limit:
            raise I2cTimingError(f"{what}: {found:g} ns, {self.limits.mode} asks for at least {limit} ns")

    # --- conditions and bytes -----------------------------------------------------------------------

    def _start(self, time: float) -> None:
        if self._busy:
            self._at_least("repeated START set-up", time - self._rose, self.limits.start_setup)
            self.on_condition("repeated START")
        else:
            self._at_least("bus free", time - self._stopped, self.limits.bus_free)
            self.on_condition("START")
        self.on_condition(self.limits.mode)
        self._end_message("START")
        self._kept = not self._busy
        self._busy = self._condition = True

    def _stop(self, time: float) -> None:
        self._at_least("STOP set-up", time - self._rose, self.limits.stop_setup)
        self.on_condition("STOP")
        if not self._bits and not self._bytes:
            self.on_condition("empty message")
        self._end_message("STOP")
        self._busy, self._condition, self._stopped = False, True, time

    def _end_message(self, how: str) -> None:
        if self._bits:
            self.on_condition(f"{how} inside a byte")
        if len(self._bytes) == 1 + 16 and self._bytes[0] == self.device << 1:
            self.on_condition("16-byte frame")
        self._bits, self._bytes = [], []

    def _bit(self) -> None:
        self._bits.append(self._sda)
        if len(self._bits) < 9:
            return
        value, acknowledged = sum(bit << (7 - i) for i, bit in enumerate(self._bits[:8])), not self._bits[8]
        self._bits = []
        self._bytes.append(value)
        self.on_condition("acknowledged" if acknowledged else "not acknowledged")
        if len(self._bytes) == 1:
            self._address(value)
        elif self._bytes[0] >> 1 == self.device:
            self._data(value, read=bool(self._bytes[0] & 1))

    def _address(self, value: int) -> None:
        if value == 0:
            self.on_condition("general call")
        elif value >> 1 != self.device:
            self.on_condition("foreign address")
        else:
            self.on_condition("read" if value & 1 else "write")
            if value & 1 and self._kept:
                self.on_condition("pointer kept over STOP")

    def _data(self, value: int, *, read: bool) -> None:
        if not read and len(self._bytes) <= 3:
            if len(self._bytes) == 3:
                self._pointer = self._bytes[1] << 8 | value
            return
        self.on_access(self._pointer, not read)
        if read and (self._wrapped or self._pointer >= self.end):
            self.on_condition("read past the end")
        self._wrapped = self._pointer == 0xFFFF
        self._pointer = (self._pointer + 1) & 0xFFFF
