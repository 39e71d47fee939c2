"""A flat netlist as Verilog for OpenSTA: cells ``c0, c1, ...``, nets ``n2, n3, ...``, the ports of the design."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from asic_flow.synthesis.gates import OPEN, GateNetlist


def flat_verilog(netlist: GateNetlist, top: str) -> str:
    """One module of the whole design.

    Args:
        netlist: flat netlist.
        top: name of the module.
    """
    return "\n".join(_lines(netlist, top)) + "\n"


def cell_number(point: str) -> int | None:
    """Cell of a pin name ``c12/D``; None for a port."""
    name, _, pin = point.partition("/")
    return int(name[1:]) if pin else None


def _lines(netlist: GateNetlist, top: str) -> Iterator[str]:
    names = [f"n{net}" for net in range(netlist.n_nets)]
    names[0], names[1] = "1'b0", "1'b1"
    yield f"module {top} ({', '.join(netlist.ports)});"
    for port, nets in netlist.ports.items():
        given = port in netlist.input_ports
        span = "" if len(nets) == 1 else f"[{len(nets) - 1}:0] "
        yield f"  {'input' if given else 'output'} {span}{port};"
        if given:
            for bit, net in enumerate(nets.tolist()):
                names[net] = port if len(nets) == 1 else f"{port}[{bit}]"
    undeclared = [name for name in names[2:] if name.startswith("n")]
    for start in range(0, len(undeclared), 1000):
        yield f"  wire {', '.join(undeclared[start : start + 1000])};"
    for port, nets in netlist.ports.items():
        if port not in netlist.input_ports:
            for bit, net in enumerate(nets.tolist()):
                yield f"  assign {port if len(nets) == 1 else f'{port}[{bit}]'} = {names[net]};"
    yield from _cells(netlist, names)
    yield "endmodule"


def _cells(netlist: GateNetlist, names: list[str]) -> Iterator[str]:
    for index, kind in enumerate(netlist.kinds):
        cells = np.flatnonzero(netlist.kind == index)
        pins = [(pin, netlist.inputs[cells, column].tolist()) for column, pin in enumerate(kind.inputs)]
        pins += [(pin, netlist.outputs[cells, column].tolist()) for column, pin in enumerate(kind.outputs)]
        for row, cell in enumerate(cells.tolist()):
            joined = ", ".join(f".{pin}({names[nets[row]]})" for pin, nets in pins if nets[row] != OPEN)
            yield f"  {kind.name} c{cell} ({joined});"
