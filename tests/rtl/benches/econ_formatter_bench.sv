// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// econ_formatter with the parameters of a generated package, for bench_formatter.py.

module econ_formatter_bench (
  input  logic                                                     clk_i,
  input  logic                                                     rst_ni,
  input  logic [7:0]                                               links_i,
  input  logic [econ_pkg::BxWidth-1:0]                             bx_i,
  input  logic                                                     valid_i,
  input  logic [econ_pkg::NumLatents*econ_pkg::LatentWidth-1:0]    latents_i,
  input  logic [econ_pkg::SumExponentWidth+econ_pkg::SumMantissaWidth-1:0] sum_code_i,
  output logic [32*econ_pkg::MaxLinks-1:0]                         links_o
);

  econ_formatter #(
    .NumLatents    (econ_pkg::NumLatents),
    .LatentWidth   (econ_pkg::LatentWidth),
    .CodeWidth     (econ_pkg::SumExponentWidth + econ_pkg::SumMantissaWidth),
    .BxWidth       (econ_pkg::BxWidth),
    .MaxLinks      (econ_pkg::MaxLinks),
    .Latency       (econ_pkg::NumStages),
    .LinkLatentBits(econ_pkg::LinkLatentBits)
  ) u_formatter (
    .clk_i,
    .rst_ni,
    .links_i,
    .bx_i,
    .valid_i,
    .latents_i,
    .sum_code_i,
    .links_o
  );

endmodule
