"""Load weights into a chip, prove that they arrived, and read them back.

The order of a load: refuse a chip made for another structure; hold the encoder's output at zero (``run`` = 0); write
every register; read everything back and write again what differs; compare the chip's own CRC; clear the upset counters;
``run`` = 1. A failed transfer is repeated. After an interruption, `WeightLoader.load` with ``resume=True`` writes only
what differs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from asic_flow.errors import MismatchError, WeightError
from asic_flow.host.bus import Bus
from asic_flow.host.port import ChipStatus, Monitor, RegisterPort, read_status
from asic_flow.host.results import Difference, LoadReport
from asic_flow.images import Transaction, transactions
from asic_flow.ir import Structure
from asic_flow.registers import model
from asic_flow.registers.model import DEVICE, RegisterLayout, register_layout
from asic_flow.weights import WeightSet, from_bytes

_LOG = logging.getLogger(__name__)
_POLLS = 200
"""Reads of the status byte before the CRC is given up; one pass of the chip takes 40 us, one read more than that."""

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all)."""


class WeightLoader:
    """Weights of one chip behind a bus."""

    def __init__(
        self,
        bus: Bus,
        structure: Structure,
        *,
        device: int = DEVICE,
        max_data: int = 16,
        retries: int = 3,
        monitor: Monitor = Monitor.AUTO,
        progress: Progress | None = None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            bus: I2C master.
            structure: what the chip was made for.
            device: 7-bit I2C address.
            max_data: most data bytes per transfer (14 behind an lpGBT master).
            retries: how often a failed transfer is repeated, and how often a differing register is written again.
            monitor: whether to use the monitor registers; ``auto`` uses them if the chip has them.
            progress: called after each register.

        Raises:
            StructureError: the structure does not fit its register profile.
        """
        self._port = RegisterPort(bus, device, retries)
        self._device, self._max_data, self._retries = device, max_data, retries
        self._structure, self._progress, self._monitor = structure, progress, monitor
        self.layout: RegisterLayout = register_layout(structure)

    def status(self) -> ChipStatus | None:
        """Read the monitor block; None where the chip has none, or it is to be ignored.

        Raises:
            BusError: a transfer failed too often, or `Monitor.REQUIRE` and there is no monitor block.
        """
        return None if self._monitor is Monitor.IGNORE else read_status(self._port, self.layout, self._monitor)

    def load(self, weights: WeightSet, *, resume: bool = False, run: bool = True) -> LoadReport:
        """Write weights and prove that they arrived. Once writing has begun, any failure leaves the output at zero.

        Args:
            weights: for this loader's structure.
            resume: read first and write only what differs.
            run: let the encoder's output leave at the end.

        Raises:
            WeightError: the weights, or the chip, belong to another structure.
            BusError: a transfer failed `retries` + 1 times in a row.
            MismatchError: a register still differs after `retries` repairs, or the chip's CRC does.
        """
        if weights.structure.sha256 != self._structure.sha256:
            raise WeightError(
                f"loading weights: made for structure {weights.structure.sha256[:12]}, "
                f"the chip is {self._structure.sha256[:12]}"
            )
        before = self._port.repeated
        status = self.status()
        self._check_chip(status)
        self._port.write(self.layout.misc_base, b"\0")
        stream = weights.to_bytes()
        pending = transactions(self.layout, stream, self._max_data)
        total = len(pending)
        if resume:
            pending = [t for t in pending if self._port.read(t.address, len(t.data)) != t.data]
        sent, repaired = self._write_and_check(pending, transactions(self.layout, stream, self._max_data))
        if status is not None:
            self._check_crc(weights.crc32)
            self._port.write(self.layout.misc_base, bytes([1 << model.CLEAR_BIT]))
        self._set_control(int(run) << model.RUN_BIT)
        return LoadReport(
            bytes_written=sent,
            registers_skipped=total - len(pending),
            registers_repaired=repaired,
            retries=self._port.repeated - before,
            crc=weights.crc32,
            crc_checked=status is not None,
            running=run,
        )

    def dump(self) -> WeightSet:
        """Read all weights from the chip.

        Raises:
            BusError: a transfer failed too often.
            WeightError: the chip belongs to another structure, or a bit that does not exist reads as one.
        """
        self._check_chip(self.status())
        stream = self._read_stream()
        return from_bytes(self._structure, stream, {"source": f"I2C device {self._device:#04x}"})

    def verify(self, weights: WeightSet) -> list[Difference]:
        """Compare the chip with a weight set, byte by byte; nothing is written.

        Returns:
            All bytes that differ, in address order; empty if the chip is right.

        Raises:
            BusError: a transfer failed too often.
            WeightError: the weights, or the chip, belong to another structure.
        """
        if weights.structure.sha256 != self._structure.sha256:
            raise WeightError("verifying weights: they were made for another structure than the chip")
        self._check_chip(self.status())
        pairs = enumerate(zip(weights.to_bytes(), self._read_stream(), strict=True))
        return [Difference(self.layout.byte_address(k), a, b) for k, (a, b) in pairs if a != b]

    def _check_chip(self, status: ChipStatus | None) -> None:
        if status is None:
            return
        if status.structure_hash != self.layout.structure_hash or status.weight_bytes != self.layout.n_bytes:
            raise WeightError(
                f"device {self._device:#04x} was made for structure {status.structure_hash.hex()}... with "
                f"{status.weight_bytes} weight bytes; this encoder.json is {self.layout.structure_hash.hex()}... "
                f"with {self.layout.n_bytes}"
            )

    def _write_and_check(self, pending: list[Transaction], everything: list[Transaction]) -> tuple[int, int]:
        """Write, read everything back, repair; returns (bytes sent, registers repaired)."""
        sent = repaired = 0
        total = sum(len(t.data) for t in pending)
        for transaction in pending:
            self._port.write(transaction.address, transaction.data)
            sent += len(transaction.data)
            if self._progress is not None:
                self._progress(sent, total)
        for attempt in range(self._retries + 1):
            bad = [t for t in everything if self._port.read(t.address, len(t.data)) != t.data]
            if not bad:
                return sent, repaired
            if attempt == self._retries:
                break
            _LOG.warning("%d registers read back wrong, first at %#06x; writing them again", len(bad), bad[0].address)
            repaired += len(bad)
            for transaction in bad:
                self._port.write(transaction.address, transaction.data)
                sent += len(transaction.data)
        raise MismatchError(
            f"loading weights into device {self._device:#04x}: {len(bad)} registers read back wrong after "
            f"{self._retries} repairs, first at {bad[0].address:#06x}. The output is held at zero (run = 0)."
        )

    def _check_crc(self, expected: int) -> None:
        """Wait for the chip's CRC of what it now holds, and compare."""
        for _ in range(_POLLS):
            status = self.status()
            if status is None or not status.crc_valid:
                continue
            if status.crc != expected:
                raise MismatchError(
                    f"loading weights into device {self._device:#04x}: its CRC is {status.crc:#010x}, expected "
                    f"{expected:#010x}, although every register reads back right. The output is held at zero (run = 0)."
                )
            return
        raise MismatchError(
            f"loading weights into device {self._device:#04x}: its CRC never became valid in {_POLLS} reads. "
            "Is its clock running? The output is held at zero (run = 0)."
        )

    def _set_control(self, value: int) -> None:
        self._port.write(self.layout.misc_base, bytes([value]))
        found = self._port.read(self.layout.misc_base, 1)[0]
        if found != value:
            raise MismatchError(
                f"loading weights into device {self._device:#04x}: the control register "
                f"{self.layout.misc_base:#06x} reads {found:#04x}, expected {value:#04x}"
            )

    def _read_stream(self) -> bytes:
        blank = transactions(self.layout, bytes(self.layout.n_bytes), self._max_data)
        return b"".join(self._port.read(t.address, len(t.data)) for t in blank)
