// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// A neuron against the arithmetic of the intermediate representation (asic_flow/ir.py), written out in plain signed
// integers: product, floor, bias, ReLU, rounding, overflow. All inputs and all weights at once.
// Compact = 1: a dense layer of one compact neuron, with the multiples that it shares. Its last Statics inputs are then
// static ones of one group: equal, with StaticWidth free bits from bit StaticShift up.

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
  parameter int Offset       = 0,      // negative control: added to the expected sum
  parameter bit Compact      = 1'b0,
  parameter int Statics      = 0,
  parameter int StaticShift  = 0,
  parameter int StaticWidth  = 1
) (
  input logic [NumInputs*InputWidth-1:0]  x,
  input logic [NumInputs*WeightWidth-1:0] w,
  input logic [WeightWidth-1:0]           b
);

  localparam logic signed [31:0] Largest  = OutputSigned ? (1 << (OutputWidth - 1)) - 1 : (1 << OutputWidth) - 1;
  localparam logic signed [31:0] Smallest = OutputSigned ? -(1 << (OutputWidth - 1)) : 0;

  localparam int NumLive = NumInputs - Statics;

  logic [NumInputs*InputWidth-1:0] xs;  // the inputs, the static ones in their form
  logic signed [31:0]     factor, weight, sum, half;
  logic [OutputWidth-1:0] expected, y;

  always @(*) begin
    xs = x;
    for (int k = NumLive; k < NumInputs; k++) begin
      xs[k*InputWidth +: InputWidth] = '0;
      xs[k*InputWidth + StaticShift +: StaticWidth] = x[NumLive*InputWidth +: StaticWidth];
    end
  end

  always @(*) begin
    sum = Offset;
    for (int k = 0; k < NumInputs; k++) begin
      factor = {{(32 - InputWidth){InputSigned && xs[k*InputWidth + InputWidth - 1]}}, xs[k*InputWidth +: InputWidth]};
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

  function automatic logic [32*NumInputs-1:0] places();
    for (int k = 0; k < NumInputs; k++) places[32*k +: 32] = (k < NumLive) ? k : k - NumLive;
  endfunction

  if (Compact) begin : gen_compact
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
      .Live        (NumInputs'((1 << NumLive) - 1)),
      .Static      (NumInputs'(((1 << Statics) - 1) << NumLive)),
      .Place       (places()),
      .NumLive     (NumLive),
      .NumGroups   ((Statics > 0) ? 1 : 0),
      .GroupSize   ((Statics > 0) ? Statics : 1),
      .StaticShift (StaticShift),
      .StaticWidth (StaticWidth)
    ) u_dut (
      .x_i(xs),
      .kernel_i(w),
      .bias_i(b),
      .y_o(y)
    );
  end else begin : gen_straightforward
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
      .x_i(xs),
      .w_i(w),
      .b_i(b),
      .y_o(y)
    );
  end

  always @(*) assert (y == expected);

endmodule
