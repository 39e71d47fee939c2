"""Reading a Liberty library: cells with area, pins, functions and state."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from asic_flow.errors import FlowError
from asic_flow.synthesis.functions import evaluate

DEFAULT_LIBRARY = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
"""Open 180 nm library of Debian's qflow-tech-osu018 (typical corner, 1.8 V, 25 C)."""

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\\\n", re.DOTALL)
_TOKEN = re.compile(r'"[^"]*"|[A-Za-z0-9_.\-+!\'*&|^\[\]]+|[(){}:;,]')
_NAND2, _SUM, _CARRY, _XOR, _AND = (0b0111,), 0b10010110, 0b11101000, 0b0110, 0b1000


@dataclass
class Group:
    """One group of a Liberty file: ``kind (arguments) { attributes, groups }``."""

    kind: str
    arguments: list[str]
    attributes: dict[str, str] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)

    def children(self, kind: str) -> Iterator[Group]:
        """Groups of one kind directly inside."""
        return (group for group in self.groups if group.kind == kind)


@dataclass(frozen=True)
class State:
    """Flip-flop or latch inside a cell; every function is Liberty text.

    Attributes:
        kind: ``ff`` or ``latch``.
        names: names of the stored value and of its inverse.
        data: next state, or data of a latch.
        clock: clock of a flip-flop (rising), or enable of a latch.
        clear: condition of asynchronous clear; empty: none.
        preset: condition of asynchronous preset; empty: none.
    """

    kind: Literal["ff", "latch"]
    names: tuple[str, str]
    data: str
    clock: str
    clear: str
    preset: str


@dataclass(frozen=True)
class Cell:
    """A library cell.

    Attributes:
        name: cell name.
        area: area in the library's unit.
        inputs: input pins in file order.
        outputs: output pin to function.
        state: what it stores, if anything.
        three_state: whether an output can be switched off (not used in synthesis here).
    """

    name: str
    area: float
    inputs: tuple[str, ...]
    outputs: Mapping[str, str]
    state: State | None
    three_state: bool

    def truth(self, output: str) -> int:
        """Truth table of a combinational output: bit k for inputs (first pin the lowest bit) with the value k."""
        table = 0
        for index, values in enumerate(itertools.product((0, 1), repeat=len(self.inputs))):
            table |= evaluate(self.outputs[output], dict(zip(reversed(self.inputs), values, strict=True))) << index
        return table


@dataclass(frozen=True)
class Library:
    """A Liberty library.

    Attributes:
        path: the file.
        name: its name.
        cells: cells by name.
    """

    path: Path
    name: str
    cells: Mapping[str, Cell]

    @cached_property
    def nand2_area(self) -> float:
        """Area of the smallest two-input NAND, the unit of gate equivalents.

        Raises:
            FlowError: the library has none.
        """
        areas = [c.area for c in self.cells.values() if c.state is None and _tables(c, 2) == _NAND2]
        if not areas:
            raise FlowError(f"reading library {self.path}: it has no two-input NAND to count gate equivalents with")
        return min(areas)

    @cached_property
    def flip_flops(self) -> frozenset[str]:
        """Names of the flip-flops (latches are not counted)."""
        return frozenset(name for name, cell in self.cells.items() if cell.state and cell.state.kind == "ff")

    @cached_property
    def latch(self) -> Cell | None:
        """The smallest plain latch with a high-active enable pin."""
        plain = [
            cell for cell in self.cells.values()
            if cell.state and cell.state.kind == "latch" and cell.state.clock in cell.inputs and not cell.state.clear
            and not cell.state.preset and cell.state.data in cell.inputs
        ]  # fmt: skip
        return min(plain, key=lambda cell: cell.area, default=None)

    def adder(self, inputs: Literal[2, 3]) -> tuple[Cell, str, str] | None:
        """The smallest half (2) or full (3) adder: cell, sum pin, carry pin."""
        wanted = {(_XOR if inputs == 2 else _SUM): "sum", (_AND if inputs == 2 else _CARRY): "carry"}
        found = []
        for cell in self.cells.values():
            if cell.state is None and len(cell.inputs) == inputs and len(cell.outputs) == 2:
                pins = {wanted.get(cell.truth(pin), ""): pin for pin in cell.outputs}
                if {"sum", "carry"} <= set(pins):
                    found.append((cell, pins["sum"], pins["carry"]))
        return min(found, key=lambda item: item[0].area, default=None)


def liberty_groups(path: Path) -> Group:
    """The whole tree of a Liberty file, with its tables.

    Raises:
        FlowError: the file is missing or is no Liberty file.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        hint = " (Debian package qflow-tech-osu018)" if path == DEFAULT_LIBRARY else ""
        raise FlowError(f"reading library {path}: {error.strerror}{hint}") from error
    tokens = _TOKEN.findall(_COMMENT.sub(" ", text))
    try:
        library, _ = _parse_group(tokens, 0)
    except (IndexError, ValueError) as error:
        raise FlowError(f"reading library {path}: this is not a Liberty file") from error
    return library


def read_liberty(path: Path) -> Library:
    """Read the cells of a Liberty file.

    Raises:
        FlowError: the file is missing, is no Liberty file, or describes no cells.
    """
    library = liberty_groups(path)
    cells = {cell.name: cell for cell in map(_cell, library.children("cell"))}
    if library.kind != "library" or not cells:
        raise FlowError(f"reading library {path}: no library group with cells found")
    return Library(path, library.arguments[0], cells)


def _parse_group(tokens: list[str], at: int) -> tuple[Group, int]:
    """Group whose name stands at `at`; returns it and the index behind its closing brace."""
    kind, at = tokens[at], at + 1
    arguments, at = _arguments(tokens, at)
    if tokens[at] != "{":
        raise ValueError(kind)
    group, at = Group(kind, arguments), at + 1
    while tokens[at] != "}":
        if tokens[at] == ";":
            at += 1
        elif tokens[at + 1] == ":":
            end = tokens.index(";", at)
            group.attributes[tokens[at]] = " ".join(tokens[at + 2 : end]).strip('"').strip()
            at = end + 1
        else:
            values, behind = _arguments(tokens, at + 1)
            if tokens[behind] == "{":
                child, at = _parse_group(tokens, at)
                group.groups.append(child)
            else:
                group.attributes[tokens[at]] = " ".join(values)
                at = behind
    return group, at + 1


def _arguments(tokens: list[str], at: int) -> tuple[list[str], int]:
    if tokens[at] != "(":
        raise ValueError(tokens[at])
    end = tokens.index(")", at)
    return [word.strip('"') for word in tokens[at + 1 : end] if word != ","], end + 1


def _cell(group: Group) -> Cell:
    pins = {pin.arguments[0]: pin for pin in group.children("pin")}
    outputs = {name: pin for name, pin in pins.items() if pin.attributes.get("direction") in {"output", "inout"}}
    return Cell(
        name=group.arguments[0],
        area=float(group.attributes.get("area", "0")),
        inputs=tuple(name for name, pin in pins.items() if pin.attributes.get("direction") == "input"),
        outputs={name: pin.attributes.get("function", "") for name, pin in outputs.items()},
        state=_state(group),
        three_state=any("three_state" in pin.attributes for pin in outputs.values()),
    )


def _state(group: Group) -> State | None:
    for kind, data, clock in (("ff", "next_state", "clocked_on"), ("latch", "data_in", "enable")):
        for found in group.children(kind):
            get = found.attributes.get
            names = (found.arguments[0], found.arguments[1])
            return State(
                "ff" if kind == "ff" else "latch", names, get(data, ""), get(clock, ""), get("clear", ""), get("preset", "")
            )  # fmt: skip
    return None


def _tables(cell: Cell, inputs: int) -> tuple[int, ...]:
    return tuple(cell.truth(pin) for pin in cell.outputs) if len(cell.inputs) == inputs else ()
