"""Gate simulator: hand-written netlists against values worked out by hand, every library cell against its own table."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import numpy as np
import pytest
from gate_designs import COUNTER, GLITCH, mapped, small_library

from asic_flow.errors import FlowError
from asic_flow.synthesis.functions import evaluate
from asic_flow.synthesis.gate_simulator import GateSimulator
from asic_flow.synthesis.gates import flatten
from asic_flow.synthesis.liberty import DEFAULT_LIBRARY, Library, read_liberty
from asic_flow.synthesis.netlist_text import read_module

BITS = [f"gen_bit[{bit}].u_bit.q" for bit in range(3)]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return small_library(tmp_path_factory.mktemp("library"))


def counter(library: Library, lanes: int = 64) -> GateSimulator:
    sim = GateSimulator(flatten(mapped(library, COUNTER)), lanes)
    sim.set("enable_i", 1)
    sim.set("up_i", 1)
    sim.set("rst_ni", 0)
    sim.step()
    sim.set("rst_ni", 1)
    return sim


def value(sim: GateSimulator) -> list[int]:
    return sim.peek("held.count")


def test_names_ports_and_blocks(library: Library) -> None:
    netlist = flatten(mapped(library, COUNTER))
    assert netlist.blocks == ("", *(f"gen_bit[{bit}].u_bit" for bit in range(3)))
    assert netlist.input_ports == {"clk_i", "rst_ni", "enable_i", "up_i"}
    assert netlist.state_names == ("open", *BITS)
    assert netlist.net("gen_bit[1].u_bit.q") == netlist.net("held.count[1]") == netlist.net("alias_o[3]")
    assert netlist.net_name(netlist.net("gen_bit[1].u_bit.t")) == "carry[0]"
    assert netlist.ports["zero_o"].tolist() == [0, 1]
    assert netlist.ports["alias_o"][0] == 0  # an unknown bit reads as zero
    assert netlist.ports["same_o"].tolist() == netlist.ports["up_i"].tolist()
    driver = int(netlist.driver[netlist.net("gated")])
    assert (netlist.cell_name(driver), netlist.kinds[netlist.kind[driver]].name) == ("_3_", "AND2")
    inner = flatten(mapped(library, COUNTER), "bit_cell")
    assert (len(inner.kind), inner.state_names) == (3, ("q",))
    with pytest.raises(FlowError, match="there is none"):
        netlist.net("gen_bit[1].u_bit.nothing")


def test_counting_gating_and_reset(library: Library) -> None:
    sim = counter(library)
    seen = []
    for _ in range(10):
        seen.append(value(sim)[0])
        sim.step()
    assert seen == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]
    sim.set("enable_i", [1, 0] * 32)  # lanes are chips of their own
    sim.step(3)
    assert value(sim) == [5, 2] * 32
    sim.set("rst_ni", 0)  # asynchronous: no edge needed
    assert value(sim) == [0] * 64
    sim.set("rst_ni", 1)
    sim.set("enable_i", 0)
    sim.step(3)
    assert value(sim) == [0] * 64


def test_registers_are_loaded_read_and_upset(library: Library) -> None:
    sim = counter(library)
    sim.set("up_i", 0)
    sim.load_state(BITS, [1, 0, 1])
    assert value(sim) == [5] * 64
    sim.load_state(BITS[:1], np.arange(64)[:, None] % 2)
    assert value(sim) == [4, 5] * 32
    sim.flip_state([BITS[1], BITS[2], BITS[2]], [3, 3, 63])
    expected = [4, 5] * 32
    expected[3], expected[63] = 5 ^ 6, 5 ^ 4
    sim.step()
    assert value(sim) == expected
    assert sim.read_state(BITS)[3].tolist() == [1, 1, 0]
    for names, values in ((["nobody"], [1]), (BITS, [0, 1]), (BITS, [0, 1, 2])):
        with pytest.raises(FlowError):
            sim.load_state(names, values)
    for names, lanes in ((BITS, [0]), (BITS[:1], [64])):
        with pytest.raises(FlowError):
            sim.flip_state(names, lanes)


def test_a_transient_lasts_until_the_edge(library: Library) -> None:
    sim = counter(library)
    carry = sim.netlist.net("carry[0]")
    sim.disturb([carry, carry], [7, 63])  # at 0 the carry is low: bit 1 wrongly sees a carry
    assert sim.peek_nets(np.array([carry]))[:, 0].nonzero()[0].tolist() == [7, 63]
    sim.step()
    assert value(sim) == [3 if lane in {7, 63} else 1 for lane in range(64)]
    sim.disturb([carry], [0], "low")  # at 1 the carry is high
    sim.step()
    assert value(sim)[:2] == [0, 2]
    sim.step()
    assert value(sim)[:2] == [1, 3]
    with pytest.raises(FlowError, match="no gate drives it"):
        sim.disturb([sim.netlist.net("up_i")], [0])


def test_toggles_by_hand(library: Library) -> None:
    """One lane's count, times 64: bit 0 changes in every clock, bit 1 in every second, the clock twice in every one."""
    sim = counter(library)
    value(sim)
    sim.count()
    for _ in range(8):
        sim.step()
        value(sim)
    wanted = {"held.count[0]": 8, "held.count[1]": 4, "held.count[2]": 2, "clk_i": 16, "gated": 16, "up_i": 0}
    assert {name: int(sim.toggles[sim.netlist.net(name)]) // 64 for name in wanted} == wanted
    sim.set("enable_i", 0)
    sim.clear_toggles()
    sim.step(2)
    assert [int(sim.toggles[sim.netlist.net(name)]) // 64 for name in ("clk_i", "gated", "open")] == [4, 0, 1]


def test_unit_delay_sees_glitches(library: Library) -> None:
    sim = GateSimulator(flatten(mapped(library, GLITCH)), 128, clocks=())
    counts = {}
    delays: tuple[Literal["zero", "unit"], ...] = ("zero", "unit")
    for delay in delays:
        sim.delay = delay
        sim.set("a", 0)
        assert set(sim.peek("y")) == {1}
        sim.clear_toggles()
        sim.count()
        for a in (1, 0, 0):
            sim.set("a", a)
            assert set(sim.peek("y")) == {1}
        sim.count(False)
        counts[delay] = [int(sim.toggles[sim.netlist.net(name)]) // 128 for name in ("a", "n", "y")]
    assert counts == {"zero": [2, 2, 0], "unit": [2, 2, 4]}


@pytest.mark.parametrize("lanes", [64, 1024])
def test_values_of_ports(library: Library, lanes: int) -> None:
    sim = counter(library, lanes)
    states = np.arange(lanes)[:, None] >> np.arange(3) & 1
    sim.load_state(BITS, states)
    assert value(sim) == [lane % 8 for lane in range(lanes)]
    assert np.array_equal(sim.peek("held.count", fields=3), states)
    signed = sim.peek("held.count", fields=1, signed=True)
    assert signed[:8, 0].tolist() == [0, 1, 2, 3, -4, -3, -2, -1]
    sim.set("up_i", np.arange(lanes)[:, None] % 2)
    assert sim.peek("same_o")[:3] == [0, 1, 0]
    too_large = [2, [0] * (lanes - 1), np.full((lanes, 1), 2)]
    wrong: dict[str, list[Any]] = {"up_i": too_large, "clk_i": [0], "same_o": [0], "nowhere": [0]}
    for port, bad in ((port, bad) for port, values in wrong.items() for bad in values):
        with pytest.raises(FlowError):
            sim.set(port, bad)
    with pytest.raises(FlowError, match="do not fit"):
        sim.peek("held.count", fields=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("DFFR _2_", "DFFN _2_"), "rising edge"),
        ((".CK(clk)", ".CK(t)"), "is not one of the clocks"),
        ((".G(_0_)", ".G(clk_i)"), "the inverse of"),
        ((".A(clk_i),\n    .B(open)", ".A(_0_),\n    .B(open)"), "is not one of the clocks"),
        ((".B(q),\n    .Y(carry)", ".B(q),\n    .Y(d)"), "driven more than once"),
        ((".A(t),\n    .B(q),\n    .Y(d)", ".A(t),\n    .B(d),\n    .Y(d)"), "combinational loop"),
        (("carry(carry[0])", "carry(carry[1:0])"), "another width"),
        (("AND2 _3_", "AND9 _3_"), "unknown kind"),
        (("assign same_o = up_i;", "assign same_o <= up_i;"), "notation of Yosys"),
        (("assign same_o = up_i;", "assign same_o = down_i;"), "notation of Yosys"),
        (("assign same_o = up_i;", "assign up_i = 1'h0;\n  assign up_i = 1'h1;"), "constants 0 and 1"),
    ],
)  # fmt: skip
def test_netlists_that_are_refused(library: Library, change: tuple[str, str], message: str) -> None:
    assert change[0] in COUNTER
    with pytest.raises(FlowError, match=message):
        GateSimulator(flatten(mapped(library, COUNTER.replace(*change))), 64)


def test_wrong_use_is_refused(library: Library) -> None:
    netlist = flatten(mapped(library, COUNTER))
    with pytest.raises(FlowError, match="lanes asked for"):
        GateSimulator(netlist, 100)
    with pytest.raises(FlowError, match="is no input"):
        GateSimulator(netlist, 64, clocks=("tick",))
    with pytest.raises(FlowError, match="0 modules of that name"):
        flatten(mapped(library, COUNTER), "nothing")
    with pytest.raises(FlowError, match="no module"):
        read_module("")


@pytest.mark.skipif(not DEFAULT_LIBRARY.is_file(), reason="the open library is not installed")
def test_every_gate_of_the_open_library() -> None:
    """Each combinational cell alone, all values of its pins in the lanes, against its Liberty function."""
    library = read_liberty(DEFAULT_LIBRARY)
    tried = 0
    for cell in library.cells.values():
        if cell.state is not None or cell.three_state or not all(cell.outputs.values()) or not cell.inputs:
            continue
        ports = [*((pin, "input") for pin in cell.inputs), *((pin, "output") for pin in cell.outputs)]
        declared = "".join(f"  {kind} {pin};\n  wire {pin};\n" for pin, kind in ports)
        pins = ",\n".join(f"    .{pin}({pin})" for pin, _ in ports)
        text = f"module alone({', '.join(pin for pin, _ in ports)});\n{declared}  {cell.name} u_cell (\n{pins}\n  );\nendmodule\n"
        sim = GateSimulator(flatten(mapped(library, text)), 64, clocks=())
        rows = (list(itertools.product((0, 1), repeat=len(cell.inputs))) * 64)[:64]
        for pin, values in zip(cell.inputs, zip(*rows, strict=True), strict=True):
            sim.set(pin, list(values))
        for pin, function in cell.outputs.items():
            assert sim.peek(pin) == [evaluate(function, dict(zip(cell.inputs, row, strict=True))) for row in rows], (
                cell.name
            )
        tried += 1
    assert tried >= 20
