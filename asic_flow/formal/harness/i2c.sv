// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// The I2C target against a reference written from the bus protocol: nine-bit slots counted at rising SCL edges, slot 0 the
// device address, slots 1 and 2 the register address, then data. SCL and SDA levels change in any way at any clock.
// Asserted, in every clock: SDA is pulled only inside a transfer that addresses this target; the pull begins only behind a
// falling SCL edge and ends there or at a START or STOP; after START and STOP the line is free; a byte is written only as the
// fourth or a later byte of a write that addresses this target, with the data and address that were sent.

module harness #(
  parameter logic [6:0] Address    = 7'h20,
  parameter bit         Helpers    = 1'b1,  // relations to the target's state that make the induction close
  parameter bit         NeverWrite = 1'b0   // negative control: asserts that nothing is ever written
) (
  input logic       clk,
  input logic       scl,
  input logic       sda,
  input logic [7:0] rdata
);

  logic        started = 1'b0;
  logic        scl_q, sda_q, sda_old_q, pull_q, free_q, fell_q;
  logic        start, stop, rise, fall;
  logic        active, ack, reading, sending;   // transfer for us so far; acknowledge slot; R/W bit; we send this slot
  logic [3:0]  bits;                            // SCL pulses of this slot, the acknowledge included
  logic [1:0]  slot;
  logic [7:0]  received, high, answer;
  logic [15:0] pointer;
  logic        pull;                            // what SDA must be
  logic        pulled, wr_en, rd_en;
  logic [15:0] addr;
  logic [7:0]  wdata;
  // joined to the target's registers
  logic [2:0]  its_state;
  logic [1:0]  its_kind;
  logic [3:0]  its_count;
  logic [7:0]  its_shift, its_high;
  logic        its_read, its_scl, its_sda, its_sda_old;

  assign rise  = scl && !scl_q;
  assign fall  = !scl && scl_q;
  assign start = scl && scl_q && sda_old_q && !sda_q;
  assign stop  = scl && scl_q && !sda_old_q && sda_q;

  logic complete, mine, write_now, read_now;
  assign complete  = active && fall && bits == 4'd8 && !ack;
  assign mine      = received[7:1] == Address;
  assign write_now = complete && !sending && slot == 2'd3;
  assign read_now  = (complete && slot == 2'd0 && mine && received[0])
                     || (active && rise && ack && sending && !sda);

  always_ff @(posedge clk) begin
    started   <= 1'b1;
    scl_q     <= !started || scl;
    sda_q     <= !started || sda;
    sda_old_q <= !started || sda_q;
    pull_q    <= started && pulled;
    free_q    <= started && (start || stop);
    fell_q    <= started && fall;
    if (!started) begin
      {active, ack, reading, sending, pull, bits, slot, pointer} <= '0;
    end else if (start) begin
      {active, ack, sending, pull, bits, slot} <= {1'b1, 9'd0};
    end else if (stop) begin
      {active, pull} <= '0;
    end else if (active) begin
      if (rise && bits < 4'd9) bits <= bits + 4'd1;
      if (rise && bits < 4'd8 && !sending) received <= {received[6:0], sda};
      if (rise && ack && sending && sda) {active, pull} <= '0;
      if (complete) begin
        ack  <= 1'b1;
        pull <= !sending;
        if (slot == 2'd0) begin
          reading <= received[0];
          if (!mine) {active, pull} <= '0;
        end
        if (slot == 2'd1 && !sending) high <= received;
        if (slot == 2'd2 && !sending) pointer <= {high, received};
        if (slot == 2'd3 || sending) pointer <= pointer + 16'd1;
      end else if (fall && ack) begin
        ack     <= 1'b0;
        bits    <= '0;
        slot    <= (slot == 2'd3) ? 2'd3 : slot + 2'd1;
        sending <= reading;
        pull    <= reading && !answer[7];
      end else if (fall && sending) begin
        pull <= !answer[3'd7 - bits[2:0]];
      end
    end
    if (read_now && !start && !stop) answer <= rdata;
  end

  econ_i2c_target u_dut (
    .clk_tmr_i       (3'b111),
    .rst_ni          (started),
    .device_address_i(Address),
    .scl_i           (scl),
    .sda_i           (sda),
    .sda_oe_o        (pulled),
    .wr_en_o         (wr_en),
    .rd_en_o         (rd_en),
    .addr_o          (addr),
    .wdata_o         (wdata),
    .rdata_i         (rdata),
    .error_o         ()
  );

  always @(*) begin
    if (started && NeverWrite) assert (!wr_en);
    if (started && !NeverWrite) begin
      assert (pulled == pull);
      assert (!pulled || active);
      assert (!pulled || pull_q || fell_q);
      assert (pulled || !pull_q || fell_q || free_q);
      assert (!free_q || !pulled);
      assert (wr_en == write_now);
      assert (!wr_en || (wdata == received && addr == pointer));
      assert (rd_en == read_now);
      assert (!rd_en || addr == pointer);
    end
    if (started && Helpers) begin
      assert (its_scl == scl_q && its_sda == sda_q && its_sda_old == sda_old_q);
      assert (active == (its_state != 3'd0) && its_state <= 3'd4);
      assert (addr == pointer && bits <= 4'd9);
      if (its_state == 3'd1) begin
        assert (!sending && !ack && its_count == bits && bits <= 4'd8 && its_kind == slot);
        assert (((its_shift ^ received) << (4'd8 - bits)) == 8'd0);
        assert (slot == 2'd0 || !reading);
        assert (bits != 4'd8 || scl_q);
      end
      if (its_state == 3'd2) assert (!sending && ack && its_kind == slot && bits == (scl_q ? 4'd9 : 4'd8));
      if (its_state == 3'd3) begin
        assert (sending && !ack && its_count == (scl_q ? bits : bits + 4'd1) && its_count >= 4'd1 && its_count <= 4'd8);
        assert (its_shift == answer << its_count);
      end
      if (its_state == 3'd4) assert (sending && ack && bits == (scl_q ? 4'd9 : 4'd8) && (!scl_q || its_shift == answer));
      if (active && slot != 2'd0) assert (reading == its_read && (!sending || reading));
      if (its_state == 3'd2) assert (reading == its_read && (!reading || (slot == 2'd0 && its_shift == answer)));
      if (active && slot == 2'd0) assert (!sending);
      if (active && !reading && (slot >= 2'd2 || (slot == 2'd1 && ack))) assert (high == its_high);
      if (its_state >= 3'd3) assert (reading && its_read);
      if (its_state == 3'd1 || its_state == 3'd4) assert (!pull);
      if (its_state == 3'd2) assert (pull);
    end
  end

endmodule
