// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Registers behind the I2C target: weights, MISC, identity, status, CRC and upset counters, CONTROL.
// Addresses come from econ_pkg; the generated register map describes them for the host.
//
//   weights   byte k at WeightBase + (k / BlockBytes) * BlockStride + k % BlockBytes            RW
//   MISC      MiscAddress: bit 0 holds all upset counters at zero, bit 1 run                     RW
//   monitor   MonitorBase +0x00 id  +0x04 map version  +0x06 weight bytes  +0x08 structure hash  RO
//             +0x0C status: bit 0 run, 1 CRC valid, 2 a counter is not zero, 3 stale
//             +0x0D bank status: bit 0 shadow bank, 1 its CRC valid, 2 commit pending, 3 done, 4 refused
//             +0x0E passes over the active bank with a wrong CRC
//             +0x10 CRC-32 of the weights  +0x14 upsets in control registers (16 bit)
//             +0x16 version of the active weights (16 bit)  +0x18 CRC-32 of the shadow bank
//             +0x20 + 2 i upsets in weight block i (16 bit)
//   CONTROL   ControlBase, 16 bytes; see econ_control                                            RW
// Multi-byte values are little-endian. Everything else reads zero and ignores writes.
//
// `live_o` lets the encoder's output through: `run` is set, no byte of the active bank was written since `run` was
// last written as one ("stale"), and no event is on its way that a commit met inside the encoder. So nothing that
// was computed with weights half old and half new is ever seen at the output.

module econ_registers (
  input  logic [2:0]                       clk_tmr_i,
  input  logic                             rst_ni,
  input  logic                             refresh_i,
  // from the I2C target; rdata_o is combinational
  input  logic                             wr_en_i,
  input  logic                             rd_en_i,
  input  logic [15:0]                      addr_i,
  input  logic [7:0]                       wdata_i,
  output logic [7:0]                       rdata_o,
  // bunch crossing of the event at the encoder's input
  input  logic [econ_pkg::BxWidth-1:0]     bx_i,
  // to the encoder and the formatter
  output logic [econ_pkg::WeightBits-1:0]  weights_o,
  output logic                             live_o,
  output logic [7:0]                       fmt_links_o,
  // corrected upset in a control register elsewhere
  input  logic                             control_error_i
);

  import econ_pkg::*;

  localparam int CounterWidth  = 16;
  localparam int BlockWidth    = (NumBlocks > 1) ? $clog2(NumBlocks) : 1;
  localparam int ByteWidth     = (BlockBytes > 1) ? $clog2(BlockBytes) : 1;
  localparam int CountersWidth = NumBlocks * CounterWidth;
  localparam int MonitorBytes  = 32 + 2 * NumBlocks;
  localparam int ControlBytes  = 16;

  logic                      hit, control_hit, we_misc;
  logic [BlockWidth-1:0]     block;
  logic [ByteWidth-1:0]      byte_index;
  logic [15:0]               offset, monitor_offset;
  logic [7:0]                weight_rdata, control_rdata;

  logic                      clear_q, run_q, stale_d, stale_q;
  logic                      written, hold, seu_seen;
  logic [CountersWidth-1:0]  counts;
  logic [CounterWidth-1:0]   control_count;
  logic                      misc_error, stale_error, control_error, store_error, counter_error;

  logic                      read_shadow, request, withdraw, crc_valid;
  logic [15:0]               refresh_period, commit_bx, weight_version, active_version;
  logic [31:0]               expected_crc, crc, shadow_crc;
  logic [4:0]                bank_status;
  logic [7:0]                mismatches;
  logic [8*MonitorBytes-1:0] monitor;

  // --- address decoding -------------------------------------------------------------------------------
  always @(*) begin
    hit        = 1'b0;
    block      = '0;
    byte_index = '0;
    offset     = '0;
    for (int b = 0; b < NumBlocks; b++) begin
      offset = addr_i - 16'(WeightBase + b * BlockStride);
      if (addr_i >= 16'(WeightBase + b * BlockStride)
          && offset < 16'((b == NumBlocks - 1) ? LastBlockBytes : BlockBytes)) begin
        hit        = 1'b1;
        block      = BlockWidth'(b);
        byte_index = ByteWidth'(offset);
      end
    end
  end

  assign we_misc     = wr_en_i && (addr_i == 16'(MiscAddress));
  assign control_hit = (addr_i >= 16'(ControlBase)) && (addr_i - 16'(ControlBase) < 16'(ControlBytes));

  // --- control ----------------------------------------------------------------------------------------
  econ_tmr_reg #(
    .Width(2)
  ) u_misc (
    .clk_tmr_i,
    .rst_ni,
    .refresh_i(1'b1),
    .wmask_i  ({2{we_misc}}),
    .d_i      (wdata_i[1:0]),
    .q_o      ({run_q, clear_q}),
    .error_o  (misc_error)
  );

  always @(*) begin
    stale_d = stale_q;
    if (written)                    stale_d = 1'b1;
    else if (we_misc && wdata_i[1]) stale_d = 1'b0;
  end

  econ_tmr_reg #(
    .Width(1)
  ) u_stale (
    .clk_tmr_i,
    .rst_ni,
    .refresh_i(1'b1),
    .wmask_i  (1'b1),
    .d_i      (stale_d),
    .q_o      (stale_q),
    .error_o  (stale_error)
  );

  econ_control #(
    .ShadowBank(ShadowBank)
  ) u_control (
    .clk_tmr_i,
    .rst_ni,
    .we_i            (wr_en_i && control_hit),
    .offset_i        (4'(addr_i - 16'(ControlBase))),
    .wdata_i,
    .rdata_o         (control_rdata),
    .fmt_links_o,
    .read_shadow_o   (read_shadow),
    .refresh_period_o(refresh_period),
    .commit_bx_o     (commit_bx),
    .expected_crc_o  (expected_crc),
    .weight_version_o(weight_version),
    .request_o       (request),
    .withdraw_o      (withdraw),
    .error_o         (control_error)
  );

  assign live_o = run_q & ~stale_q & ~hold;

  // --- weights ----------------------------------------------------------------------------------------
  econ_weight_store #(
    .WeightBits  (WeightBits),
    .BlockBytes  (BlockBytes),
    .CounterWidth(CounterWidth),
    .ShadowBank  (ShadowBank),
    .BxWidth     (BxWidth),
    .HoldClocks  (NumStages - 1),
    .Selective   (Selective),
    .TripledBits (TripledBits),
    .BitOrder    (BitOrder)
  ) u_store (
    .clk_tmr_i,
    .rst_ni,
    .refresh_i,
    .refresh_period_i(refresh_period),
    .access_i        (wr_en_i | rd_en_i),
    .hit_i           (hit),
    .we_i            (wr_en_i),
    .block_i         (block),
    .byte_i          (byte_index),
    .wdata_i,
    .rdata_o         (weight_rdata),
    .read_shadow_i   (read_shadow),
    .request_i       (request),
    .withdraw_i      (withdraw),
    .commit_bx_i     (commit_bx),
    .expected_crc_i  (expected_crc),
    .version_i       (weight_version),
    .bx_i,
    .weights_o,
    .written_o       (written),
    .hold_o          (hold),
    .clear_i         (clear_q),
    .count_o         (counts),
    .crc_o           (crc),
    .crc_valid_o     (crc_valid),
    .shadow_crc_o    (shadow_crc),
    .bank_status_o   (bank_status),
    .mismatches_o    (mismatches),
    .version_o       (active_version),
    .error_o         (store_error)
  );

  econ_error_counter #(
    .Width(CounterWidth)
  ) u_control_counter (
    .clk_tmr_i,
    .rst_ni,
    .clear_i(clear_q),
    .event_i(control_error_i | misc_error | stale_error | control_error | store_error),
    .count_o(control_count),
    .error_o(counter_error)
  );

  // --- monitor and read multiplexer -------------------------------------------------------------------
  assign seu_seen       = (counts != '0) || (control_count != '0);
  assign monitor_offset = addr_i - 16'(MonitorBase);

  // byte 0 at the LSB; the concatenation starts with the highest byte
  assign monitor = {counts,
                    32'd0, shadow_crc, active_version, control_count, crc,
                    8'd0, mismatches, 3'd0, bank_status, 4'd0, stale_q, seu_seen, crc_valid, run_q,
                    StructureHash, 16'(WeightBytes), MapVersion, ChipId};

  always @(*) begin
    rdata_o = '0;
    if (hit) begin
      rdata_o = weight_rdata;
    end else if (addr_i == 16'(MiscAddress)) begin
      rdata_o = {6'd0, run_q, clear_q};
    end else if (control_hit) begin
      rdata_o = control_rdata;
    end else if (addr_i >= 16'(MonitorBase)) begin
      for (int i = 0; i < MonitorBytes; i++) begin
        if (monitor_offset == 16'(i)) rdata_o = monitor[8*i +: 8];
      end
    end
  end

  // An upset in the control counter itself is repaired like any other; nobody counts it.
  logic unused_counter_error;
  assign unused_counter_error = counter_error;

`ifndef SYNTHESIS
`ifndef __ICARUS__  // version 11 has no elaboration system tasks
  if (WeightBytes != (WeightBits + 7) / 8 || NumBlocks != (WeightBytes + BlockBytes - 1) / BlockBytes
      || LastBlockBytes != WeightBytes - (NumBlocks - 1) * BlockBytes) begin : gen_check_blocks
    $error("econ_registers: the block table of econ_pkg does not match the number of weight bits");
  end
  if (BlockStride < BlockBytes || 32'(MonitorBase) + MonitorBytes > 32'(ControlBase)
      || 32'(ControlBase) + ControlBytes > 65536) begin : gen_check_map
    $error("econ_registers: blocks or registers overlap, or the map does not fit 16 address bits");
  end
`endif
`endif

endmodule
