// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// The weights behind one byte port: active bank with refresh, upset counters and CRC; with ShadowBank = 1 also a
// shadow bank and its commit.
//
// ShadowBank = 0: writes go to the active bank (`written_o`: it changes now, and may be half old, half new).
// ShadowBank = 1: writes go to the shadow, never to the active bank; a commit (econ_commit) copies all bits in one
// clock. A request for a commit starts a pass of the CRC over the shadow, and while it waits for its crossing, pass
// follows pass at one byte per clock; so every byte committed was seen right at most two passes before, at most one for
// a commit at once. Reads show the active bank, or the shadow while `read_shadow_i` is high. Every pass over the
// active bank whose CRC is not that of the last commit is counted in `mismatches_o` (saturating).

module econ_weight_store #(
  parameter int  WeightBits   = 12864,
  parameter int  BlockBytes   = 134,
  parameter int  CounterWidth = 16,
  parameter bit  ShadowBank   = 1'b0,
  parameter int  BxWidth      = 12,
  parameter int  HoldClocks   = 1,    // see econ_commit
  parameter int  CrcPace      = 16,   // see econ_bank_crc
  parameter bit  Selective    = 1'b0, // see econ_weight_bank, also for the next ones
  localparam int OrderWidth   = Selective ? 16 * WeightBits : 16,
  localparam int NumBlocks    = (WeightBits + 8 * BlockBytes - 1) / (8 * BlockBytes),
  parameter logic [32*NumBlocks-1:0] TripledBits = '0,
  parameter logic [OrderWidth-1:0]   BitOrder    = '0,
  localparam int BlockWidth   = (NumBlocks > 1) ? $clog2(NumBlocks) : 1,
  localparam int ByteWidth    = (BlockBytes > 1) ? $clog2(BlockBytes) : 1
) (
  input  logic [2:0]                        clk_tmr_i,
  input  logic                              rst_ni,
  input  logic                              refresh_i,
  input  logic [15:0]                       refresh_period_i,
  // byte port of the host: `access_i` in the clock of a read or write, `hit_i` if it is of a weight byte
  input  logic                              access_i,
  input  logic                              hit_i,
  input  logic                              we_i,
  input  logic [BlockWidth-1:0]             block_i,
  input  logic [ByteWidth-1:0]              byte_i,
  input  logic [7:0]                        wdata_i,
  output logic [7:0]                        rdata_o,
  // commit
  input  logic                              read_shadow_i,
  input  logic                              request_i,
  input  logic                              withdraw_i,
  input  logic [15:0]                       commit_bx_i,
  input  logic [31:0]                       expected_crc_i,
  input  logic [15:0]                       version_i,
  input  logic [BxWidth-1:0]                bx_i,
  // encoder
  output logic [WeightBits-1:0]             weights_o,
  output logic                              written_o,
  output logic                              hold_o,
  // monitor
  input  logic                              clear_i,
  output logic [NumBlocks*CounterWidth-1:0] count_o,
  output logic [31:0]                       crc_o,
  output logic                              crc_valid_o,
  output logic [31:0]                       shadow_crc_o,
  output logic [4:0]                        bank_status_o,   // refused, done, pending, shadow CRC valid, has shadow
  output logic [7:0]                        mismatches_o,
  output logic [15:0]                       version_o,
  output logic                              error_o          // an upset in control registers, corrected
);

  logic                  tick, changed, write_active, load, crc_done;
  logic [WeightBits-1:0] load_data;
  logic [NumBlocks-1:0]  block_sel;
  logic [BlockBytes-1:0] byte_sel;
  logic [7:0]            active_rdata;
  logic                  timer_error, bank_error, port_error, shadow_error;

  econ_refresh_timer #(
    .Width(16)
  ) u_timer (
    .clk_tmr_i,
    .rst_ni,
    .period_i(refresh_period_i),
    .tick_o  (tick),
    .error_o (timer_error)
  );

  econ_weight_bank #(
    .WeightBits  (WeightBits),
    .BlockBytes  (BlockBytes),
    .CounterWidth(CounterWidth),
    .ParallelLoad(ShadowBank),
    .Selective   (Selective),
    .TripledBits (TripledBits),
    .BitOrder    (BitOrder)
  ) u_bank (
    .clk_tmr_i,
    .rst_ni,
    .refresh_i,
    .tick_i     (tick),
    .we_i       (write_active),
    .block_sel_i(block_sel),
    .byte_sel_i (byte_sel),
    .wdata_i,
    .load_i     (load),
    .load_data_i(load_data),
    .weights_o,
    .clear_i,
    .count_o,
    .error_o    (bank_error)
  );

  econ_bank_port #(
    .WeightBits(WeightBits),
    .BlockBytes(BlockBytes),
    .CrcPace   (CrcPace)
  ) u_port (
    .clk_tmr_i,
    .rst_ni,
    .data_i     (weights_o),
    .restart_i  (changed),
    .fast_i     (1'b0),
    .access_i,
    .hit_i,
    .block_i,
    .byte_i,
    .block_sel_o(block_sel),
    .byte_sel_o (byte_sel),
    .rdata_o    (active_rdata),
    .crc_o,
    .crc_valid_o,
    .crc_done_o (crc_done),
    .error_o    (port_error)
  );

  if (ShadowBank) begin : gen_shadow
    logic [NumBlocks-1:0]  shadow_block_sel;
    logic [BlockBytes-1:0] shadow_byte_sel;
    logic [7:0]            shadow_rdata;
    logic                  shadow_crc_valid, unused_done, pending, done, refused, committed;
    logic [31:0]           committed_crc;
    logic                  shadow_port_error, commit_error, mismatch_error;

    assign write_active = 1'b0;
    assign changed      = load;
    assign written_o    = 1'b0;
    assign rdata_o      = read_shadow_i ? shadow_rdata : active_rdata;

    econ_shadow_bank #(
      .WeightBits(WeightBits),
      .BlockBytes(BlockBytes)
    ) u_shadow (
      .clk_i      (clk_tmr_i[0]),
      .rst_ni,
      .we_i,
      .block_sel_i(shadow_block_sel),
      .byte_sel_i (shadow_byte_sel),
      .wdata_i,
      .data_o     (load_data)
    );

    econ_bank_port #(
      .WeightBits(WeightBits),
      .BlockBytes(BlockBytes),
      .CrcPace   (CrcPace)
    ) u_shadow_port (
      .clk_tmr_i,
      .rst_ni,
      .data_i     (load_data),
      .restart_i  ((we_i && hit_i) || request_i),
      .fast_i     (pending),
      .access_i,
      .hit_i,
      .block_i,
      .byte_i,
      .block_sel_o(shadow_block_sel),
      .byte_sel_o (shadow_byte_sel),
      .rdata_o    (shadow_rdata),
      .crc_o      (shadow_crc_o),
      .crc_valid_o(shadow_crc_valid),
      .crc_done_o (unused_done),
      .error_o    (shadow_port_error)
    );

    econ_commit #(
      .BxWidth   (BxWidth),
      .HoldClocks(HoldClocks)
    ) u_commit (
      .clk_tmr_i,
      .rst_ni,
      .request_i,
      .withdraw_i,
      .commit_bx_i,
      .expected_crc_i,
      .version_i,
      .crc_i      (shadow_crc_o),
      .crc_valid_i(shadow_crc_valid),
      .bx_i,
      .commit_o   (load),
      .hold_o,
      .pending_o  (pending),
      .done_o     (done),
      .refused_o  (refused),
      .committed_o(committed),
      .crc_o      (committed_crc),
      .version_o,
      .error_o    (commit_error)
    );

    econ_error_counter #(
      .Width(8)
    ) u_mismatches (
      .clk_tmr_i,
      .rst_ni,
      .clear_i,
      .event_i(committed && crc_done && crc_o != committed_crc),
      .count_o(mismatches_o),
      .error_o(mismatch_error)
    );

    assign bank_status_o = {refused, done, pending, shadow_crc_valid, 1'b1};
    assign shadow_error  = shadow_port_error | commit_error | mismatch_error;
  end else begin : gen_no_shadow
    logic unused_commit;

    assign write_active = we_i;
    assign changed      = we_i && hit_i;
    assign written_o    = changed;
    assign rdata_o      = active_rdata;
    assign load         = 1'b0;
    assign load_data    = weights_o;  // not taken
    assign hold_o       = 1'b0;

    assign {bank_status_o, mismatches_o, version_o, shadow_crc_o} = '0;

    assign shadow_error  = 1'b0;
    assign unused_commit = ^{read_shadow_i, request_i, withdraw_i, commit_bx_i, expected_crc_i, version_i, bx_i,
                             crc_done};
  end

  assign error_o = timer_error | bank_error | port_error | shadow_error;

endmodule
