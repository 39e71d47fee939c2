// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// I2C target with 7-bit device address and 16-bit register address (Sm, Fm and Fm+ at a 40 MHz clock).
//
//   write  START, device+W, address MSB, address LSB, data ..., STOP
//   read   (pointer write, then STOP or repeated START,) START, device+R, data ..., NACK, STOP
//
// The register pointer goes up by one per data byte (wrapping at 0xFFFF), and is kept across STOP, so a
// master that cannot send a repeated START works (lpGBT). It changes only when both address bytes have
// arrived. A data byte is written at the falling SCL edge behind its eighth bit; a START or STOP inside a
// byte drops that byte. The general call and foreign addresses are not acknowledged. SCL is never held.
// SDA is released at START, at STOP and for every acknowledge of the master.
//
// SDA is looked at one clock later than SCL for START and STOP, so that an SDA change together with a
// falling SCL edge (hold time 0) is never taken for one of them.
//
// Register port: `wr_en_o` or `rd_en_o` is high for one clock, `addr_o` is then valid; `rdata_i` is taken at
// the end of the same clock.
// All state is triplicated, voted and rewritten in every clock.

module econ_i2c_target #(
  parameter int FilterLength = 3
) (
  input  logic [2:0]  clk_tmr_i,
  input  logic        rst_ni,
  input  logic [6:0]  device_address_i,
  // bus
  input  logic        scl_i,
  input  logic        sda_i,
  output logic        sda_oe_o,   // 1: pull SDA low, 0: release
  // register port
  output logic        wr_en_o,
  output logic        rd_en_o,
  output logic [15:0] addr_o,
  output logic [7:0]  wdata_o,
  input  logic [7:0]  rdata_i,
  // an upset in a register of this block, corrected
  output logic        error_o
);

  localparam logic [2:0] StIdle      = 3'd0;  // also: not addressed, wait for START
  localparam logic [2:0] StReceive   = 3'd1;
  localparam logic [2:0] StAck       = 3'd2;
  localparam logic [2:0] StTransmit  = 3'd3;
  localparam logic [2:0] StMasterAck = 3'd4;

  localparam logic [1:0] ByteDevice  = 2'd0;
  localparam logic [1:0] BytePtrHigh = 2'd1;
  localparam logic [1:0] BytePtrLow  = 2'd2;
  localparam logic [1:0] ByteData    = 2'd3;

  localparam int StateWidth = 3 + 3 + 2 + 1 + 4 + 8 + 8 + 16 + 1;

  logic scl, sda;
  logic scl_error, sda_error, state_error;
  logic scl_rise, scl_fall, start, stop;

  logic [StateWidth-1:0] pack_d, pack_q;
  logic                  scl_old_q;                 // SCL one clock ago
  logic                  sda_late_q, sda_old_q;     // SDA one and two clocks ago
  logic [2:0]            state_d, state_q;
  logic [1:0]            kind_d, kind_q;            // which byte is being received
  logic                  read_d, read_q;            // R/W bit of the device address
  logic [3:0]            count_d, count_q;          // bits of the present byte
  logic [7:0]            shift_next, shift_d, shift_q;
  logic [7:0]            high_d, high_q;            // first address byte
  logic [15:0]           pointer_d, pointer_q;
  logic                  oe_d, oe_q;
  logic                  byte_done, addressed, read_bit, send_bit;
  logic [7:0]            shift_in, shift_out;

  econ_i2c_filter #(
    .FilterLength(FilterLength)
  ) u_scl (
    .clk_tmr_i,
    .rst_ni,
    .line_i (scl_i),
    .level_o(scl),
    .error_o(scl_error)
  );

  econ_i2c_filter #(
    .FilterLength(FilterLength)
  ) u_sda (
    .clk_tmr_i,
    .rst_ni,
    .line_i (sda_i),
    .level_o(sda),
    .error_o(sda_error)
  );

  assign scl_rise  = scl & ~scl_old_q;
  assign scl_fall  = ~scl & scl_old_q;
  assign start     = scl & scl_old_q & sda_old_q & ~sda_late_q;
  assign stop      = scl & scl_old_q & ~sda_old_q & sda_late_q;
  assign byte_done = (count_q == 4'd8);
  assign read_bit  = shift_q[0];
  assign send_bit  = shift_q[7];
  assign shift_in  = {shift_q[6:0], sda};
  assign shift_out = {shift_q[6:0], 1'b0};
  assign addressed = (shift_q[7:1] == device_address_i) && (device_address_i != 7'd0);

  always @(*) begin
    state_d    = state_q;
    kind_d     = kind_q;
    read_d     = read_q;
    count_d    = count_q;
    shift_next = shift_q;
    high_d     = high_q;
    pointer_d  = pointer_q;
    oe_d       = oe_q;
    wr_en_o    = 1'b0;
    rd_en_o    = 1'b0;

    if (start) begin
      state_d = StReceive;
      kind_d  = ByteDevice;
      count_d = '0;
      oe_d    = 1'b0;
    end else if (stop) begin
      state_d = StIdle;
      oe_d    = 1'b0;
    end else begin
      case (state_q)
        StReceive: begin
          if (scl_rise && !byte_done) begin
            shift_next = shift_in;
            count_d = count_q + 4'd1;
          end
          if (scl_fall && byte_done) begin
            state_d = StAck;
            oe_d    = 1'b1;
            case (kind_q)
              ByteDevice: begin
                read_d = read_bit;
                if (!addressed) begin
                  state_d = StIdle;
                  oe_d    = 1'b0;
                end else if (read_bit) begin
                  rd_en_o = 1'b1;
                end
              end
              BytePtrHigh: high_d = shift_q;
              BytePtrLow:  pointer_d = {high_q, shift_q};
              default: begin
                wr_en_o   = 1'b1;
                pointer_d = pointer_q + 16'd1;
              end
            endcase
          end
        end
        StAck: begin
          if (scl_fall) begin
            if (read_q) begin
              state_d = StTransmit;
              oe_d    = ~send_bit;
              shift_next = shift_out;
              count_d = 4'd1;
            end else begin
              state_d = StReceive;
              oe_d    = 1'b0;
              count_d = '0;
              kind_d  = (kind_q == ByteData) ? ByteData : kind_q + 2'd1;
            end
          end
        end
        StTransmit: begin
          if (scl_fall) begin
            if (byte_done) begin
              state_d   = StMasterAck;
              oe_d      = 1'b0;
              pointer_d = pointer_q + 16'd1;
            end else begin
              oe_d    = ~send_bit;
              shift_next = shift_out;
              count_d = count_q + 4'd1;
            end
          end
        end
        StMasterAck: begin
          if (scl_rise) begin
            if (sda) begin
              state_d = StIdle;
            end else begin
              rd_en_o = 1'b1;
            end
          end
          if (scl_fall) begin
            state_d = StTransmit;
            oe_d    = ~send_bit;
            shift_next = shift_out;
            count_d = 4'd1;
          end
        end
        default: begin
          state_d = StIdle;
          oe_d    = 1'b0;
        end
      endcase
    end
  end

  // the byte to send is taken from the register port in the clock of rd_en_o
  assign shift_d = rd_en_o ? rdata_i : shift_next;

  assign pack_d = {scl, sda, sda_late_q,
                   state_d, kind_d, read_d, count_d, shift_d, high_d, pointer_d, oe_d};
  assign {scl_old_q, sda_late_q, sda_old_q,
          state_q, kind_q, read_q, count_q, shift_q, high_q, pointer_q, oe_q} = pack_q;

  econ_tmr_reg #(
    .Width     (StateWidth),
    .ResetValue({3'b111, {(StateWidth - 3){1'b0}}})
  ) u_state (
    .clk_tmr_i,
    .rst_ni,
    .refresh_i(1'b1),
    .wmask_i  ({StateWidth{1'b1}}),
    .d_i      (pack_d),
    .q_o      (pack_q),
    .error_o  (state_error)
  );

  assign sda_oe_o = oe_q;
  assign addr_o   = pointer_q;
  assign wdata_o  = shift_q;
  assign error_o  = scl_error | sda_error | state_error;

endmodule
