// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// The CRC walker over a memory of two bytes (the second one incomplete), with host accesses, changes of the memory, restarts
// without a change and changes of pace at any time. Asserted: while the CRC is valid, it is that of the present contents. (Of contents that change only when the store
// says so: an upset of a shadow bit behind the walker shows in the next pass.)

module harness #(
  parameter int WeightBits = 12,
  parameter bit Silent     = 1'b0   // negative control: the memory may change without telling
) (
  input logic                  clk,
  input logic                  change,
  input logic                  request,
  input logic                  fast,
  input logic                  access,
  input logic                  hit,
  input logic [0:0]            block,
  input logic [WeightBits-1:0] contents,
  input logic                  silent
);

  function automatic [31:0] step(input [31:0] sum, input [7:0] value);
    step = sum ^ {24'd0, value};
    for (int i = 0; i < 8; i++) step = (step >> 1) ^ (step[0] ? 32'hEDB8_8320 : 32'd0);
  endfunction

  logic                  started = 1'b0;
  logic [WeightBits-1:0] memory_q;
  logic [31:0]           crc, first, whole;
  logic                  valid;
  logic [31:0]           its_sum;                    // joined to the walker's registers
  logic [0:0]            its_block, its_byte;

  assign first   = step(32'hFFFF_FFFF, memory_q[7:0]);
  assign whole   = step(first, {{(16 - WeightBits){1'b0}}, memory_q[WeightBits-1:8]});

  always_ff @(posedge clk) begin
    started <= 1'b1;
    if (!started)                            memory_q <= '0;
    else if (change || (Silent && silent))   memory_q <= contents;
  end

  econ_bank_port #(
    .WeightBits(WeightBits),
    .BlockBytes(1)
  ) u_dut (
    .clk_tmr_i  (3'b111),
    .rst_ni     (started),
    .data_i     (memory_q),
    .restart_i  (change || request),
    .fast_i     (fast),
    .access_i   (access),
    .hit_i      (hit),
    .block_i    (block),
    .byte_i     (1'b0),
    .block_sel_o(),
    .byte_sel_o (),
    .rdata_o    (),
    .crc_o      (crc),
    .crc_valid_o(valid),
    .crc_done_o (),
    .error_o    ()
  );

  always @(*) begin
    if (started) begin
      assert (!valid || crc == ~whole);
      if (!Silent) assert (its_byte == 1'b0 && its_sum == (its_block == 1'b0 ? 32'hFFFF_FFFF : first));
    end
  end

endmodule
