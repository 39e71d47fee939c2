"""Buffer trees on nets that drive many pins: what layout adds to a mapped netlist, for area, timing and power.

Synthesis here leaves every net with one driver, also one that drives thousands of pins. Clock nets are left alone: their trees
are a factor on clock power.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from asic_flow.errors import FlowError
from asic_flow.synthesis.gates import OPEN, GateNetlist
from asic_flow.synthesis.liberty import Cell, Library
from asic_flow.synthesis.netlist_text import FIRST

_LARGEST_NAND2 = 2.0
_IDENTITY = 0b10


@dataclass(frozen=True)
class Buffered:
    """A netlist with buffers.

    Attributes:
        netlist: cells of the original first, in their order, then the buffers; names only for what was there before.
        origin: int64[nets], net of the original that has the same value.
        buffers: how many were added.
    """

    netlist: GateNetlist
    origin: NDArray[np.int64]
    buffers: int


def buffer_cell(library: Library) -> Cell:
    """The largest buffer of at most two gate equivalents.

    Raises:
        FlowError: the library has none.
    """
    found = [
        cell
        for cell in library.cells.values()
        if cell.state is None and not cell.three_state and len(cell.inputs) == len(cell.outputs) == 1
        and cell.truth(next(iter(cell.outputs))) == _IDENTITY and cell.area <= _LARGEST_NAND2 * library.nand2_area
    ]  # fmt: skip
    if not found:
        raise FlowError(
            f"buffering nets with {library.path}: it has no buffer of at most {_LARGEST_NAND2:g} NAND2 areas"
        )
    return max(found, key=lambda cell: (cell.area, cell.name))


def clock_pin_nets(netlist: GateNetlist) -> NDArray[np.bool_]:
    """bool[nets]: nets at clock pins of flip-flops, and the clock ports."""
    found = np.zeros(netlist.n_nets, dtype=bool)
    for index, kind in enumerate(netlist.kinds):
        if kind.state is not None and kind.state.kind == "ff" and kind.state.clock in kind.inputs:
            nets = netlist.inputs[netlist.kind == index, kind.inputs.index(kind.state.clock)]
            found[nets[nets != OPEN]] = True
    for name in netlist.input_ports:
        if name.startswith("clk"):
            found[netlist.ports[name]] = True
    return found


def insert_buffers(netlist: GateNetlist, library: Library, max_fanout: int) -> Buffered:
    """Put a tree of buffers behind every net that drives more than `max_fanout` pins.

    Pins are grouped in the order of the hierarchy, so that a buffer serves neighbours; it is booked on the block of the first.

    Raises:
        FlowError: the library has no buffer.
    """
    kind = buffer_cell(library)
    kinds = netlist.kinds if kind in netlist.kinds else (*netlist.kinds, kind)
    cells, pins = np.nonzero(netlist.inputs != OPEN)
    nets = netlist.inputs[cells, pins]
    counts = np.bincount(nets, minlength=netlist.n_nets)
    wide = counts > max_fanout
    wide[:FIRST] = False
    wide &= ~clock_pin_nets(netlist)
    inputs = netlist.inputs.copy()
    order = np.argsort(nets, kind="stable")
    first = np.concatenate([[0], np.cumsum(counts)])
    sources: list[int] = []
    blocks: list[int] = []
    origin: list[int] = []
    for net in np.flatnonzero(wide).tolist():
        loads = order[first[net] : first[net + 1]]
        at = (cells[loads], pins[loads])
        homes = netlist.block[at[0]]
        below = None  # buffers whose inputs are to be driven; at first the pins themselves
        count = len(loads)
        while count > max_fanout:
            groups = -(-count // max_fanout)
            group = np.arange(count) // max_fanout
            new = netlist.n_nets + len(sources) + np.arange(groups)
            if below is None:
                inputs[at] = new[group]
            else:
                for position, buffer in enumerate(below):
                    sources[buffer] = int(new[group[position]])
            homes = homes[::max_fanout]
            below = range(len(sources), len(sources) + groups)
            sources += [net] * groups
            blocks += homes.tolist()
            origin += [net] * groups
            count = groups
    added = len(sources)
    width = inputs.shape[1]
    extra = np.full((2, added, width), OPEN, dtype=np.int32)
    extra[0, :, 0] = sources
    extra[1, :, 0] = netlist.n_nets + np.arange(added)
    result = replace(
        netlist,
        kinds=kinds,
        kind=np.concatenate([netlist.kind, np.full(added, kinds.index(kind), dtype=np.int32)]),
        inputs=np.concatenate([inputs, extra[0]]),
        outputs=np.concatenate([netlist.outputs, extra[1]]),
        block=np.concatenate([netlist.block, np.array(blocks, dtype=np.int32)]),
        n_nets=netlist.n_nets + added,
    )
    return Buffered(result, np.concatenate([np.arange(netlist.n_nets), np.array(origin, dtype=np.int64)]), added)
