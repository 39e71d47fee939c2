// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Converter in front of the encoder, as in ECON-T: module sum, its floating-point code, and the
// normalised charges. Combinational.
//
//   S   = sum of the charges, full width, no overflow
//   x_i = (charge_i << (OutputWidth - 1)) >> floor(log2 S), so x_i < 2 with OutputWidth - 1 fraction bits;
//         all zero for S = 0
//   code of S: ExponentWidth bits E, then MantissaWidth bits M (5E4M in ECON-T), truncated:
//         S < 2**MantissaWidth: E = 0, M = S; else E = floor(log2 S) - MantissaWidth + 1 and M = the
//         MantissaWidth bits behind the leading one

module econ_converter #(
  parameter int  NumCells      = 48,
  parameter int  ChargeWidth   = 22,
  parameter int  OutputWidth   = 8,
  parameter int  ExponentWidth = 5,
  parameter int  MantissaWidth = 4,
  localparam int CodeWidth     = ExponentWidth + MantissaWidth
) (
  input  logic [NumCells*ChargeWidth-1:0] charges_i,   // cell 0 at the LSB
  output logic [NumCells*OutputWidth-1:0] x_o,         // cell 0 at the LSB
  output logic [CodeWidth-1:0]            sum_code_o
);

  localparam int SumWidth   = ChargeWidth + $clog2(NumCells);
  localparam int IndexWidth = $clog2(SumWidth);

  logic [SumWidth-1:0]      sum;
  logic [IndexWidth-1:0]    drop;          // bits of the sum below the mantissa
  logic [IndexWidth-1:0]    leading;       // floor(log2 sum); 0 for sum = 0
  logic                     is_small;
  logic [MantissaWidth-1:0] mantissa;
  logic [ExponentWidth-1:0] exponent;

  always @(*) begin
    sum = '0;
    for (int i = 0; i < NumCells; i++) begin
      sum = sum + SumWidth'(charges_i[i*ChargeWidth +: ChargeWidth]);
    end
  end

  always @(*) begin
    leading = '0;
    for (int i = 0; i < SumWidth; i++) begin
      if (sum[i]) leading = IndexWidth'(i);
    end
  end

  // The charge never exceeds the sum, so nothing is lost by keeping OutputWidth bits.
  for (genvar i = 0; i < NumCells; i++) begin : gen_cell
    assign x_o[i*OutputWidth +: OutputWidth] =
        OutputWidth'({charges_i[i*ChargeWidth +: ChargeWidth], {(OutputWidth - 1){1'b0}}} >> leading);
  end

  assign is_small   = ((sum >> MantissaWidth) == '0);
  assign drop       = is_small ? '0 : leading - IndexWidth'(MantissaWidth);
  assign mantissa   = MantissaWidth'(sum >> drop);
  assign exponent   = is_small ? '0 : ExponentWidth'(drop) + ExponentWidth'(1);
  assign sum_code_o = {exponent, mantissa};

`ifndef SYNTHESIS
`ifndef __ICARUS__  // version 11 has no elaboration system tasks
  if (NumCells < 2 || MantissaWidth < 1) begin : gen_check_size
    $error("econ_converter: needs at least two cells and one mantissa bit");
  end
  if (SumWidth - MantissaWidth >= 2 ** ExponentWidth) begin : gen_check_exponent
    $error("econ_converter: ExponentWidth is too small for the largest sum");
  end
`endif
`endif

endmodule
