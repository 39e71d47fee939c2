// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// The flip-flops of econ_tmr_ff with upsets, for proofs: each bit of `upset`, an undriven wire that the proof
// joins to free signals, inverts what its flip-flop takes at a clock edge. An upset in the middle of a
// cycle is covered: from the next edge on it looks the same, and the harness may also assume the worse case of
// an upset for the whole cycle.

(* keep_hierarchy = "yes" *)
module econ_tmr_ff #(
  parameter int               Width      = 1,
  parameter logic [Width-1:0] ResetValue = '0
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic [Width-1:0] d_i,
  output logic [Width-1:0] q_o
);

  (* keep *) wire [Width-1:0] upset;

  logic [Width-1:0] q_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) q_q <= ResetValue;
    else         q_q <= d_i ^ upset;
  end

  assign q_o = q_q;

endmodule
