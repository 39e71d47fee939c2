// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Stand-in for econ_voter in campaigns: the same majority, inverted where a campaign holds `pulse_q` high
// (a transient at the voter's output that meets a clock edge). `pulse_q` is zero unless a campaign writes it.

(* keep_hierarchy = "yes" *)
module econ_voter #(
  parameter int Width = 1
) (
  input  logic [Width-1:0] a_i,
  input  logic [Width-1:0] b_i,
  input  logic [Width-1:0] c_i,
  output logic [Width-1:0] y_o
);

  logic [Width-1:0] pulse_q;

  initial pulse_q = '0;

  assign y_o = ((a_i & b_i) | (b_i & c_i) | (a_i & c_i)) ^ pulse_q;

endmodule
