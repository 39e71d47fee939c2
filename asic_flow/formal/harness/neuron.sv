// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// A neuron against the arithmetic of the intermediate representation (asic_flow/ir.py), written out in plain signed
// integers: product, floor, bias, ReLU, rounding, overflow. All inputs and all weights at once.

module harness #(
  parameter int NumInputs    = 2,
  parameter int InputWidth   = 4,
  parameter bit InputSigned  = 1'b0,
  parameter int WeightWidth  = 3,
  parameter int ProductShift = 2,
  parameter int BiasShift    = 1,
  parameter bit Relu         = 1'b1,
  parameter int OutputShift  = 0,
  parameter int OutputWidth  = 4,
  parameter bit OutputSigned = 1'b0,
  parameter int Rounding     = 0,
  parameter bit Saturate     = 1'b1,
  parameter int Offset       = 0       // negative control: added to the expected sum
) (
  input logic [NumInputs*InputWidth-1:0]  x,
  input logic [NumInputs*WeightWidth-1:0] w,
  input logic [WeightWidth-1:0]           b
);

  localparam logic signed [31:0] Largest  = OutputSigned ? (1 << (OutputWidth - 1)) - 1 : (1 << OutputWidth) - 1;
  localparam logic signed [31:0] Smallest = OutputSigned ? -(1 << (OutputWidth - 1)) : 0;

  logic signed [31:0]     factor, weight, sum, half;
  logic [OutputWidth-1:0] expected, y;

  always @(*) begin
    sum = Offset;
    for (int k = 0; k < NumInputs; k++) begin
      factor = {{(32 - InputWidth){InputSigned && x[k*InputWidth + InputWidth - 1]}}, x[k*InputWidth +: InputWidth]};
      weight = {{(32 - WeightWidth){w[k*WeightWidth + WeightWidth - 1]}}, w[k*WeightWidth +: WeightWidth]};
      sum    = sum + ((factor * weight) >>> ProductShift);
    end
    weight = {{(32 - WeightWidth){b[WeightWidth-1]}}, b};
    sum    = sum + (weight << BiasShift);
    if (Relu && sum[31]) sum = 0;
    half = (OutputShift > 0 && Rounding > 0) ? (1 << OutputShift) >> 1 : 0;
    if (Rounding == 2 && OutputShift > 0 && !sum[OutputShift]) half = half - 1;
    sum = (sum + half) >>> OutputShift;
    if (Saturate && sum > Largest)  sum = Largest;
    if (Saturate && sum < Smallest) sum = Smallest;
    expected = sum[OutputWidth-1:0];
  end

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
  ) u_dut (
    .x_i(x),
    .w_i(w),
    .b_i(b),
    .y_o(y)
  );

  always @(*) assert (y == expected);

endmodule
