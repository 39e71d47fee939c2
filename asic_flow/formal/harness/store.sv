// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// The weight store with a shadow bank whose contents are anything in every clock, and any upset of one copy of the active
// bank in every clock. Asserted: the active weights stay as they are but in the clock of a commit, and then all bits become the
// shadow's at once; a commit needs a pending request that is due, and a CRC that is the expected one and valid; a request
// takes a valid CRC away, so it is of a pass that began behind the request. Host writes do nothing.

module harness #(
  parameter int WeightBits = 12,
  parameter int BlockBytes = 1,
  localparam int NumBlocks = (WeightBits + 8 * BlockBytes - 1) / (8 * BlockBytes)
) (
  input logic                  clk,
  input logic                  access,
  input logic                  hit,
  input logic                  we,
  input logic [0:0]            block,
  input logic [0:0]            column,
  input logic [7:0]            wdata,
  input logic                  request,
  input logic                  withdraw,
  input logic [15:0]           commit_bx,
  input logic [31:0]           expected,
  input logic [3:0]            bx,
  input logic [WeightBits-1:0] contents,
  input logic [WeightBits-1:0] mask,
  input logic [1:0]            victim
);

  logic                  started = 1'b0;
  logic                  pending_q, requested_q, due;
  logic [WeightBits-1:0] golden_q, weights;
  logic [WeightBits-1:0] upset_a, upset_b, upset_c;
  logic [WeightBits-1:0] copy_a, copy_b, copy_c;   // joined to the copies of the active bank
  logic [2:0]            wrong;
  logic                  its_commit, its_valid;    // joined to the store's signals
  logic [31:0]           its_crc;

  assign upset_a = (victim == 2'd0) ? mask : '0;
  assign upset_b = (victim == 2'd1) ? mask : '0;
  assign upset_c = (victim == 2'd2) ? mask : '0;
  assign due     = pending_q && (commit_bx == 16'hFFFF || commit_bx == {12'd0, bx});
  assign wrong   = {copy_c != golden_q, copy_b != golden_q, copy_a != golden_q};

  always_ff @(posedge clk) begin
    started   <= 1'b1;
    pending_q <= started && (request || (pending_q && !withdraw && !(its_valid && (due || its_crc != expected))));
    requested_q <= started && request;
    if (!started)        golden_q <= '0;
    else if (its_commit) golden_q <= contents;
  end

  econ_weight_store #(
    .WeightBits  (WeightBits),
    .BlockBytes  (BlockBytes),
    .CounterWidth(2),
    .ShadowBank  (1'b1),
    .BxWidth     (4)
  ) u_dut (
    .clk_tmr_i       (3'b111),
    .rst_ni          (started),
    .refresh_i       (1'b1),
    .refresh_period_i(16'd0),
    .access_i        (access),
    .hit_i           (hit),
    .we_i            (we),
    .block_i         (block),
    .byte_i          (column),
    .wdata_i         (wdata),
    .rdata_o         (),
    .read_shadow_i   (1'b0),
    .request_i       (request),
    .withdraw_i      (withdraw),
    .commit_bx_i     (commit_bx),
    .expected_crc_i  (expected),
    .version_i       (16'd0),
    .bx_i            (bx),
    .weights_o       (weights),
    .written_o       (),
    .hold_o          (),
    .clear_i         (1'b0),
    .count_o         (),
    .crc_o           (),
    .crc_valid_o     (),
    .shadow_crc_o    (),
    .bank_status_o   (),
    .mismatches_o    (),
    .version_o       (),
    .error_o         ()
  );

  logic its_pending;  // joined to the commit logic

  always @(*) begin
    if (started) begin
      assert (weights == golden_q);
      assert (wrong == 3'b000 || wrong == 3'b001 || wrong == 3'b010 || wrong == 3'b100);
      assert (its_pending == pending_q);
      assert (!its_commit || (due && its_valid && its_crc == expected));
      assert (!requested_q || !its_valid);
    end
  end

endmodule
