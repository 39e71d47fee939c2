// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Activation and cast of one integer into an output format. Combinational: ReLU if asked for, then Shift
// bits dropped with the given rounding, then saturation or wrapping.

module econ_cast #(
  parameter int InputWidth   = 13,
  parameter bit InputSigned  = 1'b1,
  parameter bit Relu         = 1'b1,
  parameter int Shift        = 0,
  parameter int OutputWidth  = 8,
  parameter bit OutputSigned = 1'b0,
  parameter int Rounding     = 0,     // 0: floor, 1: half up, 2: half to even
  parameter bit Saturate     = 1'b1   // 0: wrap
) (
  input  logic [InputWidth-1:0]  x_i,
  output logic [OutputWidth-1:0] y_o
);

  // One bit more than the input (rounding up), and wide enough for the output limits.
  localparam int CastWidth = ((InputWidth > OutputWidth) ? InputWidth : OutputWidth) + 2;
  localparam logic signed [CastWidth-1:0] OutMax =
      OutputSigned ? (CastWidth'(1) << (OutputWidth - 1)) - 1 : (CastWidth'(1) << OutputWidth) - 1;
  localparam logic signed [CastWidth-1:0] OutMin =
      OutputSigned ? -(CastWidth'(1) << (OutputWidth - 1)) : '0;

  logic                        negative;
  logic signed [CastWidth-1:0] active;
  logic signed [CastWidth-1:0] rounded;

  assign negative = InputSigned && x_i[InputWidth-1];
  assign active   = (Relu && negative) ? '0 : {{(CastWidth - InputWidth){negative}}, x_i};

  if (Shift == 0 || Rounding == 0) begin : gen_floor
    assign rounded = active >>> Shift;
  end else begin : gen_round
    localparam logic signed [CastWidth-1:0] Half = CastWidth'(1) << (Shift - 1);
    logic signed [CastWidth-1:0] tie;

    // half to even: a tie goes up only when the kept value is odd
    assign tie     = (Rounding == 2 && !active[Shift]) ? CastWidth'(1) : '0;
    assign rounded = (active + Half - tie) >>> Shift;
  end

  if (Saturate) begin : gen_saturate
    always @(*) begin
      y_o = OutputWidth'(rounded);
      if (rounded > OutMax)      y_o = OutputWidth'(OutMax);
      else if (rounded < OutMin) y_o = OutputWidth'(OutMin);
    end
  end else begin : gen_wrap
    assign y_o = OutputWidth'(rounded);
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
