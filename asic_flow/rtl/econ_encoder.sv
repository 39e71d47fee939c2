// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Encoder block: converter, then the layers of the structure in econ_pkg, one register stage per layer with
// weights; layers without weights belong to the stage of the weights before them (the first ones to stage 0).
//
// One event per clock. Latency: one clock per stage (two for convolution + dense, 50 ns at 40 MHz), counted
// between equal points of the cycle: charges that an upstream register launches at clock edge t (stable
// before edge t+1) give the latents that leave the output register at edge t+(number of stages).
// For two layers: edge t+1 takes converter and convolution into stage 0, edge t+2 takes the dense layer into
// the output register; downstream takes the latents at edge t+3.
//
// `enable_i` low forces latents and sum code to zero from the next clock edge on; `valid_o` keeps following
// `valid_i`. Without a valid event the stages hold their values.

module econ_encoder #(
  localparam int ChargeBits = econ_pkg::NumCells * econ_pkg::ChargeWidth,
  localparam int CodeWidth  = econ_pkg::SumExponentWidth + econ_pkg::SumMantissaWidth,
  localparam int LatentBits = econ_pkg::NumLatents * econ_pkg::LatentWidth
) (
  input  logic                            clk_i,
  input  logic                            rst_ni,
  input  logic                            enable_i,
  input  logic [econ_pkg::WeightBits-1:0] weights_i,   // register order, first weight at the LSB
  input  logic                            valid_i,
  input  logic [ChargeBits-1:0]           charges_i,   // cell 0 at the LSB
  output logic                            valid_o,
  output logic [LatentBits-1:0]           latents_o,   // latent 0 at the LSB
  output logic [CodeWidth-1:0]            sum_code_o
);

  import econ_pkg::*;

  localparam int ImageBits = ImageSize * ImageWidth;

  logic [NumCells*ImageWidth-1:0]     x;
  logic [ImageBits-1:0]               image;
  logic [CodeWidth-1:0]               sum_code;
  logic [(NumLayers+1)*CodeWidth-1:0] code_stage /* verilator split_var */;   // index 0: converter; l+1: behind layer l
  logic [NumLayers:0]                 valid_stage /* verilator split_var */;
  logic [DataBits-1:0]                data /* verilator split_var */;         // image, then the output of each layer

  econ_converter #(
    .NumCells     (NumCells),
    .ChargeWidth  (ChargeWidth),
    .OutputWidth  (ImageWidth),
    .ExponentWidth(SumExponentWidth),
    .MantissaWidth(SumMantissaWidth)
  ) u_converter (
    .charges_i,
    .x_o       (x),
    .sum_code_o(sum_code)
  );

  for (genvar p = 0; p < ImageSize; p++) begin : gen_image
    if (ImageCell[32*p +: 32] < NumCells) begin : gen_live
      assign image[p*ImageWidth +: ImageWidth] = x[ImageCell[32*p +: 32]*ImageWidth +: ImageWidth];
    end else begin : gen_empty
      assign image[p*ImageWidth +: ImageWidth] = '0;
    end
  end

  assign data[0 +: ImageBits]         = image;
  assign code_stage[0 +: CodeWidth]   = sum_code;
  assign valid_stage[0]               = valid_i;

  for (genvar l = 0; l < NumLayers; l++) begin : gen_layer
    localparam bit          Last      = (l == NumLayers - 1);
    localparam int InLsb     = LayerInLsb[32*l +: 32];
    localparam int OutLsb    = LayerOutLsb[32*l +: 32];
    localparam int InSize    = LayerInHeight[32*l +: 32] * LayerInWidth[32*l +: 32]
                                        * LayerInChannels[32*l +: 32];
    localparam int OutSize   = LayerOutHeight[32*l +: 32] * LayerOutWidth[32*l +: 32]
                                        * LayerOutputs[32*l +: 32];
    localparam int InBits    = InSize * LayerInputWidth[32*l +: 32];
    localparam int OutBits   = OutSize * LayerOutputWidth[32*l +: 32];
    localparam int BiasBits  = LayerOutputs[32*l +: 32] * LayerWeightWidth[32*l +: 32];
    localparam int KernelBits = LayerBiasLsb[32*l +: 32] - LayerKernelLsb[32*l +: 32];
    localparam int InElement  = LayerInElement[32*l +: 32];

    logic [OutBits-1:0]   y;
    logic [CodeWidth-1:0] code_in;
    logic                 valid_in;

    assign valid_in = valid_stage[l];
    assign code_in  = code_stage[l*CodeWidth +: CodeWidth];

    if (LayerKind[32*l +: 32] == KindConv) begin : gen_conv
      econ_conv_layer #(
        .InHeight    (LayerInHeight[32*l +: 32]),
        .InWidth     (LayerInWidth[32*l +: 32]),
        .InChannels  (LayerInChannels[32*l +: 32]),
        .OutHeight   (LayerOutHeight[32*l +: 32]),
        .OutWidth    (LayerOutWidth[32*l +: 32]),
        .Filters     (LayerOutputs[32*l +: 32]),
        .KernelHeight(LayerKernelHeight[32*l +: 32]),
        .KernelWidth (LayerKernelWidth[32*l +: 32]),
        .StrideRow   (LayerStrideRow[32*l +: 32]),
        .StrideColumn(LayerStrideColumn[32*l +: 32]),
        .PadTop      (LayerPadTop[32*l +: 32]),
        .PadLeft     (LayerPadLeft[32*l +: 32]),
        .InputWidth  (LayerInputWidth[32*l +: 32]),
        .InputSigned (LayerInputSigned[l]),
        .WeightWidth (LayerWeightWidth[32*l +: 32]),
        .ProductShift(LayerProductShift[32*l +: 32]),
        .BiasShift   (LayerBiasShift[32*l +: 32]),
        .Relu        (LayerRelu[l]),
        .OutputShift (LayerOutputShift[32*l +: 32]),
        .OutputWidth (LayerOutputWidth[32*l +: 32]),
        .OutputSigned(LayerOutputSigned[l]),
        .Rounding    (LayerRounding[32*l +: 32]),
        .Saturate    (LayerSaturate[l]),
        .Compact     (LayerCompact[l]),
        .InputLive   (ElementLive[InElement +: InSize] | ElementStatic[InElement +: InSize])
      ) u_layer (
        .image_i (data[InLsb +: InBits]),
        .kernel_i(weights_i[LayerKernelLsb[32*l +: 32] +: KernelBits]),
        .bias_i  (weights_i[LayerBiasLsb[32*l +: 32] +: BiasBits]),
        .y_o     (y)
      );
    end else if (LayerKind[32*l +: 32] == KindDense) begin : gen_dense
      econ_dense_layer #(
        .NumInputs   (InSize),
        .NumOutputs  (LayerOutputs[32*l +: 32]),
        .InputWidth  (LayerInputWidth[32*l +: 32]),
        .InputSigned (LayerInputSigned[l]),
        .WeightWidth (LayerWeightWidth[32*l +: 32]),
        .ProductShift(LayerProductShift[32*l +: 32]),
        .BiasShift   (LayerBiasShift[32*l +: 32]),
        .Relu        (LayerRelu[l]),
        .OutputShift (LayerOutputShift[32*l +: 32]),
        .OutputWidth (LayerOutputWidth[32*l +: 32]),
        .OutputSigned(LayerOutputSigned[l]),
        .Rounding    (LayerRounding[32*l +: 32]),
        .Saturate    (LayerSaturate[l]),
        .Compact     (LayerCompact[l]),
        .Live        (ElementLive[InElement +: InSize]),
        .Static      (ElementStatic[InElement +: InSize]),
        .Place       (ElementPlace[32*InElement +: 32*InSize]),
        .NumLive     (LayerNumLive[32*l +: 32]),
        .NumGroups   (LayerNumGroups[32*l +: 32]),
        .GroupSize   (LayerGroupSize[32*l +: 32]),
        .StaticShift (LayerStaticShift[32*l +: 32]),
        .StaticWidth (LayerStaticWidth[32*l +: 32])
      ) u_layer (
        .x_i     (data[InLsb +: InBits]),
        .kernel_i(weights_i[LayerKernelLsb[32*l +: 32] +: KernelBits]),
        .bias_i  (weights_i[LayerBiasLsb[32*l +: 32] +: BiasBits]),
        .y_o     (y)
      );
    end else if (LayerKind[32*l +: 32] == KindPad) begin : gen_pad
      econ_pad_layer #(
        .InHeight (LayerInHeight[32*l +: 32]),
        .InWidth  (LayerInWidth[32*l +: 32]),
        .Channels (LayerInChannels[32*l +: 32]),
        .OutHeight(LayerOutHeight[32*l +: 32]),
        .OutWidth (LayerOutWidth[32*l +: 32]),
        .PadTop   (LayerPadTop[32*l +: 32]),
        .PadLeft  (LayerPadLeft[32*l +: 32]),
        .DataWidth(LayerInputWidth[32*l +: 32])
      ) u_layer (
        .image_i(data[InLsb +: InBits]),
        .y_o    (y)
      );
    end else if (LayerKind[32*l +: 32] == KindActivation) begin : gen_activation
      econ_activation_layer #(
        .NumValues   (InSize),
        .InputWidth  (LayerInputWidth[32*l +: 32]),
        .InputSigned (LayerInputSigned[l]),
        .Relu        (LayerRelu[l]),
        .OutputShift (LayerOutputShift[32*l +: 32]),
        .OutputWidth (LayerOutputWidth[32*l +: 32]),
        .OutputSigned(LayerOutputSigned[l]),
        .Rounding    (LayerRounding[32*l +: 32]),
        .Saturate    (LayerSaturate[l])
      ) u_layer (
        .x_i(data[InLsb +: InBits]),
        .y_o(y)
      );
    end else if (LayerKind[32*l +: 32] == KindMaxPool || LayerKind[32*l +: 32] == KindMeanPool) begin : gen_pool
      econ_pool_layer #(
        .InHeight    (LayerInHeight[32*l +: 32]),
        .InWidth     (LayerInWidth[32*l +: 32]),
        .Channels    (LayerInChannels[32*l +: 32]),
        .OutHeight   (LayerOutHeight[32*l +: 32]),
        .OutWidth    (LayerOutWidth[32*l +: 32]),
        .PoolHeight  (LayerKernelHeight[32*l +: 32]),
        .PoolWidth   (LayerKernelWidth[32*l +: 32]),
        .StrideRow   (LayerStrideRow[32*l +: 32]),
        .StrideColumn(LayerStrideColumn[32*l +: 32]),
        .PadTop      (LayerPadTop[32*l +: 32]),
        .PadLeft     (LayerPadLeft[32*l +: 32]),
        .Mean        (LayerKind[32*l +: 32] == KindMeanPool),
        .InputWidth  (LayerInputWidth[32*l +: 32]),
        .InputSigned (LayerInputSigned[l]),
        .OutputShift (LayerOutputShift[32*l +: 32]),
        .OutputWidth (LayerOutputWidth[32*l +: 32]),
        .OutputSigned(LayerOutputSigned[l]),
        .Rounding    (LayerRounding[32*l +: 32]),
        .Saturate    (LayerSaturate[l])
      ) u_layer (
        .image_i(data[InLsb +: InBits]),
        .y_o    (y)
      );
    end

    if (LayerRegistered[l]) begin : gen_stage
      logic [OutBits-1:0]   stage_d, stage_q;
      logic [CodeWidth-1:0] code_d, code_q;
      logic                 valid_q;

      always @(*) begin
        stage_d = stage_q;
        code_d  = code_q;
        if (Last && !enable_i) begin
          stage_d = '0;
          code_d  = '0;
        end else if (valid_in) begin
          stage_d = y;
          code_d  = code_in;
        end
      end

      always_ff @(posedge clk_i or negedge rst_ni) begin
        if (!rst_ni) begin
          stage_q <= '0;
          code_q  <= '0;
          valid_q <= 1'b0;
        end else begin
          stage_q <= stage_d;
          code_q  <= code_d;
          valid_q <= valid_in;
        end
      end

      assign data[OutLsb +: OutBits]                    = stage_q;
      assign code_stage[(l + 1)*CodeWidth +: CodeWidth] = code_q;
      assign valid_stage[l + 1]                         = valid_q;
    end else begin : gen_wires
      assign data[OutLsb +: OutBits]                    = y;
      assign code_stage[(l + 1)*CodeWidth +: CodeWidth] = code_in;
      assign valid_stage[l + 1]                         = valid_in;
    end
  end

  assign valid_o    = valid_stage[NumLayers];
  assign latents_o  = data[DataBits-1 -: LatentBits];
  assign sum_code_o = code_stage[NumLayers*CodeWidth +: CodeWidth];

endmodule
