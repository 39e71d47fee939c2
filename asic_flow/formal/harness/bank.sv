// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// The weight bank with gated clocks and its refresh timer: every refresh period of T + 1 clocks, with any constant T
// of PeriodWidth bits, any bits of one copy are inverted, at most once. Asserted: the weights are what a memory without
// upsets holds, in every clock. Writes come at any time.

module harness #(
  parameter int WeightBits  = 12,
  parameter int BlockBytes  = 1,
  parameter int PeriodWidth = 16,
  parameter int Grace       = 0,      // negative control: upsets may come this many clocks early
  parameter bit Refresh     = 1'b1,   // 0: negative control
  parameter bit Helpers     = 1'b1,   // 0 with the negative controls, which must break the claim itself
  localparam int BlockBits  = 8 * BlockBytes,
  localparam int NumBlocks  = (WeightBits + BlockBits - 1) / BlockBits
) (
  input logic                  clk,
  input logic                  we,
  input logic [NumBlocks-1:0]  block,
  input logic [BlockBytes-1:0] column,
  input logic [7:0]            wdata,
  input logic [WeightBits-1:0] mask,
  input logic [1:0]            victim,
  input logic [PeriodWidth-1:0] period    // any value, constant
);

  logic                   started = 1'b0;
  logic [PeriodWidth-1:0] period_q;
  logic [PeriodWidth:0]   age_q;          // clocks since the last upset, saturating
  logic                   tick, hit;
  logic [2:0]             wrong;
  logic [WeightBits-1:0]  golden_q, golden_d, weights;
  logic [WeightBits-1:0]  upset_a, upset_b, upset_c;
  logic [WeightBits-1:0]  copy_a, copy_b, copy_c;   // joined to the copies inside the bank
  logic [PeriodWidth-1:0] timer;                    // joined to the timer's count

  assign hit     = (victim != 2'd3) && (mask != '0);
  assign upset_a = (victim == 2'd0) ? mask : '0;
  assign upset_b = (victim == 2'd1) ? mask : '0;
  assign upset_c = (victim == 2'd2) ? mask : '0;
  assign wrong   = {copy_c != golden_q, copy_b != golden_q, copy_a != golden_q};

  always @(*) begin
    golden_d = golden_q;
    for (int i = 0; i < WeightBits; i++) begin
      if (we && block[i / BlockBits] && column[(i % BlockBits) / 8]) golden_d[i] = wdata[i % 8];
    end
  end

  always_ff @(posedge clk) begin
    started  <= 1'b1;
    period_q <= period;
    golden_q <= started ? golden_d : '0;
    if (!started)           age_q <= '1;
    else if (hit)           age_q <= '0;
    else if (age_q != '1)   age_q <= age_q + 1'b1;
  end

  econ_refresh_timer #(
    .Width(PeriodWidth)
  ) u_timer (
    .clk_tmr_i(3'b111),
    .rst_ni   (started),
    .period_i (period),
    .tick_o   (tick),
    .error_o  ()
  );

  econ_weight_bank #(
    .WeightBits  (WeightBits),
    .BlockBytes  (BlockBytes),
    .CounterWidth(2)
  ) u_bank (
    .clk_tmr_i  (3'b111),
    .rst_ni     (started),
    .refresh_i  (Refresh),
    .tick_i     (tick),
    .we_i       (we),
    .block_sel_i(block),
    .byte_sel_i (column),
    .wdata_i    (wdata),
    .load_i     (1'b0),
    .load_data_i('0),
    .weights_o  (weights),
    .clear_i    (1'b0),
    .count_o    (),
    .error_o    ()
  );

  always @(*) begin
    if (started) assume (period == period_q);
    if (hit) assume (age_q + Grace >= period);
    if (started) begin
      assert (weights == golden_q);
      // What makes the induction close: one copy is wrong at most, and not for longer than the timer has counted.
      if (Helpers) begin
        assert (wrong == 3'b000 || wrong == 3'b001 || wrong == 3'b010 || wrong == 3'b100);
        assert (wrong == 3'b000 || age_q <= timer);
        assert (timer <= period);
      end
    end
  end

endmodule
