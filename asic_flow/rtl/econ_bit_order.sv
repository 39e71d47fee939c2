// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Wires between a word and its inner order: bit i of the word has place BitOrder[16*i +: 16] (see econ_weight_bank).

module econ_bit_order #(
  parameter int                  Width    = 1,
  parameter logic [16*Width-1:0] BitOrder = '0
) (
  // to the inner order
  input  logic [Width-1:0] mask_i,
  input  logic [Width-1:0] data_i,
  output logic [Width-1:0] mask_o,
  output logic [Width-1:0] data_o,
  // from the inner order
  input  logic [Width-1:0] value_i,
  output logic [Width-1:0] value_o
);

  for (genvar i = 0; i < Width; i++) begin : gen_bit
    localparam int Place = 32'(BitOrder[16*i +: 16]);

    assign mask_o[Place] = mask_i[i];
    assign data_o[Place] = data_i[i];
    assign value_o[i]    = value_i[Place];
  end

endmodule
