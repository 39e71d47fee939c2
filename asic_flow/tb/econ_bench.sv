// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Bench around econ_top: the upstream register that launches the charges, and nothing else.
//
// What a test bench writes to `next_valid_i`, `next_charges_i` and `next_bx_i` during a clock cycle is launched by
// this register at the next rising edge, as on chip; `launched_o` shows the valid bit behind it. With the inputs
// registered here, a simulator need not evaluate converter and convolution again for every write of the
// bench, which makes idle clocks several times faster.
//
// One clock tree for everything; with StopClocks = 1 a test may stop the clock of single copies through
// `gen_stop.stop_q`.

module econ_bench #(
  parameter bit  StopClocks = 1'b0,
  localparam int ChargeBits = econ_pkg::NumCells * econ_pkg::ChargeWidth,
  localparam int CodeWidth  = econ_pkg::SumExponentWidth + econ_pkg::SumMantissaWidth,
  localparam int LatentBits = econ_pkg::NumLatents * econ_pkg::LatentWidth,
  localparam int LinkBits   = econ_pkg::MaxLinks * 32
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  next_valid_i,
  input  logic [ChargeBits-1:0] next_charges_i,
  input  logic [econ_pkg::BxWidth-1:0] next_bx_i,
  output logic                  launched_o,
  output logic                  valid_o,
  output logic [LatentBits-1:0] latents_o,
  output logic [CodeWidth-1:0]  sum_code_o,
  output logic [LinkBits-1:0]   links_o,
  input  logic                  refresh_i,
  input  logic                  scl_i,
  input  logic                  sda_i,
  output logic                  sda_oe_o,
  output logic                  live_o
);

  logic                  valid_q;
  logic [ChargeBits-1:0] charges_q;
  logic [2:0]            clk_tmr;
  logic [econ_pkg::BxWidth-1:0] bx_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      valid_q   <= 1'b0;
      charges_q <= '0;
      bx_q      <= '0;
    end else begin
      valid_q   <= next_valid_i;
      charges_q <= next_charges_i;
      bx_q      <= next_bx_i;
    end
  end

  assign launched_o = valid_q;

  if (StopClocks) begin : gen_stop
    logic [2:0] stop_q;

    initial stop_q = '0;
    assign clk_tmr = {3{clk_i}} & ~stop_q;
  end else begin : gen_one_tree
    assign clk_tmr = {3{clk_i}};
  end

  econ_top u_top (
    .clk_i,
    .clk_tmr_i(clk_tmr),
    .rst_ni,
    .valid_i  (valid_q),
    .charges_i(charges_q),
    .bx_i     (bx_q),
    .valid_o,
    .latents_o,
    .sum_code_o,
    .links_o,
    .refresh_i,
    .scl_i,
    .sda_i,
    .sda_oe_o,
    .live_o
  );

endmodule
