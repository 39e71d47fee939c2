"""A chip in memory, for dry runs and tests: register map, CRC and upset counters, with faults on request."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from asic_flow.host.bus import BusError
from asic_flow.links import ORBIT
from asic_flow.registers import model
from asic_flow.registers.model import ADDRESS_SPACE, DEVICE, RegisterLayout

_BASE_CONTROL = (model.LINKS_OFFSET, model.REFRESH_PERIOD_OFFSET, model.REFRESH_PERIOD_OFFSET + 1)
"""Offsets of the CONTROL block that exist without a shadow bank."""


@dataclass
class FakeChip:
    """Behaves like the chip behind a `Bus`.

    Attributes:
        layout: register addresses.
        device: its I2C address; transfers to another one are not acknowledged.
        shadow: whether it has a shadow bank; faults of weight bits are then in that bank.
        monitor: whether the monitor block answers (False: like ECON-T itself, which has none; reads give zero).
        nack: numbers of transfers (counted from 0) that fail; a failing write delivers the first half of its data.
        dead_from: transfer number from which on everything fails, or None.
        corrupt: weight-stream bits to invert, by number of the transfer after which it happens.
        stuck: weight-stream bits that read inverted whatever is written.
        transfers: transfers seen.
        written: data bytes accepted.
    """

    layout: RegisterLayout
    device: int = DEVICE
    shadow: bool = False
    monitor: bool = True
    nack: set[int] = field(default_factory=set)
    dead_from: int | None = None
    corrupt: dict[int, int] = field(default_factory=dict)
    stuck: set[int] = field(default_factory=set)
    transfers: int = 0
    written: int = 0

    def __post_init__(self) -> None:
        """Power on: weights zero, not running."""
        self.stream = bytearray(self.layout.n_bytes)
        self.shadow_stream = bytearray(self.layout.n_bytes)
        self.control = bytearray(model.CONTROL_BYTES)
        self.version = 0
        self.commit_state = 0
        self.misc = 0
        self.stale = False
        self.seu = [0] * self.layout.n_blocks
        self._pointer = 0
        self._index = {self.layout.byte_address(k): k for k in range(self.layout.n_bytes)}

    def write(self, device: int, data: bytes) -> None:
        """Write transfer; see `asic_flow.host.bus.Bus`."""
        number = self._begin(device)
        failing = self._fails(number)
        if failing:
            data = data[: len(data) // 2]
        if len(data) >= 2:
            self._pointer = int.from_bytes(data[:2], "big")
            for value in data[2:]:
                self._store(value)
        self._disturb(number)
        if failing:
            raise BusError(f"transfer {number}: device {device:#04x} did not acknowledge")

    def read(self, device: int, n: int) -> bytes:
        """Read transfer; see `asic_flow.host.bus.Bus`."""
        number = self._begin(device)
        if self._fails(number):
            raise BusError(f"transfer {number}: device {device:#04x} did not acknowledge")
        data = bytes(self._byte((self._pointer + i) % ADDRESS_SPACE) for i in range(n))
        self._pointer = (self._pointer + n) % ADDRESS_SPACE
        self._disturb(number)
        return data

    def close(self) -> None:
        """Nothing to release."""

    def upset(self, block: int, count: int = 1) -> None:
        """Count corrected upsets in a block, as the voters would."""
        self.seu[block] = min(self.seu[block] + count, 0xFFFF)

    @property
    def bank(self) -> bytes:
        """The active weight stream as it reads."""
        return bytes(self.stream) if self.shadow else self._read_loaded()

    @property
    def _loaded(self) -> bytearray:
        """The bank that weight writes go to."""
        return self.shadow_stream if self.shadow else self.stream

    def _read_loaded(self) -> bytes:
        bank = bytearray(self._loaded)
        for bit in self.stuck:
            bank[bit // 8] ^= 1 << bit % 8
        return bytes(bank)

    def _begin(self, device: int) -> int:
        number = self.transfers
        self.transfers += 1
        if device != self.device:
            raise BusError(f"transfer {number}: no device at {device:#04x}")
        return number

    def _disturb(self, number: int) -> None:
        if number in self.corrupt:
            bit = self.corrupt[number]
            self._loaded[bit // 8] ^= 1 << bit % 8

    def _fails(self, number: int) -> bool:
        return number in self.nack or (self.dead_from is not None and number >= self.dead_from)

    def _store(self, value: int) -> None:
        k = self._index.get(self._pointer)
        offset = self._pointer - self.layout.control_base
        if k is not None:
            self._loaded[k] = value
            self.stale |= not self.shadow
            self.written += 1
        elif self._pointer == self.layout.misc_base:
            self.misc = value & (1 << model.CLEAR_BIT | 1 << model.RUN_BIT)
            if value >> model.RUN_BIT & 1:
                self.stale = False
            if value >> model.CLEAR_BIT & 1:
                self.seu = [0] * self.layout.n_blocks
        elif 0 <= offset < model.CONTROL_BYTES:
            self._store_control(offset, value)
        self._pointer = (self._pointer + 1) % ADDRESS_SPACE

    def _store_control(self, offset: int, value: int) -> None:
        if offset == model.COMMIT_OFFSET:
            if self.shadow:
                self._commit(value)
        elif self.shadow or offset in _BASE_CONTROL:
            self.control[offset] = value

    def _commit(self, key: int) -> None:
        """Bunch crossings of an orbit come at once here; others never."""
        if key != model.COMMIT_KEY:
            self.commit_state &= ~model.BANK_PENDING
            return
        bx = self._control_value(model.COMMIT_BX_OFFSET, 2)
        if bx != model.COMMIT_AT_ONCE and bx >= ORBIT:
            self.commit_state = model.BANK_PENDING
        elif zlib.crc32(self._read_loaded()) != self._control_value(model.EXPECTED_CRC_OFFSET, 4):
            self.commit_state = model.BANK_REFUSED
        else:
            self.commit_state = model.BANK_DONE
            self.stream[:] = self._read_loaded()
            self.version = self._control_value(model.WEIGHT_VERSION_OFFSET, 2)

    def _control_value(self, offset: int, size: int) -> int:
        return int.from_bytes(self.control[offset : offset + size], "little")

    def _byte(self, address: int) -> int:
        k = self._index.get(address)
        if k is not None:
            if self.shadow and not self.control[model.BANK_CONTROL_OFFSET] >> model.READ_SHADOW_BIT & 1:
                return self.stream[k]
            return self._loaded[k] ^ sum(1 << bit % 8 for bit in self.stuck if bit // 8 == k)
        if address == self.layout.misc_base:
            return self.misc
        if 0 <= address - self.layout.control_base < model.CONTROL_BYTES:
            return self.control[address - self.layout.control_base]
        offset = address - self.layout.monitor_base
        monitor = self._monitor_bytes() if self.monitor and offset >= 0 else b""
        return monitor[offset] if 0 <= offset < len(monitor) else 0

    def _monitor_bytes(self) -> bytes:
        layout, data = self.layout, bytearray(self.layout.monitor_end - self.layout.monitor_base)
        running = model.STATUS_RUNNING * (self.misc >> model.RUN_BIT & 1)
        flags = model.STATUS_SEU_SEEN * any(self.seu) | model.STATUS_STALE * self.stale
        bank = (model.BANK_HAS_SHADOW | model.BANK_SHADOW_CRC_VALID | self.commit_state) * self.shadow
        shadow_crc = zlib.crc32(self._read_loaded()) * self.shadow
        for offset, value in (
            (model.ID_OFFSET, model.CHIP_ID),
            (model.VERSION_OFFSET, model.MAP_VERSION.to_bytes(2, "little")),
            (model.WEIGHT_BYTES_OFFSET, layout.n_bytes.to_bytes(2, "little")),
            (model.HASH_OFFSET, layout.structure_hash),
            (model.STATUS_OFFSET, bytes([running | model.STATUS_CRC_VALID | flags])),
            (model.BANK_STATUS_OFFSET, bytes([bank])),
            (model.ACTIVE_VERSION_OFFSET, self.version.to_bytes(2, "little")),
            (model.SHADOW_CRC_OFFSET, shadow_crc.to_bytes(4, "little")),
            (model.CRC_OFFSET, zlib.crc32(self.bank).to_bytes(4, "little")),
            (model.SEU_OFFSET, b"".join(count.to_bytes(2, "little") for count in self.seu)),
        ):
            data[offset : offset + len(value)] = value
        return bytes(data)
