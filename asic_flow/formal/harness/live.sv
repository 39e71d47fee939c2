// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// The registers of a small chip without shadow bank, under upsets of one copy of MISC and of the stale flag in every
// clock. Asserted: `live` is high only if `run` was written as one, not as zero since, and no weight byte was written since
// `run` was last written as one.

module harness #(
  localparam int WeightBits = econ_pkg::WeightBits
) (
  input logic        clk,
  input logic        wr_en,
  input logic        rd_en,
  input logic [15:0] addr,
  input logic [7:0]  wdata,
  input logic [econ_pkg::BxWidth-1:0] bx,
  input logic [1:0]  mask,
  input logic        stale_mask,
  input logic [1:0]  victim
);

  logic       started = 1'b0;
  logic       run_q, stale_q, live, weight, misc;
  logic [1:0] upset_a, upset_b, upset_c;
  logic       stale_a, stale_b, stale_c;

  assign upset_a = (victim == 2'd0) ? mask : '0;
  assign upset_b = (victim == 2'd1) ? mask : '0;
  assign upset_c = (victim == 2'd2) ? mask : '0;
  assign stale_a = (victim == 2'd0) && stale_mask;
  assign stale_b = (victim == 2'd1) && stale_mask;
  assign stale_c = (victim == 2'd2) && stale_mask;
  assign weight  = wr_en && addr - econ_pkg::WeightBase < econ_pkg::LastBlockBytes && addr >= econ_pkg::WeightBase;
  assign misc    = wr_en && addr == econ_pkg::MiscAddress;

  always_ff @(posedge clk) begin
    started <= 1'b1;
    if (!started) begin
      run_q   <= 1'b0;
      stale_q <= 1'b0;
    end else begin
      if (misc) run_q <= wdata[1];
      if (weight)                stale_q <= 1'b1;
      else if (misc && wdata[1]) stale_q <= 1'b0;
    end
  end

  econ_registers u_dut (
    .clk_tmr_i      (3'b111),
    .rst_ni         (started),
    .refresh_i      (1'b1),
    .wr_en_i        (wr_en),
    .rd_en_i        (rd_en),
    .addr_i         (addr),
    .wdata_i        (wdata),
    .rdata_o        (),
    .bx_i           (bx),
    .weights_o      (),
    .live_o         (live),
    .fmt_links_o    (),
    .control_error_i(1'b0)
  );

  always @(*) begin
    if (started) assert (live == (run_q && !stale_q));
  end

endmodule
