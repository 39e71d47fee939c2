// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Triplicated register that repairs itself.
//
// Three copies, three voters. In every clock each copy takes, bit by bit, the written value where
// `wmask_i` is set and otherwise what its own voter says (`refresh_i` high) or its own old value
// (`refresh_i` low: errors then accumulate; for clock gating and for negative controls in tests). So an
// upset of one copy never reaches `q_o` and is gone one clock later.
// AlwaysRefresh = 1: `refresh_i` is not looked at, which saves a multiplexer per copy. HasReset = 0: flip-flops without
// reset (the smallest ones); whoever writes the register must clear it.
// `error_o` is high in every clock in which the copies are not all equal.
//
// Each copy has its own clock, equal in frequency and phase: copy a is on `clk_tmr_i[0]`. One clock tree: tie
// all three together. If one of three clocks stops, its copy stays behind and is outvoted.

module econ_tmr_reg #(
  parameter int               Width      = 1,
  parameter logic [Width-1:0] ResetValue = '0,
  parameter bit               AlwaysRefresh = 1'b0,
  parameter bit               HasReset = 1'b1
) (
  input  logic [2:0]       clk_tmr_i,  // one per copy
  input  logic             rst_ni,
  input  logic             refresh_i,
  input  logic [Width-1:0] wmask_i,    // one bit per register bit: 1 = write
  input  logic [Width-1:0] d_i,
  output logic [Width-1:0] q_o,
  output logic             error_o
);

  logic [Width-1:0] copy_a, copy_b, copy_c;
  logic [Width-1:0] vote_a, vote_b, vote_c;
  logic [Width-1:0] next_a, next_b, next_c;
  logic             refresh;

  assign refresh = AlwaysRefresh || refresh_i;

  assign next_a = (d_i & wmask_i) | ((refresh ? vote_a : copy_a) & ~wmask_i);
  assign next_b = (d_i & wmask_i) | ((refresh ? vote_b : copy_b) & ~wmask_i);
  assign next_c = (d_i & wmask_i) | ((refresh ? vote_c : copy_c) & ~wmask_i);

  econ_tmr_ff #(
    .Width     (Width),
    .ResetValue(ResetValue),
    .HasReset  (HasReset)
  ) u_copy_a (
    .clk_i(clk_tmr_i[0]),
    .rst_ni,
    .d_i  (next_a),
    .q_o  (copy_a)
  );

  econ_tmr_ff #(
    .Width     (Width),
    .ResetValue(ResetValue),
    .HasReset  (HasReset)
  ) u_copy_b (
    .clk_i(clk_tmr_i[1]),
    .rst_ni,
    .d_i  (next_b),
    .q_o  (copy_b)
  );

  econ_tmr_ff #(
    .Width     (Width),
    .ResetValue(ResetValue),
    .HasReset  (HasReset)
  ) u_copy_c (
    .clk_i(clk_tmr_i[2]),
    .rst_ni,
    .d_i  (next_c),
    .q_o  (copy_c)
  );

  econ_voter #(
    .Width(Width)
  ) u_vote_a (
    .a_i(copy_a),
    .b_i(copy_b),
    .c_i(copy_c),
    .y_o(vote_a)
  );

  econ_voter #(
    .Width(Width)
  ) u_vote_b (
    .a_i(copy_a),
    .b_i(copy_b),
    .c_i(copy_c),
    .y_o(vote_b)
  );

  econ_voter #(
    .Width(Width)
  ) u_vote_c (
    .a_i(copy_a),
    .b_i(copy_b),
    .c_i(copy_c),
    .y_o(vote_c)
  );

  assign q_o     = vote_a;
  assign error_o = |((copy_a ^ copy_b) | (copy_b ^ copy_c));

endmodule
