// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// CRC-32 of the weight memory, recomputed without end (IEEE 802.3: reflected polynomial 0xEDB88320,
// start and final XOR all ones; the value that zlib.crc32 gives for the memory's bytes, block 0 byte 0
// first, missing bits of the last byte as zeros).
//
// Walks through all bytes over the memory's byte port, one per clock in which `ready_i` is high (the
// I2C access goes first). `restart_i` (a weight was written) starts again and takes `valid_o` away, so a
// valid result always belongs to the present contents. One pass: NumBytes clocks in which the port is free;
// `done_o` is high in the clock in which the result of a pass is new.

module econ_bank_crc #(
  parameter int  NumBytes   = 1608,
  parameter int  BlockBytes = 134,
  localparam int NumBlocks  = (NumBytes + BlockBytes - 1) / BlockBytes,
  localparam int LastBytes  = NumBytes - (NumBlocks - 1) * BlockBytes,  // of the last block
  localparam int BlockWidth = (NumBlocks > 1) ? $clog2(NumBlocks) : 1,
  localparam int ByteWidth  = (BlockBytes > 1) ? $clog2(BlockBytes) : 1
) (
  input  logic [2:0]            clk_tmr_i,
  input  logic                  rst_ni,
  input  logic                  restart_i,
  input  logic                  ready_i,
  output logic [BlockWidth-1:0] block_o,
  output logic [ByteWidth-1:0]  byte_o,
  input  logic [7:0]            data_i,
  output logic [31:0]           crc_o,
  output logic                  valid_o,
  output logic                  done_o,
  output logic                  error_o   // an upset in a register of this block, corrected
);

  localparam int StateWidth = 32 + 32 + 1 + 1 + BlockWidth + ByteWidth;

  logic [StateWidth-1:0] state_d, state_q;
  logic [31:0]           sum_d, sum_q, sum_next;
  logic [31:0]           crc_d, crc_q;
  logic                  valid_d, valid_q;
  logic                  done_d, done_q;
  logic [BlockWidth-1:0] block_d, block_q;
  logic [ByteWidth-1:0]  byte_d, byte_q;
  logic                  last_byte, last_block;

  assign last_block = (block_q == BlockWidth'(NumBlocks - 1));
  assign last_byte  = (byte_q == (last_block ? ByteWidth'(LastBytes - 1) : ByteWidth'(BlockBytes - 1)));

  always @(*) begin
    sum_next = sum_q ^ {24'd0, data_i};
    for (int i = 0; i < 8; i++) begin
      sum_next = (sum_next >> 1) ^ (((sum_next & 32'd1) != '0) ? 32'hEDB8_8320 : '0);
    end
  end

  always @(*) begin
    sum_d   = sum_q;
    crc_d   = crc_q;
    valid_d = valid_q;
    done_d  = 1'b0;
    block_d = block_q;
    byte_d  = byte_q;
    if (restart_i) begin
      sum_d   = '1;
      valid_d = 1'b0;
      block_d = '0;
      byte_d  = '0;
    end else if (ready_i) begin
      sum_d  = sum_next;
      byte_d = byte_q + ByteWidth'(1);
      if (last_byte) begin
        byte_d  = '0;
        block_d = block_q + BlockWidth'(1);
        if (last_block) begin
          block_d = '0;
          sum_d   = '1;
          crc_d   = ~sum_next;
          valid_d = 1'b1;
          done_d  = 1'b1;
        end
      end
    end
  end

  assign state_d = {sum_d, crc_d, valid_d, done_d, block_d, byte_d};
  assign {sum_q, crc_q, valid_q, done_q, block_q, byte_q} = state_q;

  econ_tmr_reg #(
    .Width     (StateWidth),
    .ResetValue({32'hFFFF_FFFF, 32'd0, 1'b0, 1'b0, {BlockWidth{1'b0}}, {ByteWidth{1'b0}}})
  ) u_state (
    .clk_tmr_i,
    .rst_ni,
    .refresh_i(1'b1),
    .wmask_i  ({StateWidth{1'b1}}),
    .d_i      (state_d),
    .q_o      (state_q),
    .error_o
  );

  assign block_o = block_q;
  assign byte_o  = byte_q;
  assign crc_o   = crc_q;
  assign valid_o = valid_q;
  assign done_o  = done_q;

endmodule
