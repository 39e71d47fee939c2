// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Bench around econ_encoder for long event streams: registers that launch charges and hold the weights, and
// nothing else. With every input registered, a simulator evaluates the network once per clock.

module econ_stream #(
  localparam int ChargeBits = econ_pkg::NumCells * econ_pkg::ChargeWidth,
  localparam int CodeWidth  = econ_pkg::SumExponentWidth + econ_pkg::SumMantissaWidth,
  localparam int LatentBits = econ_pkg::NumLatents * econ_pkg::LatentWidth
) (
  input  logic                            clk_i,
  input  logic                            rst_ni,
  input  logic                            load_i,      // take the weights at the next clock edge
  input  logic [econ_pkg::WeightBits-1:0] weights_i,
  input  logic                            next_valid_i,
  input  logic [ChargeBits-1:0]           next_charges_i,
  output logic                            launched_o,
  output logic                            valid_o,
  output logic [LatentBits-1:0]           latents_o,
  output logic [CodeWidth-1:0]            sum_code_o
);

  logic [econ_pkg::WeightBits-1:0] weights_q;
  logic [ChargeBits-1:0]           charges_q;
  logic                            valid_q;

  always_ff @(posedge clk_i) begin
    if (load_i) weights_q <= weights_i;
    charges_q <= next_charges_i;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) valid_q <= 1'b0;
    else         valid_q <= next_valid_i;
  end

  assign launched_o = valid_q;

  econ_encoder u_encoder (
    .clk_i,
    .rst_ni,
    .enable_i  (1'b1),
    .weights_i (weights_q),
    .valid_i   (valid_q),
    .charges_i (charges_q),
    .valid_o,
    .latents_o,
    .sum_code_o
  );

endmodule
