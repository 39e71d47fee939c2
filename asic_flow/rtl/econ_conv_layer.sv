// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Two-dimensional convolution, fully parallel and combinational: one neuron per position and filter.
// Image and output are channels last (row, column, channel); the kernel is in register order (kernel row,
// kernel column, input channel, filter). PadTop and PadLeft are zero rows and columns in front of the image;
// positions behind it read zero too, so the padding at the far end follows from the output size.
//
// Compact = 1 (for InputSigned = 0 and ProductShift < WeightWidth): neurons with shared multiples of the inputs
// (econ_compact_neuron), and no products of what is always zero: padding, and values whose bit in InputLive is 0.

module econ_conv_layer #(
  parameter int InHeight     = 8,
  parameter int InWidth      = 8,
  parameter int InChannels   = 1,
  parameter int OutHeight    = 4,
  parameter int OutWidth     = 4,
  parameter int Filters      = 8,
  parameter int KernelHeight = 3,
  parameter int KernelWidth  = 3,
  parameter int StrideRow    = 2,
  parameter int StrideColumn = 2,
  parameter int PadTop       = 0,
  parameter int PadLeft      = 0,
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
  parameter bit Saturate     = 1'b1,
  parameter bit Compact      = 1'b0,
  parameter logic [InHeight*InWidth*InChannels-1:0] InputLive = {(InHeight*InWidth*InChannels){1'b1}},
  localparam int NumProducts = KernelHeight * KernelWidth * InChannels
) (
  input  logic [InHeight*InWidth*InChannels*InputWidth-1:0] image_i,
  input  logic [NumProducts*Filters*WeightWidth-1:0]        kernel_i,
  input  logic [Filters*WeightWidth-1:0]                    bias_i,
  output logic [OutHeight*OutWidth*Filters*OutputWidth-1:0] y_o
);

  // kernel of one filter: kernel row, kernel column, input channel
  logic [Filters*NumProducts*WeightWidth-1:0] kernels;

  for (genvar f = 0; f < Filters; f++) begin : gen_kernel
    for (genvar k = 0; k < NumProducts; k++) begin : gen_weight
      assign kernels[(f*NumProducts + k)*WeightWidth +: WeightWidth] =
          kernel_i[(k*Filters + f)*WeightWidth +: WeightWidth];
    end
  end

  localparam int ImageSize   = InHeight * InWidth * InChannels;
  localparam int TripleWidth = InputWidth + 2;
  localparam int PairWidth   = InputWidth + 1;

  // Products of an output position that can differ from zero.
  function automatic logic [NumProducts-1:0] window_live(int r, int c);
    int row, column;
    for (int k = 0; k < NumProducts; k++) begin
      row    = r * StrideRow + k / InChannels / KernelWidth - PadTop;
      column = c * StrideColumn + (k / InChannels) % KernelWidth - PadLeft;
      window_live[k] = 1'b0;
      if (row >= 0 && row < InHeight && column >= 0 && column < InWidth) begin
        window_live[k] = InputLive[(row*InWidth + column)*InChannels + k % InChannels];
      end
    end
  endfunction

  // How many of the first `end_` products are live.
  function automatic int live_before(logic [NumProducts-1:0] live, int end_);
    live_before = 0;
    for (int k = 0; k < end_; k++) if (live[k]) live_before = live_before + 1;
  endfunction

  logic [ImageSize*TripleWidth-1:0] image_triple;  // shared by all windows and filters

  always @(*) begin
    image_triple = '0;
    /* verilator unroll_disable */
    for (int p = 0; p < ImageSize; p++) begin
      if (Compact && ProductShift > 1 && InputLive[p]) begin
        image_triple[p*TripleWidth +: TripleWidth] = TripleWidth'(image_i[p*InputWidth +: InputWidth])
                                                     + (TripleWidth'(image_i[p*InputWidth +: InputWidth]) << 1);
      end
    end
  end

  for (genvar r = 0; r < OutHeight; r++) begin : gen_row
    for (genvar c = 0; c < OutWidth; c++) begin : gen_column
      localparam logic [NumProducts-1:0] Live = window_live(r, c);
      localparam int NumLive  = live_before(Live, NumProducts);
      localparam int NumPairs = (NumLive + 1) / 2;

      logic [NumProducts*InputWidth-1:0]  window;
      logic [NumProducts*TripleWidth-1:0] triples;
      logic                               unused_window;

      assign unused_window = ^{window, triples, kernels};

      for (genvar i = 0; i < KernelHeight; i++) begin : gen_window_row
        for (genvar j = 0; j < KernelWidth; j++) begin : gen_window_column
          localparam int Row    = int'(r * StrideRow + i) - int'(PadTop);
          localparam int Column = int'(c * StrideColumn + j) - int'(PadLeft);
          localparam int First  = (i*KernelWidth + j) * InChannels;
          localparam int Pixel  = (Row*int'(InWidth) + Column) * InChannels;

          if (Row >= 0 && Row < int'(InHeight) && Column >= 0 && Column < int'(InWidth)) begin : gen_pixel
            assign window[First*InputWidth +: InChannels*InputWidth] =
                image_i[Pixel*InputWidth +: InChannels*InputWidth];
            assign triples[First*TripleWidth +: InChannels*TripleWidth] =
                image_triple[Pixel*TripleWidth +: InChannels*TripleWidth];
          end else begin : gen_zero
            assign window[First*InputWidth +: InChannels*InputWidth]    = '0;
            assign triples[First*TripleWidth +: InChannels*TripleWidth] = '0;
          end
        end
      end

      if (Compact && NumLive == 0) begin : gen_empty
        for (genvar f = 0; f < Filters; f++) begin : gen_filter
          econ_cast #(
            .InputWidth  (WeightWidth + BiasShift),
            .InputSigned (1'b1),
            .Relu        (Relu),
            .Shift       (OutputShift),
            .OutputWidth (OutputWidth),
            .OutputSigned(OutputSigned),
            .Rounding    (Rounding),
            .Saturate    (Saturate)
          ) u_cast (
            .x_i((WeightWidth + BiasShift)'(bias_i[f*WeightWidth +: WeightWidth]) << BiasShift),
            .y_o(y_o[((r*OutWidth + c)*Filters + f)*OutputWidth +: OutputWidth])
          );
        end
      end else if (Compact) begin : gen_compact
        logic [2*NumPairs*InputWidth-1:0]       x;
        logic [NumLive*TripleWidth-1:0]         triple;
        logic [NumPairs*PairWidth-1:0]          pair;
        logic [Filters*NumLive*WeightWidth-1:0] w;

        if (NumLive % 2 == 1) begin : gen_odd
          assign x[NumLive*InputWidth +: InputWidth] = '0;
        end
        for (genvar k = 0; k < NumProducts; k++) begin : gen_product
          localparam int At = live_before(Live, k);

          if (Live[k]) begin : gen_live
            assign x[At*InputWidth +: InputWidth]        = window[k*InputWidth +: InputWidth];
            assign triple[At*TripleWidth +: TripleWidth] = triples[k*TripleWidth +: TripleWidth];
            for (genvar f = 0; f < Filters; f++) begin : gen_weight
              assign w[(f*NumLive + At)*WeightWidth +: WeightWidth] =
                  kernel_i[(k*Filters + f)*WeightWidth +: WeightWidth];
            end
          end
        end

        always @(*) begin  // shared by all filters
          /* verilator unroll_disable */
          for (int k = 0; k < NumPairs; k++) begin
            pair[k*PairWidth +: PairWidth] = PairWidth'(x[2*k*InputWidth +: InputWidth])
                                             + PairWidth'(x[(2*k + 1)*InputWidth +: InputWidth]);
          end
        end

        for (genvar f = 0; f < Filters; f++) begin : gen_filter
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
            .Saturate    (Saturate)
          ) u_neuron (
            .x_i            (x[NumLive*InputWidth-1:0]),
            .triple_i       (triple),
            .pair_i         (pair),
            .w_i            (w[f*NumLive*WeightWidth +: NumLive*WeightWidth]),
            .static_i       (1'b0),
            .static_triple_i(3'd0),
            .static_w_i     ({WeightWidth{1'b0}}),
            .b_i            (bias_i[f*WeightWidth +: WeightWidth]),
            .y_o            (y_o[((r*OutWidth + c)*Filters + f)*OutputWidth +: OutputWidth])
          );
        end
      end else begin : gen_straightforward
        for (genvar f = 0; f < Filters; f++) begin : gen_filter
          econ_neuron #(
            .NumInputs   (NumProducts),
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
            .x_i(window),
            .w_i(kernels[f*NumProducts*WeightWidth +: NumProducts*WeightWidth]),
            .b_i(bias_i[f*WeightWidth +: WeightWidth]),
            .y_o(y_o[((r*OutWidth + c)*Filters + f)*OutputWidth +: OutputWidth])
          );
        end
      end
    end
  end

endmodule
