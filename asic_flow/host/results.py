"""What the loader reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from asic_flow.images import Transaction


@dataclass(frozen=True)
class LoadReport:
    """What a load did.

    Attributes:
        bytes_written: weight bytes sent and acknowledged, repairs included.
        registers_skipped: writes that resuming found unnecessary.
        registers_repaired: writes repeated because the read-back differed.
        retries: transfers repeated after a bus error.
        crc: CRC-32 of the weights.
        crc_checked: whether the chip's own CRC was compared (False: it has no monitor registers).
        running: whether the encoder was set running at the end.
        path: ``direct``: into the active bank, with the output held at zero meanwhile; ``shadow``: into the shadow bank
            while data may flow, then one commit.
        version: version number committed; None on the direct path.
        links: e-links the chip sends on, 0 if its transmitter is off; None if it has no monitor registers.
    """

    bytes_written: int
    registers_skipped: int
    registers_repaired: int
    retries: int
    crc: int
    crc_checked: bool
    running: bool
    path: Literal["direct", "shadow"]
    version: int | None
    links: int | None


@dataclass(frozen=True)
class Difference:
    """One register that does not hold what it should.

    Attributes:
        address: register address of the first byte that differs.
        expected: byte that should be there.
        found: byte that is there.
    """

    address: int
    expected: int
    found: int


def bus_seconds(writes: list[Transaction], hertz: float) -> float:
    """Time the writes take on the bus: nine clocks per byte, device address included, START and STOP one each."""
    clocks = sum(9 * (1 + len(t.wire)) + 2 for t in writes)
    return clocks / hertz
