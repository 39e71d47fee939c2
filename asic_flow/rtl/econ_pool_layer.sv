// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Pooling of each channel, channels last, combinational: the largest value of every window, or its mean.
//
// Largest: positions outside the image never win; the format does not change (OutputWidth = InputWidth).
// Mean: the exact sum of the window, cast once; OutputShift counts the shift of the mean too. The window lies
// inside the image and its size is a power of two.

module econ_pool_layer #(
  parameter int InHeight     = 4,
  parameter int InWidth      = 4,
  parameter int Channels     = 8,
  parameter int OutHeight    = 2,
  parameter int OutWidth     = 2,
  parameter int PoolHeight   = 2,
  parameter int PoolWidth    = 2,
  parameter int StrideRow    = 2,
  parameter int StrideColumn = 2,
  parameter int PadTop       = 0,
  parameter int PadLeft      = 0,
  parameter bit Mean         = 1'b0,
  parameter int InputWidth   = 8,
  parameter bit InputSigned  = 1'b0,
  parameter int OutputShift  = 0,
  parameter int OutputWidth  = 8,
  parameter bit OutputSigned = 1'b0,
  parameter int Rounding     = 0,
  parameter bit Saturate     = 1'b1
) (
  input  logic [InHeight*InWidth*Channels*InputWidth-1:0]    image_i,
  output logic [OutHeight*OutWidth*Channels*OutputWidth-1:0] y_o
);

  localparam int NumTaps  = PoolHeight * PoolWidth;
  localparam int SumWidth = InputWidth + $clog2(NumTaps);
  localparam logic [InputWidth-1:0] Lowest = InputSigned ? InputWidth'(1) << (InputWidth - 1) : '0;

  for (genvar r = 0; r < OutHeight; r++) begin : gen_row
    for (genvar c = 0; c < OutWidth; c++) begin : gen_column
      for (genvar k = 0; k < Channels; k++) begin : gen_channel
        localparam int OutLsb = ((r*OutWidth + c)*Channels + k) * OutputWidth;

        logic [NumTaps*InputWidth-1:0] window;

        for (genvar i = 0; i < PoolHeight; i++) begin : gen_window_row
          for (genvar j = 0; j < PoolWidth; j++) begin : gen_window_column
            localparam int Row    = int'(r * StrideRow + i) - int'(PadTop);
            localparam int Column = int'(c * StrideColumn + j) - int'(PadLeft);
            localparam int Lsb    = (i*PoolWidth + j) * InputWidth;

            if (Row >= 0 && Row < int'(InHeight) && Column >= 0 && Column < int'(InWidth)) begin : gen_pixel
              assign window[Lsb +: InputWidth] =
                  image_i[((Row*InWidth + Column)*Channels + k)*InputWidth +: InputWidth];
            end else begin : gen_outside
              assign window[Lsb +: InputWidth] = Lowest;
            end
          end
        end

        if (Mean) begin : gen_mean
          logic [SumWidth-1:0] sum;

          always @(*) begin
            sum = '0;
            for (int t = 0; t < NumTaps; t++) begin
              sum = sum + SumWidth'({{SumWidth{InputSigned && window[t*InputWidth + InputWidth - 1]}},
                                     window[t*InputWidth +: InputWidth]});
            end
          end

          econ_cast #(
            .InputWidth  (SumWidth),
            .InputSigned (InputSigned),
            .Relu        (1'b0),
            .Shift       (OutputShift),
            .OutputWidth (OutputWidth),
            .OutputSigned(OutputSigned),
            .Rounding    (Rounding),
            .Saturate    (Saturate)
          ) u_cast (
            .x_i(sum),
            .y_o(y_o[OutLsb +: OutputWidth])
          );
        end else begin : gen_largest
          logic [InputWidth-1:0] largest;  // compared with the sign bit inverted, so that one comparison serves both

          always @(*) begin
            largest = Lowest;
            for (int t = 0; t < NumTaps; t++) begin
              if ((window[t*InputWidth +: InputWidth] ^ Lowest) > (largest ^ Lowest)) begin
                largest = window[t*InputWidth +: InputWidth];
              end
            end
          end

          assign y_o[OutLsb +: OutputWidth] = OutputWidth'(largest);
        end
      end
    end
  end

`ifndef SYNTHESIS
`ifndef __ICARUS__  // version 11 has no elaboration system tasks
  if (Mean && (NumTaps & (NumTaps - 1)) != 0) begin : gen_check_mean
    $error("econ_pool_layer: the mean needs a window of a power of two values");
  end
  if (!Mean && (OutputWidth != InputWidth || OutputSigned != InputSigned)) begin : gen_check_format
    $error("econ_pool_layer: the largest value keeps its format");
  end
`endif
`endif

endmodule
