// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// A counter of upsets, itself under upsets. Asserted: it counts events, holds at its largest value, and is zero while
// cleared, whatever happens to one of its copies.

module harness #(
  parameter int Width = 4
) (
  input logic             clk,
  input logic             clear,
  input logic             happens,
  input logic [Width-1:0] mask,
  input logic [1:0]       victim
);

  logic             started = 1'b0;
  logic             cleared_q;
  logic [Width-1:0] golden_q, count;
  logic [Width-1:0] upset_a, upset_b, upset_c;

  assign upset_a = (victim == 2'd0) ? mask : '0;
  assign upset_b = (victim == 2'd1) ? mask : '0;
  assign upset_c = (victim == 2'd2) ? mask : '0;

  always_ff @(posedge clk) begin
    started   <= 1'b1;
    cleared_q <= clear;
    if (!started || clear)                                      golden_q <= '0;
    else if (happens && golden_q < Width'((1 << Width) - 1))    golden_q <= golden_q + Width'(1);
  end

  econ_error_counter #(
    .Width(Width)
  ) u_dut (
    .clk_tmr_i(3'b111),
    .rst_ni   (started),
    .clear_i  (clear),
    .event_i  (happens),
    .count_o  (count),
    .error_o  ()
  );

  always @(*) begin
    if (started) begin
      assert (count == golden_q);
      assert (!cleared_q || count == '0);
    end
  end

endmodule
