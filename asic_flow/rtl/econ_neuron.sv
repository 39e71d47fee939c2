// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// One neuron: sum of products with a bias, activation, cast to the output format. Combinational, all
// integers; used with the window of a convolution and with the whole input vector of a dense layer.
//
//   product  x*w, floored by ProductShift bits each (0: exact products)
//   sum      products + (bias << BiasShift), in an accumulator that no weight set can overflow
//   output   activation and cast of econ_cast
//
// For unsigned inputs the weight is split into magnitude bits and sign: x*w = x*w[low] - 2**(n-1)*x*w[sign].
// The products are then unsigned and the sign costs one subtraction per neuron instead of a sign extension
// per product: the smallest form in synthesis, and one loop in simulation. Splitting is exact under the
// floor as long as ProductShift < WeightWidth; otherwise, and for signed inputs, signed products are used.

module econ_neuron #(
  parameter int NumInputs    = 9,
  parameter int InputWidth   = 8,
  parameter bit InputSigned  = 1'b0,
  parameter int WeightWidth  = 6,     // kernel and bias, two's complement
  parameter int ProductShift = 5,
  parameter int BiasShift    = 2,
  parameter bit Relu         = 1'b1,
  parameter int OutputShift  = 0,
  parameter int OutputWidth  = 8,
  parameter bit OutputSigned = 1'b0,
  parameter int Rounding     = 0,     // 0: floor, 1: half up, 2: half to even
  parameter bit Saturate     = 1'b1   // 0: wrap
) (
  input  logic [NumInputs*InputWidth-1:0]  x_i,   // input 0 at the LSB
  input  logic [NumInputs*WeightWidth-1:0] w_i,
  input  logic [WeightWidth-1:0]           b_i,
  output logic [OutputWidth-1:0]           y_o
);

  // Bounds over every weight set: all weights at the largest or at the smallest value.
  localparam int MagWidth = WeightWidth - 1;
  localparam longint XMax = InputSigned ? (64'd1 << (InputWidth - 1)) : (64'd1 << InputWidth) - 1;
  localparam longint WMax = InputSigned ? (64'd1 << MagWidth) : (64'd1 << MagWidth) - 1;
  localparam longint WMin = 64'd1 << MagWidth;
  localparam longint Ceil = (64'd1 << ProductShift) - 1;
  localparam longint AccMax = 64'(NumInputs) * ((XMax * WMax) >> ProductShift)
                                       + (((64'd1 << MagWidth) - 1) << BiasShift);
  localparam longint AccMin = 64'(NumInputs) * ((XMax * WMin + Ceil) >> ProductShift)
                                       + ((64'd1 << MagWidth) << BiasShift);
  localparam int MaxWidth = $clog2(AccMax + 1);
  localparam int MinWidth = $clog2(AccMin);
  localparam int AccWidth = 1 + ((MaxWidth > MinWidth) ? MaxWidth : MinWidth);

  logic [AccWidth-1:0] products;  // sum of the products, modulo 2**AccWidth
  logic [AccWidth-1:0] bias;
  logic [AccWidth-1:0] acc;

  if (!InputSigned && ProductShift <= MagWidth) begin : gen_split
    localparam int ProductWidth = InputWidth + MagWidth;
    localparam int SumWidth     = InputWidth + $clog2(NumInputs + 1);

    logic [ProductWidth-1:0] product;
    logic [AccWidth-1:0]     magnitude_sum;
    logic [SumWidth-1:0]     sign_sum;

    always @(*) begin
      product       = '0;
      magnitude_sum = '0;
      sign_sum      = '0;
      for (int k = 0; k < NumInputs; k++) begin
        product = ProductWidth'(x_i[k*InputWidth +: InputWidth])
                  * ProductWidth'(w_i[k*WeightWidth +: MagWidth]);
        magnitude_sum = magnitude_sum + AccWidth'(product >> ProductShift);
        sign_sum = sign_sum
                   + SumWidth'(x_i[k*InputWidth +: InputWidth] & {InputWidth{w_i[k*WeightWidth + MagWidth]}});
      end
    end

    assign products = magnitude_sum - (AccWidth'(sign_sum) << (MagWidth - ProductShift));
  end else begin : gen_signed
    localparam int FactorWidth  = InputWidth + 1;
    localparam int ProductWidth = FactorWidth + WeightWidth;
    localparam int SumWidth     = (ProductWidth > AccWidth) ? ProductWidth : AccWidth;

    logic signed [ProductWidth-1:0] factor;
    logic signed [ProductWidth-1:0] weight;
    logic signed [ProductWidth-1:0] product;
    logic signed [SumWidth-1:0]     sum;

    always @(*) begin
      factor  = '0;
      weight  = '0;
      product = '0;
      sum     = '0;
      for (int k = 0; k < NumInputs; k++) begin
        factor  = ProductWidth'($signed({InputSigned && x_i[k*InputWidth + InputWidth - 1],
                                         x_i[k*InputWidth +: InputWidth]}));
        weight  = ProductWidth'($signed(w_i[k*WeightWidth +: WeightWidth]));
        product = (factor * weight) >>> ProductShift;
        sum     = sum + SumWidth'(product);
      end
    end

    assign products = AccWidth'(sum);
  end

  assign bias = {{(AccWidth - WeightWidth){b_i[WeightWidth-1]}}, b_i} << BiasShift;
  assign acc  = products + bias;

  econ_cast #(
    .InputWidth  (AccWidth),
    .InputSigned (1'b1),
    .Relu        (Relu),
    .Shift       (OutputShift),
    .OutputWidth (OutputWidth),
    .OutputSigned(OutputSigned),
    .Rounding    (Rounding),
    .Saturate    (Saturate)
  ) u_cast (
    .x_i(acc),
    .y_o
  );

`ifndef SYNTHESIS
`ifndef __ICARUS__  // version 11 has no elaboration system tasks
  if (WeightWidth < 2 || NumInputs < 1) begin : gen_check_size
    $error("econ_neuron: needs WeightWidth >= 2 and NumInputs >= 1");
  end
  if (AccWidth > 32) begin : gen_check_width
    $error("econ_neuron: accumulator wider than 32 bits");
  end
`endif
`endif

endmodule
