// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Weight memory: WeightBits bits in blocks of BlockBytes bytes (the last block may be shorter), every bit
// in three copies with three voters.
//
// Clocks: each copy of each block has a clock gate. It is open in the clock of a write to the block and, while
// `refresh_i` is high, in the clocks of `tick_i`; so an idle bank toggles only at ticks. In every open clock all
// bits of the block that are not written take what their own voters say: an upset is repaired at the next tick or
// write, at the latest. `refresh_i` low leaves out the ticks (for tests: upsets then accumulate).
//
// Writing: one byte (`we_i`; `block_sel_i` and `byte_sel_i` are one-hot or zero, the decoder sits outside and is
// shared by all blocks), or with ParallelLoad = 1 all bits in one clock (`load_i`). Bits behind the last weight do
// not exist.
// `count_o` holds one saturating counter per block of the ticks and writes that found the copies in disagreement.

module econ_weight_bank #(
  parameter int  WeightBits   = 12864,
  parameter int  BlockBytes   = 134,
  parameter int  CounterWidth = 16,
  parameter bit  ParallelLoad = 1'b0,
  localparam int BlockBits    = 8 * BlockBytes,
  localparam int NumBlocks    = (WeightBits + BlockBits - 1) / BlockBits
) (
  input  logic [2:0]                        clk_tmr_i,
  input  logic                              rst_ni,
  input  logic                              refresh_i,
  input  logic                              tick_i,
  // ParallelLoad = 0: one byte
  input  logic                              we_i,
  input  logic [NumBlocks-1:0]              block_sel_i,
  input  logic [BlockBytes-1:0]             byte_sel_i,
  input  logic [7:0]                        wdata_i,
  // ParallelLoad = 1: all bits
  input  logic                              load_i,
  input  logic [WeightBits-1:0]             load_data_i,
  // voted contents, block 0 byte 0 bit 0 at the LSB
  output logic [WeightBits-1:0]             weights_o,
  // upsets
  input  logic                              clear_i,
  output logic [NumBlocks*CounterWidth-1:0] count_o,
  output logic                              error_o  // an upset in a counter, corrected
);

  logic [BlockBits-1:0] byte_mask;
  logic [NumBlocks-1:0] written, block_error, counter_error;
  logic                 unused_port;  // the other way of writing, and mask bits behind the last weight

  if (ParallelLoad) begin : gen_parallel
    assign written     = {NumBlocks{load_i}};
    assign byte_mask   = '1;
    assign unused_port = ^{we_i, block_sel_i, byte_sel_i, wdata_i, byte_mask};
  end else begin : gen_bytes
    assign written     = block_sel_i & {NumBlocks{we_i}};
    assign unused_port = ^{load_i, load_data_i, byte_mask};

    always @(*) begin
      for (int i = 0; i < BlockBytes; i++) begin
        byte_mask[8*i +: 8] = {8{byte_sel_i[i]}};
      end
    end
  end

  for (genvar b = 0; b < NumBlocks; b++) begin : gen_block
    localparam int Rest  = WeightBits - b * BlockBits;
    localparam int Width = (Rest < BlockBits) ? Rest : BlockBits;

    logic             open;
    logic [2:0]       clk_block;
    logic [Width-1:0] data;

    if (ParallelLoad) begin : gen_load
      assign data = load_data_i[b*BlockBits +: Width];
    end else begin : gen_byte
      assign data = Width'({BlockBytes{wdata_i}});
    end

    assign open = written[b] | (tick_i & refresh_i);

    for (genvar c = 0; c < 3; c++) begin : gen_copy
      econ_clock_gate u_gate (
        .clk_i   (clk_tmr_i[c]),
        .enable_i(open),
        .clk_o   (clk_block[c])
      );
    end

    econ_tmr_reg #(
      .Width(Width)
    ) u_bits (
      .clk_tmr_i(clk_block),
      .rst_ni,
      .refresh_i(1'b1),
      .wmask_i  (written[b] ? Width'(byte_mask) : '0),
      .d_i      (data),
      .q_o      (weights_o[b*BlockBits +: Width]),
      .error_o  (block_error[b])
    );

    econ_error_counter #(
      .Width(CounterWidth)
    ) u_counter (
      .clk_tmr_i,
      .rst_ni,
      .clear_i,
      .event_i(block_error[b] & (written[b] | tick_i)),
      .count_o(count_o[b*CounterWidth +: CounterWidth]),
      .error_o(counter_error[b])
    );
  end

  assign error_o = |counter_error;

`ifndef SYNTHESIS
`ifndef __ICARUS__  // version 11 has no elaboration system tasks
  if (WeightBits == 0 || BlockBytes == 0) begin : gen_check_size
    $error("econ_weight_bank: WeightBits and BlockBytes must be at least 1");
  end
`endif
`endif

endmodule
