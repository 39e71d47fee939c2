// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Activation and cast of one integer into an output format. Combinational: ReLU if asked for, then Shift
// bits dropped with the given rounding, then saturation or wrapping.
//
// Rounding adds one half before the bits are dropped (HalfAdded = 1: the input holds it already). Half to even: where
// nothing but zeros is dropped behind that, the value was a tie, and the lowest kept bit becomes zero. The half never
// changes what ReLU and saturation see: a negative value that it lifts to zero or above rounds to zero.

module econ_cast #(
  parameter int InputWidth   = 13,
  parameter bit InputSigned  = 1'b1,
  parameter bit Relu         = 1'b1,
  parameter int Shift        = 0,
  parameter int OutputWidth  = 8,
  parameter bit OutputSigned = 1'b0,
  parameter int Rounding     = 0,     // 0: floor, 1: half up, 2: half to even
  parameter bit Saturate     = 1'b1,  // 0: wrap
  parameter bit HalfAdded    = 1'b0
) (
  input  logic [InputWidth-1:0]  x_i,
  output logic [OutputWidth-1:0] y_o
);

  // One bit more than the input (rounding up), and wide enough for the output and its sign.
  localparam int CastWidth = ((InputWidth > OutputWidth) ? InputWidth : OutputWidth) + 2;
  localparam logic [CastWidth-1:0] Half = (CastWidth'(1) << Shift) >> 1;
  localparam logic [CastWidth-1:0] Dropped = (CastWidth'(1) << Shift) - 1;

  logic [CastWidth-1:0]   lifted;
  logic [CastWidth-1:0]   kept;
  logic                   tie, negative, beyond;
  logic [OutputWidth-1:0] rounded, limit;

  if (HalfAdded || Rounding == 0 || Shift == 0) begin : gen_as_is
    assign lifted = {{(CastWidth - InputWidth){InputSigned && x_i[InputWidth-1]}}, x_i};
  end else begin : gen_round
    assign lifted = {{(CastWidth - InputWidth){InputSigned && x_i[InputWidth-1]}}, x_i} + Half;
  end

  assign negative = lifted[CastWidth-1];
  assign kept     = CastWidth'($signed(lifted) >>> Shift);
  assign tie      = (Rounding == 2) && (Shift > 0) && ((lifted & Dropped) == '0);
  assign rounded  = {kept[OutputWidth-1:1], kept[0] & ~tie};

  if (OutputSigned) begin : gen_signed
    assign beyond = (kept[CastWidth-1:OutputWidth-1] != {(CastWidth - OutputWidth + 1){negative}});
    assign limit  = {negative, {(OutputWidth - 1){~negative}}};
  end else begin : gen_unsigned
    assign beyond = (kept[CastWidth-1:OutputWidth] != '0);
    assign limit  = {OutputWidth{~negative}};
  end

  always @(*) begin
    y_o = rounded;
    if (Saturate && beyond) y_o = limit;
    if (Relu && negative)   y_o = '0;
  end

`ifndef SYNTHESIS
`ifndef __ICARUS__  // version 11 has no elaboration system tasks
  if (Rounding > 2) begin : gen_check_rounding
    $error("econ_cast: Rounding must be 0 (floor), 1 (half up) or 2 (half to even)");
  end
  if (Relu && OutputSigned) begin : gen_check_relu
    $error("econ_cast: a ReLU output must be unsigned");
  end
  if (Shift < 0 || Shift > InputWidth) begin : gen_check_shift
    $error("econ_cast: Shift must lie in 0..InputWidth");
  end
`endif
`endif

endmodule
