// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Clock gate: `clk_o` follows `clk_i` in the cycles in whose low phase `enable_i` was high, else stays low.
//
// Behavioural description of an integrated clock-gating cell (latch and AND). In synthesis this one module is
// replaced by the cell of the library.

(* keep_hierarchy = "yes" *)
module econ_clock_gate (
  input  logic clk_i,
  input  logic enable_i,
  output logic clk_o
);

  logic enable_q;

  always_latch begin
    if (!clk_i) enable_q = enable_i;
  end

  assign clk_o = clk_i & enable_q;

endmodule
