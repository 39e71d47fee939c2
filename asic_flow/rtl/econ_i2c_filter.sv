// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Input of one I2C line: two-flop synchroniser and glitch filter, in three copies.
//
// The level follows the line only after FilterLength equal samples. A spike shorter than
// (FilterLength - 1) clock periods can meet at most FilterLength - 1 sampling edges and never passes:
// at 40 MHz and FilterLength = 3 that is every spike shorter than 50 ns (tSP of Fast-mode and Fm+).
// Delay from the pin to `level_o`: FilterLength + 1 to FilterLength + 2 clocks.
// The three sample chains are voted behind the synchronisers; an upset in a chain leaves with the
// samples, so the chains need no refresh.

module econ_i2c_filter #(
  parameter int FilterLength = 3
) (
  input  logic [2:0] clk_tmr_i,
  input  logic       rst_ni,
  input  logic       line_i,
  output logic       level_o,
  output logic       error_o   // an upset of the level, corrected
);

  // bit 0, 1: synchroniser; bits 1 .. FilterLength: the samples that decide
  localparam int ChainLength = FilterLength + 1;

  logic [ChainLength-1:0]  chain_a, chain_b, chain_c;
  logic [FilterLength-1:0] samples;
  logic                    level_d;

  econ_tmr_ff #(
    .Width     (ChainLength),
    .ResetValue({ChainLength{1'b1}})
  ) u_chain_a (
    .clk_i(clk_tmr_i[0]),
    .rst_ni,
    .d_i  ({chain_a[ChainLength-2:0], line_i}),
    .q_o  (chain_a)
  );

  econ_tmr_ff #(
    .Width     (ChainLength),
    .ResetValue({ChainLength{1'b1}})
  ) u_chain_b (
    .clk_i(clk_tmr_i[1]),
    .rst_ni,
    .d_i  ({chain_b[ChainLength-2:0], line_i}),
    .q_o  (chain_b)
  );

  econ_tmr_ff #(
    .Width     (ChainLength),
    .ResetValue({ChainLength{1'b1}})
  ) u_chain_c (
    .clk_i(clk_tmr_i[2]),
    .rst_ni,
    .d_i  ({chain_c[ChainLength-2:0], line_i}),
    .q_o  (chain_c)
  );

  econ_voter #(
    .Width(FilterLength)
  ) u_vote (
    .a_i(chain_a[ChainLength-1:1]),
    .b_i(chain_b[ChainLength-1:1]),
    .c_i(chain_c[ChainLength-1:1]),
    .y_o(samples)
  );

  always @(*) begin
    level_d = level_o;
    if (&samples)      level_d = 1'b1;
    else if (!(|samples)) level_d = 1'b0;
  end

  econ_tmr_reg #(
    .Width     (1),
    .ResetValue(1'b1)
  ) u_level (
    .clk_tmr_i,
    .rst_ni,
    .refresh_i(1'b1),
    .wmask_i  (1'b1),
    .d_i      (level_d),
    .q_o      (level_o),
    .error_o
  );

`ifndef SYNTHESIS
`ifndef __ICARUS__  // version 11 has no elaboration system tasks
  if (FilterLength < 2) begin : gen_check_length
    $error("econ_i2c_filter: FilterLength must be at least 2");
  end
`endif
`endif

endmodule
