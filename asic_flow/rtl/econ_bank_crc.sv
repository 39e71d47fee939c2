// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// CRC-32 of the weight memory, recomputed without end (IEEE 802.3: reflected polynomial 0xEDB88320,
// start and final XOR all ones; the value that zlib.crc32 gives for the memory's bytes, block 0 byte 0
// first, missing bits of the last byte as zeros).
//
// Walks through all bytes over the memory's byte port, in clocks in which `ready_i` is high (the I2C access goes
// first). `restart_i` (a weight is written, a commit is requested) starts again and takes `valid_o` away, so a
// valid result is of a pass that began behind the last restart.
// Pace: one byte per clock while somebody waits, which is while the result is not valid or `fast_i` is high; otherwise
// one per Pace clocks, so that the wide read multiplexer rests. So a pass is NumBytes clocks behind a restart,
// and Pace * NumBytes later on. `done_o` is high in the clock in which the result of a pass is new.

module econ_bank_crc #(
  parameter int  NumBytes   = 1608,
  parameter int  BlockBytes = 134,
  parameter int  Pace       = 16,   // clocks per byte when nobody waits
  localparam int NumBlocks  = (NumBytes + BlockBytes - 1) / BlockBytes,
  localparam int LastBytes  = NumBytes - (NumBlocks - 1) * BlockBytes,  // of the last block
  localparam int BlockWidth = (NumBlocks > 1) ? $clog2(NumBlocks) : 1,
  localparam int ByteWidth  = (BlockBytes > 1) ? $clog2(BlockBytes) : 1
) (
  input  logic [2:0]            clk_tmr_i,
  input  logic                  rst_ni,
  input  logic                  restart_i,
  input  logic                  fast_i,
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
  localparam int PaceWidth  = (Pace > 1) ? $clog2(Pace) : 1;

  logic [StateWidth-1:0] state_d, state_q;
  logic [31:0]           sum_d, sum_q, sum_next;
  logic [31:0]           crc_d, crc_q;
  logic                  valid_d, valid_q;
  logic                  done_d, done_q;
  logic [BlockWidth-1:0] block_d, block_q;
  logic [ByteWidth-1:0]  byte_d, byte_q;
  logic [PaceWidth-1:0]  pace_d, pace_q;
  logic                  last_byte, last_block, step, state_error, pace_error;

  assign step   = ready_i && (pace_q == '0 || !valid_q || fast_i);
  assign pace_d = step ? PaceWidth'(Pace - 1) : (pace_q != '0) ? pace_q - PaceWidth'(1) : '0;

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
    end else if (step) begin
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
    .error_o  (state_error)
  );

  econ_tmr_reg #(
    .Width(PaceWidth)
  ) u_pace (
    .clk_tmr_i,
    .rst_ni,
    .refresh_i(1'b1),
    .wmask_i  ({PaceWidth{1'b1}}),
    .d_i      (pace_d),
    .q_o      (pace_q),
    .error_o  (pace_error)
  );

  assign error_o = state_error | pace_error;
  assign block_o = block_q;
  assign byte_o  = byte_q;
  assign crc_o   = crc_q;
  assign valid_o = valid_q;
  assign done_o  = done_q;

`ifndef SYNTHESIS
`ifndef __ICARUS__  // version 11 has no elaboration system tasks
  if (NumBytes < 1 || BlockBytes < 1 || Pace < 1) begin : gen_check
    $error("econ_bank_crc: NumBytes, BlockBytes and Pace must be at least 1");
  end
`endif
`endif

endmodule
