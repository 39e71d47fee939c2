"""Compiled kernel of the gate simulator: tables in, a handle out."""

from __future__ import annotations

import ctypes
import functools
import subprocess
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asic_flow.emulator_native import compile_library
from asic_flow.errors import ToolFailedError
from asic_flow.synthesis.cell_programs import Program, capture_program, is_flip_flop, settle_program
from asic_flow.synthesis.gate_order import Clocks, Order
from asic_flow.synthesis.gates import OPEN, GateNetlist, Nets
from asic_flow.synthesis.netlist_text import ONE

SOURCE = Path(__file__).with_name("gate_kernel.cpp")
WORDS = (1, 2, 4, 8, 16)
"""Words of 64 lanes that the kernel is compiled for."""
_WRITE, _ZERO_DELAY, _UNIT_DELAY, _EDGE = range(4)

Words = NDArray[np.uint64]


class Kernel:
    """A netlist inside the kernel.

    Attributes:
        rows: uint64[nets + states, words], values of nets and stored bits, 64 lanes in a word.
        toggles: uint64[nets], changes counted so far, summed over lanes.

    Args:
        netlist: the netlist.
        order: its order of evaluation.
        clocks: its clock network.
        words: words of 64 lanes, one of `WORDS`.

    Raises:
        ToolFailedError: the kernel cannot be compiled.
        FlowError: a cell cannot be simulated.
    """

    def __init__(self, netlist: GateNetlist, order: Order, clocks: Clocks, words: int) -> None:
        self._library = _load()
        self.rows: Words = np.zeros((netlist.n_nets + len(netlist.states), words), dtype=np.uint64)
        self.rows[ONE] = ~np.uint64(0)
        self.toggles: Words = np.zeros(netlist.n_nets, dtype=np.uint64)
        self._clock_ports = clocks.ports
        kind = np.ascontiguousarray(netlist.kind[order.cells])
        first_pin, pins = _pins(netlist, order)
        driver = np.where(netlist.driver == OPEN, OPEN, order.position[netlist.driver]).astype(np.int32)
        tables = (kind, first_pin, pins, order.first_load, order.loads, driver, self.rows, self.toggles)
        sizes = (words, netlist.n_nets, len(kind))
        self._handle = ctypes.c_void_p(self._library.gate_new(*sizes, *(_pointer(table) for table in tables)))
        weakref.finalize(self, self._library.gate_free, self._handle)
        for cell in netlist.kinds:
            settle = settle_program(cell)
            capture = capture_program(cell) if is_flip_flop(cell) else Program((), (0,))
            codes = [np.array(program.operations, dtype=np.int32).reshape(-1, 4) for program in (settle, capture)]
            self._library.gate_kind(
                self._handle, len(cell.inputs) + (cell.state is not None), len(settle.results),
                _pointer(np.array(settle.results, dtype=np.int32)), len(codes[0]), _pointer(codes[0]), len(codes[1]),
                _pointer(codes[1]), capture.results[0],
            )  # fmt: skip
        self._library.gate_clocks(
            self._handle, len(clocks.cone), _pointer(clocks.cone), len(clocks.flip_flops), _pointer(clocks.flip_flops),
            _pointer(clocks.slot), len(clocks.nets), _pointer(clocks.nets),
        )  # fmt: skip

    def write(self, nets: Nets, values: Words) -> None:
        """Set nets (inputs), uint64[n, words]; what they drive is evaluated at the next settling."""
        self._library.gate_run(self._handle, _WRITE, _pointer(nets), len(nets), _pointer(values), 0)

    def settle(self) -> None:
        """Evaluate with zero delay."""
        self._library.gate_run(self._handle, _ZERO_DELAY, None, 0, None, 0)

    def settle_unit(self, limit: int) -> int:
        """Evaluate with unit delay; the number of sweeps, -1 if nets still change after `limit`."""
        return int(self._library.gate_run(self._handle, _UNIT_DELAY, None, 0, None, limit))

    def edge(self) -> None:
        """One rising and falling clock edge."""
        self._library.gate_run(self._handle, _EDGE, _pointer(self._clock_ports), len(self._clock_ports), None, 0)

    def count(self, on: bool) -> None:
        """Whether changes of nets are counted."""
        self._library.gate_count(self._handle, int(on))

    def mark(self, positions: Nets) -> None:
        """Have cells evaluated at the next settling."""
        self._library.gate_mark(self._handle, len(positions), _pointer(positions))

    def hook(self, nets: Nets, invert: Words, force: Words, value: Words) -> None:
        """Change what drivers write to nets (each at most once), lane by lane; replaces all earlier hooks."""
        self._library.gate_hooks(self._handle, len(nets), *(_pointer(table) for table in (nets, invert, force, value)))


def _pins(netlist: GateNetlist, order: Order) -> tuple[NDArray[np.int64], Nets]:
    """Rows of every cell by position: inputs, stored bit, outputs, stored bit; open inputs read constant 0."""
    shapes = np.array([(len(c.inputs), len(c.outputs), c.state is not None) for c in netlist.kinds], dtype=np.int64)
    kind = netlist.kind[order.cells]
    counts = shapes[:, 0] + shapes[:, 1] + 2 * shapes[:, 2]
    first = np.concatenate([[0], np.cumsum(counts[kind])]).astype(np.int64)
    pins = np.zeros(first[-1], dtype=np.int32)
    state_row = np.zeros(len(kind), dtype=np.int32)
    state_row[netlist.states] = netlist.n_nets + np.arange(len(netlist.states))
    for index, (inputs, outputs, stored) in enumerate(shapes.tolist()):
        at = np.flatnonzero(kind == index)
        cells, base = order.cells[at], first[at]
        for column in range(inputs):
            pins[base + column] = np.maximum(netlist.inputs[cells, column], 0)
        for column in range(outputs):
            pins[base + inputs + stored + column] = netlist.outputs[cells, column]
        if stored:
            pins[base + inputs] = pins[base + inputs + 1 + outputs] = state_row[cells]
    return first, pins


def _pointer(array: NDArray[Any]) -> Any:
    return array.ctypes.data_as(ctypes.c_void_p)


@functools.cache
def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(compile_library(SOURCE)))
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolFailedError(f"simulating gates: the kernel {SOURCE.name} cannot be compiled: {error}") from error
    integer, pointer = ctypes.c_int32, ctypes.c_void_p
    library.gate_new.restype = pointer
    library.gate_new.argtypes = [integer] * 3 + [pointer] * 8
    library.gate_kind.argtypes = [pointer, integer, integer, pointer, integer, pointer, integer, pointer, integer]
    library.gate_clocks.argtypes = [pointer, integer, pointer, integer, pointer, pointer, integer, pointer]
    library.gate_run.argtypes = [pointer, integer, pointer, integer, pointer, integer]
    library.gate_hooks.argtypes = [pointer, integer, pointer, pointer, pointer, pointer]
    library.gate_mark.argtypes = [pointer, integer, pointer]
    library.gate_count.argtypes = [pointer, integer]
    for name in ("gate_free", "gate_kind", "gate_clocks", "gate_hooks", "gate_mark", "gate_count"):
        getattr(library, name).restype = None
    library.gate_free.argtypes = [pointer]
    return library
