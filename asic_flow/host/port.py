"""Registers behind a bus: reads and writes with retries, and the chip's monitor block."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from asic_flow.host.bus import Bus, BusError
from asic_flow.registers import model
from asic_flow.registers.model import DEVICE, RegisterLayout

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")
_STABLE_READS = 50


class Monitor(StrEnum):
    """Whether the chip's monitor registers (identity, CRC, counters) are used."""

    AUTO = "auto"
    REQUIRE = "require"
    IGNORE = "ignore"


@dataclass(frozen=True)
class BankStatus:
    """State of the shadow bank and of its commits.

    Attributes:
        crc_valid: whether `crc` is of the weights that are in the shadow now.
        crc: CRC-32 of the shadow.
        pending: a requested commit waits for its bunch crossing.
        done: the last commit requested was done.
        refused: the last commit requested was refused.
        version: version number of the active weights.
        mismatches: passes over the active bank that did not give the committed CRC, saturating at 255.
    """

    crc_valid: bool
    crc: int
    pending: bool
    done: bool
    refused: bool
    version: int
    mismatches: int


@dataclass(frozen=True)
class ChipStatus:
    """The monitor block.

    Attributes:
        structure_hash: first bytes of the SHA-256 of the structure the chip was made for.
        weight_bytes: length of its weight stream.
        running: the run bit.
        crc_valid: whether `crc` is of the weights that are in the chip now.
        stale: weights were written since run was last set; the output is held at zero.
        crc: CRC-32 of the active weights.
        upsets: corrected upsets per weight block, saturating at 65535.
        control_upsets: corrected upsets in control registers, saturating at 65535.
        bank: state of the shadow bank; None if the chip has none.
    """

    structure_hash: bytes
    weight_bytes: int
    running: bool
    crc_valid: bool
    stale: bool
    crc: int
    upsets: tuple[int, ...]
    control_upsets: int
    bank: BankStatus | None


class RegisterPort:
    """Registers of one chip. A failed transfer is repeated before it counts as an error."""

    def __init__(self, bus: Bus, device: int = DEVICE, retries: int = 3) -> None:
        """Prepare; nothing is sent.

        Args:
            bus: I2C master.
            device: 7-bit I2C address.
            retries: how often a failed transfer is repeated.
        """
        self._bus, self.device, self._retries = bus, device, retries
        self.repeated = 0
        """Transfers repeated so far."""

    def write(self, address: int, data: bytes) -> None:
        """Write bytes from a register address on.

        Raises:
            BusError: the transfer failed `retries` + 1 times.
        """
        wire = address.to_bytes(2, "big") + data
        self._try(lambda: self._bus.write(self.device, wire), f"writing {len(data)} bytes at {address:#06x}")

    def read(self, address: int, n: int) -> bytes:
        """Read `n` bytes from a register address on.

        Raises:
            BusError: the transfer failed `retries` + 1 times, or the bus gave another number of bytes.
        """

        def transfer() -> bytes:
            self._bus.write(self.device, address.to_bytes(2, "big"))
            return self._bus.read(self.device, n)

        data = self._try(transfer, f"reading {n} bytes at {address:#06x}")
        if len(data) != n:
            raise BusError(
                f"reading {n} bytes at {address:#06x} of device {self.device:#04x}: the bus gave {len(data)}"
            )
        return data

    def read_stable(self, address: int, n: int) -> bytes:
        """Read until two reads agree: the chip does not latch values of several bytes.

        Raises:
            BusError: as `read`, or no two reads agree.
        """
        data = self.read(address, n)
        for _ in range(_STABLE_READS):
            again = self.read(address, n)
            if again == data:
                return data
            data = again
        raise BusError(f"reading {n} bytes at {address:#06x}: the value changed in each of {_STABLE_READS} reads")

    def _try(self, transfer: Callable[[], _T], what: str) -> _T:
        for attempt in range(self._retries + 1):
            try:
                return transfer()
            except BusError as error:
                if attempt == self._retries:
                    raise BusError(
                        f"{what} of device {self.device:#04x} failed {attempt + 1} times: {error}. "
                        "Check power, address and pull-ups; an interrupted load goes on with --resume."
                    ) from error
                _LOG.info("%s failed (%s), trying again", what, error)
                self.repeated += 1
        raise AssertionError("unreachable: the last attempt returns or raises")


def read_status(port: RegisterPort, layout: RegisterLayout, monitor: Monitor = Monitor.AUTO) -> ChipStatus | None:
    """Read the monitor block; None where the chip has none (ECON-T itself).

    Raises:
        BusError: a transfer failed too often, or `Monitor.REQUIRE` and there is no monitor block.
    """
    base = layout.monitor_base
    try:
        identity = port.read(base, model.MISMATCHES_OFFSET + 1)
    except BusError:
        if monitor is Monitor.REQUIRE:
            raise
        port.read(layout.misc_base, 1)  # tells a chip without monitor from a dead bus
        return None
    if identity[: len(model.CHIP_ID)] != model.CHIP_ID:
        if monitor is Monitor.REQUIRE:
            raise BusError(
                f"reading the identity of device {port.device:#04x} at {base:#06x}: found {identity[:4].hex()}, "
                f"expected {model.CHIP_ID.hex()}. This chip has no monitor registers; use --monitor ignore."
            )
        return None
    flags = identity[model.STATUS_OFFSET]
    counters = port.read_stable(layout.seu_address, model.SEU_BYTES * layout.n_blocks)
    control = port.read_stable(base + model.CONTROL_SEU_OFFSET, model.SEU_BYTES)
    return ChipStatus(
        structure_hash=identity[model.HASH_OFFSET : model.HASH_OFFSET + model.HASH_BYTES],
        weight_bytes=int.from_bytes(identity[model.WEIGHT_BYTES_OFFSET : model.WEIGHT_BYTES_OFFSET + 2], "little"),
        running=bool(flags & model.STATUS_RUNNING),
        crc_valid=bool(flags & model.STATUS_CRC_VALID),
        stale=bool(flags & model.STATUS_STALE),
        crc=int.from_bytes(port.read_stable(layout.crc_address, 4), "little"),
        upsets=tuple(int.from_bytes(counters[i : i + 2], "little") for i in range(0, len(counters), 2)),
        control_upsets=int.from_bytes(control, "little"),
        bank=_bank_status(port, base, identity[model.BANK_STATUS_OFFSET], identity[model.MISMATCHES_OFFSET]),
    )


def _bank_status(port: RegisterPort, base: int, flags: int, mismatches: int) -> BankStatus | None:
    if not flags & model.BANK_HAS_SHADOW:
        return None
    return BankStatus(
        crc_valid=bool(flags & model.BANK_SHADOW_CRC_VALID),
        crc=int.from_bytes(port.read_stable(base + model.SHADOW_CRC_OFFSET, 4), "little"),
        pending=bool(flags & model.BANK_PENDING),
        done=bool(flags & model.BANK_DONE),
        refused=bool(flags & model.BANK_REFUSED),
        version=int.from_bytes(port.read_stable(base + model.ACTIVE_VERSION_OFFSET, 2), "little"),
        mismatches=mismatches,
    )
