// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Commit of the shadow bank: a requested commit happens when the shadow is proven and its crossing comes, or is refused.
//
// A request lets the CRC of the shadow begin anew (econ_weight_store), so a valid CRC is of a complete pass that
// began behind the request and behind the last write. Once it is valid, a request that waits
//   - happens (`commit_o`, one clock) if the CRC equals `expected_crc_i`, at once if `commit_bx_i` is all ones,
//     otherwise in the clock of the bunch crossing `bx_i` of that number: a crossing that comes earlier is passed by;
//   - is dropped and flagged as refused if the CRC differs, whatever the crossing.
// `withdraw_i` drops a request that waits. `done_o` and `refused_o` tell the fate of the last request; a new one clears
// both.
//
// The active bank changes at the end of the clock of `commit_o`. Events that are then inside the encoder would see
// old weights in one layer and new ones in the next: `hold_o` is high for the HoldClocks clocks behind the commit,
// in which exactly these events leave, so that they can be sent as zero.
// All state is triplicated.

module econ_commit #(
  parameter int BxWidth    = 12,
  parameter int HoldClocks = 1    // clocks of latency of the encoder, less one
) (
  input  logic [2:0]         clk_tmr_i,
  input  logic               rst_ni,
  // host
  input  logic               request_i,
  input  logic               withdraw_i,
  input  logic [15:0]        commit_bx_i,
  input  logic [31:0]        expected_crc_i,
  input  logic [15:0]        version_i,
  // shadow, and bunch crossing of the event at the encoder's input
  input  logic [31:0]        crc_i,
  input  logic               crc_valid_i,
  input  logic [BxWidth-1:0] bx_i,
  // active bank, encoder
  output logic               commit_o,
  output logic               hold_o,
  // monitor
  output logic               pending_o,
  output logic               done_o,
  output logic               refused_o,
  output logic               committed_o,   // there was a commit since reset
  output logic [31:0]        crc_o,         // CRC of the last commit
  output logic [15:0]        version_o,     // version of the last commit
  output logic               error_o        // an upset in a register of this block, corrected
);

  localparam logic [15:0] AtOnce     = 16'hFFFF;
  localparam int          HoldWidth  = (HoldClocks > 0) ? $clog2(HoldClocks + 1) : 1;
  localparam int          StateWidth = 4 + 32 + 16 + HoldWidth;

  logic [StateWidth-1:0] state_d, state_q;
  logic                  pending_d, done_d, refused_d, committed_d;
  logic [31:0]           crc_d;
  logic [15:0]           version_d;
  logic [HoldWidth-1:0]  hold_d, hold_q;
  logic                  due, refuse;

  assign due      = pending_o && (commit_bx_i == AtOnce || commit_bx_i == 16'(bx_i));
  assign commit_o = due && crc_valid_i && (crc_i == expected_crc_i);
  assign refuse   = pending_o && crc_valid_i && (crc_i != expected_crc_i);
  assign hold_o   = (hold_q != '0);

  always @(*) begin
    pending_d   = pending_o;
    done_d      = done_o;
    refused_d   = refused_o;
    committed_d = committed_o | commit_o;
    crc_d       = commit_o ? crc_i : crc_o;
    version_d   = commit_o ? version_i : version_o;
    hold_d      = hold_o ? hold_q - HoldWidth'(1) : '0;
    if (commit_o) hold_d = HoldWidth'(HoldClocks);
    if (commit_o || refuse) begin
      pending_d = 1'b0;
      done_d    = commit_o;
      refused_d = refuse;
    end
    if (request_i) begin
      pending_d = 1'b1;
      done_d    = 1'b0;
      refused_d = 1'b0;
    end else if (withdraw_i) begin
      pending_d = 1'b0;
    end
  end

  assign state_d = {pending_d, done_d, refused_d, committed_d, crc_d, version_d, hold_d};
  assign {pending_o, done_o, refused_o, committed_o, crc_o, version_o, hold_q} = state_q;

  econ_tmr_reg #(
    .Width(StateWidth)
  ) u_state (
    .clk_tmr_i,
    .rst_ni,
    .refresh_i(1'b1),
    .wmask_i  ({StateWidth{1'b1}}),
    .d_i      (state_d),
    .q_o      (state_q),
    .error_o
  );

`ifndef SYNTHESIS
`ifndef __ICARUS__  // version 11 has no elaboration system tasks
  if (BxWidth < 1 || BxWidth > 15 || HoldClocks < 0) begin : gen_check
    $error("econ_commit: BxWidth must be 1 to 15 (all ones in 16 bits means at once), HoldClocks not negative");
  end
`endif
`endif

endmodule
