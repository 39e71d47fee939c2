// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Stands in for econ_tmr_ff in proofs. One step of the proof is one period of the undisturbed clock; `clk_i` says
// whether this copy's clock edge comes in the step (gated and stopped clocks), and each bit of `upset`, an undriven
// wire that the proof joins to free signals, inverts its flip-flop at the end of the step, with or without an edge.
// Flip-flops without reset (HasReset = 0) are reset here too: their owner clears them with a clock edge during reset.

(* keep_hierarchy = "yes" *)
module econ_tmr_ff #(
  parameter int               Width      = 1,
  parameter logic [Width-1:0] ResetValue = '0,
  parameter bit               HasReset   = 1'b1
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic [Width-1:0] d_i,
  output logic [Width-1:0] q_o
);

  (* keep *) wire [Width-1:0] upset;

  logic [Width-1:0] state_q;

  always @($global_clock) begin
    state_q <= rst_ni ? ((clk_i ? d_i : state_q) ^ upset) : ResetValue;
  end

  assign q_o = rst_ni ? state_q : ResetValue;

endmodule
