// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// econ_i2c_target on one clock tree, for bench_i2c.py and bench_i2c_corners.py.

module econ_i2c_bench #(
  parameter int FilterLength = 3
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic [6:0]  device_address_i,
  input  logic        scl_i,
  input  logic        sda_i,
  output logic        sda_oe_o,
  output logic        wr_en_o,
  output logic        rd_en_o,
  output logic [15:0] addr_o,
  output logic [7:0]  wdata_o,
  input  logic [7:0]  rdata_i,
  output logic        error_o
);

  econ_i2c_target #(
    .FilterLength(FilterLength)
  ) u_target (
    .clk_tmr_i({3{clk_i}}),
    .rst_ni,
    .device_address_i,
    .scl_i,
    .sda_i,
    .sda_oe_o,
    .wr_en_o,
    .rd_en_o,
    .addr_o,
    .wdata_o,
    .rdata_i,
    .error_o
  );

endmodule
