"""The chip as a program that upsets can be injected into, and the list of everything in it that stores a bit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from asic_flow.hardware import BankOrder, HardwareConfig
from asic_flow.ir import Structure
from asic_flow.registers.model import RegisterLayout, register_layout
from asic_flow.rtl import TOP, render_rtl
from asic_flow.rtl.render import CHARGE_WIDTH
from asic_flow.sim.harness import Harness, execute
from rad_tolerance.errors import RadiationError

PURPOSE: Final = "injecting upsets"
NAME: Final = "econ_campaign"
HARNESS: Final = Path(__file__).with_name("inject.cpp")
VOTER: Final = "econ_voter.sv"
PULSE_VOTER: Final = Path(__file__).with_name("pulse_voter.sv")
PUBLIC: Final = {
    "econ_tmr_ff": ("q_q",),
    "econ_encoder": ("stage_q", "code_q", "valid_q"),
    "econ_formatter": ("header_q", "links_q"),
    "econ_shadow_bank": ("bits_q",),
    "econ_clock_gate": ("enable_q",),
    "econ_voter": ("pulse_q",),
}
"""What stores a bit, by module; a state that is missing here is noticed: the run could not be repeated from stored states."""

WEIGHTS: Final = "weight bank"
COUNTERS: Final = "upset counters"
SHADOW: Final = "shadow bank"
GATES: Final = "clock gates"
_PARTS: Final = (
    (r"\.u_gate\.enable_q$", GATES),
    (r"\.u_shadow\.gen_block\[", SHADOW),
    (r"\.u_bank\.gen_block\[\d+\]\.(u_bits|gen_single)\.", WEIGHTS),
    (r"\.(u_counter|u_control_counter|u_mismatches)\.", COUNTERS),
    (r"\.u_i2c\.", "I2C target"),
    (r"\.u_commit\.", "commit"),
    (r"\.u_crc\.", "CRC walker"),
    (r"\.u_timer\.", "refresh timer"),
    (r"\.u_encoder\.", "pipeline"),
    (r"\.u_formatter\.", "formatter"),
    (r"\.u_registers\.", "control registers"),
)
_COPY: Final = re.compile(r"\.u_(?:copy|chain)_([abc])\.q_q$")
_STORED: Final = re.compile(
    r"\.(?P<bank>u_bank|u_shadow)\.gen_block\[(?P<block>\d+)\]\.(?P<what>u_bits\.u_copy_|gen_single\.|bits_q)[\w.]*$"
)
_NOTHING, _FLIP_FLOP, _COUNTER, _TRANSIENT = range(4)


@dataclass(frozen=True)
class Register:
    """One public variable of the model.

    Attributes:
        number: its number in the model.
        bits: bits.
        name: full name in the RTL.
        part: which part of the chip it belongs to.
        copy: ``a``, ``b``, ``c`` for one of three copies, empty for a single one.
    """

    number: int
    bits: int
    name: str
    part: str
    copy: str

    @property
    def is_voter(self) -> bool:
        """The transient input of a voter, which stores nothing."""
        return self.name.endswith(".pulse_q")

    @property
    def is_gate(self) -> bool:
        """The latch of a clock gate."""
        return self.part == GATES

    @property
    def role(self) -> int:
        """What the program does with it (``role_t`` of inject.cpp)."""
        if self.is_voter:
            return _TRANSIENT
        if self.is_gate:
            return _NOTHING
        return _COUNTER if self.part == COUNTERS else _FLIP_FLOP


@dataclass(frozen=True)
class Machine:
    """A chip to inject into.

    Attributes:
        structure: the encoder.
        hardware: options of the chip.
        program: the model with its harness.
        registers: everything that can be hit, by number.
        digest: identifies RTL and harness.
    """

    structure: Structure
    hardware: HardwareConfig
    program: Path
    registers: tuple[Register, ...]

    @classmethod
    def build(
        cls, structure: Structure, hardware: HardwareConfig, *, voter: str | None = None, cache: Path | None = None
    ) -> Machine:
        """Compile the chip, or take it from the cache.

        Args:
            structure: the encoder.
            hardware: options of the chip.
            voter: text in place of the voter, for negative controls; default `PULSE_VOTER`.
            cache: folder of built models.

        Raises:
            FlowError: the structure cannot be built as RTL, or a tool is missing or fails.
            RadiationError: a stored bit belongs to no known part of the chip.
        """
        modules = {**render_rtl(structure, hardware), VOTER: voter or PULSE_VOTER.read_text(encoding="utf-8")}
        defines = {"AE_CELLS": len(structure.input.cell_positions), "AE_CHARGE_WIDTH": CHARGE_WIDTH}
        control = [
            f'public_flat_rw -module "{module}" -var "{name}"' for module, names in PUBLIC.items() for name in names
        ]
        program = Harness(PURPOSE, NAME, TOP, modules, HARNESS, defines, control).build(cache)
        lines = execute(PURPOSE, [str(program), "list"], 60).splitlines()
        return cls(structure, hardware, program, tuple(_register(line) for line in lines))

    @property
    def digest(self) -> str:
        """Identifies RTL and harness: the name of the program's folder in the cache."""
        return self.program.parent.parent.name

    @cached_property
    def layout(self) -> RegisterLayout:
        """Register map."""
        return register_layout(self.structure)

    @cached_property
    def order(self) -> BankOrder | None:
        """Inner order of a bank that is triplicated in part; None: all bits are triplicated."""
        mask = self.hardware.triplicated
        return None if mask is None else BankOrder.of(int(mask, 16), self.layout)

    @cached_property
    def roles(self) -> NDArray[np.uint8]:
        """uint8[registers]: what the program does with each."""
        return np.array([register.role for register in self.registers], dtype=np.uint8)

    def flip_flops(self) -> list[Register]:
        """Everything that stores a bit from clock to clock."""
        return [item for item in self.registers if not item.is_voter and not item.is_gate]

    def voters(self) -> list[Register]:
        """Transient inputs of all voters."""
        return [item for item in self.registers if item.is_voter]

    def gates(self) -> list[Register]:
        """Latches of the clock gates."""
        return [item for item in self.registers if item.is_gate]

    def siblings(self, register: Register) -> list[Register]:
        """The three copies that a copy belongs to, in order."""
        names = [register.name.replace(f"_{register.copy}.q_q", f"_{copy}.q_q") for copy in "abc"]
        by_name = {item.name: item for item in self.registers}
        return [by_name[name] for name in names]

    def stream_bits(self, register: Register) -> NDArray[np.int64] | None:
        """Weight bit of the stream that every bit of a register stores, int64[bits]; None for other registers."""
        match = _STORED.search(register.name)
        if match is None or register.is_gate or register.is_voter:
            return None
        first = 8 * self.layout.block_bytes * int(match["block"])
        if match["bank"] == "u_shadow" or self.order is None:
            return np.arange(first, first + register.bits)
        tripled = self.order.tripled[int(match["block"])]
        places = np.array(self.order.places[first : first + 8 * self.layout.block_bytes])
        by_place = first + np.argsort(places)
        return by_place[:tripled] if register.copy else by_place[tripled:]

    def contents(self, image: bytes) -> dict[str, int]:
        """Contents of every copy of the weight bank, and of the shadow bank if there is one, by register name."""
        bits = np.unpackbits(np.frombuffer(image, dtype=np.uint8), bitorder="little")
        found = {}
        for register in self.registers:
            stored = self.stream_bits(register)
            if stored is not None:
                value = np.packbits(bits[stored], bitorder="little").tobytes()
                found[register.name] = int.from_bytes(value, "little")
        return found

    def presets(self, image: bytes) -> NDArray[np.uint32]:
        """The same as the program reads them: number, count of 32-bit words, words."""
        contents, rows = self.contents(image), []
        for register in self.registers:
            if register.name in contents:
                count = -(-register.bits // 32)
                words = np.frombuffer(contents[register.name].to_bytes(4 * count, "little"), dtype="<u4")
                rows += [register.number, count, *words.tolist()]
        return np.array(rows, dtype=np.uint32)


def _register(line: str) -> Register:
    number, bits, name = line.split(" ", 2)
    part = part_of(name)
    if part is None:
        raise RadiationError(f"{PURPOSE}: {name} belongs to no known part of the chip; add it to {__name__}")
    copy = _COPY.search(name)
    return Register(int(number), int(bits), name, part, copy[1] if copy else "")


def part_of(name: str) -> str | None:
    """Part of the chip that a full name belongs to; None if it is in none."""
    return next((part for pattern, part in _PARTS if re.search(pattern, name)), None)
