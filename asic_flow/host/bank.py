"""The shadow bank of a chip and its commit, from the host's side."""

from __future__ import annotations

from dataclasses import dataclass

from asic_flow.errors import MismatchError
from asic_flow.host.port import RegisterPort
from asic_flow.registers import model
from asic_flow.registers.model import RegisterLayout

POLLS = 200
"""Reads of a status before the chip is given up. A pass of the CRC takes 40 us, the crossing comes at most two orbits of
89 us behind the request; one read at 1 MHz takes 64 us."""


@dataclass(frozen=True)
class Commit:
    """What is to be committed, and when.

    Attributes:
        crc: CRC-32 that the shadow bank must have.
        version: number of the weight set, 0 to 65535; becomes the chip's active version.
        bx: bunch crossing, or `model.COMMIT_AT_ONCE`.
    """

    crc: int
    version: int
    bx: int = model.COMMIT_AT_ONCE


class ShadowBank:
    """Shadow bank of one chip. Until a commit succeeds, the encoder goes on with the weights it has."""

    def __init__(self, port: RegisterPort, layout: RegisterLayout) -> None:
        """Prepare; nothing is sent."""
        self._port, self._control, self._monitor = port, layout.control_base, layout.monitor_base

    def show(self, shadow: bool) -> None:
        """Choose what weight reads show: the shadow bank, or the active one.

        Raises:
            BusError: a transfer failed too often.
        """
        self._port.write(self._control + model.BANK_CONTROL_OFFSET, bytes([int(shadow) << model.READ_SHADOW_BIT]))

    def withdraw(self) -> None:
        """Drop a commit that still waits for its bunch crossing.

        Raises:
            BusError: a transfer failed too often.
        """
        self._port.write(self._control + model.COMMIT_OFFSET, b"\0")

    def commit(self, commit: Commit) -> None:
        """Wait for the CRC of the shadow, request the commit, and wait until it is done.

        Raises:
            BusError: a transfer failed too often.
            MismatchError: the CRC differs or never becomes valid, the chip refuses, or the crossing never comes; the
                active weights are then as before.
        """
        setup = (
            commit.bx.to_bytes(2, "little") + commit.crc.to_bytes(4, "little") + commit.version.to_bytes(2, "little")
        )
        self._port.write(self._control + model.COMMIT_BX_OFFSET, setup[:2])
        self._port.write(self._control + model.EXPECTED_CRC_OFFSET, setup[2:])
        found = self._port.read(self._control + model.COMMIT_BX_OFFSET, 2)
        found += self._port.read(self._control + model.EXPECTED_CRC_OFFSET, 6)
        if found != setup:
            raise self._failure(f"the commit registers read {found.hex()}, expected {setup.hex()}")
        if not self._wait(model.BANK_SHADOW_CRC_VALID):
            raise self._failure(
                f"the CRC of its shadow bank never became valid in {POLLS} reads. Is its clock running?"
            )
        crc = int.from_bytes(self._port.read_stable(self._monitor + model.SHADOW_CRC_OFFSET, 4), "little")
        if crc != commit.crc:
            raise self._failure(
                f"the CRC of its shadow bank is {crc:#010x}, expected {commit.crc:#010x}, although every register "
                "reads back right"
            )
        self._port.write(self._control + model.COMMIT_OFFSET, bytes([model.COMMIT_KEY]))
        state = self._wait(model.BANK_DONE | model.BANK_REFUSED)
        if state & model.BANK_REFUSED:
            raise self._failure("it refused the commit: the shadow bank changed after its CRC was read")
        if not state:
            self.withdraw()
            raise self._failure(f"bunch crossing {commit.bx} did not come in {POLLS} reads; the request is withdrawn")

    def _wait(self, bits: int) -> int:
        """Poll bank_status until one of `bits` is set; returns those set, 0 if none was in time."""
        for _ in range(POLLS):
            found = self._port.read(self._monitor + model.BANK_STATUS_OFFSET, 1)[0] & bits
            if found:
                return found
        return 0

    def _failure(self, what: str) -> MismatchError:
        return MismatchError(
            f"loading weights into device {self._port.device:#04x}: {what}. The active weights are as before."
        )
