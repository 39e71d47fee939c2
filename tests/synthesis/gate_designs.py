"""A library of a few cells and mapped modules written by hand, so that gate-level tests need no synthesis."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from asic_flow.synthesis.flow import Mapped, Synthesis
from asic_flow.synthesis.hierarchy import Hierarchy, Module
from asic_flow.synthesis.liberty import Library, read_liberty

_GATES = {"INV": "!A", "AND2": "A B", "NAND2": "!(A B)", "OR2": "A+B", "XOR2": "A^B", "ONE": "1"}
_STORES = {
    "DFF": ('ff (IQ, IQN) { next_state : "D"; clocked_on : "CK"; }', ("D", "CK")),
    "DFFN": ('ff (IQ, IQN) { next_state : "D"; clocked_on : "!CK"; }', ("D", "CK")),
    "DFFR": (
        'ff (IQ, IQN) { next_state : "D"; clocked_on : "CK"; clear : "!R"; preset : "!S"; }',
        ("D", "CK", "R", "S"),
    ),
    "LATCH": ('latch (IQ, IQN) { data_in : "D"; enable : "G"; }', ("D", "G")),
}


def small_library(folder: Path) -> Library:
    """Gates, flip-flops with and without reset, a latch; `DFFN` stores at the falling edge."""
    cells = []
    for name, function in _GATES.items():
        letters = sorted(set(re.findall("[AB]", function)))
        inputs = "".join(f"pin({pin}) {{ direction : input; }} " for pin in letters)
        cells.append(f'cell({name}) {{ area : 1; {inputs} pin(Y) {{ direction : output; function : "{function}"; }} }}')
    for name, (state, pins) in _STORES.items():
        inputs = "".join(f"pin({pin}) {{ direction : input; }} " for pin in pins)
        values = {"Q": "IQ", "QN": "IQN"}
        outputs = "".join(f'pin({p}) {{ direction : output; function : "{v}"; }} ' for p, v in values.items())
        cells.append(f"cell({name}) {{ area : 4; {state} {inputs} {outputs} }}")
    path = folder / "small.lib"
    path.write_text("library(small) {\n" + "\n".join(cells) + "\n}\n")
    return read_liberty(path)


def mapped(library: Library, netlist: str) -> Synthesis:
    """Mapped design from the text of its modules, as Yosys writes them; the last one is the top."""
    found = re.findall(r"^module .*?^endmodule\n", netlist, re.MULTILINE | re.DOTALL)
    texts = {text.removeprefix("module ").split("(")[0]: text for text in found}
    known = [*library.cells, *texts]
    items = {}
    for name, text in texts.items():
        cells = Counter(word for word in re.findall(r"^  (\w+) \S+ +\($", text, re.M) if word in known)
        items[name] = Mapped(Module(name, name, ""), cells, text)
    hierarchy = Hierarchy(list(texts)[-1], {name: item.module for name, item in items.items()})
    return Synthesis(hierarchy, library, items, fresh=0)


GLITCH = """
module glitch(a, y);
  input a;
  wire a;
  wire n;
  output y;
  wire y;
  INV _0_ (
    .A(a),
    .Y(n)
  );
  XOR2 _1_ (
    .A(a),
    .B(n),
    .Y(y)
  );
endmodule
"""
"""y is always 1; with unit delay it falls for one unit whenever a changes."""

COUNTER = """
module bit_cell(clk, rst_ni, t, q, carry);
  wire d;
  input clk;
  wire clk;
  input rst_ni;
  wire rst_ni;
  input t;
  wire t;
  output q;
  wire q;
  output carry;
  wire carry;
  XOR2 _0_ (
    .A(t),
    .B(q),
    .Y(d)
  );
  AND2 _1_ (
    .A(t),
    .B(q),
    .Y(carry)
  );
  DFFR _2_ (
    .CK(clk),
    .D(d),
    .Q(q),
    .R(rst_ni),
    .S(1'h1)
  );
endmodule

module counter(clk_i, rst_ni, enable_i, up_i, \\held.count , alias_o, same_o,
  zero_o);
  wire _0_;
  wire _1_;
  wire gated;
  wire open;
  wire [2:0] carry;
  input clk_i;
  wire clk_i;
  input rst_ni;
  wire rst_ni;
  input enable_i;
  wire enable_i;
  input up_i;
  wire up_i;
  output [2:0] \\held.count ;
  wire [2:0] \\held.count ;
  output [4:2] alias_o;
  wire [4:2] alias_o;
  output same_o;
  wire same_o;
  output [1:0] zero_o;
  wire [1:0] zero_o;
  INV _2_ (
    .A(clk_i),
    .Y(_0_)
  );
  LATCH gate (
    .D(enable_i),
    .G(_0_),
    .Q(open),
    .QN()
  );
  AND2 _3_ (
    .A(clk_i),
    .B(open),
    .Y(gated)
  );
  bit_cell \\gen_bit[0].u_bit  (
    .carry(carry[0]),
    .clk(gated),
    .q(\\held.count [0]),
    .rst_ni(rst_ni),
    .t(up_i)
  );
  bit_cell \\gen_bit[1].u_bit  (
    .carry(carry[1]),
    .clk(gated),
    .q(\\held.count [1]),
    .rst_ni(rst_ni),
    .t(carry[0])
  );
  bit_cell \\gen_bit[2].u_bit  (
    .carry(carry[2]),
    .clk(gated),
    .q(\\held.count [2]),
    .rst_ni(rst_ni),
    .t(carry[1])
  );
  assign alias_o = { \\held.count [2:1], 1'hx };
  assign same_o = up_i;
  assign zero_o = 2'h2;
endmodule
"""
"""A three-bit counter behind a clock gate, with outputs that are other nets, constants or inputs."""
