// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Stands in for econ_i2c_filter in the proof of the I2C target: the level is the line itself, which may change in any way
// at any clock. Whatever the real filter lets through is one of these sequences.

module econ_i2c_filter #(
  parameter int FilterLength = 3
) (
  input  logic [2:0] clk_tmr_i,
  input  logic       rst_ni,
  input  logic       line_i,
  output logic       level_o,
  output logic       error_o
);

  assign level_o = line_i;
  assign error_o = 1'b0;

endmodule
