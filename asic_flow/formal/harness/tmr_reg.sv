// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// A triplicated register under upsets: in every clock any bits of one copy, chosen freely, are inverted. A copy whose
// clock stands still is covered too: its contents are then arbitrary.
// Asserted: the output is what a register without upsets holds, in every clock; the error output is high exactly in the
// clocks behind an upset, so the copies are equal again one clock later.

module harness #(
  parameter int Width      = 6,
  parameter int ResetValue = 0,
  parameter bit Refresh    = 1'b1,
  parameter bit Merged     = 1'b0,  // negative control: the three copies are one
  parameter bit SecondHit  = 1'b0   // negative control: a second copy may be hit in the same clock
) (
  input logic             clk,
  input logic [Width-1:0] wmask,
  input logic [Width-1:0] d,
  input logic [Width-1:0] mask,
  input logic [Width-1:0] second_mask,
  input logic [1:0]       victim,       // 3: nobody
  input logic [1:0]       second_victim
);

  logic             started = 1'b0;
  logic             hit_q;
  logic [Width-1:0] golden_q, q;
  logic [Width-1:0] upset_a, upset_b, upset_c;
  logic             error;

  assign upset_a = (Merged || victim == 2'd0 ? mask : '0) | (SecondHit && second_victim == 2'd0 ? second_mask : '0);
  assign upset_b = (Merged || victim == 2'd1 ? mask : '0) | (SecondHit && second_victim == 2'd1 ? second_mask : '0);
  assign upset_c = (Merged || victim == 2'd2 ? mask : '0) | (SecondHit && second_victim == 2'd2 ? second_mask : '0);

  always_ff @(posedge clk) started <= 1'b1;

  always_ff @(posedge clk or negedge started) begin
    if (!started) begin
      golden_q <= Width'(ResetValue);
      hit_q    <= 1'b0;
    end else begin
      golden_q <= (d & wmask) | (golden_q & ~wmask);
      hit_q    <= |(upset_a | upset_b | upset_c);
    end
  end

  econ_tmr_reg #(
    .Width     (Width),
    .ResetValue(Width'(ResetValue))
  ) u_dut (
    .clk_i    (clk),
    .rst_ni   (started),
    .refresh_i(Refresh),
    .wmask_i  (wmask),
    .d_i      (d),
    .q_o      (q),
    .error_o  (error)
  );

  always @(*) begin
    if (started) begin
      assert (q == golden_q);
      assert (error == hit_q);
    end
  end

endmodule
