// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Tick of the refresh: `tick_o` is high in one clock out of `period_i` + 1, in every clock for period 0.
// A shorter period takes effect at once, also in the middle of a longer one.

module econ_refresh_timer #(
  parameter int Width = 16
) (
  input  logic [2:0]       clk_tmr_i,
  input  logic             rst_ni,
  input  logic [Width-1:0] period_i,
  output logic             tick_o,
  output logic             error_o   // an upset in the timer, corrected
);

  logic [Width-1:0] count_d, count_q;

  assign tick_o  = (count_q >= period_i);
  assign count_d = tick_o ? '0 : count_q + Width'(1);

  econ_tmr_reg #(
    .Width(Width)
  ) u_count (
    .clk_tmr_i,
    .rst_ni,
    .refresh_i(1'b1),
    .wmask_i  ({Width{1'b1}}),
    .d_i      (count_d),
    .q_o      (count_q),
    .error_o
  );

`ifndef SYNTHESIS
`ifndef __ICARUS__  // version 11 has no elaboration system tasks
  if (Width < 1) begin : gen_check_width
    $error("econ_refresh_timer: Width must be at least 1");
  end
`endif
`endif

endmodule
