// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Two-dimensional convolution, fully parallel and combinational: one neuron per position and filter.
// Image and output are channels last (row, column, channel); the kernel is in register order (kernel row,
// kernel column, input channel, filter). PadTop and PadLeft are zero rows and columns in front of the image;
// positions behind it read zero too, so the padding at the far end follows from the output size.

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

  for (genvar r = 0; r < OutHeight; r++) begin : gen_row
    for (genvar c = 0; c < OutWidth; c++) begin : gen_column
      logic [NumProducts*InputWidth-1:0] window;

      for (genvar i = 0; i < KernelHeight; i++) begin : gen_window_row
        for (genvar j = 0; j < KernelWidth; j++) begin : gen_window_column
          localparam int Row    = int'(r * StrideRow + i) - int'(PadTop);
          localparam int Column = int'(c * StrideColumn + j) - int'(PadLeft);
          localparam int Lsb = (i*KernelWidth + j) * InChannels * InputWidth;

          if (Row >= 0 && Row < int'(InHeight) && Column >= 0 && Column < int'(InWidth)) begin : gen_pixel
            assign window[Lsb +: InChannels*InputWidth] =
                image_i[(Row*InWidth + Column)*InChannels*InputWidth +: InChannels*InputWidth];
          end else begin : gen_zero
            assign window[Lsb +: InChannels*InputWidth] = '0;
          end
        end
      end

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

endmodule
