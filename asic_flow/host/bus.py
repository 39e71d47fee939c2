"""The bus between a host and the chip: three methods, so that any I2C master can take part.

An adapter for Linux (`SmbusBus`) and one for a simulated chip in cocotb (`CocotbBus`) are here; a test stand, an lpGBT
or an SCA link needs the same three methods.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, runtime_checkable

from asic_flow.errors import FlowError, ToolNotFoundError


class BusError(FlowError):
    """A transfer failed: not acknowledged, timed out, or the bus is stuck. It may be tried again."""


@runtime_checkable
class Bus(Protocol):
    """An I2C master.

    `write` and `read` are one transfer each, START to STOP. The chip keeps its register pointer over STOP, so a read of
    registers is a `write` of the two address bytes followed by a `read`.
    """

    def write(self, device: int, data: bytes) -> None:
        """Write bytes to a 7-bit device address.

        Raises:
            BusError: the transfer failed; some of the bytes may have arrived.
        """

    def read(self, device: int, n: int) -> bytes:
        """Read `n` bytes from a 7-bit device address.

        Raises:
            BusError: the transfer failed.
        """

    def close(self) -> None:
        """Release the bus."""


class SmbusBus:
    """A Linux I2C bus (``/dev/i2c-N``) through smbus2, which is imported only here."""

    def __init__(self, number: int) -> None:
        """Open the bus.

        Raises:
            ToolNotFoundError: smbus2 is not installed.
            BusError: the bus cannot be opened.
        """
        try:
            self._smbus: Any = importlib.import_module("smbus2")
        except ImportError as error:
            raise ToolNotFoundError(f"opening I2C bus {number}: smbus2 is not installed; pip install smbus2") from error
        try:
            self._bus: Any = self._smbus.SMBus(number)
        except OSError as error:
            raise BusError(f"opening I2C bus /dev/i2c-{number}: {error.strerror or error}") from error

    def write(self, device: int, data: bytes) -> None:
        """Write bytes; see `Bus`."""
        self._transfer(self._smbus.i2c_msg.write(device, list(data)), f"writing {len(data)} bytes to", device)

    def read(self, device: int, n: int) -> bytes:
        """Read bytes; see `Bus`."""
        message = self._smbus.i2c_msg.read(device, n)
        self._transfer(message, f"reading {n} bytes from", device)
        return bytes(list(message))

    def close(self) -> None:
        """Close the bus."""
        self._bus.close()

    def _transfer(self, message: Any, what: str, device: int) -> None:
        try:
            self._bus.i2c_rdwr(message)
        except OSError as error:
            raise BusError(f"{what} I2C device {device:#04x}: {error.strerror or error}") from error


class AsyncMaster(Protocol):
    """A bus master whose transfers are coroutines; `asic_flow.tb.i2c.I2cMaster` is one.

    Attributes:
        device: 7-bit address of the following transfers.
    """

    device: int

    def write(self, payload: bytes) -> Awaitable[None]:
        """One write transfer, START to STOP."""

    def read(self, count: int) -> Awaitable[bytes]:
        """One read transfer, START to STOP."""


class CocotbBus:
    """Drive a simulated chip with synchronous host code, from inside a cocotb test.

    Example:
        >>> bus = CocotbBus(I2cMaster(...), nack=I2cNackError)
        >>> report = await bridge(WeightLoader(bus, structure).load)(weights)  # cocotb.task.bridge
    """

    def __init__(self, master: AsyncMaster, nack: type[Exception]) -> None:
        """Wrap a bus master.

        Args:
            master: its transfers are awaited in the simulator's thread.
            nack: what it raises when the target does not acknowledge; it becomes a `BusError`.

        Raises:
            ToolNotFoundError: cocotb 2 is not installed.
        """
        try:
            self._resume: Any = importlib.import_module("cocotb.task").resume
        except (ImportError, AttributeError) as error:
            raise ToolNotFoundError(
                "driving a simulated chip: cocotb 2 is not installed; pip install 'cocotb>=2'"
            ) from error
        self._master, self._nack = master, nack

    def write(self, device: int, data: bytes) -> None:
        """Write bytes; see `Bus`."""
        self._await(device, self._master.write, data)

    def read(self, device: int, n: int) -> bytes:
        """Read bytes; see `Bus`."""
        return bytes(self._await(device, self._master.read, n))

    def close(self) -> None:
        """Nothing to release."""

    def _await(self, device: int, transfer: Callable[[Any], Awaitable[Any]], argument: Any) -> Any:
        self._master.device = device
        try:
            return self._resume(transfer)(argument)
        except self._nack as error:
            raise BusError(str(error)) from error


def open_bus(spec: str) -> Bus:
    """Open a bus by name.

    Args:
        spec: ``smbus:N`` for ``/dev/i2c-N``, or ``package.module:callable`` for anything that returns a `Bus`.

    Raises:
        BusError: the name is malformed, the module or attribute is missing, or the object lacks a method.
        ToolNotFoundError: smbus2 is not installed.
    """
    kind, _, rest = spec.partition(":")
    if kind == "smbus":
        if not rest.isdigit():
            raise BusError(f"opening bus {spec!r}: expected smbus:N with the number of /dev/i2c-N")
        return SmbusBus(int(rest))
    if not rest:
        raise BusError(f"opening bus {spec!r}: expected smbus:N, fake, or package.module:callable")
    try:
        bus = getattr(importlib.import_module(kind), rest)()
    except (ImportError, AttributeError) as error:
        raise BusError(f"opening bus {spec!r}: {error}") from error
    if not isinstance(bus, Bus):
        raise BusError(f"opening bus {spec!r}: found {type(bus).__name__}, which lacks write, read or close")
    return bus
