// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Weight memory: WeightBits bits in blocks of BlockBytes bytes (the last block may be shorter), every bit
// in three copies with three voters, refreshed in every clock in which `refresh_i` is high.
//
// One byte port for reading and writing. `block_sel_i` and `byte_sel_i` are one-hot (or zero): the
// decoder sits outside and is shared by all blocks, so there is no wide case and no wide shifter here.
// `rdata_o` is combinational. A write takes effect after the clock edge at which `we_i` is high. Bits
// behind the last weight do not exist: they read zero.
// `count_o` holds one saturating counter per block of the clocks in which the copies of that block
// disagreed; with the refresh on, that is the number of clocks in which an upset arrived.

module econ_weight_bank #(
  parameter int  WeightBits   = 12864,
  parameter int  BlockBytes   = 134,
  parameter int  CounterWidth = 16,
  localparam int BlockBits    = 8 * BlockBytes,
  localparam int NumBlocks    = (WeightBits + BlockBits - 1) / BlockBits
) (
  input  logic                              clk_i,
  input  logic                              rst_ni,
  input  logic                              refresh_i,
  // byte port
  input  logic                              we_i,
  input  logic [NumBlocks-1:0]              block_sel_i,
  input  logic [BlockBytes-1:0]             byte_sel_i,
  input  logic [7:0]                        wdata_i,
  output logic [7:0]                        rdata_o,
  // voted contents, block 0 byte 0 bit 0 at the LSB
  output logic [WeightBits-1:0]             weights_o,
  // upsets
  input  logic                              clear_i,
  output logic [NumBlocks*CounterWidth-1:0] count_o,
  output logic                              error_o  // an upset in a counter, corrected
);

  logic [BlockBits-1:0]           byte_mask;
  logic [BlockBits-1:0]           read_block;
  logic [NumBlocks*BlockBits-1:0] padded;
  logic [NumBlocks-1:0]           block_error;
  logic [NumBlocks-1:0]           counter_error;

  always @(*) begin
    for (int i = 0; i < BlockBytes; i++) begin
      byte_mask[8*i +: 8] = {8{byte_sel_i[i]}};
    end
  end

  assign padded = (NumBlocks * BlockBits)'(weights_o);

  for (genvar b = 0; b < NumBlocks; b++) begin : gen_block
    localparam int Rest  = WeightBits - b * BlockBits;
    localparam int Width = (Rest < BlockBits) ? Rest : BlockBits;

    logic [Width-1:0] wmask;

    assign wmask = (we_i && block_sel_i[b]) ? Width'(byte_mask) : '0;

    econ_tmr_reg #(
      .Width(Width)
    ) u_bits (
      .clk_i,
      .rst_ni,
      .refresh_i,
      .wmask_i(wmask),
      .d_i    (Width'({BlockBytes{wdata_i}})),
      .q_o    (weights_o[b*BlockBits +: Width]),
      .error_o(block_error[b])
    );

    econ_error_counter #(
      .Width(CounterWidth)
    ) u_counter (
      .clk_i,
      .rst_ni,
      .clear_i,
      .event_i(block_error[b]),
      .count_o(count_o[b*CounterWidth +: CounterWidth]),
      .error_o(counter_error[b])
    );
  end

  // Read port: choose the block, mask the byte, fold the bytes (and-or, no priority).
  always @(*) begin
    read_block = '0;
    for (int b = 0; b < NumBlocks; b++) begin
      read_block = read_block | (padded[b*BlockBits +: BlockBits] & {BlockBits{block_sel_i[b]}});
    end
    read_block = read_block & byte_mask;
    rdata_o = '0;
    for (int i = 0; i < BlockBytes; i++) begin
      rdata_o = rdata_o | read_block[8*i +: 8];
    end
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
