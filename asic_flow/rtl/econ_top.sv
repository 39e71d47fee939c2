// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Encoder with reprogrammable weights: charges in, latents and module-sum code out, weights over I2C.
//
// Data: one event per clock. Charges launched by an upstream register at clock edge t give latents that
// leave one clock per layer with weights later (two for convolution + dense); see econ_encoder.
// Latents and sum code are zero after reset and while weights are being loaded (see econ_registers).
//
// Clock: 40 MHz nominal; the I2C glitch filter and the bus speeds up to 1 MHz are specified for it.
// Reset: asynchronous, active low, released synchronously to clk_i by the integrator.
// Combinational processes in this library are written `always @(*)`, not `always_comb`: Icarus 11 never ends
// a time step with three `always_comb` in a chain that assign a default first.
//
// I2C: SCL is an input only (no clock stretching); SDA is open drain: sda_oe_o = 1 pulls the line low.

module econ_top #(
  localparam int ChargeBits = econ_pkg::NumCells * econ_pkg::ChargeWidth,
  localparam int CodeWidth  = econ_pkg::SumExponentWidth + econ_pkg::SumMantissaWidth,
  localparam int LatentBits = econ_pkg::NumLatents * econ_pkg::LatentWidth
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  // data
  input  logic                  valid_i,
  input  logic [ChargeBits-1:0] charges_i,    // cell 0 at the LSB
  output logic                  valid_o,
  output logic [LatentBits-1:0] latents_o,    // latent 0 at the LSB
  output logic [CodeWidth-1:0]  sum_code_o,   // exponent above mantissa
  // weight memory: rewrite from the voters in every clock (tie high)
  input  logic                  refresh_i,
  // I2C
  input  logic                  scl_i,
  input  logic                  sda_i,
  output logic                  sda_oe_o,
  // 1: the output belongs to the loaded weights; 0: it is held at zero
  output logic                  live_o
);

  logic        wr_en, rd_en, i2c_error;
  logic [15:0] addr;
  logic [7:0]  wdata, rdata;

  logic [econ_pkg::WeightBits-1:0] weights;

  econ_i2c_target u_i2c (
    .clk_i,
    .rst_ni,
    .device_address_i(econ_pkg::DeviceAddress),
    .scl_i,
    .sda_i,
    .sda_oe_o,
    .wr_en_o         (wr_en),
    .rd_en_o         (rd_en),
    .addr_o          (addr),
    .wdata_o         (wdata),
    .rdata_i         (rdata),
    .error_o         (i2c_error)
  );

  econ_registers u_registers (
    .clk_i,
    .rst_ni,
    .refresh_i,
    .wr_en_i        (wr_en),
    .rd_en_i        (rd_en),
    .addr_i         (addr),
    .wdata_i        (wdata),
    .rdata_o        (rdata),
    .weights_o      (weights),
    .live_o,
    .control_error_i(i2c_error)
  );

  econ_encoder u_encoder (
    .clk_i,
    .rst_ni,
    .enable_i  (live_o),
    .weights_i (weights),
    .valid_i,
    .charges_i,
    .valid_o,
    .latents_o,
    .sum_code_o
  );

endmodule
