// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Byte port of a weight memory: the host's access, and between accesses the walker that recomputes the CRC.
//
// In a clock with `access_i` the port belongs to the host: `block_sel_o` and `byte_sel_o` are one-hot, or
// `block_sel_o` is zero (`hit_i` low: the address is no weight); they select the byte to write, and the
// byte of `rdata_o`, which is combinational. Bits behind the last weight read zero.

module econ_bank_port #(
  parameter int  WeightBits = 12864,
  parameter int  BlockBytes = 134,
  parameter int  CrcPace    = 16,   // see econ_bank_crc
  localparam int BlockBits  = 8 * BlockBytes,
  localparam int NumBlocks  = (WeightBits + BlockBits - 1) / BlockBits,
  localparam int BlockWidth = (NumBlocks > 1) ? $clog2(NumBlocks) : 1,
  localparam int ByteWidth  = (BlockBytes > 1) ? $clog2(BlockBytes) : 1
) (
  input  logic [2:0]            clk_tmr_i,
  input  logic                  rst_ni,
  // contents of the memory
  input  logic [WeightBits-1:0] data_i,
  input  logic                  restart_i,   // they change at the end of this clock, or a new CRC is wanted
  input  logic                  fast_i,      // the CRC at one byte per clock
  // host
  input  logic                  access_i,
  input  logic                  hit_i,
  input  logic [BlockWidth-1:0] block_i,
  input  logic [ByteWidth-1:0]  byte_i,
  output logic [NumBlocks-1:0]  block_sel_o,
  output logic [BlockBytes-1:0] byte_sel_o,
  output logic [7:0]            rdata_o,
  // CRC-32 of the contents; see econ_bank_crc
  output logic [31:0]           crc_o,
  output logic                  crc_valid_o,
  output logic                  crc_done_o,
  output logic                  error_o      // an upset in the walker, corrected
);

  logic [BlockWidth-1:0]          walk_block, block;
  logic [ByteWidth-1:0]           walk_byte, byte_index;
  logic [NumBlocks*BlockBits-1:0] padded;
  logic [BlockBits-1:0]           row;

  assign block      = access_i ? block_i : walk_block;
  assign byte_index = access_i ? byte_i : walk_byte;
  assign padded     = (NumBlocks * BlockBits)'(data_i);

  always @(*) begin
    for (int b = 0; b < NumBlocks; b++) begin
      block_sel_o[b] = (block == BlockWidth'(b)) && (!access_i || hit_i);
    end
    for (int i = 0; i < BlockBytes; i++) begin
      byte_sel_o[i] = (byte_index == ByteWidth'(i));
    end
  end

  // Choose the block, mask the byte, fold the bytes (and-or, no priority).
  always @(*) begin
    row = '0;
    for (int b = 0; b < NumBlocks; b++) begin
      row = row | (padded[b*BlockBits +: BlockBits] & {BlockBits{block_sel_o[b]}});
    end
    rdata_o = '0;
    for (int i = 0; i < BlockBytes; i++) begin
      rdata_o = rdata_o | (row[8*i +: 8] & {8{byte_sel_o[i]}});
    end
  end

  econ_bank_crc #(
    .NumBytes  ((WeightBits + 7) / 8),
    .BlockBytes(BlockBytes),
    .Pace      (CrcPace)
  ) u_crc (
    .clk_tmr_i,
    .rst_ni,
    .restart_i,
    .fast_i,
    .ready_i  (!access_i),
    .block_o  (walk_block),
    .byte_o   (walk_byte),
    .data_i   (rdata_o),
    .crc_o,
    .valid_o  (crc_valid_o),
    .done_o   (crc_done_o),
    .error_o
  );

`ifndef SYNTHESIS
`ifndef __ICARUS__  // version 11 has no elaboration system tasks
  if (WeightBits == 0 || BlockBytes == 0) begin : gen_check_size
    $error("econ_bank_port: WeightBits and BlockBytes must be at least 1");
  end
`endif
`endif

endmodule
