"""Area and energy of a netlist with its buffer trees, by block."""

from __future__ import annotations

from asic_flow.estimate import blocks
from asic_flow.estimate.activity import Activity
from asic_flow.estimate.buffers import Buffered
from asic_flow.estimate.cells import PowerLibrary
from asic_flow.estimate.derates import Assumptions
from asic_flow.estimate.power import BlockEnergy, cell_energies, clock_input_energy, energy_by_block, net_loads
from asic_flow.estimate.scaling import Factor
from asic_flow.synthesis.flow import Synthesis

BUFFERS = "buffers"
"""Class of the cells of buffer trees."""


def area_with_buffers(synthesis: Synthesis, buffered: Buffered, homes: list[str]) -> dict[str, dict[str, float]]:
    """Gate equivalents by block and class of cell; buffer trees are a class of their own."""
    table = blocks.area_table(synthesis)
    netlist = buffered.netlist
    for cell in range(len(netlist.kind) - buffered.buffers, len(netlist.kind)):
        parts = table.setdefault(homes[netlist.block[cell]], {})
        size = netlist.kinds[netlist.kind[cell]].area / synthesis.library.nand2_area
        parts[BUFFERS] = parts.get(BUFFERS, 0.0) + size
    return {
        block: {name: parts.get(name, 0.0) for name in (*blocks.CLASSES, BUFFERS)} for block, parts in table.items()
    }


def measured_energies(
    buffered: Buffered,
    homes: list[str],
    activity: Activity,
    library: PowerLibrary,
    assumptions: Assumptions,
    glitch_share: float,
) -> dict[str, BlockEnergy]:
    """Energy per event by block with buffers and clock trees, in the library's technology."""
    netlist = buffered.netlist
    clocks, toggles = activity.clocks[buffered.origin], activity.toggles(glitch_share)[buffered.origin]
    loads = net_loads(netlist, library, assumptions, clocks)
    data, clock = cell_energies(netlist, library, loads, toggles, clocks)
    found = energy_by_block(netlist, library, homes, (data, clock), activity.events)
    ends = clock_input_energy(netlist, library, loads, toggles, clocks) / activity.events
    everything = sum(item.clock_pj for item in found.values())
    tree = assumptions.clock_tree_factor.factor * (1.0 + ends / everything if everything else 1.0)
    return {block: BlockEnergy(item.dynamic_pj, item.clock_pj * tree, item.leakage_nw) for block, item in found.items()}


def with_glitches(
    buffered: Buffered, homes: list[str], activity: Activity, library: PowerLibrary, assumptions: Assumptions
) -> tuple[dict[str, BlockEnergy], Factor]:
    """Energies for the assumed share of glitches, and the range of their sum between none and all of unit delay."""
    share = assumptions.glitch_share
    parts = [
        measured_energies(buffered, homes, activity, library, assumptions, value)
        for value in (share.low, share.factor, share.high)
    ]
    low, middle, high = map(energy_pj, parts)
    words = f"no glitches to all of unit delay: {low:,.0f} to {high:,.0f} pJ; {share.source}"
    return parts[1], Factor(factor=1.0, low=min(1.0, low / middle), high=max(1.0, high / middle), source=words)


def energy_pj(energies: dict[str, BlockEnergy]) -> float:
    """Dynamic and clock energy per event of the blocks that published figures contain."""
    return sum(item.dynamic_pj + item.clock_pj for block, item in energies.items() if block not in blocks.NOT_PUBLISHED)
