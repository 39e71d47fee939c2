// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Registers behind the I2C target: weight memory, control (MISC), identity, status, CRC and upset counters.
// Addresses come from econ_pkg; the generated register map describes them for the host.
//
//   weights   byte k at WeightBase + (k / BlockBytes) * BlockStride + k % BlockBytes            RW
//   MISC      MiscAddress: bit 0 holds all upset counters at zero, bit 1 run                     RW
//   monitor   MonitorBase +0x00 id  +0x04 map version  +0x06 weight bytes  +0x08 structure hash  RO
//             +0x0C status: bit 0 run, 1 CRC valid, 2 a counter is not zero, 3 stale
//             +0x10 CRC-32 of the weights  +0x14 upsets in control registers (16 bit)
//             +0x20 + 2 i upsets in weight block i (16 bit)
// Multi-byte values are little-endian. Everything else reads zero and ignores writes.
//
// `live_o` lets the encoder's output through: `run` is set and no weight was written since `run` was last
// written as one ("stale"). So weights that are half old and half new are never seen at the output, even
// when somebody loads them with `run` set.

module econ_registers (
  input  logic                             clk_i,
  input  logic                             rst_ni,
  input  logic                             refresh_i,
  // from the I2C target; rdata_o is combinational
  input  logic                             wr_en_i,
  input  logic                             rd_en_i,
  input  logic [15:0]                      addr_i,
  input  logic [7:0]                       wdata_i,
  output logic [7:0]                       rdata_o,
  // to the encoder
  output logic [econ_pkg::WeightBits-1:0]  weights_o,
  output logic                             live_o,
  // corrected upset in a control register elsewhere
  input  logic                             control_error_i
);

  import econ_pkg::*;

  localparam int CounterWidth  = 16;
  localparam int BlockWidth    = (NumBlocks > 1) ? $clog2(NumBlocks) : 1;
  localparam int ByteWidth     = (BlockBytes > 1) ? $clog2(BlockBytes) : 1;
  localparam int CountersWidth = NumBlocks * CounterWidth;
  localparam int MonitorBytes  = 32 + 2 * NumBlocks;

  logic                      access, hit, we_weight, we_misc, run_written;
  logic [BlockWidth-1:0]     i2c_block, crc_block, block;
  logic [ByteWidth-1:0]      i2c_byte, crc_byte, byte_index;
  logic [NumBlocks-1:0]      block_sel;
  logic [BlockBytes-1:0]     byte_sel;
  logic [7:0]                weight_rdata;
  logic [15:0]               offset;

  logic                      clear_q, run_q, stale_d, stale_q;
  logic [CountersWidth-1:0]  counts;
  logic [CounterWidth-1:0]   control_count;
  logic                      misc_error, stale_error, bank_error, crc_error, counter_error;

  logic [31:0]               crc;
  logic                      crc_valid, seu_seen;
  logic [8*MonitorBytes-1:0] monitor;
  logic [15:0]               monitor_offset;

  // --- address decoding -------------------------------------------------------------------------------
  assign access = wr_en_i | rd_en_i;

  always @(*) begin
    hit       = 1'b0;
    i2c_block = '0;
    i2c_byte  = '0;
    offset    = '0;
    for (int b = 0; b < NumBlocks; b++) begin
      offset = addr_i - 16'(WeightBase + b * BlockStride);
      if (addr_i >= 16'(WeightBase + b * BlockStride)
          && offset < 16'((b == NumBlocks - 1) ? LastBlockBytes : BlockBytes)) begin
        hit       = 1'b1;
        i2c_block = BlockWidth'(b);
        i2c_byte  = ByteWidth'(offset);
      end
    end
  end

  assign we_weight   = wr_en_i && hit;
  assign we_misc     = wr_en_i && (addr_i == 16'(MiscAddress));
  assign run_written = we_misc && wdata_i[1];

  // The memory's byte port belongs to I2C in the clock of an access, else to the CRC walker.
  assign block      = access ? i2c_block : crc_block;
  assign byte_index = access ? i2c_byte : crc_byte;

  always @(*) begin
    for (int b = 0; b < NumBlocks; b++) begin
      block_sel[b] = (block == BlockWidth'(b)) && (!access || hit);
    end
    for (int i = 0; i < BlockBytes; i++) begin
      byte_sel[i] = (byte_index == ByteWidth'(i));
    end
  end

  // --- weights, their counters, their CRC -------------------------------------------------------------
  econ_weight_bank #(
    .WeightBits  (WeightBits),
    .BlockBytes  (BlockBytes),
    .CounterWidth(CounterWidth)
  ) u_bank (
    .clk_i,
    .rst_ni,
    .refresh_i,
    .we_i       (we_weight),
    .block_sel_i(block_sel),
    .byte_sel_i (byte_sel),
    .wdata_i,
    .rdata_o    (weight_rdata),
    .weights_o,
    .clear_i    (clear_q),
    .count_o    (counts),
    .error_o    (bank_error)
  );

  econ_bank_crc #(
    .NumBytes  (WeightBytes),
    .BlockBytes(BlockBytes)
  ) u_crc (
    .clk_i,
    .rst_ni,
    .restart_i(we_weight),
    .ready_i  (!access),
    .block_o  (crc_block),
    .byte_o   (crc_byte),
    .data_i   (weight_rdata),
    .crc_o    (crc),
    .valid_o  (crc_valid),
    .error_o  (crc_error)
  );

  // --- control ----------------------------------------------------------------------------------------
  econ_tmr_reg #(
    .Width(2)
  ) u_misc (
    .clk_i,
    .rst_ni,
    .refresh_i(1'b1),
    .wmask_i  ({2{we_misc}}),
    .d_i      (wdata_i[1:0]),
    .q_o      ({run_q, clear_q}),
    .error_o  (misc_error)
  );

  always @(*) begin
    stale_d = stale_q;
    if (we_weight)        stale_d = 1'b1;
    else if (run_written) stale_d = 1'b0;
  end

  econ_tmr_reg #(
    .Width(1)
  ) u_stale (
    .clk_i,
    .rst_ni,
    .refresh_i(1'b1),
    .wmask_i  (1'b1),
    .d_i      (stale_d),
    .q_o      (stale_q),
    .error_o  (stale_error)
  );

  assign live_o = run_q & ~stale_q;

  econ_error_counter #(
    .Width(CounterWidth)
  ) u_control_counter (
    .clk_i,
    .rst_ni,
    .clear_i(clear_q),
    .event_i(control_error_i | misc_error | stale_error | bank_error | crc_error),
    .count_o(control_count),
    .error_o(counter_error)
  );

  // --- monitor and read multiplexer -------------------------------------------------------------------
  assign seu_seen       = (counts != '0) || (control_count != '0);
  assign monitor_offset = addr_i - 16'(MonitorBase);

  // byte 0 at the LSB; the concatenation starts with the highest byte
  assign monitor = {counts,
                    80'd0, control_count, crc,
                    24'd0, 4'd0, stale_q, seu_seen, crc_valid, run_q,
                    StructureHash, 16'(WeightBytes), MapVersion, ChipId};

  always @(*) begin
    rdata_o = '0;
    if (hit) begin
      rdata_o = weight_rdata;
    end else if (addr_i == 16'(MiscAddress)) begin
      rdata_o = {6'd0, run_q, clear_q};
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
  if (BlockStride < BlockBytes || 32'(MonitorBase) + MonitorBytes > 65536) begin : gen_check_map
    $error("econ_registers: blocks overlap, or the map does not fit 16 address bits");
  end
`endif
`endif

endmodule
