"""Addresses: the chip's own numbers, the generic profile, and what is refused."""

from __future__ import annotations

import pytest

from asic_flow.errors import StructureError
from asic_flow.ir import Structure, econ_t_structure
from asic_flow.registers import RegisterLayout, register_layout

# facts/econ-t.md section 2.5 and the last register of the real chip (parity counter of the misc block).
ECON_T_LAST_USED = 0x0C4E + 0x2F


def small() -> Structure:
    return econ_t_structure(filters=4, units=7, weight_bits=5)


def test_econ_t_has_the_chips_addresses() -> None:
    layout = register_layout(econ_t_structure())
    registers = list(layout.weight_registers())
    assert (layout.n_blocks, layout.n_bytes, layout.weight_bits) == (12, 1608, 12864)
    assert [layout.block_address(i) for i in range(12)] == [0x0538 + 143 * i for i in range(12)]
    assert len(registers) == 108
    assert [r.name for r in registers[:9]] == [f"weights_byte{n}" for n in range(0, 129, 16)]
    assert {r.size for r in registers if r.name != "weights_byte128"} == {16}
    assert {r.size for r in registers if r.name == "weights_byte128"} == {6}
    assert layout.misc_base == 0x0BEC
    assert layout.block_address(12) == layout.misc_base, "the thirteenth block would start where MISC is"
    assert layout.monitor_base > ECON_T_LAST_USED
    assert (layout.status_address, layout.crc_address, layout.seu_address) == (0xC8C, 0xC90, 0xCA0)
    assert (layout.monitor_end, layout.control_base, layout.end) == (0xCB8, 0xCC0, 0xCD0)


@pytest.mark.parametrize("profile", ["econ_t", "exact"])
def test_the_arithmetic_profile_does_not_move_registers(profile: str) -> None:
    assert register_layout(econ_t_structure(profile)).profile == "econ_t"


@pytest.mark.parametrize(
    ("filters", "units", "weight_bits"),
    [(4, 7, 5), (1, 1, 6), (8, 16, 8), (8, 16, 4), (16, 32, 6), (8, 15, 6), (3, 1, 3)],
)
def test_generic_covers_every_bit_once(filters: int, units: int, weight_bits: int) -> None:
    structure = econ_t_structure(filters=filters, units=units, weight_bits=weight_bits)
    layout = register_layout(structure)
    assert layout.profile == "generic"
    assert 8 * (layout.n_bytes - 1) < structure.weight_bits <= 8 * layout.n_bytes
    _covers(layout)


def test_econ_t_covers_every_byte_once() -> None:
    _covers(register_layout(econ_t_structure()))


def test_generic_puts_the_first_byte_at_zero_and_control_above_the_weights() -> None:
    layout = register_layout(small())
    assert layout.byte_address(0) == 0
    assert layout.misc_base % 16 == 0
    assert layout.byte_address(layout.n_bytes - 1) < layout.misc_base < layout.monitor_base
    assert layout.control_base % 16 == 0
    assert layout.monitor_end <= layout.control_base < layout.monitor_end + 16
    assert layout.last_block_bytes == 54
    assert register_layout(small()).structure_hash == bytes.fromhex(small().sha256)[:4]


def test_a_structure_that_does_not_fit_the_chip_is_refused() -> None:
    payload = small().model_dump(mode="json") | {"register_profile": "econ_t"}
    structure = Structure.model_validate(payload)
    with pytest.raises(StructureError, match=r"2475 weight bits.*exactly 12864.*generic"):
        register_layout(structure)


def test_a_structure_beyond_16_bit_addresses_is_refused() -> None:
    with pytest.raises(StructureError, match="16-bit register addresses"):
        register_layout(econ_t_structure(filters=64, units=100, weight_bits=8))


def _covers(layout: RegisterLayout) -> None:
    addresses = [layout.byte_address(k) for k in range(layout.n_bytes)]
    assert addresses == sorted(set(addresses))
    from_registers = [r.address + i for r in layout.weight_registers() for i in range(r.size)]
    assert from_registers == addresses
    assert [r.first + i for r in layout.weight_registers() for i in range(r.size)] == list(range(layout.n_bytes))
    monitor = range(layout.monitor_base, layout.monitor_end)
    control = range(layout.control_base, layout.end)
    taken = {*addresses, layout.misc_base, *monitor, *control}
    assert len(taken) == len(addresses) + 1 + len(monitor) + len(control)
    assert max(taken) < 1 << 16
