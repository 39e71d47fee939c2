// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// CONTROL registers: 16 bytes, triplicated, reset to zero.
//
//   +0x00 fmt_links  +0x01 bit 0 read_shadow  +0x02 refresh_period (16 bit)  +0x04 commit_bx (16 bit)
//   +0x06 commit: 0xA5 requests a commit, any other value withdraws the request; reads zero
//   +0x08 expected_crc (32 bit)  +0x0C weight_version (16 bit)
//
// Multi-byte values are little-endian and take effect byte by byte. Without a shadow bank only fmt_links and
// refresh_period exist; the others read zero.

module econ_control #(
  parameter bit ShadowBank = 1'b0
) (
  input  logic [2:0]  clk_tmr_i,
  input  logic        rst_ni,
  // byte port; rdata_o is combinational
  input  logic        we_i,
  input  logic [3:0]  offset_i,
  input  logic [7:0]  wdata_i,
  output logic [7:0]  rdata_o,
  // values
  output logic [7:0]  fmt_links_o,
  output logic        read_shadow_o,
  output logic [15:0] refresh_period_o,
  output logic [15:0] commit_bx_o,
  output logic [31:0] expected_crc_o,
  output logic [15:0] weight_version_o,
  // one clock: the commit register is written
  output logic        request_o,
  output logic        withdraw_o,
  // an upset in a register of this block, corrected
  output logic        error_o
);

  localparam logic [7:0] CommitKey = 8'hA5;

  logic [15:0]  byte_we;
  logic [127:0] image;       // byte 0 at the LSB
  logic         base_error, shadow_error;

  always @(*) begin
    for (int i = 0; i < 16; i++) begin
      byte_we[i] = we_i && (offset_i == 4'(i));
    end
  end

  econ_tmr_reg #(
    .Width(24)
  ) u_base (
    .clk_tmr_i,
    .rst_ni,
    .refresh_i(1'b1),
    .wmask_i  ({{8{byte_we[3]}}, {8{byte_we[2]}}, {8{byte_we[0]}}}),
    .d_i      ({3{wdata_i}}),
    .q_o      ({refresh_period_o, fmt_links_o}),
    .error_o  (base_error)
  );

  if (ShadowBank) begin : gen_shadow
    logic unused_byte_we;

    econ_tmr_reg #(
      .Width(65)
    ) u_shadow (
      .clk_tmr_i,
      .rst_ni,
      .refresh_i(1'b1),
      .wmask_i  ({{8{byte_we[13]}}, {8{byte_we[12]}}, {8{byte_we[11]}}, {8{byte_we[10]}}, {8{byte_we[9]}},
                  {8{byte_we[8]}}, {8{byte_we[5]}}, {8{byte_we[4]}}, byte_we[1]}),
      .d_i      ({{8{wdata_i}}, wdata_i[0]}),
      .q_o      ({weight_version_o, expected_crc_o, commit_bx_o, read_shadow_o}),
      .error_o  (shadow_error)
    );

    assign request_o      = byte_we[6] && (wdata_i == CommitKey);
    assign withdraw_o     = byte_we[6] && (wdata_i != CommitKey);
    assign unused_byte_we = ^{byte_we[15:14], byte_we[7]};
  end else begin : gen_no_shadow
    logic unused_byte_we;

    assign {weight_version_o, expected_crc_o, commit_bx_o, read_shadow_o} = '0;
    assign {request_o, withdraw_o} = '0;
    assign shadow_error   = 1'b0;
    assign unused_byte_we = ^{byte_we[15:4], byte_we[1]};
  end

  assign image = {16'd0, weight_version_o, expected_crc_o, 16'd0, commit_bx_o, refresh_period_o,
                  7'd0, read_shadow_o, fmt_links_o};

  always @(*) begin
    rdata_o = '0;
    for (int i = 0; i < 16; i++) begin
      if (offset_i == 4'(i)) rdata_o = image[8*i +: 8];
    end
  end

  assign error_o = base_error | shadow_error;

endmodule
