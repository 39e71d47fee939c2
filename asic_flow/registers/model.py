"""Where every register of the encoder lives: addresses, sizes, bits.

Two profiles. ``econ_t`` is the map of the ECON-T chip (blocks at ``0x0538 + 143 i``, facts/econ-t.md section 2.5), so
that an existing test stand can load weights; ``generic`` is computed for any structure. Above what the chip uses (its
last register is the parity counter at 0x0C7D) our own monitor registers follow: identity, structure hash, status, CRC,
upset counters.

This module holds numbers only. `asic_flow.registers.rdl` turns them into SystemRDL; all else is derived from that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from asic_flow.errors import StructureError
from asic_flow.ir import Structure

DEVICE = 0x20
"""Default 7-bit I2C address (ECON-T: 0x20, low bits selectable by pins)."""

REGISTER_BYTES = 16
"""Bytes of one full weight register."""

ADDRESS_SPACE = 0x1_0000
"""16-bit register addresses."""

MAP_VERSION = 2
CHIP_ID = b"ECAE"
HASH_BYTES = 4

CLEAR_BIT = 0
"""Bit of MISC that holds the upset counters at zero."""
RUN_BIT = 1
"""Bit of MISC that lets latents and sum leave the encoder."""

STATUS_RUNNING = 1 << 0
STATUS_CRC_VALID = 1 << 1
STATUS_SEU_SEEN = 1 << 2
STATUS_STALE = 1 << 3

BANK_HAS_SHADOW = 1 << 0
BANK_SHADOW_CRC_VALID = 1 << 1
BANK_PENDING = 1 << 2
BANK_DONE = 1 << 3
BANK_REFUSED = 1 << 4

ID_OFFSET = 0x00
VERSION_OFFSET = 0x04
WEIGHT_BYTES_OFFSET = 0x06
HASH_OFFSET = 0x08
STATUS_OFFSET = 0x0C
BANK_STATUS_OFFSET = 0x0D
MISMATCHES_OFFSET = 0x0E
CRC_OFFSET = 0x10
CONTROL_SEU_OFFSET = 0x14
ACTIVE_VERSION_OFFSET = 0x16
SHADOW_CRC_OFFSET = 0x18
SEU_OFFSET = 0x20
SEU_BYTES = 2

LINKS_OFFSET = 0x00
BANK_CONTROL_OFFSET = 0x01
REFRESH_PERIOD_OFFSET = 0x02
COMMIT_BX_OFFSET = 0x04
COMMIT_OFFSET = 0x06
EXPECTED_CRC_OFFSET = 0x08
WEIGHT_VERSION_OFFSET = 0x0C
CONTROL_BYTES = 16

READ_SHADOW_BIT = 0
"""Bit of bank_control that lets weight reads show the shadow bank."""
COMMIT_KEY = 0xA5
"""Written to `commit`: request a commit of the shadow bank."""
COMMIT_AT_ONCE = 0xFFFF
"""Value of `commit_bx`: do not wait for a bunch crossing."""

_ECON_T_BASE = 0x0538
_ECON_T_BLOCKS = 12
_ECON_T_BLOCK_BYTES = 134
_ECON_T_STRIDE = 143
_ECON_T_MISC = 0x0BEC
_ECON_T_MONITOR = 0x0C80
_GENERIC_BLOCK_BYTES = 128


@dataclass(frozen=True)
class WeightRegister:
    """One weight register of a block.

    Attributes:
        block: block index.
        name: name in the test stand's map, ``weights_byteN`` with N the byte offset inside the block.
        address: I2C register address.
        first: index of its first byte in the weight stream.
        size: bytes.
    """

    block: int
    name: str
    address: int
    first: int
    size: int


@dataclass(frozen=True)
class RegisterLayout:
    """Addresses of all registers for one structure (bytes; 16-bit address space).

    Attributes:
        profile: ``econ_t`` or ``generic``.
        weight_bits: bits of the weight stream.
        weight_base: address of stream byte 0.
        block_bytes: weight bytes of a full block.
        block_stride: address distance between blocks.
        misc_base: address of the one-byte control register.
        monitor_base: address of the read-only monitor block.
        control_base: address of the CONTROL block (links, refresh, commit).
        structure_hash: first bytes of the structure's SHA-256.
    """

    profile: str
    weight_bits: int
    weight_base: int
    block_bytes: int
    block_stride: int
    misc_base: int
    monitor_base: int
    control_base: int
    structure_hash: bytes

    @property
    def n_bytes(self) -> int:
        """Bytes of the weight stream."""
        return -(-self.weight_bits // 8)

    @property
    def n_blocks(self) -> int:
        """Number of weight blocks."""
        return -(-self.n_bytes // self.block_bytes)

    @property
    def last_block_bytes(self) -> int:
        """Weight bytes of the last block."""
        return self.n_bytes - (self.n_blocks - 1) * self.block_bytes

    @property
    def crc_address(self) -> int:
        """Address of the CRC-32 of the active bank."""
        return self.monitor_base + CRC_OFFSET

    @property
    def status_address(self) -> int:
        """Address of the status byte."""
        return self.monitor_base + STATUS_OFFSET

    @property
    def seu_address(self) -> int:
        """Address of the upset counter of block 0."""
        return self.monitor_base + SEU_OFFSET

    @property
    def monitor_end(self) -> int:
        """First address above the monitor block."""
        return _monitor_end(self.monitor_base, self.n_blocks)

    @property
    def end(self) -> int:
        """First address above the map."""
        return self.control_base + CONTROL_BYTES

    def block_size(self, block: int) -> int:
        """Weight bytes of a block."""
        return self.block_bytes if block < self.n_blocks - 1 else self.last_block_bytes

    def block_address(self, block: int) -> int:
        """Address of the first byte of a block."""
        return self.weight_base + block * self.block_stride

    def byte_address(self, index: int) -> int:
        """Address of a byte of the weight stream."""
        return self.block_address(index // self.block_bytes) + index % self.block_bytes

    def weight_registers(self) -> Iterator[WeightRegister]:
        """All weight registers in stream order; the last one of a block may be shorter than 16 bytes."""
        for block in range(self.n_blocks):
            size = self.block_size(block)
            for offset in range(0, size, REGISTER_BYTES):
                yield WeightRegister(
                    block=block,
                    name=f"weights_byte{offset}",
                    address=self.block_address(block) + offset,
                    first=block * self.block_bytes + offset,
                    size=min(REGISTER_BYTES, size - offset),
                )


def register_layout(structure: Structure) -> RegisterLayout:
    """Addresses for a structure, in the register profile it names.

    Raises:
        StructureError: the structure does not fit the chip's map, or needs more than the 16-bit address space.
    """
    digest = bytes.fromhex(structure.sha256)[:HASH_BYTES]
    bits = structure.weight_bits
    if structure.register_profile == "econ_t":
        expected = 8 * _ECON_T_BLOCKS * _ECON_T_BLOCK_BYTES
        if bits != expected:
            raise StructureError(
                f"register profile 'econ_t': the structure has {bits} weight bits, the chip's 12 blocks of 134 bytes "
                f'hold exactly {expected}. Set "register_profile": "generic" in encoder.json.'
            )
        return RegisterLayout(
            profile="econ_t", weight_bits=bits, weight_base=_ECON_T_BASE, block_bytes=_ECON_T_BLOCK_BYTES,
            block_stride=_ECON_T_STRIDE, misc_base=_ECON_T_MISC, monitor_base=_ECON_T_MONITOR,
            control_base=_round_up(_monitor_end(_ECON_T_MONITOR, _ECON_T_BLOCKS)), structure_hash=digest,
        )  # fmt: skip
    n_bytes = -(-bits // 8)
    block = min(_GENERIC_BLOCK_BYTES, n_bytes)
    misc = _round_up(n_bytes)
    monitor = misc + REGISTER_BYTES
    layout = RegisterLayout(
        profile="generic", weight_bits=bits, weight_base=0, block_bytes=block,
        block_stride=_round_up(block), misc_base=misc, monitor_base=monitor,
        control_base=_round_up(_monitor_end(monitor, -(-n_bytes // block))), structure_hash=digest,
    )  # fmt: skip
    if layout.end > ADDRESS_SPACE:
        raise StructureError(
            f"register profile 'generic': {bits} weight bits need addresses up to {layout.end - 1:#x}, "
            f"the bus has 16-bit register addresses. Make the encoder smaller."
        )
    return layout


def _monitor_end(base: int, n_blocks: int) -> int:
    return base + SEU_OFFSET + SEU_BYTES * n_blocks


def _round_up(address: int) -> int:
    """Next multiple of a full register."""
    return -(-address // REGISTER_BYTES) * REGISTER_BYTES
