// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// The commit logic with one copy of its state under upsets in every clock. Asserted: a commit happens only in the clock in
// which it is due, for a request that is still pending, with a valid CRC of the shadow equal to the expected one; a request
// that meets another valid CRC is refused and gone; the output is held for HoldClocks clocks behind a commit.

module harness #(
  parameter int BxWidth    = 4,
  parameter int HoldClocks = 1,
  localparam int HoldWidth = (HoldClocks > 0) ? $clog2(HoldClocks + 1) : 1,
  localparam int StateBits = 4 + 32 + 16 + HoldWidth
) (
  input logic                 clk,
  input logic                 request,
  input logic                 withdraw,
  input logic [15:0]          commit_bx,
  input logic [31:0]          expected,
  input logic [15:0]          version,
  input logic [31:0]          crc,
  input logic                 valid,
  input logic [BxWidth-1:0]   bx,
  input logic [StateBits-1:0] mask,
  input logic [1:0]           victim
);

  logic                 started = 1'b0;
  logic                 pending_q, due, good, bad;
  logic [HoldClocks:0]  behind_q;               // bit k: a commit k + 1 clocks ago
  logic                 commit, hold, pending, done, refused, committed;
  logic [31:0]          crc_kept, crc_q;
  logic [15:0]          version_kept, version_q;
  logic                 done_q, refused_q, committed_q;
  logic [StateBits-1:0] upset_a, upset_b, upset_c;

  assign upset_a = (victim == 2'd0) ? mask : '0;
  assign upset_b = (victim == 2'd1) ? mask : '0;
  assign upset_c = (victim == 2'd2) ? mask : '0;
  assign due     = pending_q && (commit_bx == 16'hFFFF || commit_bx == {{(16 - BxWidth){1'b0}}, bx});
  assign good    = due && valid && crc == expected;
  assign bad     = pending_q && valid && crc != expected;

  always_ff @(posedge clk) begin
    started <= 1'b1;
    if (!started) begin
      {pending_q, behind_q, done_q, refused_q, committed_q, crc_q, version_q} <= '0;
    end else begin
      behind_q    <= {behind_q[HoldClocks-1:0], good};
      pending_q   <= request || (pending_q && !good && !bad && !withdraw);
      done_q      <= !request && (good || (done_q && !bad));
      refused_q   <= !request && (bad || (refused_q && !good));
      committed_q <= committed_q || good;
      if (good) {crc_q, version_q} <= {crc, version};
    end
  end

  econ_commit #(
    .BxWidth   (BxWidth),
    .HoldClocks(HoldClocks)
  ) u_dut (
    .clk_tmr_i     (3'b111),
    .rst_ni        (started),
    .request_i     (request),
    .withdraw_i    (withdraw),
    .commit_bx_i   (commit_bx),
    .expected_crc_i(expected),
    .version_i     (version),
    .crc_i         (crc),
    .crc_valid_i   (valid),
    .bx_i          (bx),
    .commit_o      (commit),
    .hold_o        (hold),
    .pending_o     (pending),
    .done_o        (done),
    .refused_o     (refused),
    .committed_o   (committed),
    .crc_o         (crc_kept),
    .version_o     (version_kept),
    .error_o       ()
  );

  always @(*) begin
    if (started) begin
      assert (commit == good);
      assert (pending == pending_q);
      assert (hold == (|behind_q[HoldClocks-1:0]));
      assert (done == done_q && refused == refused_q && committed == committed_q);
      assert (crc_kept == crc_q && version_kept == version_q);
    end
  end

endmodule
