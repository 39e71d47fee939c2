// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Saturating counter of clocks in which `event_i` is high; itself triplicated.
// `clear_i` wins over `event_i` and holds the count at zero while it is high.

module econ_error_counter #(
  parameter int Width = 16
) (
  input  logic [2:0]       clk_tmr_i,
  input  logic             rst_ni,
  input  logic             clear_i,
  input  logic             event_i,
  output logic [Width-1:0] count_o,
  output logic             error_o   // an upset in the counter itself, corrected
);

  logic [Width-1:0] count_d;

  always @(*) begin
    count_d = count_o;
    if (clear_i)                     count_d = '0;
    else if (event_i && !(&count_o)) count_d = count_o + Width'(1);
  end

  econ_tmr_reg #(
    .Width(Width)
  ) u_count (
    .clk_tmr_i,
    .rst_ni,
    .refresh_i(1'b1),
    .wmask_i  ({Width{1'b1}}),
    .d_i      (count_d),
    .q_o      (count_o),
    .error_o
  );

endmodule
