"""Order of evaluation and clock network of a flat netlist, as `gate_kernel.cpp` takes them."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asic_flow.errors import FlowError
from asic_flow.formats import Integers
from asic_flow.synthesis.cell_programs import clock_pin, is_flip_flop, settling_pins
from asic_flow.synthesis.gates import OPEN, GateNetlist, Nets
from asic_flow.synthesis.liberty import Cell
from asic_flow.synthesis.netlist_text import ONE


@dataclass(frozen=True)
class Order:
    """Cells sorted so that drivers come first.

    Attributes:
        cells: int32[cells], cell of the netlist at every position.
        position: int32[cells], position of every cell of the netlist.
        level: int32[cells], gates before a cell on its longest path, by position; 0 behind inputs and registers.
        first_load, loads: positions of the cells that a net wakes: ``loads[first_load[net]:first_load[net + 1]]``.
    """

    cells: Nets
    position: Nets
    level: Nets
    first_load: Integers
    loads: Nets


@dataclass(frozen=True)
class Clocks:
    """The clock network.

    Attributes:
        ports: nets of the clock inputs.
        cone: int32[n], positions of the gates between them and flip-flops, in order.
        flip_flops: int32[n], positions of flip-flops.
        nets: distinct clock nets of flip-flops.
        slot: int32[cells], position in `nets` of the clock of a flip-flop, by position of the cell; 0 for others.
    """

    ports: Nets
    cone: Nets
    flip_flops: Nets
    nets: Nets
    slot: Nets


def evaluation_order(netlist: GateNetlist) -> Order:
    """Sort the cells.

    Raises:
        FlowError: there is a combinational loop.
    """
    nets, cells = _dependencies(netlist)
    source = netlist.driver[nets]
    driven = source != OPEN
    first, target = _grouped(source[driven], cells[driven], len(netlist.kind))
    pending = np.bincount(target, minlength=len(netlist.kind))
    level = np.full(len(netlist.kind), -1, dtype=np.int32)
    front = np.flatnonzero(pending == 0)
    depth = 0
    while len(front):
        level[front] = depth
        reached = target[_ranges(first, front)]
        np.subtract.at(pending, reached, 1)
        candidates = np.unique(reached)
        front, depth = candidates[pending[candidates] == 0], depth + 1
    if len(stuck := np.flatnonzero(level < 0)):
        raise FlowError(f"simulating a netlist: cell {netlist.cell_name(int(stuck[0]))} lies in a combinational loop")
    order = np.lexsort((netlist.kind, level)).astype(np.int32)
    position = np.empty_like(order)
    position[order] = np.arange(len(order), dtype=np.int32)
    first_load, loads = _grouped(nets, position[cells], netlist.n_nets)
    return Order(order, position, level[order], first_load, loads.astype(np.int32))


def clock_network(netlist: GateNetlist, order: Order, clocks: Sequence[str]) -> Clocks:
    """Find the gates of the clock network, and check that every flip-flop stores at the rising edge of a clock port.

    Args:
        netlist: the netlist.
        order: its order.
        clocks: names of the clock ports.

    Raises:
        FlowError: a clock is no input, a flip-flop is clocked by something else or by the falling edge, or a latch is open
            while the clock is high.
    """
    for name in clocks:
        if name not in netlist.input_ports:
            raise FlowError(
                f"simulating a netlist: clock {name!r} is no input; inputs are {sorted(netlist.input_ports)}"
            )
    empty = np.zeros(0, dtype=np.int32)
    ports = np.unique(np.concatenate([empty, *(netlist.ports[name] for name in clocks)]))
    cone, polarity = _clock_cone(netlist, order, ports)
    flops = []
    for cell in netlist.states.tolist():
        kind = netlist.kinds[netlist.kind[cell]]
        net = int(netlist.inputs[cell, clock_pin(kind)])
        flop = is_flip_flop(kind)
        wanted = 1 if flop else -1
        if polarity[net] != wanted and (flop or polarity[net]):
            what = f"{'flip-flop' if flop else 'latch'} {netlist.cell_name(cell)} has clock {netlist.net_name(net)}"
            wish = f"{'' if flop else 'the inverse of '}one of the clocks {', '.join(clocks) or '(none)'}"
            raise FlowError(f"simulating a netlist: {what}, which is not {wish}")
        if flop:
            flops.append((int(order.position[cell]), net))
    positions = np.array([at for at, _ in flops], dtype=np.int32)
    nets, inverse = np.unique(np.array([net for _, net in flops], dtype=np.int32), return_inverse=True)
    slot = np.zeros(len(netlist.kind), dtype=np.int32)
    slot[positions] = inverse
    return Clocks(ports.astype(np.int32), np.array(cone, dtype=np.int32), positions, nets.astype(np.int32), slot)


def _dependencies(netlist: GateNetlist) -> tuple[Integers, Integers]:
    """Pairs net, cell where the net changes the cell's outputs between clock edges."""
    found = []
    for index, kind in enumerate(netlist.kinds):
        cells = np.flatnonzero(netlist.kind == index)
        for column, pin in enumerate(kind.inputs):
            if pin in settling_pins(kind):
                nets = netlist.inputs[cells, column]
                found.append(np.stack([nets, cells])[:, nets > ONE].astype(np.int64))
    pairs = np.concatenate(found, axis=1) if found else np.zeros((2, 0), dtype=np.int64)
    return pairs[0], pairs[1]


def _grouped(keys: NDArray[np.integer], values: NDArray[np.integer], size: int) -> tuple[Integers, Integers]:
    """Values sorted by key, and where each key's values begin (int64[size + 1])."""
    order = np.argsort(keys, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=size))]).astype(np.int64)
    return first, values[order].astype(np.int64)


def _ranges(first: Integers, keys: NDArray[np.integer]) -> Integers:
    """Indices first[k] .. first[k + 1] - 1 of all keys, one after the other."""
    counts = first[keys + 1] - first[keys]
    starts = first[keys] - np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.repeat(starts, counts) + np.arange(counts.sum())


def _clock_cone(netlist: GateNetlist, order: Order, ports: Nets) -> tuple[list[int], NDArray[np.int8]]:
    """Gates that the clock passes before registers, and for every net 1: follows the clock, -1: inverted, 0: neither."""
    polarity = np.zeros(netlist.n_nets, dtype=np.int8)
    polarity[ports] = 1
    cone: list[int] = []
    heap = sorted(set(order.loads[_ranges(order.first_load, ports)].tolist()))
    known = set(heap)
    while heap:
        position = heapq.heappop(heap)
        cell = int(order.cells[position])
        kind = netlist.kinds[netlist.kind[cell]]
        if kind.state is not None:
            continue
        cone.append(position)
        for output, net in zip(kind.outputs, netlist.outputs[cell], strict=False):
            if net == OPEN:
                continue
            sources = netlist.inputs[cell, : len(kind.inputs)].tolist()
            signs = {
                _sign(kind, pin, output) * int(polarity[source])
                for pin, source in enumerate(sources)
                if source != OPEN and polarity[source]
            }
            polarity[net] = signs.pop() if len(signs) == 1 else 0
            for woken in order.loads[order.first_load[net] : order.first_load[net + 1]].tolist():
                if woken not in known:
                    known.add(woken)
                    heapq.heappush(heap, woken)
    return cone, polarity


def _sign(kind: Cell, pin: int, output: str) -> int:
    """1 if the output can only rise with the pin, -1 if it can only fall, 0 if both or neither happens."""
    table = kind.truth(output)
    rises = falls = False
    for index in range(1 << len(kind.inputs)):
        if not index >> pin & 1:
            low, high = table >> index & 1, table >> (index | 1 << pin) & 1
            rises, falls = rises or high > low, falls or high < low
    return int(rises and not falls) - int(falls and not rises)
