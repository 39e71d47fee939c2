"""Load weights into a chip, prove that they arrived, and read them back.

The order of a load: refuse a chip made for another structure; hold the encoder's output at zero (``run`` = 0); write
every register; read everything back and write again what differs; compare the chip's own CRC; clear the upset counters;
``run`` = 1. On a chip with a shadow bank nothing is held: the registers are those of the shadow, and a commit follows,
with the CRC that the shadow must have. A failed transfer is repeated. After an interruption, `WeightLoader.load` with
``resume=True`` writes only what differs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from asic_flow.errors import MismatchError, WeightError
from asic_flow.host.bank import POLLS, Commit, ShadowBank
from asic_flow.host.bus import Bus
from asic_flow.host.port import ChipStatus, Monitor, RegisterPort, read_status
from asic_flow.host.results import Difference, LoadReport
from asic_flow.images import Transaction, transactions
from asic_flow.ir import Structure
from asic_flow.links import MAX_LINKS, ORBIT
from asic_flow.registers import model
from asic_flow.registers.model import DEVICE, RegisterLayout, register_layout
from asic_flow.weights import WeightSet, from_bytes

_LOG = logging.getLogger(__name__)
_HELD = "The output is held at zero (run = 0)."
_KEPT = "The active weights are as before."

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
        self._shadow = ShadowBank(self._port, self.layout)

    def status(self) -> ChipStatus | None:
        """Read the monitor block; None where the chip has none, or it is to be ignored.

        Raises:
            BusError: a transfer failed too often, or `Monitor.REQUIRE` and there is no monitor block.
        """
        return None if self._monitor is Monitor.IGNORE else read_status(self._port, self.layout, self._monitor)

    def load(
        self,
        weights: WeightSet,
        *,
        resume: bool = False,
        run: bool = True,
        version: int | None = None,
        bx: int = model.COMMIT_AT_ONCE,
        links: int | None = None,
    ) -> LoadReport:
        """Write weights and prove that they arrived.

        A chip with a shadow bank goes on encoding with its old weights meanwhile, and keeps them on any failure. Without
        one the output is held at zero from the first write on, and stays so on any failure.

        Args:
            weights: for this loader's structure.
            resume: read first and write only what differs.
            run: let the encoder's output leave at the end.
            version: number of the weight set, 0 to 65535, for a chip with shadow bank; default: the active one plus one.
            bx: bunch crossing of the commit, for a chip with shadow bank; default: at once.
            links: e-links to send on, 0 (transmitter off) to 5, for a chip with monitor registers; default: as they
                are, which is off after a reset.

        Raises:
            WeightError: the weights, or the chip, belong to another structure; `version` or `bx` is out of range, or
                given for a chip without shadow bank; `links` likewise, or for a chip that has no such register.
            BusError: a transfer failed `retries` + 1 times in a row.
            MismatchError: a register still differs after `retries` repairs, the chip's CRC does, or it refuses the commit.
        """
        self._check_weights(weights, "loading")
        before = self._port.repeated
        status = self.status()
        self._check_chip(status)
        commit = _plan(status, weights.crc32, version, bx)
        _check_links(links, status)
        if commit is None:
            self._port.write(self.layout.misc_base, b"\0")
        else:
            self._shadow.withdraw()
            self._shadow.show(True)
        pending = everything = transactions(self.layout, weights.to_bytes(), self._max_data)
        if resume:
            pending = [t for t in everything if self._port.read(t.address, len(t.data)) != t.data]
        sent, repaired = self._write_and_check(pending, everything, _KEPT if commit else _HELD)
        if commit is not None:
            self._shadow.commit(commit)
            self._shadow.show(False)
        if status is not None:
            self._check_crc(weights.crc32)
            still = int(commit is not None and status.running)
            self._port.write(self.layout.misc_base, bytes([1 << model.CLEAR_BIT | still << model.RUN_BIT]))
        in_use = None if status is None else self._set_links(links)
        self._set_control(int(run) << model.RUN_BIT)
        return LoadReport(
            bytes_written=sent,
            registers_skipped=len(everything) - len(pending),
            registers_repaired=repaired,
            retries=self._port.repeated - before,
            crc=weights.crc32,
            crc_checked=status is not None,
            running=run,
            path="direct" if commit is None else "shadow",
            version=None if commit is None else commit.version,
            links=in_use,
        )

    def dump(self, *, shadow: bool = False) -> WeightSet:
        """Read all weights from the chip.

        Args:
            shadow: those of the shadow bank instead of the active ones.

        Raises:
            BusError: a transfer failed too often.
            WeightError: the chip belongs to another structure or has no shadow bank, or a bit that does not exist reads
                as one.
        """
        self._choose_bank(self.status(), shadow)
        stream = self._read_stream()
        return from_bytes(self._structure, stream, {"source": f"I2C device {self._device:#04x}"})

    def verify(self, weights: WeightSet, *, shadow: bool = False) -> list[Difference]:
        """Compare the chip with a weight set, byte by byte; no weight is written.

        Args:
            weights: what should be there.
            shadow: compare the shadow bank instead of the active one.

        Returns:
            All bytes that differ, in address order; empty if the chip is right.

        Raises:
            BusError: a transfer failed too often.
            WeightError: the weights, or the chip, belong to another structure, or there is no shadow bank.
        """
        self._check_weights(weights, "verifying")
        self._choose_bank(self.status(), shadow)
        pairs = enumerate(zip(weights.to_bytes(), self._read_stream(), strict=True))
        return [Difference(self.layout.byte_address(k), a, b) for k, (a, b) in pairs if a != b]

    def _check_weights(self, weights: WeightSet, what: str) -> None:
        if weights.structure.sha256 != self._structure.sha256:
            raise WeightError(
                f"{what} weights: made for another structure: {weights.structure.sha256[:12]}, "
                f"the chip is {self._structure.sha256[:12]}"
            )

    def _check_chip(self, status: ChipStatus | None) -> None:
        if status is None:
            return
        if status.structure_hash != self.layout.structure_hash or status.weight_bytes != self.layout.n_bytes:
            raise WeightError(
                f"device {self._device:#04x} was made for structure {status.structure_hash.hex()}... with "
                f"{status.weight_bytes} weight bytes; this encoder.json is {self.layout.structure_hash.hex()}... "
                f"with {self.layout.n_bytes}"
            )

    def _choose_bank(self, status: ChipStatus | None, shadow: bool) -> None:
        """Let weight reads show the bank asked for."""
        self._check_chip(status)
        if status is not None and status.bank is not None:
            self._shadow.show(shadow)
        elif shadow:
            raise WeightError(f"reading the shadow bank: device {self._device:#04x} has none")

    def _write_and_check(
        self, pending: list[Transaction], everything: list[Transaction], outcome: str
    ) -> tuple[int, int]:
        """Write, read everything back, repair; returns (bytes sent, registers repaired). `outcome`: state on failure."""
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
            f"{self._retries} repairs, first at {bad[0].address:#06x}. {outcome}"
        )

    def _check_crc(self, expected: int) -> None:
        """Wait for the chip's CRC of the active weights, and compare; if it differs, the output is held."""
        for _ in range(POLLS):
            status = self.status()
            if status is None or not status.crc_valid:
                continue
            if status.crc != expected:
                self._port.write(self.layout.misc_base, b"\0")
                raise MismatchError(
                    f"loading weights into device {self._device:#04x}: its CRC is {status.crc:#010x}, expected "
                    f"{expected:#010x}, although every register reads back right. {_HELD}"
                )
            return
        self._port.write(self.layout.misc_base, b"\0")
        raise MismatchError(
            f"loading weights into device {self._device:#04x}: its CRC never became valid in {POLLS} reads. "
            f"Is its clock running? {_HELD}"
        )

    def _set_control(self, value: int) -> None:
        self._port.write(self.layout.misc_base, bytes([value]))
        found = self._port.read(self.layout.misc_base, 1)[0]
        if found != value:
            raise MismatchError(
                f"loading weights into device {self._device:#04x}: the control register "
                f"{self.layout.misc_base:#06x} reads {found:#04x}, expected {value:#04x}"
            )

    def _set_links(self, links: int | None) -> int:
        """Choose the e-links to send on, if any were asked for; returns those in use."""
        address = self.layout.control_base + model.LINKS_OFFSET
        if links is not None:
            self._port.write(address, bytes([links]))
        found = self._port.read(address, 1)[0]
        if links is not None and found != links:
            raise MismatchError(
                f"loading weights into device {self._device:#04x}: the register {address:#06x} (fmt_links) reads "
                f"{found}, {links} was written. The weights are right; run was not written."
            )
        return found

    def _read_stream(self) -> bytes:
        blank = transactions(self.layout, bytes(self.layout.n_bytes), self._max_data)
        return b"".join(self._port.read(t.address, len(t.data)) for t in blank)


def _check_links(links: int | None, status: ChipStatus | None) -> None:
    if links is None:
        return
    if not 0 <= links <= MAX_LINKS:
        raise WeightError(f"loading weights: {links} links are outside 0..{MAX_LINKS}")
    if status is None:
        raise WeightError(
            "loading weights: a number of links was given, but the chip has no monitor registers, so its links are set "
            "elsewhere. Leave the number out."
        )


def _plan(status: ChipStatus | None, crc: int, version: int | None, bx: int) -> Commit | None:
    """The commit to make; None for a chip without shadow bank."""
    if status is None or status.bank is None:
        if version is not None or bx != model.COMMIT_AT_ONCE:
            raise WeightError(
                "loading weights: a version or a bunch crossing was given, but the chip has no shadow bank"
            )
        return None
    number = (status.bank.version + 1) % (1 << 16) if version is None else version
    if not 0 <= number < 1 << 16:
        raise WeightError(f"loading weights: version {number} is outside 0..65535")
    if bx != model.COMMIT_AT_ONCE and not 0 <= bx < ORBIT:
        raise WeightError(f"loading weights: bunch crossing {bx} is outside 0..{ORBIT - 1}")
    return Commit(crc, number, bx)
