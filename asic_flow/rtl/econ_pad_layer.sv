// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Rows and columns of zeros around an image, channels last. Wires only.

module econ_pad_layer #(
  parameter int InHeight  = 4,
  parameter int InWidth   = 4,
  parameter int Channels  = 1,
  parameter int OutHeight = 6,
  parameter int OutWidth  = 6,
  parameter int PadTop    = 1,
  parameter int PadLeft   = 1,
  parameter int DataWidth = 8
) (
  input  logic [InHeight*InWidth*Channels*DataWidth-1:0]   image_i,
  output logic [OutHeight*OutWidth*Channels*DataWidth-1:0] y_o
);

  localparam int PixelBits = Channels * DataWidth;

  for (genvar r = 0; r < OutHeight; r++) begin : gen_row
    for (genvar c = 0; c < OutWidth; c++) begin : gen_column
      localparam int Row    = int'(r) - int'(PadTop);
      localparam int Column = int'(c) - int'(PadLeft);

      if (Row >= 0 && Row < int'(InHeight) && Column >= 0 && Column < int'(InWidth)) begin : gen_pixel
        assign y_o[(r*OutWidth + c)*PixelBits +: PixelBits] =
            image_i[(Row*InWidth + Column)*PixelBits +: PixelBits];
      end else begin : gen_zero
        assign y_o[(r*OutWidth + c)*PixelBits +: PixelBits] = '0;
      end
    end
  end

endmodule
