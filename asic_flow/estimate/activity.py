"""Switching activity: events of the run stream through the gate netlist, and every change of a net is counted.

Weights are put into the flip-flops of the weight bank directly; loading over I2C takes milliseconds and belongs to no event.
The latents are compared with the emulator's, so that activity is never that of a chip which computes something else.

The bank is refreshed once in ``period + 1`` clocks. Toggles are counted with a refresh in every clock and with none, and mixed
in that proportion: refreshes do not depend on each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asic_flow.emulator import Emulator
from asic_flow.errors import MismatchError
from asic_flow.formats import Integers
from asic_flow.results import compare
from asic_flow.synthesis.gate_check import start_chip, stream_chip, triplicated
from asic_flow.synthesis.gate_simulator import GateSimulator
from asic_flow.synthesis.gates import GateNetlist
from asic_flow.vectors import to_images
from asic_flow.weights import WeightSet
from hgcal_data.geometry import AE_TO_TC

LANES = 64
_CONTROL = "u_registers.u_control.u_base"
"""Triplicated register with the number of links in its lowest byte, and the refresh period above."""
_PERIOD_BIT, _PERIOD_WIDTH = 8, 16
_NEVER = (1 << _PERIOD_WIDTH) - 1
_SETTLING_CLOCKS = 4


@dataclass(frozen=True)
class Activity:
    """Toggles of every net.

    Attributes:
        netlist: the flat design.
        clocks: bool[nets], nets of the clock network.
        quiet: float64[nets], toggles with zero delay: no glitch. For the refresh period asked for, like the next.
        glitching: float64[nets], toggles with unit delay and without inertia: more glitches than real gates pass on.
        events: events they were counted over, one per clock.
        description: how they were counted.
    """

    netlist: GateNetlist
    clocks: NDArray[np.bool_]
    quiet: NDArray[np.float64]
    glitching: NDArray[np.float64]
    events: int
    description: str

    def toggles(self, share: float) -> NDArray[np.float64]:
        """float64[nets] with a share (0 to 1) of the glitches that unit delay gives."""
        return self.quiet + share * (self.glitching - self.quiet)

    def glitch_factor(self, share: float) -> float:
        """Toggles of data nets over those without glitches."""
        data = ~self.clocks
        return float(self.toggles(share)[data].sum() / max(1.0, self.quiet[data].sum()))


def stream_activity(
    netlist: GateNetlist, weights: WeightSet, charges_tc: Integers, *, links: int, refresh_period: int
) -> Activity:
    """Stream events through a netlist of the whole chip.

    Args:
        netlist: flat netlist of ``econ_top``.
        weights: weight set on the chip.
        charges_tc: int64[n, cells], module charges in TC order; n is cut to a multiple of `LANES`.
        links: links the formatter serves.
        refresh_period: the bank is refreshed once in this number of clocks plus one.

    Raises:
        MismatchError: the netlist's latents are not those of the emulator.
        FlowError: the netlist cannot be simulated.
    """
    charges = charges_tc[: len(charges_tc) // LANES * LANES, AE_TO_TC]
    sim = GateSimulator(netlist, lanes=LANES)
    start_chip(sim, weights, links)
    clocks = clock_nets(sim)

    def count(period: int, delay: Literal["zero", "unit"]) -> NDArray[np.float64]:
        toggles = _count(sim, weights, charges, period, delay).astype(np.float64)
        streamed = len(charges) // LANES
        toggles[clocks] *= streamed / (
            streamed + weights.structure.latency_clocks + 1
        )  # clocks in which the last events leave
        return toggles

    share = 1.0 / (refresh_period + 1)

    def mixed(delay: Literal["zero", "unit"]) -> NDArray[np.float64]:
        always = count(0, delay)
        return always if share == 1.0 else share * always + (1.0 - share) * count(_NEVER, delay)

    words = f"weights of {links} links, refresh once in {refresh_period + 1} clocks"
    return Activity(netlist, clocks, mixed("zero"), mixed("unit"), len(charges), words)


def clock_nets(sim: GateSimulator) -> NDArray[np.bool_]:
    """bool[nets]: clock pins of flip-flops and all nets between them and the clock ports."""
    inside = sim.netlist.outputs[sim.order.cells[sim.clocks.cone]]
    found = np.zeros(sim.netlist.n_nets, dtype=bool)
    found[sim.clocks.ports] = found[sim.clocks.nets] = found[inside[inside >= 0]] = True
    return found


def _count(
    sim: GateSimulator, weights: WeightSet, charges: Integers, period: int, delay: Literal["zero", "unit"]
) -> Integers:
    """Toggles of all nets while events stream through a started chip, int64[nets]."""
    sim.count(False)
    sim.delay = "zero"
    for bit in range(_PERIOD_WIDTH):
        sim.load_state(triplicated(_CONTROL, _PERIOD_BIT + bit), [period >> bit & 1] * 3)
    sim.set("valid_i", 0)
    sim.step(_SETTLING_CLOCKS)
    sim.delay = delay
    sim.clear_toggles()
    sim.count(True)
    found = stream_chip(sim, weights.structure, charges)
    sim.count(False)
    wrong, first = compare("latents", Emulator(weights).run(to_images(weights, charges)), found.latents)
    if wrong or found.untimely:
        raise MismatchError(
            f"counting toggles: the netlist differs from the emulator in {wrong} latents, first: {first}"
        )
    return sim.toggles.copy()
