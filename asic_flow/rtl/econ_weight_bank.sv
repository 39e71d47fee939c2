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
// Selective = 1: of block b only TripledBits[32*b +: 32] bits (at least one) are triplicated; the others are one
// flip-flop each, on clock a, without voter: an upset there stays until the bit is written. Inside a block, bit i has
// place BitOrder[16*i +: 16]; the triplicated ones come first.
// Reset: the flip-flops have none (half of the bank's area would be reset); while `rst_ni` is low every clock writes zeros
// everywhere, so one clock edge during reset clears the bank.
// `count_o` holds one saturating counter per block of the ticks and writes that found the copies in disagreement.

module econ_weight_bank #(
  parameter int  WeightBits   = 12864,
  parameter int  BlockBytes   = 134,
  parameter int  CounterWidth = 16,
  parameter bit  ParallelLoad = 1'b0,
  parameter bit  Selective    = 1'b0,
  localparam int BlockBits    = 8 * BlockBytes,
  localparam int NumBlocks    = (WeightBits + BlockBits - 1) / BlockBits,
  localparam int OrderWidth   = Selective ? 16 * WeightBits : 16,
  parameter logic [32*NumBlocks-1:0] TripledBits = '0,
  parameter logic [OrderWidth-1:0]   BitOrder    = '0
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
    assign written     = {NumBlocks{load_i | ~rst_ni}};
    assign byte_mask   = '1;
    assign unused_port = ^{we_i, block_sel_i, byte_sel_i, wdata_i, byte_mask};
  end else begin : gen_bytes
    assign written     = (block_sel_i & {NumBlocks{we_i}}) | {NumBlocks{~rst_ni}};
    assign unused_port = ^{load_i, load_data_i, byte_mask};

    always @(*) begin
      for (int i = 0; i < BlockBytes; i++) begin
        byte_mask[8*i +: 8] = {8{byte_sel_i[i] | ~rst_ni}};
      end
    end
  end

  for (genvar b = 0; b < NumBlocks; b++) begin : gen_block
    localparam int Rest  = WeightBits - b * BlockBits;
    localparam int Width = (Rest < BlockBits) ? Rest : BlockBits;
    localparam int Tripled = Selective ? TripledBits[32*b +: 32] : Width;

    logic             open;
    logic [2:0]       clk_block;
    logic [Width-1:0] data, mask, value_d, value_q;

    if (ParallelLoad) begin : gen_load
      assign data = load_data_i[b*BlockBits +: Width] & {Width{rst_ni}};
    end else begin : gen_byte
      assign data = Width'({BlockBytes{wdata_i & {8{rst_ni}}}});
    end

    assign open = written[b] | (tick_i & refresh_i);

    for (genvar c = 0; c < 3; c++) begin : gen_copy
      econ_clock_gate u_gate (
        .clk_i   (clk_tmr_i[c]),
        .enable_i(open),
        .clk_o   (clk_block[c])
      );
    end

    if (Selective) begin : gen_sorted
      econ_bit_order #(
        .Width   (Width),
        .BitOrder(BitOrder[16*BlockBits*b +: 16*Width])
      ) u_order (
        .mask_i (written[b] ? Width'(byte_mask) : '0),
        .data_i (data),
        .mask_o (mask),
        .data_o (value_d),
        .value_i(value_q),
        .value_o(weights_o[b*BlockBits +: Width])
      );
    end else begin : gen_straight
      assign mask                             = written[b] ? Width'(byte_mask) : '0;
      assign value_d                          = data;
      assign weights_o[b*BlockBits +: Width] = value_q;
    end

    econ_tmr_reg #(
      .Width        (Tripled),
      .AlwaysRefresh(1'b1),
      .HasReset     (1'b0)
    ) u_bits (
      .clk_tmr_i(clk_block),
      .rst_ni,
      .refresh_i(1'b1),
      .wmask_i  (mask[Tripled-1:0]),
      .d_i      (value_d[Tripled-1:0]),
      .q_o      (value_q[Tripled-1:0]),
      .error_o  (block_error[b])
    );

    if (Tripled < Width) begin : gen_single
      logic [Width-1:Tripled] next;

      assign next = (value_d[Width-1:Tripled] & mask[Width-1:Tripled])
                    | (value_q[Width-1:Tripled] & ~mask[Width-1:Tripled]);

      econ_tmr_ff #(
        .Width(Width - Tripled)
      ) u_single (
        .clk_i(clk_block[0]),
        .rst_ni,
        .d_i  (next),
        .q_o  (value_q[Width-1:Tripled])
      );
    end

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
