// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Bitwise two-out-of-three majority voter.
//
// A leaf module of its own: with `keep_hierarchy` synthesis can neither flatten nor share the three
// voters of a register, so the copies stay independent (see econ_tmr_reg).

(* keep_hierarchy = "yes" *)
module econ_voter #(
  parameter int Width = 1
) (
  input  logic [Width-1:0] a_i,
  input  logic [Width-1:0] b_i,
  input  logic [Width-1:0] c_i,
  output logic [Width-1:0] y_o
);

  assign y_o = (a_i & b_i) | (b_i & c_i) | (a_i & c_i);

endmodule
