// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Dense layer, fully parallel and combinational: one neuron per output.
// The kernel is in register order: output-major, that is all weights of output 0 first.

module econ_dense_layer #(
  parameter int NumInputs    = 128,
  parameter int NumOutputs   = 16,
  parameter int InputWidth   = 8,
  parameter bit InputSigned  = 1'b0,
  parameter int WeightWidth  = 6,
  parameter int ProductShift = 4,
  parameter int BiasShift    = 3,
  parameter bit Relu         = 1'b1,
  parameter int OutputShift  = 0,
  parameter int OutputWidth  = 9,
  parameter bit OutputSigned = 1'b0,
  parameter int Rounding     = 0,
  parameter bit Saturate     = 1'b1
) (
  input  logic [NumInputs*InputWidth-1:0]             x_i,
  input  logic [NumOutputs*NumInputs*WeightWidth-1:0] kernel_i,
  input  logic [NumOutputs*WeightWidth-1:0]           bias_i,
  output logic [NumOutputs*OutputWidth-1:0]           y_o
);

  for (genvar o = 0; o < NumOutputs; o++) begin : gen_output
    econ_neuron #(
      .NumInputs   (NumInputs),
      .InputWidth  (InputWidth),
      .InputSigned (InputSigned),
      .WeightWidth (WeightWidth),
      .ProductShift(ProductShift),
      .BiasShift   (BiasShift),
      .Relu        (Relu),
      .OutputShift (OutputShift),
      .OutputWidth (OutputWidth),
      .OutputSigned(OutputSigned),
      .Rounding    (Rounding),
      .Saturate    (Saturate)
    ) u_neuron (
      .x_i,
      .w_i(kernel_i[o*NumInputs*WeightWidth +: NumInputs*WeightWidth]),
      .b_i(bias_i[o*WeightWidth +: WeightWidth]),
      .y_o(y_o[o*OutputWidth +: OutputWidth])
    );
  end

endmodule
