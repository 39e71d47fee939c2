// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Activation and cast of every value of a tensor, without weights. Combinational.

module econ_activation_layer #(
  parameter int NumValues    = 16,
  parameter int InputWidth   = 8,
  parameter bit InputSigned  = 1'b0,
  parameter bit Relu         = 1'b1,
  parameter int OutputShift  = 0,
  parameter int OutputWidth  = 8,
  parameter bit OutputSigned = 1'b0,
  parameter int Rounding     = 0,
  parameter bit Saturate     = 1'b1
) (
  input  logic [NumValues*InputWidth-1:0]  x_i,
  output logic [NumValues*OutputWidth-1:0] y_o
);

  for (genvar i = 0; i < NumValues; i++) begin : gen_value
    econ_cast #(
      .InputWidth  (InputWidth),
      .InputSigned (InputSigned),
      .Relu        (Relu),
      .Shift       (OutputShift),
      .OutputWidth (OutputWidth),
      .OutputSigned(OutputSigned),
      .Rounding    (Rounding),
      .Saturate    (Saturate)
    ) u_cast (
      .x_i(x_i[i*InputWidth +: InputWidth]),
      .y_o(y_o[i*OutputWidth +: OutputWidth])
    );
  end

endmodule
