"""Yosys technology maps made from what a library offers: adder cells, and a latch for the clock gates."""

from __future__ import annotations

from asic_flow.errors import FlowError
from asic_flow.synthesis.liberty import Cell, Library


def techmap_text(library: Library) -> tuple[str, str]:
    """Maps for ``$fa`` cells and for latches; an empty map where the library has no adder cell.

    Raises:
        FlowError: the library has no latch, which the clock gates need.
    """
    return _adders(library), _latches(library)


def _adders(library: Library) -> str:
    """``$fa`` (X: carry, Y: sum) to full adders, to half adders where the third input is zero."""
    full, half = library.adder(3), library.adder(2)
    if full is None:
        return ""
    three = _instance(full, ("A[i]", "B[i]", "C[i]"))
    two = three if half is None else _instance(half, ("A[i]", "B[i]"))
    return f"""(* techmap_celltype = "$fa" *)
module map_fa (A, B, C, X, Y);
  parameter WIDTH = 1;
  parameter _TECHMAP_CONSTMSK_C_ = 0;
  parameter _TECHMAP_CONSTVAL_C_ = 0;
  input [WIDTH-1:0] A, B, C;
  output [WIDTH-1:0] X, Y;
  localparam [WIDTH-1:0] Known = _TECHMAP_CONSTMSK_C_;
  localparam [WIDTH-1:0] Value = _TECHMAP_CONSTVAL_C_;
  genvar i;
  generate
    for (i = 0; i < WIDTH; i = i + 1) begin : gen_bit
      if (Known[i] && !Value[i]) begin : gen_half
        {two}
      end else begin : gen_full
        {three}
      end
    end
  endgenerate
endmodule
"""


def _instance(adder: tuple[Cell, str, str], operands: tuple[str, ...]) -> str:
    cell, total, carry = adder
    pins = ", ".join(f".{pin}({operand})" for pin, operand in zip(cell.inputs, operands, strict=True))
    return f"{cell.name} u_adder ({pins}, .{carry}(X[i]), .{total}(Y[i]));"


def _latches(library: Library) -> str:
    cell = library.latch
    if cell is None or cell.state is None:
        raise FlowError(f"mapping to {library.path}: it has no plain latch, which the clock gates are made of")
    output = next(pin for pin, function in cell.outputs.items() if function == cell.state.names[0])
    return "".join(
        f"module \\$_DLATCH_{polarity}_ (input E, input D, output Q);\n"
        f"  {cell.name} u_latch (.{cell.state.clock}({enable}), .{cell.state.data}(D), .{output}(Q));\nendmodule\n"
        for polarity, enable in (("P", "E"), ("N", "~E"))
    )
