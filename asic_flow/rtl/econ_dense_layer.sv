// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Dense layer, fully parallel and combinational: one neuron per output.
// The kernel is in register order: output-major, that is all weights of output 0 first.
//
// Compact = 1 (for InputSigned = 0 and ProductShift < WeightWidth): neurons with shared multiples of the inputs, see
// econ_compact_neuron. Inputs that are neither Live nor Static are always zero and have no products; Place is the place
// of an input among the live ones, or of a static one in its group (group * GroupSize + member).

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
  parameter bit Saturate     = 1'b1,
  parameter bit Compact      = 1'b0,
  parameter logic [NumInputs-1:0]    Live   = {NumInputs{1'b1}},
  parameter logic [NumInputs-1:0]    Static = {NumInputs{1'b0}},
  parameter logic [32*NumInputs-1:0] Place  = {(32*NumInputs){1'b0}},
  parameter int NumLive      = 1,
  parameter int NumGroups    = 0,
  parameter int GroupSize    = 1,
  parameter int StaticShift  = 0,
  parameter int StaticWidth  = 1
) (
  input  logic [NumInputs*InputWidth-1:0]             x_i,
  input  logic [NumOutputs*NumInputs*WeightWidth-1:0] kernel_i,
  input  logic [NumOutputs*WeightWidth-1:0]           bias_i,
  output logic [NumOutputs*OutputWidth-1:0]           y_o
);

  if (Compact) begin : gen_compact
    localparam int NumPairs     = (NumLive + 1) / 2;
    localparam int TripleWidth  = InputWidth + 2;
    localparam int PairWidth    = InputWidth + 1;
    localparam int StaticSize   = (NumGroups > 0) ? NumGroups : 1;
    localparam int StaticTriple = StaticWidth + 2;

    logic [2*NumPairs*InputWidth-1:0]                         x;
    logic [NumOutputs*NumLive*WeightWidth-1:0]                w;
    logic [NumLive*TripleWidth-1:0]                           triple;
    logic [NumPairs*PairWidth-1:0]                            pair;
    logic [StaticSize*StaticWidth-1:0]                        static_x;
    logic [StaticSize*StaticTriple-1:0]                       static_triple;
    logic [NumOutputs*StaticSize*GroupSize*WeightWidth-1:0]   static_w;
    logic                                                     unused_inputs;

    // multiples that all neurons share
    always @(*) begin
      triple        = '0;
      static_triple = '0;
      if (ProductShift > 1) begin
        /* verilator unroll_disable */
        for (int k = 0; k < NumLive; k++) begin
          triple[k*TripleWidth +: TripleWidth] = TripleWidth'(x[k*InputWidth +: InputWidth])
                                                 + (TripleWidth'(x[k*InputWidth +: InputWidth]) << 1);
        end
        for (int g = 0; g < NumGroups; g++) begin
          static_triple[g*StaticTriple +: StaticTriple] =
              StaticTriple'(static_x[g*StaticWidth +: StaticWidth])
              + (StaticTriple'(static_x[g*StaticWidth +: StaticWidth]) << 1);
        end
      end
      pair = '0;
      /* verilator unroll_disable */
      for (int k = 0; k < NumPairs; k++) begin
        pair[k*PairWidth +: PairWidth] = PairWidth'(x[2*k*InputWidth +: InputWidth])
                                         + PairWidth'(x[(2*k + 1)*InputWidth +: InputWidth]);
      end
    end

    // inputs and weights without those that are always zero
    if (NumLive % 2 == 1) begin : gen_odd
      assign x[NumLive*InputWidth +: InputWidth] = '0;
    end
    for (genvar k = 0; k < NumInputs; k++) begin : gen_input
      localparam int At = Place[32*k +: 32];

      if (Live[k]) begin : gen_live
        assign x[At*InputWidth +: InputWidth] = x_i[k*InputWidth +: InputWidth];
      end else if (Static[k] && At % GroupSize == 0) begin : gen_static
        assign static_x[At/GroupSize*StaticWidth +: StaticWidth] = x_i[k*InputWidth + StaticShift +: StaticWidth];
      end
      for (genvar o = 0; o < NumOutputs; o++) begin : gen_weight
        if (Live[k]) begin : gen_live
          assign w[(o*NumLive + At)*WeightWidth +: WeightWidth] =
              kernel_i[(o*NumInputs + k)*WeightWidth +: WeightWidth];
        end else if (Static[k]) begin : gen_static
          assign static_w[(o*NumGroups*GroupSize + At)*WeightWidth +: WeightWidth] =
              kernel_i[(o*NumInputs + k)*WeightWidth +: WeightWidth];
        end
      end
    end
    if (NumGroups == 0) begin : gen_no_static
      assign static_x = '0;
      assign static_w = '0;
    end
    assign unused_inputs = ^{x_i, kernel_i};

    for (genvar o = 0; o < NumOutputs; o++) begin : gen_output
      econ_compact_neuron #(
        .NumInputs   (NumLive),
        .InputWidth  (InputWidth),
        .WeightWidth (WeightWidth),
        .ProductShift(ProductShift),
        .BiasShift   (BiasShift),
        .Relu        (Relu),
        .OutputShift (OutputShift),
        .OutputWidth (OutputWidth),
        .OutputSigned(OutputSigned),
        .Rounding    (Rounding),
        .Saturate    (Saturate),
        .NumGroups   (NumGroups),
        .GroupSize   (GroupSize),
        .StaticShift (StaticShift),
        .StaticWidth (StaticWidth)
      ) u_neuron (
        .x_i            (x[NumLive*InputWidth-1:0]),
        .triple_i       (triple),
        .pair_i         (pair),
        .w_i            (w[o*NumLive*WeightWidth +: NumLive*WeightWidth]),
        .static_i       (static_x),
        .static_triple_i(static_triple),
        .static_w_i     (static_w[o*StaticSize*GroupSize*WeightWidth +: StaticSize*GroupSize*WeightWidth]),
        .b_i            (bias_i[o*WeightWidth +: WeightWidth]),
        .y_o            (y_o[o*OutputWidth +: OutputWidth])
      );
    end
  end else begin : gen_straightforward
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
  end

endmodule
