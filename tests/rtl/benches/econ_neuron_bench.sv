// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// A dense layer of one compact neuron with the ports of econ_neuron, all inputs live.

module econ_neuron_bench #(
  parameter int NumInputs    = 9,
  parameter int InputWidth   = 8,
  parameter bit InputSigned  = 1'b0,
  parameter int WeightWidth  = 6,
  parameter int ProductShift = 5,
  parameter int BiasShift    = 2,
  parameter bit Relu         = 1'b1,
  parameter int OutputShift  = 0,
  parameter int OutputWidth  = 8,
  parameter bit OutputSigned = 1'b0,
  parameter int Rounding     = 0,
  parameter bit Saturate     = 1'b1
) (
  input  logic [NumInputs*InputWidth-1:0]  x_i,
  input  logic [NumInputs*WeightWidth-1:0] w_i,
  input  logic [WeightWidth-1:0]           b_i,
  output logic [OutputWidth-1:0]           y_o
);

  function automatic logic [32*NumInputs-1:0] places();
    for (int k = 0; k < NumInputs; k++) places[32*k +: 32] = k;
  endfunction

  econ_dense_layer #(
    .NumInputs   (NumInputs),
    .NumOutputs  (1),
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
    .Saturate    (Saturate),
    .Compact     (1'b1),
    .Place       (places()),
    .NumLive     (NumInputs)
  ) u_layer (
    .x_i,
    .kernel_i(w_i),
    .bias_i  (b_i),
    .y_o
  );

endmodule
