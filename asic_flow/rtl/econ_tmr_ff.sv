// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// One copy of a triplicated register: plain flip-flops, with asynchronous reset or (HasReset = 0) without.
//
// A leaf module of its own, kept by synthesis: three identical `reg` vectors in one module are merged
// into one by common synthesis tools, three instances of this module are not.

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

  logic [Width-1:0] q_q;

  if (HasReset) begin : gen_reset
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) q_q <= ResetValue;
      else         q_q <= d_i;
    end
  end else begin : gen_no_reset
    logic unused_reset;
    assign unused_reset = rst_ni;

    always_ff @(posedge clk_i) q_q <= d_i;
  end

  assign q_o = q_q;

endmodule
