"""What the cells of a library do, as short programs on words of lanes for `gate_kernel.cpp`.

A program works on slots: the input pins first, then the stored value (flip-flops and latches), then temporary values. Each
operation is ``(code, target, a, b)``; the kernel holds the same codes.
"""

from __future__ import annotations

from dataclasses import dataclass

from asic_flow.errors import FlowError
from asic_flow.synthesis.functions import Expression, child, parse, pins_of
from asic_flow.synthesis.liberty import Cell, State

NOT, AND, OR, XOR, ZERO, ONE = range(6)
MAX_SLOTS = 64
"""Slots that the kernel has room for."""


@dataclass(frozen=True)
class Program:
    """One cell's evaluation.

    Attributes:
        operations: (code, target slot, slot, slot).
        results: slot of every output pin in the library's order, then that of the stored value if there is one.
    """

    operations: tuple[tuple[int, int, int, int], ...]
    results: tuple[int, ...]


class _Writer:
    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.slots = {pin: index for index, pin in enumerate(cell.inputs)}
        self.used = len(cell.inputs) + (cell.state is not None)
        self.operations: list[tuple[int, int, int, int]] = []

    def emit(self, code: int, a: int = 0, b: int = 0) -> int:
        self.operations.append((code, self.used, a, b))
        self.used += 1
        if self.used > MAX_SLOTS:
            raise FlowError(f"simulating cell {self.cell.name}: its function needs more than {MAX_SLOTS} values")
        return self.used - 1

    def function(self, text: str) -> int:
        return self._tree(parse(text))

    def resets(self, state: State, value: int) -> int:
        """The stored value behind asynchronous preset and clear; clear is the stronger."""
        if state.preset:
            value = self.emit(OR, value, self.function(state.preset))
        if state.clear:
            value = self.emit(AND, value, self.emit(NOT, self.function(state.clear)))
        return value

    def _tree(self, tree: Expression) -> int:
        if len(tree) == 1:
            name = str(tree[0])
            if name in {"0", "1"}:
                return self.emit(ONE if name == "1" else ZERO)
            if name not in self.slots:
                raise FlowError(f"simulating cell {self.cell.name}: its function names {name}, which is no input pin")
            return self.slots[name]
        if len(tree) == 2:
            return self.emit(NOT, self._tree(child(tree, 1)))
        codes = {"&": AND, "|": OR, "^": XOR}
        return self.emit(codes[str(tree[0])], self._tree(child(tree, 1)), self._tree(child(tree, 2)))


def settle_program(cell: Cell) -> Program:
    """Outputs from inputs; of a flip-flop or latch also the stored value after clear, preset and transparent enable.

    Raises:
        FlowError: an output has no function, or can be switched off.
    """
    if cell.three_state or not all(cell.outputs.values()):
        raise FlowError(f"simulating cell {cell.name}: an output has no function, or can be switched off")
    writer = _Writer(cell)
    stored: tuple[int, ...] = ()
    if cell.state is not None:
        state = cell.state
        value = len(cell.inputs)
        if state.kind == "latch":
            enable = writer.function(state.clock)
            held = writer.emit(AND, value, writer.emit(NOT, enable))
            value = writer.emit(OR, held, writer.emit(AND, enable, writer.function(state.data)))
        value = writer.resets(state, value)
        writer.slots[state.names[0]] = value
        writer.slots[state.names[1]] = writer.emit(NOT, value)
        stored = (value,)
    results = tuple(writer.function(function) for function in cell.outputs.values())
    return Program(tuple(writer.operations), results + stored)


def capture_program(cell: Cell) -> Program:
    """What a flip-flop stores at a clock edge, clear and preset included: its only result."""
    if cell.state is None:
        raise FlowError(f"simulating cell {cell.name}: it stores nothing")
    writer = _Writer(cell)
    writer.slots[cell.state.names[0]] = len(cell.inputs)
    result = writer.resets(cell.state, writer.function(cell.state.data))
    return Program(tuple(writer.operations), (result,))


def settling_pins(cell: Cell) -> frozenset[str]:
    """Input pins that change outputs between clock edges: all of a gate or latch, clear and preset of a flip-flop."""
    if cell.state is None or cell.state.kind == "latch":
        return frozenset(cell.inputs)
    functions = (text for text in (cell.state.clear, cell.state.preset) if text)
    return frozenset(pin for text in functions for pin in pins_of(text)) & frozenset(cell.inputs)


def is_flip_flop(cell: Cell) -> bool:
    """Whether the cell stores at a clock edge."""
    return cell.state is not None and cell.state.kind == "ff"


def clock_pin(cell: Cell) -> int:
    """Position of the clock pin of a flip-flop.

    Raises:
        FlowError: it does not store at the rising edge of one pin.
    """
    if cell.state is None or cell.state.clock not in cell.inputs:
        raise FlowError(f"simulating cell {cell.name}: only flip-flops on the rising edge of a pin are known here")
    return cell.inputs.index(cell.state.clock)
