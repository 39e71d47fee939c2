"""Gate netlist against the emulator: weights into the flip-flops of all three copies, events through, every integer compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from asic_flow.errors import FlowError
from asic_flow.formats import Integers
from asic_flow.hardware import HardwareConfig
from asic_flow.ir import Structure
from asic_flow.links import MAX_LINKS, ORBIT, link_words
from asic_flow.registers.model import register_layout
from asic_flow.results import Check, FirstMismatch, NegativeControl, Status, compare
from asic_flow.rtl import TOP, render_rtl
from asic_flow.synthesis.census import Row, census
from asic_flow.synthesis.flow import synthesise
from asic_flow.synthesis.functions import pins_of
from asic_flow.synthesis.gate_simulator import GateSimulator
from asic_flow.synthesis.gates import OPEN, GateNetlist, flatten
from asic_flow.synthesis.liberty import Library
from asic_flow.synthesis.netlist_text import ZERO
from asic_flow.vectors import Vectors
from asic_flow.weights import WeightSet

COPIES = ("a", "b", "c")
_WEIGHTS = "u_encoder.weights_i"
_RUN = ("u_registers.u_misc", 1)
"""Triplicated register and bit that lets the encoder's output out."""
_LINKS = "u_registers.u_control.u_base"
"""Triplicated register whose lowest byte is the number of links."""
_LANES = 512


@dataclass(frozen=True)
class GateOutput:
    """What the netlist gave.

    Attributes:
        latents: int64[n, latents].
        sum_codes: int64[n].
        links: int64[n, links], words on the links, one clock later.
        untimely: events whose valid flag was not set in the clock of the latency, and clocks with one too many.
    """

    latents: Integers
    sum_codes: Integers
    links: Integers
    untimely: int


def bank_states(netlist: GateNetlist, bits: int) -> list[tuple[str, ...]]:
    """Names of the flip-flops that hold each weight bit: three of a triplicated bit, one of another.

    They are found by their wires, from the encoder's weight inputs back through the voters.

    Args:
        netlist: a whole chip (``econ_top``).
        bits: weight bits of the structure.

    Raises:
        FlowError: the netlist holds no encoder with so many weight bits, or nothing stores one of them.
    """
    names = {int(cell): name for cell, name in zip(netlist.states, netlist.state_names, strict=True)}
    found = []
    for bit in range(bits):
        waiting = [int(netlist.driver[netlist.net(f"{_WEIGHTS}[{bit}]")])]
        holders: set[str] = set()
        for cell in waiting:
            if cell in names:
                holders.add(names[cell])
            elif cell != OPEN:
                pins = len(netlist.kinds[netlist.kind[cell]].inputs)
                waiting += netlist.driver[netlist.inputs[cell, :pins]].tolist()
        if not holders:
            raise FlowError(f"looking for weight bit {bit} in the netlist: no flip-flop holds it")
        found.append(tuple(sorted(holders)))
    return found


def triplicated(register: str, bit: int | None = None) -> list[str]:
    """Names of the three flip-flops of one bit of an ``econ_tmr_reg``; without `bit` of a register of one bit."""
    return [f"{register}.u_copy_{copy}.q_o" + ("" if bit is None else f"[{bit}]") for copy in COPIES]


def start_chip(sim: GateSimulator, weights: WeightSet, links: int) -> None:
    """Reset a chip (``econ_top``), put weights into all copies of its bank, set the number of links, and let it run.

    Args:
        sim: simulator of the whole chip.
        weights: weights to load.
        links: links in use, 0 to `MAX_LINKS`.

    Raises:
        FlowError: the netlist is not that of a chip with so many weight bits.
    """
    for port in ("valid_i", "charges_i", "bx_i"):
        sim.set(port, 0)
    for port in ("scl_i", "sda_i", "refresh_i"):
        sim.set(port, 1)
    sim.set("rst_ni", 0)
    sim.step()
    sim.set("rst_ni", 1)
    stream = np.unpackbits(np.frombuffer(weights.to_bytes(), dtype=np.uint8), bitorder="little")
    copies = bank_states(sim.netlist, register_layout(weights.structure).weight_bits)
    names = [name for holders in copies for name in holders]
    sim.load_state(names, np.repeat(stream[: len(copies)], [len(holders) for holders in copies]))
    sim.load_state(triplicated(*_RUN), [1, 1, 1])
    for bit in range(MAX_LINKS.bit_length()):
        sim.load_state(triplicated(_LINKS, bit), [links >> bit & 1] * 3)


def stream_chip(sim: GateSimulator, structure: Structure, charges: Integers) -> GateOutput:
    """Stream events through a started chip, one per clock and lane.

    Args:
        sim: after `start_chip`.
        structure: of the encoder.
        charges: int64[n, cells] in encoder order; event n is sent in bunch crossing n modulo `ORBIT`.
    """
    lanes, latency, count = sim.lanes, structure.latency_clocks, len(charges)
    clocks = -(-count // lanes)
    padded = np.zeros((clocks * lanes, charges.shape[1]), dtype=np.int64)
    padded[:count] = charges
    crossings = (np.arange(clocks * lanes) % ORBIT).reshape(clocks, lanes)
    latents, codes, words, untimely = [], [], [], 0
    for clock in range(clocks + latency + 1):
        sim.set("valid_i", int(clock < clocks))
        if clock < clocks:
            sim.set("charges_i", padded[clock * lanes : (clock + 1) * lanes])
            sim.set("bx_i", crossings[clock].tolist())
        valid = sim.peek("valid_o", fields=1)
        expected = latency <= clock < clocks + latency
        untimely += int(np.count_nonzero(valid != expected))
        if expected:
            latents.append(sim.peek("latents_o", fields=structure.n_latents, signed=structure.latent_format.signed))
            codes.append(sim.peek("sum_code_o", fields=1))
        if clock > latency:
            words.append(sim.peek("links_o", fields=MAX_LINKS))
        sim.step()
    joined = [np.concatenate(parts)[:count] for parts in (latents, codes, words)]
    return GateOutput(joined[0], joined[1][:, 0], joined[2], untimely)


def with_wrong_gate(netlist: GateNetlist, activity: Integers) -> tuple[GateNetlist, str]:
    """The netlist with one gate before a latent's register replaced by another of the same pins, and which (a planted fault).

    Args:
        netlist: a good netlist.
        activity: int64[nets], toggles of every net; the latent bit that toggles most is chosen.

    Raises:
        FlowError: no such gate can be replaced so.
    """
    for cell in _before_latent(netlist, activity):
        kind = netlist.kinds[netlist.kind[cell]]
        for index, other in enumerate(netlist.kinds):
            same = other.state is None and other.inputs == kind.inputs and list(other.outputs) == list(kind.outputs)
            if same and any(kind.truth(pin) != other.truth(pin) for pin in kind.outputs):
                kinds = netlist.kind.copy()
                kinds[cell] = index
                return replace(netlist, kind=kinds), f"{netlist.cell_name(cell)}: {kind.name} became {other.name}"
    raise FlowError(
        "planting a wrong gate in the netlist: no gate before the latents can be replaced by one with the same pins"
    )


def with_open_pin(netlist: GateNetlist, activity: Integers) -> tuple[GateNetlist, str]:
    """The netlist with the busiest data input of the busiest latent bit's register tied to zero, and which (a planted fault)."""
    cell = _latent_register(netlist, activity)
    kind = netlist.kinds[netlist.kind[cell]]
    pins = [pin for pin, name in enumerate(kind.inputs) if kind.state and name in pins_of(kind.state.data)]
    pin = max(pins, key=lambda at: int(activity[netlist.inputs[cell, at]]))
    inputs = netlist.inputs.copy()
    inputs[cell, pin] = ZERO
    return replace(
        netlist, inputs=inputs
    ), f"{netlist.cell_name(cell)}: input {kind.inputs[pin]} of {kind.name} tied to zero"


def _latent_register(netlist: GateNetlist, activity: Integers) -> int:
    outputs = netlist.ports["latents_o"]
    return int(netlist.driver[outputs[activity[outputs].argmax()]])


def _before_latent(netlist: GateNetlist, activity: Integers) -> Iterator[int]:
    """Gates before the register of the busiest latent bit, the nearest first."""
    register = _latent_register(netlist, activity)
    waiting, known = [register], {register}
    for cell in waiting:
        kind = netlist.kinds[netlist.kind[cell]]
        if kind.state is None:
            yield cell
        if kind.state is None or cell == register:
            before = (
                {int(netlist.driver[net]) for net in netlist.inputs[cell, : len(kind.inputs)].tolist()} - {OPEN} - known
            )
            known |= before
            waiting += sorted(before)


def verify_gates(
    weights: WeightSet, vectors: Vectors, library: Library, *, links: int, hardware: HardwareConfig | None = None,
    progress: Callable[[str], None] = lambda _line: None,
) -> tuple[list[Check], list[NegativeControl]]:  # fmt: skip
    """Synthesise a chip, count its copies, and compare its netlist with the emulator's integers.

    Args:
        weights: weights to load.
        vectors: events, and what the emulator says.
        library: cells to map to.
        links: links in use.
        hardware: options of the chip; default: those of `HardwareConfig`.
        progress: called with one line per module that is mapped now.

    Returns:
        Checks (netlist = emulator, census), and two planted faults.

    Raises:
        FlowError: a tool is missing or fails, or the netlist cannot be simulated.
    """
    begin = time.monotonic()
    synthesis = synthesise(render_rtl(weights.structure, hardware), TOP, library, progress=progress)
    checks = [_census_check(census(synthesis, weights.structure, hardware), begin)]
    mapped = time.monotonic()
    netlist = flatten(synthesis)
    sim = GateSimulator(netlist, _LANES)
    start_chip(sim, weights, links)
    sim.count()
    count, values, first = _compare(
        weights.structure, vectors, stream_chip(sim, weights.structure, vectors.charges), links
    )
    status: Status = "pass" if count == 0 and values > 0 else "fail"
    size = f"{len(netlist.kind):,} cells, {synthesis.gate_equivalents():,.0f} gate equivalents"
    detail = f"{size}; {synthesis.fresh} modules mapped"
    seconds = time.monotonic() - mapped
    checks.append(
        Check(
            "emulator = gate netlist",
            "emulator",
            "gates",
            len(vectors.charges),
            values,
            count,
            status,
            seconds,
            detail,
            first,
        )
    )
    controls = []
    for name, plant in (("wrong gate", with_wrong_gate), ("open connection", with_open_pin)):
        faulty, what = plant(netlist, sim.toggles)
        broken = GateSimulator(faulty, _LANES)
        start_chip(broken, weights, links)
        wrong, _, _ = _compare(
            weights.structure, vectors, stream_chip(broken, weights.structure, vectors.charges), links
        )
        controls.append(NegativeControl(f"gate netlist: {name}", wrong > 0, f"{what}; {wrong} integers differ"))
    return checks, controls


def _census_check(rows: list[Row], begin: float) -> Check:
    wrong = [row for row in rows if not row.good]
    detail = (
        f"{wrong[0].what}: expected {wrong[0].expected}, found {wrong[0].found}"
        if wrong
        else f"{len(rows)} counts agree"
    )
    status: Status = "pass" if rows and not wrong else "fail"
    counted, seconds = sum(row.expected for row in rows), time.monotonic() - begin
    return Check(
        "RTL = gate netlist: census of copies and voters",
        "rtl",
        "gates",
        0,
        counted,
        len(wrong),
        status,
        seconds,
        detail,
    )


def _compare(
    structure: Structure, vectors: Vectors, found: GateOutput, links: int
) -> tuple[int, int, FirstMismatch | None]:
    """Differing integers, integers compared, and the first difference; an untimely event counts as one."""
    crossings = np.arange(len(vectors.charges)) % ORBIT
    words = link_words(structure, vectors.latents, vectors.sum_codes, crossings, links).astype(np.int64)
    mismatches, values, first = found.untimely, 0, None
    for layer, expected, have in (
        ("latents", vectors.latents, found.latents),
        ("sum_code", vectors.sum_codes, found.sum_codes),
        ("links", words, found.links),
    ):
        count, where = compare(layer, expected, have)
        mismatches, values, first = mismatches + count, values + expected.size, first or where
    return mismatches, values, first
