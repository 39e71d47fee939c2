// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// The input filter of an I2C line. Asserted: its level changes only when the samples FilterLength deep all say so, so a spike
// that meets fewer sampling edges never passes, and whatever happens to one copy, the same for all time, changes nothing.

module harness #(
  parameter int FilterLength = 3,
  parameter int Length       = 3   // samples asserted; one more than FilterLength: negative control
) (
  input logic                  clk,
  input logic                  line,
  input logic [FilterLength:0] mask,
  input logic                  level_mask,
  input logic [1:0]            broken   // the copy that is hit
);

  logic                    started = 1'b0;
  logic                    level, golden_q;
  logic [1:0]              broken_q;
  logic [FilterLength+1:0] line_q;
  logic [FilterLength:0]   upset_a, upset_b, upset_c;
  logic                    level_a, level_b, level_c;
  logic [FilterLength:0]   chain_a, chain_b, chain_c;   // joined to the filter's chains
  logic                    copy_a, copy_b, copy_c;      // joined to its level

  assign upset_a = (broken == 2'd0) ? mask : '0;
  assign upset_b = (broken == 2'd1) ? mask : '0;
  assign upset_c = (broken == 2'd2) ? mask : '0;
  assign level_a = (broken == 2'd0) && level_mask;
  assign level_b = (broken == 2'd1) && level_mask;
  assign level_c = (broken == 2'd2) && level_mask;

  always_ff @(posedge clk) begin
    started  <= 1'b1;
    broken_q <= broken;
    line_q   <= started ? {line_q[FilterLength:0], line} : '1;
    if (!started)                          golden_q <= 1'b1;
    else if (&line_q[Length:1])            golden_q <= 1'b1;
    else if (!(|line_q[Length:1]))         golden_q <= 1'b0;
  end

  econ_i2c_filter #(
    .FilterLength(FilterLength)
  ) u_dut (
    .clk_tmr_i(3'b111),
    .rst_ni   (started),
    .line_i   (line),
    .level_o  (level),
    .error_o  ()
  );

  always @(*) begin
    if (started) assume (broken == broken_q);
    if (started) begin
      assert (level == golden_q);
      if (Length == FilterLength) begin
        assert (broken == 2'd0 || (chain_a == line_q[FilterLength:0] && copy_a == golden_q));
        assert (broken == 2'd1 || (chain_b == line_q[FilterLength:0] && copy_b == golden_q));
        assert (broken == 2'd2 || (chain_c == line_q[FilterLength:0] && copy_c == golden_q));
      end
    end
  end

endmodule
