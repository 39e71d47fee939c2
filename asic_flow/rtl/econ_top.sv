// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Encoder with reprogrammable weights: charges in, latents, module-sum code and link packets out, weights over I2C.
//
// Data: one event per clock. Charges launched by an upstream register at clock edge t give latents that
// leave one clock per layer with weights later (two for convolution + dense); see econ_encoder.
// Latents and sum code are zero after reset and while weights are being loaded (see econ_registers).
//
// Clock: 40 MHz nominal; the I2C glitch filter and the bus speeds up to 1 MHz are specified for it. The data path is
// on `clk_i`, the three copies of every triplicated register are on `clk_tmr_i[0..2]`. All four are one clock in
// frequency and phase: from three trees, or tied together for one.
// Reset: asynchronous, active low, released synchronously to clk_i by the integrator.
// Combinational processes in this library are written `always @(*)`, not `always_comb`: Icarus 11 never ends
// a time step with three `always_comb` in a chain that assign a default first.
//
// I2C: SCL is an input only (no clock stretching); SDA is open drain: sda_oe_o = 1 pulls the line low.

module econ_top #(
  localparam int ChargeBits = econ_pkg::NumCells * econ_pkg::ChargeWidth,
  localparam int CodeWidth  = econ_pkg::SumExponentWidth + econ_pkg::SumMantissaWidth,
  localparam int LatentBits = econ_pkg::NumLatents * econ_pkg::LatentWidth,
  localparam int LinkBits   = econ_pkg::MaxLinks * 32
) (
  input  logic                  clk_i,
  input  logic [2:0]            clk_tmr_i,
  input  logic                  rst_ni,
  // data
  input  logic                  valid_i,
  input  logic [ChargeBits-1:0] charges_i,    // cell 0 at the LSB
  input  logic [econ_pkg::BxWidth-1:0] bx_i,  // bunch crossing of the event at charges_i
  output logic                  valid_o,
  output logic [LatentBits-1:0] latents_o,    // latent 0 at the LSB
  output logic [CodeWidth-1:0]  sum_code_o,   // exponent above mantissa
  output logic [LinkBits-1:0]   links_o,      // link 0 at the LSB
  // weight memory: repair by the voters at the programmed period (tie high; low only in tests)
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
  logic [7:0]  wdata, rdata, fmt_links;

  logic [econ_pkg::WeightBits-1:0] weights;

  econ_i2c_target u_i2c (
    .clk_tmr_i,
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
    .clk_tmr_i,
    .rst_ni,
    .refresh_i,
    .wr_en_i        (wr_en),
    .rd_en_i        (rd_en),
    .addr_i         (addr),
    .wdata_i        (wdata),
    .rdata_o        (rdata),
    .bx_i,
    .weights_o      (weights),
    .live_o,
    .fmt_links_o    (fmt_links),
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

  econ_formatter #(
    .NumLatents    (econ_pkg::NumLatents),
    .LatentWidth   (econ_pkg::LatentWidth),
    .CodeWidth     (CodeWidth),
    .BxWidth       (econ_pkg::BxWidth),
    .MaxLinks      (econ_pkg::MaxLinks),
    .Latency       (econ_pkg::NumStages),
    .LinkLatentBits(econ_pkg::LinkLatentBits)
  ) u_formatter (
    .clk_i,
    .rst_ni,
    .links_i   (fmt_links),
    .bx_i,
    .valid_i   (valid_o),
    .latents_i (latents_o),
    .sum_code_i(sum_code_o),
    .links_o
  );

endmodule
