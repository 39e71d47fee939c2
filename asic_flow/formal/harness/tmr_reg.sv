// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// A triplicated register under upsets: in every clock any bits of one copy, chosen freely, are inverted.
// Asserted: the output is what a register without upsets holds, in every clock; the error output is high exactly in the
// clocks behind an upset, so the copies are equal again one clock later.
// With ClockMayStop = 1, one copy, the same for all time, may miss clock edges and be hit by upsets as it likes.

module harness #(
  parameter int Width        = 6,
  parameter int ResetValue   = 0,
  parameter bit ClockMayStop = 1'b0,
  parameter bit Refresh      = 1'b1,  // 0: negative control
  parameter bit Merged       = 1'b0,  // negative control: the three copies are one
  parameter bit SecondHit    = 1'b0   // negative control: a second copy may be hit in the same clock
) (
  input logic             clk,
  input logic [Width-1:0] wmask,
  input logic [Width-1:0] d,
  input logic [Width-1:0] mask,
  input logic [Width-1:0] second_mask,
  input logic [1:0]       victim,         // 3: nobody
  input logic [1:0]       second_victim,
  input logic             edge_comes,
  input logic [1:0]       broken          // the copy whose clock may stop; never changes
);

  logic             started = 1'b0;
  logic             hit_q, error;
  logic [1:0]       broken_q;
  logic [2:0]       clk_tmr;
  logic [Width-1:0] golden_q, q;
  logic [Width-1:0] upset_a, upset_b, upset_c;

  assign upset_a = (Merged || victim == 2'd0 ? mask : '0) | (SecondHit && second_victim == 2'd0 ? second_mask : '0);
  assign upset_b = (Merged || victim == 2'd1 ? mask : '0) | (SecondHit && second_victim == 2'd1 ? second_mask : '0);
  assign upset_c = (Merged || victim == 2'd2 ? mask : '0) | (SecondHit && second_victim == 2'd2 ? second_mask : '0);

  assign clk_tmr[0] = !ClockMayStop || broken != 2'd0 || edge_comes;
  assign clk_tmr[1] = !ClockMayStop || broken != 2'd1 || edge_comes;
  assign clk_tmr[2] = !ClockMayStop || broken != 2'd2 || edge_comes;

  always_ff @(posedge clk) begin
    started  <= 1'b1;
    broken_q <= broken;
    golden_q <= started ? ((d & wmask) | (golden_q & ~wmask)) : Width'(ResetValue);
    hit_q    <= started && (|(upset_a | upset_b | upset_c));
  end

  econ_tmr_reg #(
    .Width     (Width),
    .ResetValue(Width'(ResetValue))
  ) u_dut (
    .clk_tmr_i(clk_tmr),
    .rst_ni   (started),
    .refresh_i(Refresh),
    .wmask_i  (wmask),
    .d_i      (d),
    .q_o      (q),
    .error_o  (error)
  );

  always @(*) begin
    if (started) assume (broken == broken_q);
    if (ClockMayStop) assume (victim == broken || victim == 2'd3);
    if (started) begin
      assert (q == golden_q);
      if (!ClockMayStop) assert (error == hit_q);
    end
  end

endmodule
