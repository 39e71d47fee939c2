// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// The encoder's output register. Asserted: in the clock behind one with `enable` low, latents and sum code are zero,
// whatever events, weights and register contents came before.

module harness #(
  localparam int ChargeBits = econ_pkg::NumCells * econ_pkg::ChargeWidth,
  localparam int CodeWidth  = econ_pkg::SumExponentWidth + econ_pkg::SumMantissaWidth,
  localparam int LatentBits = econ_pkg::NumLatents * econ_pkg::LatentWidth
) (
  input logic                            clk,
  input logic                            enable,
  input logic                            valid,
  input logic [ChargeBits-1:0]           charges,
  input logic [econ_pkg::WeightBits-1:0] weights
);

  logic                  started = 1'b0;
  logic                  enable_q;
  logic [LatentBits-1:0] latents;
  logic [CodeWidth-1:0]  sum_code;

  always_ff @(posedge clk) begin
    started  <= 1'b1;
    enable_q <= enable;
  end

  econ_encoder u_dut (
    .clk_i     (clk),
    .rst_ni    (started),
    .enable_i  (enable),
    .weights_i (weights),
    .valid_i   (valid),
    .charges_i (charges),
    .valid_o   (),
    .latents_o (latents),
    .sum_code_o(sum_code)
  );

  always @(*) begin
    if (started && !enable_q) assert (latents == '0 && sum_code == '0);
  end

endmodule
