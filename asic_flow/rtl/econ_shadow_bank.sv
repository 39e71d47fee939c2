// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Shadow of the weight memory: the same bits in one copy, written byte by byte; each block is clocked only
// when it is written. An upset here stays until the byte is written again; the CRC of the shadow shows it, and
// without the right CRC nothing of it reaches the active bank (econ_commit).

module econ_shadow_bank #(
  parameter int  WeightBits = 12864,
  parameter int  BlockBytes = 134,
  localparam int BlockBits  = 8 * BlockBytes,
  localparam int NumBlocks  = (WeightBits + BlockBits - 1) / BlockBits
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  we_i,
  input  logic [NumBlocks-1:0]  block_sel_i,   // one-hot or zero
  input  logic [BlockBytes-1:0] byte_sel_i,    // one-hot
  input  logic [7:0]            wdata_i,
  output logic [WeightBits-1:0] data_o
);

  logic [BlockBits-1:0] byte_mask;
  logic                 unused_mask;  // bits behind the last weight

  always @(*) begin
    for (int i = 0; i < BlockBytes; i++) begin
      byte_mask[8*i +: 8] = {8{byte_sel_i[i]}};
    end
  end
  assign unused_mask = ^byte_mask;

  for (genvar b = 0; b < NumBlocks; b++) begin : gen_block
    localparam int Rest  = WeightBits - b * BlockBits;
    localparam int Width = (Rest < BlockBits) ? Rest : BlockBits;

    logic             clk_block;
    logic [Width-1:0] bits_d, bits_q;

    econ_clock_gate u_gate (
      .clk_i,
      .enable_i(we_i & block_sel_i[b]),
      .clk_o   (clk_block)
    );

    assign bits_d = (Width'({BlockBytes{wdata_i}}) & Width'(byte_mask)) | (bits_q & ~Width'(byte_mask));

    always_ff @(posedge clk_block or negedge rst_ni) begin
      if (!rst_ni) bits_q <= '0;
      else         bits_q <= bits_d;
    end

    assign data_o[b*BlockBits +: Width] = bits_q;
  end

`ifndef SYNTHESIS
`ifndef __ICARUS__  // version 11 has no elaboration system tasks
  if (WeightBits == 0 || BlockBytes == 0) begin : gen_check_size
    $error("econ_shadow_bank: WeightBits and BlockBytes must be at least 1");
  end
`endif
`endif

endmodule
