"""Timing of the I2C bus: the limits of the specification, and a master's times within them.

Numbers: UM10204, as quoted in facts/radiation.md section 5.4.
"""

from __future__ import annotations

from dataclasses import dataclass


class I2cError(AssertionError):
    """Something on the bus was not as it must be."""


class I2cNackError(I2cError):
    """The target did not acknowledge."""


class I2cTimingError(I2cError):
    """A time on the bus is outside the limits of its mode."""


@dataclass(frozen=True)
class I2cLimits:
    """Limits of one bus mode in ns.

    Attributes:
        mode: name of the mode.
        max_khz: highest bus speed.
        low: shortest SCL low time.
        high: shortest SCL high time.
        start_hold: shortest time from START to the fall of SCL.
        start_setup: shortest time from the rise of SCL to a repeated START.
        stop_setup: shortest time from the rise of SCL to STOP.
        bus_free: shortest time from STOP to START.
        data_setup: shortest time from a change of SDA to the rise of SCL.
        valid_max: latest change of SDA by the target after the fall of SCL.
    """

    mode: str
    max_khz: int
    low: int
    high: int
    start_hold: int
    start_setup: int
    stop_setup: int
    bus_free: int
    data_setup: int
    valid_max: int

    @classmethod
    def for_speed(cls, khz: int) -> I2cLimits:
        """Limits of the slowest mode that allows a bus speed.

        Raises:
            ValueError: outside 1..1000 kHz.
        """
        if not 1 <= khz <= MODES[-1].max_khz:
            raise ValueError(f"I2C speed {khz} kHz: this bus runs at 1..{MODES[-1].max_khz} kHz")
        return next(mode for mode in MODES if khz <= mode.max_khz)


MODES = (
    I2cLimits("Standard mode", 100, 4700, 4000, 4000, 4700, 4000, 4700, 250, 3450),
    I2cLimits("Fast mode", 400, 1300, 600, 600, 600, 600, 1300, 100, 900),
    I2cLimits("Fast-mode Plus", 1000, 500, 260, 260, 260, 260, 500, 50, 450),
)
SPIKE_NS = 50
"""Shorter pulses are spikes, which a target has to ignore (tSP)."""


@dataclass(frozen=True)
class I2cTiming:
    """Times that a master uses, in ns.

    Attributes:
        limits: limits of the mode.
        low: SCL low time.
        high: SCL high time.
        data_hold: fall of SCL to the master's change of SDA.
    """

    limits: I2cLimits
    low: int
    high: int
    data_hold: int

    @classmethod
    def for_speed(cls, khz: int, data_hold: int | None = None) -> I2cTiming:
        """Timing of a bus speed: Standard mode up to 100 kHz, Fast mode up to 400 kHz, Fast-mode Plus up to 1 MHz.

        Args:
            khz: SCL frequency.
            data_hold: fall of SCL to the master's change of SDA in ns; default: the middle of SCL low.

        Raises:
            ValueError: outside 1..1000 kHz, or `data_hold` leaves less than the set-up time.
        """
        limits = I2cLimits.for_speed(khz)
        period = 1_000_000 // khz
        high = max(limits.high, period * 2 // 5)
        low = max(limits.low, period - high)
        change = low // 2 if data_hold is None else data_hold
        if change < 0 or low - change < limits.data_setup:
            raise ValueError(
                f"I2C data hold {change} ns leaves less than the {limits.data_setup} ns set-up time of {khz} kHz"
            )
        return cls(limits, low, high, change)
