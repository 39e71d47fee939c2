// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Stands in for econ_clock_gate in proofs, beside upset_ff.sv: a clock is a bit that says whether its edge comes.

module econ_clock_gate (
  input  logic clk_i,
  input  logic enable_i,
  output logic clk_o
);

  assign clk_o = clk_i & enable_i;

endmodule
