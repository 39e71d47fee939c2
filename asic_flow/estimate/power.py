"""Energy of a flat netlist from toggles counted while real events stream through it.

Three terms (the model of every gate-level power tool, e.g. OpenSTA's ``report_power``):

* a toggle of a net with capacitance C costs C V^2 / 2, booked on the cell that drives it;
* a toggle of a pin costs the internal energy of Liberty's tables; of an output with several related inputs the tables are
  averaged with the toggles of those inputs as weights;
* leakage of every cell.

Nets are loaded with the pins they drive and a stated wire capacitance per pin. The slew of a net is what its driver's tables
give for that load and a fixed input slew. Energy of clock pins and of the nets in front of them is kept apart as clock energy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asic_flow.errors import FlowError
from asic_flow.estimate.blocks import BLOCKS, OUTSIDE
from asic_flow.estimate.cells import Energy, Floats, PowerCell, PowerLibrary
from asic_flow.estimate.derates import Assumptions
from asic_flow.synthesis.flow import Synthesis
from asic_flow.synthesis.gates import OPEN, GateNetlist
from asic_flow.synthesis.liberty import Cell

Counts = NDArray[np.int64] | Floats


@dataclass(frozen=True)
class Loads:
    """Electrical state of every net.

    Attributes:
        capacitance_pf: float64[nets], pins and wire.
        slew_ns: float64[nets].
    """

    capacitance_pf: Floats
    slew_ns: Floats


@dataclass(frozen=True)
class BlockEnergy:
    """Energy of a block per event in picojoule, in the library's technology, and its leakage in nanowatt."""

    dynamic_pj: float
    clock_pj: float
    leakage_nw: float


def net_loads(
    netlist: GateNetlist, library: PowerLibrary, assumptions: Assumptions, clocks: NDArray[np.bool_]
) -> Loads:
    """Capacitance and slew of every net.

    Args:
        netlist: the flat design.
        library: what its cells are like.
        assumptions: wire capacitance (also of every output of the design) and slews.
        clocks: bool[nets], nets of the clock network.
    """
    capacitance = np.zeros(netlist.n_nets)
    for cells, kind, electrical in _kinds(netlist, library):
        for column, pin in enumerate(kind.inputs):
            nets = netlist.inputs[cells, column]
            each = electrical.capacitance[pin] + assumptions.wire_pf_per_load
            capacitance += each * np.bincount(nets[nets != OPEN], minlength=netlist.n_nets)
    for name, nets in netlist.ports.items():
        if name not in netlist.input_ports:
            capacitance[nets] += assumptions.wire_pf_per_load
    slew = np.full(netlist.n_nets, assumptions.input_slew_ns)
    for cells, kind, electrical in _kinds(netlist, library):
        for column, pin in enumerate(kind.outputs):
            nets = netlist.outputs[cells, column]
            nets = nets[nets != OPEN]
            slew[nets] = electrical.output_slew(pin, capacitance[nets], assumptions.input_slew_ns)
    slew[clocks] = assumptions.clock_slew_ns
    return Loads(capacitance, slew)


def cell_energies(
    netlist: GateNetlist, library: PowerLibrary, loads: Loads, toggles: Counts, clocks: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Energy of every cell in picojoule for the counted toggles: data and clock, float64[cells] each.

    The energy of nets that no cell drives (inputs of the design) is not in it: it belongs to whoever drives them.

    Args:
        netlist: the flat design.
        library: what its cells are like.
        loads: from `net_loads`.
        toggles: per net.
        clocks: bool[nets], nets of the clock network.
    """
    data, clock = np.zeros(len(netlist.kind)), np.zeros(len(netlist.kind))
    charging = 0.5 * library.voltage**2 * loads.capacitance_pf * toggles
    for cells, kind, electrical in _kinds(netlist, library):
        for column in range(len(kind.outputs)):
            nets = netlist.outputs[cells, column]
            energy = np.where(nets == OPEN, 0.0, charging[nets])
            _book(data, clock, cells, energy, clocks[nets])
        for energy, nets in _internal(netlist, kind, electrical, cells, loads, toggles):
            _book(data, clock, cells, energy, (nets != OPEN) & clocks[nets])
    return data, clock


def clock_input_energy(
    netlist: GateNetlist, library: PowerLibrary, loads: Loads, toggles: Counts, clocks: NDArray[np.bool_]
) -> float:
    """Energy (pJ) of charging the clock nets that no cell drives: the ends of trees that layout will make."""
    outside = clocks & (netlist.driver == OPEN)
    return float((0.5 * library.voltage**2 * loads.capacitance_pf * toggles)[outside].sum())


def block_of_cells(netlist: GateNetlist, synthesis: Synthesis) -> list[str]:
    """Block (see `asic_flow.estimate.blocks.BLOCKS`) of every instance in `GateNetlist.blocks`."""
    known: dict[str, str] = {}
    for place in netlist.placed:
        above = place.path
        while above and above not in known:  # instance names may hold dots (generate blocks)
            above = above.rpartition(".")[0]
        source = synthesis.mapped[place.template.text.name].module.source
        known[place.path] = BLOCKS.get(source, known.get(above, OUTSIDE))
    return [known[path] for path in netlist.blocks]


def energy_by_block(
    netlist: GateNetlist, library: PowerLibrary, blocks: list[str], energies: tuple[Floats, Floats], events: int
) -> dict[str, BlockEnergy]:
    """Sum the cells of every block.

    Args:
        netlist: the flat design.
        library: what its cells are like.
        blocks: from `block_of_cells`.
        energies: from `cell_energies`.
        events: events (clocks) that the toggles were counted over.
    """
    names = sorted(set(blocks))
    number = np.array([names.index(block) for block in blocks])[netlist.block]
    leakage_of = np.array([library.cells[kind.name].leakage_nw for kind in netlist.kinds])[netlist.kind]
    data, clock, leakage = (
        np.bincount(number, weights=values, minlength=len(names)) for values in (*energies, leakage_of)
    )
    return {
        name: BlockEnergy(float(data[i]) / events, float(clock[i]) / events, float(leakage[i]))
        for i, name in enumerate(names)
    }


def _internal(
    netlist: GateNetlist, kind: Cell, electrical: PowerCell, cells: NDArray[np.int64], loads: Loads, toggles: Counts
) -> list[tuple[Floats, NDArray[np.int32]]]:
    """Internal energies of the cells of one kind, each with the net whose toggles it was multiplied with."""
    outputs = list(kind.outputs)
    groups: dict[str, dict[str | None, list[Energy]]] = defaultdict(lambda: defaultdict(list))
    for item in electrical.energies:
        groups[item.pin][item.related].append(item)
    result = []
    for pin, by_related in groups.items():
        output = pin in outputs
        nets = netlist.outputs[cells, outputs.index(pin)] if output else netlist.inputs[cells, kind.inputs.index(pin)]
        counted = np.where(nets == OPEN, 0, toggles[nets]).astype(np.float64)
        related = {
            name: netlist.inputs[cells, kind.inputs.index(name)] if name is not None and output else nets
            for name in by_related
        }
        weights = {
            name: np.where(found == OPEN, 0, toggles[found]).astype(np.float64) for name, found in related.items()
        }
        everything = sum(weights.values(), np.zeros(len(cells)))
        total = np.zeros(len(cells))
        for name, items in by_related.items():
            share = np.divide(
                weights[name], everything, out=np.full(len(cells), 1.0 / len(weights)), where=everything > 0
            )
            load = loads.capacitance_pf[nets] if output else np.zeros(len(cells))
            for item in items:
                total += share / len(items) * item.mean(load, loads.slew_ns[related[name]])
        result.append((total * counted, nets))
    return result


def _book(data: Floats, clock: Floats, cells: NDArray[np.int64], energy: Floats, is_clock: NDArray[np.bool_]) -> None:
    data[cells] += np.where(is_clock, 0.0, energy)
    clock[cells] += np.where(is_clock, energy, 0.0)


def _kinds(netlist: GateNetlist, library: PowerLibrary) -> list[tuple[NDArray[np.int64], Cell, PowerCell]]:
    """Cells of the netlist by library cell."""
    if missing := {kind.name for kind in netlist.kinds} - set(library.cells):
        raise FlowError(f"estimating power: library {library.path} has no cell {min(missing)}")
    return [
        (np.flatnonzero(netlist.kind == index), kind, library.cells[kind.name])
        for index, kind in enumerate(netlist.kinds)
    ]


def powers_mw(energies: Mapping[str, BlockEnergy], clock_ns: float) -> dict[str, dict[str, float]]:
    """Power by block and kind, mW, one event per clock: energy (pJ) over period (ns)."""
    return {
        block: {
            "dynamic_mw": item.dynamic_pj / clock_ns,
            "clock_mw": item.clock_pj / clock_ns,
            "leakage_mw": item.leakage_nw * 1e-6,
        }
        for block, item in energies.items()
    }
