// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Stands in for econ_shadow_bank in proofs: its contents are anything in every clock (`anything` is joined to free
// signals). That covers every write, every upset and every order of them.

module econ_shadow_bank #(
  parameter int  WeightBits = 12864,
  parameter int  BlockBytes = 134,
  localparam int BlockBits  = 8 * BlockBytes,
  localparam int NumBlocks  = (WeightBits + BlockBits - 1) / BlockBits
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  we_i,
  input  logic [NumBlocks-1:0]  block_sel_i,
  input  logic [BlockBytes-1:0] byte_sel_i,
  input  logic [7:0]            wdata_i,
  output logic [WeightBits-1:0] data_o
);

  (* keep *) wire [WeightBits-1:0] anything;

  assign data_o = anything;

endmodule
