"""Area, timing and power of a tiny design, computed by hand from numbers in the Liberty file, and compared with OpenSTA."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asic_flow.errors import FlowError, ToolFailedError, ToolNotFoundError
from asic_flow.estimate import blocks, power
from asic_flow.estimate.buffers import insert_buffers
from asic_flow.estimate.cells import PowerLibrary, Table, read_power_library
from asic_flow.estimate.derates import Assumptions
from asic_flow.estimate.flat_verilog import cell_number, flat_verilog
from asic_flow.estimate.opensta import parse_ends, parse_power, run_opensta
from asic_flow.estimate.timing import GroupTiming, group_ends, script, time_netlist, wire_library
from asic_flow.synthesis.flow import Synthesis
from asic_flow.synthesis.gates import GateNetlist, flatten
from asic_flow.synthesis.liberty import DEFAULT_LIBRARY

pytestmark = pytest.mark.tools

# Numbers of osu018_stdcells.lib, read with an editor.
NAND2, DFF = 24.0, 96.0  # areas
NAND_A, NAND_B, DFF_D, DFF_CLK = 0.0125, 0.0129035, 0.00882947, 0.0279235  # pF
NAND_LEAK, DFF_LEAK = 0.0393659, 0.160725  # nW
WIRE, VOLT = 0.01, 1.8
needs_sta = pytest.mark.skipif(shutil.which("sta") is None, reason="OpenSTA is not installed")


@pytest.fixture(scope="module")
def library() -> PowerLibrary:
    return read_power_library(DEFAULT_LIBRARY)


@pytest.fixture(scope="module")
def netlist(tiny: Synthesis) -> GateNetlist:
    return flatten(tiny)


def clocks_of(netlist: GateNetlist) -> np.ndarray:
    clocks = np.zeros(netlist.n_nets, dtype=bool)
    clocks[netlist.ports["clk_i"]] = True
    return clocks


def test_area(tiny: Synthesis) -> None:
    assert dict(tiny.cells()) == {"NAND2X1": 1, "DFFPOSX1": 3}
    table = blocks.area_table(tiny)
    assert table == {
        "top": {"flip-flops": 3 * DFF / NAND2, "clock gates": 0, "voters": 0, "adders": 0, "other logic": 1.0}
    }
    assert blocks.total(table) == tiny.gate_equivalents() == 13.0
    assert blocks.total(table, published=True) == 0.0


def test_tables_interpolate_and_extrapolate() -> None:
    table = Table(np.array([0.0, 1.0]), np.array([0.0, 2.0]), np.array([[0.0, 2.0], [10.0, 12.0]]))
    assert float(table.at(0.5, 1.0)) == 6.0
    assert float(table.at(2.0, 4.0)) == 24.0  # along both axes, beyond the last points
    assert float(table.at(-1.0, 0.0)) == -10.0
    flat = Table(np.zeros(1), np.array([0.0, 2.0]), np.array([[1.0, 3.0]]))
    assert flat.at([5.0, 6.0], 1.0).tolist() == [2.0, 2.0]


def test_loads_by_hand(tiny: Synthesis, netlist: GateNetlist, library: PowerLibrary) -> None:
    loads = power.net_loads(netlist, library, Assumptions(), clocks_of(netlist)).capacitance_pf
    assert loads[netlist.net("a_q")] == pytest.approx(NAND_A + WIRE)
    assert loads[netlist.net("b_q")] == pytest.approx(NAND_B + WIRE)
    assert loads[netlist.net("clk_i")] == pytest.approx(3 * (DFF_CLK + WIRE))
    assert loads[netlist.net("y_o")] == pytest.approx(WIRE)
    assert loads[netlist.net("a_i")] == pytest.approx(DFF_D + WIRE)


def test_energy_of_one_toggle_by_hand(netlist: GateNetlist, library: PowerLibrary, tiny: Synthesis) -> None:
    """One toggle of the NAND's output, and nothing else."""
    assumptions, clocks = Assumptions(), clocks_of(netlist)
    loads = power.net_loads(netlist, library, assumptions, clocks)
    nand = int(netlist.driver[netlist.inputs[netlist.driver[netlist.net("y_o")], 1]])
    if netlist.kinds[netlist.kind[nand]].name != "NAND2X1":
        nand = int(netlist.driver[netlist.inputs[netlist.driver[netlist.net("y_o")], 0]])
    output = int(netlist.outputs[nand, 0])
    toggles = np.zeros(netlist.n_nets, dtype=np.int64)
    toggles[output] = 1
    data, clock = power.cell_energies(netlist, library, loads, toggles, clocks)
    load = DFF_D + WIRE
    assert loads.capacitance_pf[output] == pytest.approx(load)
    # Slew of a_q, b_q: DFFPOSX1 tables at 0.0225 pF; the energy tables of both NAND inputs, equal weights because none toggled.
    gate = library.cells["NAND2X1"]
    inner = [
        float(item.mean(load, loads.slew_ns[netlist.net(net)]))
        for item, net in zip(gate.energies, ("a_q", "b_q"), strict=True)
    ]
    assert data[nand] == pytest.approx(0.5 * load * VOLT**2 + sum(inner) / 2)
    flop = int(netlist.driver[netlist.net("y_o")])
    passive = float(
        next(e for e in library.cells["DFFPOSX1"].energies if e.pin == "D").mean(0.0, loads.slew_ns[output])
    )
    assert data[flop] == pytest.approx(passive)  # the toggle of its D pin
    assert data.sum() == pytest.approx(data[nand] + data[flop])
    assert clock.sum() == 0
    blocks_of = power.block_of_cells(netlist, tiny)
    found = power.energy_by_block(netlist, library, blocks_of, (data, clock), 2)["top"]
    assert found.leakage_nw == pytest.approx(NAND_LEAK + 3 * DFF_LEAK)
    assert found.dynamic_pj == pytest.approx(data.sum() / 2)
    assert power.powers_mw({"top": found}, 25.0)["top"]["dynamic_mw"] == pytest.approx(data.sum() / 2 / 25)


def test_energy_tables_by_hand(library: PowerLibrary) -> None:
    """NAND2X1, pin A, 0.0125 pF and 0.18 ns: fall 0.006717, rise 0.0506 in the file. DFFPOSX1, clock at 0.24 ns."""
    energies = {(e.pin, e.related): e for e in library.cells["NAND2X1"].energies}
    assert float(energies["Y", "A"].mean(0.0125, 0.18)) == pytest.approx((0.006717 + 0.0506) / 2)
    clock = next(e for e in library.cells["DFFPOSX1"].energies if e.pin == "CLK")
    assert float(clock.mean(0.0, 0.24)) == pytest.approx((0.006943 + 0.129769) / 2)
    assert float(library.cells["NAND2X1"].output_slew("Y", 0.0125, 0.18)) == pytest.approx(
        (0.0648 + 0.0834 + 0.0696 + 0.0798) / 4
    )


def test_clock_energy_by_hand(netlist: GateNetlist, library: PowerLibrary) -> None:
    """Two edges per clock at three flip-flops; the wires belong to the tree in front of the design."""
    clocks = clocks_of(netlist)
    loads = power.net_loads(netlist, library, Assumptions(), clocks)
    toggles = np.where(clocks, 2, 0)
    data, clock = power.cell_energies(netlist, library, loads, toggles, clocks)
    assert data.sum() == 0
    assert clock.sum() == pytest.approx(3 * 2 * (0.006943 + 0.129769) / 2)
    ends = power.clock_input_energy(netlist, library, loads, toggles, clocks)
    assert ends == pytest.approx(2 * 0.5 * VOLT**2 * 3 * (DFF_CLK + WIRE))


@needs_sta
def test_timing_by_hand(tiny: Synthesis, netlist: GateNetlist, tmp_path: Path) -> None:
    """DFFPOSX1 falling at 0.0225 pF and 0.24 ns: between 0.18774 (0.0125 pF) and 0.201494 (0.025 pF)."""
    rows = {row.group: row for row in timed(netlist, tiny, Assumptions(), tmp_path)}
    assert set(rows) == {"ports to top", "top to ports", "top to top"}
    out = rows["top to ports"]  # y_o carries 0.01 pF of wire
    fall = 0.17688600 + (0.18774 - 0.176886) * (0.01 - 0.005) / (0.0125 - 0.005)
    assert out.path_ns == pytest.approx(fall, abs=2e-4)
    assert out.slack_ns == pytest.approx(25 - 0.5 - out.path_ns, abs=1e-4)
    inside = rows["top to top"]
    clock_to_q = 0.18774 + (0.201494 - 0.18774) * (NAND_A + WIRE - 0.0125) / 0.0125
    assert 0.1 < inside.path_ns - clock_to_q < 0.5  # the gate and the setup time
    assert rows["ports to top"].path_ns == pytest.approx(0.5 + 0.26, abs=0.05)  # input delay and setup time
    assert timed(netlist, tiny, Assumptions(), tmp_path) == list(rows.values())  # from the cache


@needs_sta
def test_derates_multiply_paths(tiny: Synthesis, netlist: GateNetlist, tmp_path: Path) -> None:
    """That OpenSTA's derates do what `synthesised.derated_ns` does: multiply delays and setup times."""
    assumptions = Assumptions(input_delay_ns=0.0)
    inside = next(row for row in timed(netlist, tiny, assumptions, tmp_path) if row.group == "top to top")
    text = tiny_script(netlist, assumptions)
    factor = assumptions.derates.total
    derate = f"set_timing_derate -late {factor}\nset_timing_derate -late -cell_check {factor}\nreport_checks"
    ends = parse_ends(sta(netlist, tmp_path, text.replace("report_checks", derate)))
    derated = next(row for row in group_ends(ends, part, assumptions) if row.group == "top to top")
    assert derated.path_ns == pytest.approx(inside.path_ns * factor, rel=1e-3)
    assert 1.7 < factor < 1.9


@needs_sta
def test_power_beside_opensta(tiny: Synthesis, netlist: GateNetlist, library: PowerLibrary, tmp_path: Path) -> None:
    """Same activity everywhere: switching power agrees; internal power is half of what OpenSTA of 2019 prints.

    That version adds the energies of a rising and a falling edge for every transition; later versions take their mean, as
    the Liberty tables mean it. The slews differ a little, so internal power is compared within 5 %.
    """
    clocks = clocks_of(netlist)
    loads = power.net_loads(netlist, library, Assumptions(), clocks)
    toggles = np.where(clocks, 2.0, 0.2)
    toggles[netlist.ports["a_i"]] = toggles[netlist.ports["b_i"]] = 0.0
    text = tiny_script(netlist, Assumptions())
    given = (
        "set_power_activity -global -activity 0.2 -duty 0.5\nset_power_activity -input_ports {a_i b_i} -activity 0\n"
    )
    found = parse_power(sta(netlist, tmp_path, text + given + "report_power -digits 8\n"))
    assert found.leakage_w == pytest.approx((NAND_LEAK + 3 * DFF_LEAK) * 1e-9, rel=1e-4)
    driven = netlist.driver >= 0
    switching = (0.5 * VOLT**2 * loads.capacitance_pf * toggles)[driven].sum() / 25 * 1e-3
    data, clock = power.cell_energies(netlist, library, loads, toggles, clocks)
    internal = (data.sum() + clock.sum()) / 25 * 1e-3 - switching
    assert switching == pytest.approx(found.switching_w, rel=1e-5)
    assert 2 * internal == pytest.approx(found.internal_w, rel=0.05)


def timed(netlist: GateNetlist, tiny: Synthesis, assumptions: Assumptions, cache: Path) -> list[GroupTiming]:
    return time_netlist(netlist, power.block_of_cells(netlist, tiny), DEFAULT_LIBRARY, "tiny", assumptions, cache=cache)


def tiny_script(netlist: GateNetlist, assumptions: Assumptions) -> str:
    return script("tiny", {name: len(nets) for name, nets in netlist.ports.items()}, assumptions)


def part(point: str) -> str:
    return "ports" if cell_number(point) is None else "top"


def sta(netlist: GateNetlist, folder: Path, text: str) -> str:
    (folder / "cells.lib").write_bytes(DEFAULT_LIBRARY.read_bytes())
    (folder / "wires.lib").write_text(wire_library(Assumptions()))
    (folder / "netlist.v").write_text(flat_verilog(netlist, "tiny"))
    return run_opensta(text, folder, purpose="testing")


def test_buffer_trees(netlist: GateNetlist, tiny: Synthesis) -> None:
    """A net of 9 loads with at most 2 pins per driver: 5 + 3 + 2 buffers; clock and port nets as they are elsewhere."""
    wide = replace_loads(netlist, 9)
    net = int(wide.inputs[-1, 0])
    found = insert_buffers(wide, tiny.library, 2)
    assert found.buffers == 5 + 3 + 2
    result = found.netlist
    assert {result.kinds[k].name for k in result.kind[-10:]} == {"BUFX4"}
    assert (found.origin[wide.n_nets :] == net).all()
    assert (found.origin[: wide.n_nets] == np.arange(wide.n_nets)).all()
    counts = np.bincount(result.inputs[result.inputs >= 0], minlength=result.n_nets)
    clocks = clocks_of(wide)
    assert counts[: wide.n_nets][~clocks].max() <= 2
    assert counts[netlist.ports["clk_i"]] == 3
    ends = result.inputs[len(netlist.kind) : len(netlist.kind) + 9, 0]
    for end in ends.tolist():  # every load still hangs on the net, through buffers only
        source = end
        while source >= wide.n_nets:
            source = int(result.inputs[result.driver[source], 0])
        assert source == net
    assert insert_buffers(wide, tiny.library, 11).buffers == 0


def replace_loads(netlist: GateNetlist, loads: int) -> GateNetlist:
    """The netlist with more inverters (cells of its first kind with one free output) on the net of the gate's first input."""
    nand = next(i for i, kind in enumerate(netlist.kinds) if kind.name == "NAND2X1")
    cell = int(np.flatnonzero(netlist.kind == nand)[0])
    extra = np.full((loads, netlist.inputs.shape[1]), -1, dtype=np.int32)
    extra[:, 0] = netlist.inputs[cell, 0]
    outputs = np.full_like(extra, -1)
    outputs[:, 0] = netlist.n_nets + np.arange(loads)
    detached = netlist.inputs.copy()
    detached[cell, 0] = 0  # constant, so that the new loads are the only ones
    return replace(
        netlist, kind=np.concatenate([netlist.kind, np.full(loads, nand, dtype=np.int32)]),
        inputs=np.concatenate([detached, extra]), outputs=np.concatenate([netlist.outputs, outputs]),
        block=np.concatenate([netlist.block, np.zeros(loads, dtype=np.int32)]), n_nets=netlist.n_nets + loads,
    )  # fmt: skip


@needs_sta
def test_opensta_errors(tmp_path: Path) -> None:
    with pytest.raises(ToolFailedError, match="testing: OpenSTA ended"):
        run_opensta("read_liberty none.lib", tmp_path, purpose="testing")


def test_without_opensta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolNotFoundError, match="Debian package opensta"):
        run_opensta("", tmp_path, purpose="testing")


def test_reports_as_text() -> None:
    text = """
Startpoint                           Endpoint                                 Slack
----------------------------------------------------------------------------------

c196/Q (DFFPOSX1)                    c217/D (DFFPOSX1)                      20.7551
charges_i[3] (input)                 c3/D (DFFPOSX1)                        -1.5000
charges_i[4] (input)                 c4/D (DFFPOSX1)                         2.5000
c202/Q (tiny)                        y_o[0] (output)                        24.3393
"""
    rows = {row.group: row for row in group_ends(parse_ends(text), part, Assumptions())}
    assert list(rows) == ["ports to top", "top to top", "top to ports"]
    worst = rows["ports to top"]
    assert (worst.slack_ns, worst.path_ns, worst.endpoints, worst.startpoint) == (-1.5, 26.0, 2, "charges_i[3]")
    with pytest.raises(ToolFailedError, match="no path"):
        parse_ends("No paths found.")
    line = "Total                6.505319e-04 1.856843e-04 2.509341e-08 8.362414e-04 100.0%"
    assert parse_power(line).switching_w == 1.856843e-4
    with pytest.raises(ToolFailedError, match="no total power"):
        parse_power("Error: nothing")


def test_designs_that_have_no_clock() -> None:
    with pytest.raises(FlowError, match="no port is called clk"):
        script("tiny", {"a_i": 1}, Assumptions())


@pytest.mark.parametrize(
    ("text", "message"), [("library(a) { cell(b) { } }", "nom_voltage"), ("hello", "not a Liberty file")]
)
def test_libraries_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.lib"
    path.write_text(text)
    with pytest.raises(FlowError, match=message):
        read_power_library(path)
