// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// One neuron for unsigned inputs with fewer bits to add than in econ_neuron; the same integers. Combinational.
//
// With S = ProductShift, a weight is w = 2**S * h + l, with l = its low S bits, so the floored product is
//     floor(x*w / 2**S) = x*h + floor(x*l / 2**S).
//   x*h    exact: the inputs in pairs. One bit of h of both inputs selects 0, x0, x1 or x0 + x1 (`pair_i`, made once
//          for all neurons of the layer): one row of InputWidth + 1 bits instead of two rows. The sign bits are a row
//          like the others, inverted; what that adds is part of one constant.
//   x*l    two bits of l at a time select 0, x, 2x or 3x (`triple_i`, also shared). The bits above the floor go into
//          the sum; of those below only the carry is made, and the lowest two can have none.
// Everything is one sum in carry-save form: bias, rounding and constants are in it, one carry-propagate adder ends it.
//
// Inputs that are always zero are left out by the layer. Static inputs depend on weights only: outputs of a convolution
// where its window is empty, relu(bias) of their filter, StaticWidth bits from bit StaticShift up. Those of one filter
// are equal (one group), so their weights are added first: one product per group, whatever is floored.

module econ_compact_neuron #(
  parameter int NumInputs      = 9,
  parameter int InputWidth     = 8,
  parameter int WeightWidth    = 6,
  parameter int ProductShift   = 5,     // less than WeightWidth
  parameter int BiasShift      = 2,
  parameter bit Relu           = 1'b1,
  parameter int OutputShift    = 0,
  parameter int OutputWidth    = 8,
  parameter bit OutputSigned   = 1'b0,
  parameter int Rounding       = 0,
  parameter bit Saturate       = 1'b1,
  parameter int NumGroups      = 0,
  parameter int GroupSize      = 1,     // static inputs of a group; weights of missing ones are zero
  parameter int StaticShift    = 0,
  parameter int StaticWidth    = 1,
  localparam int NumPairs      = (NumInputs + 1) / 2,
  localparam int StaticSize    = (NumGroups > 0) ? NumGroups : 1,
  localparam int StaticTriple  = StaticWidth + 2,
  localparam int TripleWidth   = InputWidth + 2,
  localparam int PairWidth     = InputWidth + 1
) (
  input  logic [NumInputs*InputWidth-1:0]  x_i,       // input 0 at the LSB
  input  logic [NumInputs*TripleWidth-1:0] triple_i,  // 3 x
  input  logic [NumPairs*PairWidth-1:0]    pair_i,    // sum of inputs 2i and 2i + 1 (if there is one)
  input  logic [NumInputs*WeightWidth-1:0] w_i,
  input  logic [StaticSize*StaticWidth-1:0]           static_i,         // x >> StaticShift of each group
  input  logic [StaticSize*StaticTriple-1:0]          static_triple_i,
  input  logic [StaticSize*GroupSize*WeightWidth-1:0] static_w_i,
  input  logic [WeightWidth-1:0]           b_i,
  output logic [OutputWidth-1:0]           y_o
);

  // Bounds over every weight set: all weights at the largest or at the smallest value.
  localparam int     Used   = NumInputs + NumGroups * GroupSize;
  localparam longint XMax   = (64'd1 << InputWidth) - 1;
  localparam longint WMax   = (64'd1 << (WeightWidth - 1)) - 1;
  localparam longint Ceil   = (64'd1 << ProductShift) - 1;
  localparam longint AccMax = 64'(Used) * ((XMax * WMax) >> ProductShift) + (WMax << BiasShift)
                              + ((64'd1 << OutputShift) >> 1);
  localparam longint AccMin = 64'(Used) * ((XMax * (WMax + 1) + Ceil) >> ProductShift) + ((WMax + 1) << BiasShift);
  localparam int MaxWidth   = $clog2(AccMax + 1);
  localparam int MinWidth   = $clog2(AccMin);
  localparam int AccWidth   = 1 + ((MaxWidth > MinWidth) ? MaxWidth : MinWidth);

  localparam int NumDigits  = (ProductShift + 1) / 2;
  localparam int LowWidth   = (ProductShift > 0) ? ProductShift : 1;

  // Static inputs: v = x >> StaticShift; v*w is floored by StaticDrop bits or scaled up by StaticUp.
  localparam int StaticDrop   = (ProductShift > StaticShift) ? ProductShift - StaticShift : 0;
  localparam int StaticUp     = (StaticShift > ProductShift) ? StaticShift - ProductShift : 0;
  localparam int TotalWidth   = WeightWidth - StaticDrop + $clog2(GroupSize);

  // Rounding, and what the inverted rows (sign bits: ~r = 2**n - 1 - r) and the inverted sign of the bias add.
  localparam longint Constant = ((Rounding == 0) ? 64'd0 : (64'd1 << OutputShift) >> 1)
      - 64'(NumPairs) * (((64'd1 << PairWidth) - 1) << (WeightWidth - 1 - ProductShift))
      - 64'(NumGroups) * (((64'd1 << StaticWidth) - 1) << (TotalWidth - 1 + StaticUp))
      - (64'd1 << (WeightWidth - 1 + BiasShift));

  logic [AccWidth-1:0] acc, low_sum, high_sum, static_sum;

  // --- floor(x*l / 2**S) ------------------------------------------------------------------------------------
  if (NumDigits > 0) begin : gen_low
    logic [TripleWidth-1:0] x, row;
    logic [LowWidth-1:0]    low;
    logic [WeightWidth-1:0] w;
    logic                   one, two, carry, majority;

    always @(*) begin
      low_sum  = '0;
      x        = '0;
      w        = '0;
      row      = '0;
      low      = '0;
      one      = 1'b0;
      two      = 1'b0;
      carry    = 1'b0;
      majority = 1'b0;
      /* verilator unroll_disable */
      for (int k = 0; k < NumInputs; k++) begin
        x = TripleWidth'(x_i[k*InputWidth +: InputWidth]);
        w = w_i[k*WeightWidth +: WeightWidth];
        for (int i = 0; i < NumDigits; i++) begin
          one = w[2*i];
          two = (2*i + 1 < ProductShift) && w[2*i + 1];
          row = (x & {TripleWidth{one & ~two}}) | ((x << 1) & {TripleWidth{two & ~one}})
                | (triple_i[k*TripleWidth +: TripleWidth] & {TripleWidth{one & two}});
          low_sum = low_sum + AccWidth'(row >> (ProductShift - 2*i));
          // below the floor: add to the digits before, keep the carry
          carry = 1'b0;
          for (int c = 2*i; c < ProductShift; c++) begin
            majority = (low[c] & row[c - 2*i]) | (carry & (low[c] | row[c - 2*i]));
            low[c]   = (i == 0) ? row[c - 2*i] : low[c] ^ row[c - 2*i] ^ carry;
            carry    = (i == 0) ? 1'b0 : majority;
          end
          low_sum = low_sum + AccWidth'(carry);
        end
      end
    end
  end else begin : gen_no_low
    logic unused_triple;

    assign low_sum       = '0;
    assign unused_triple = ^triple_i;
  end

  // --- x*h --------------------------------------------------------------------------------------------------
  localparam int EvenInputs = 2 * NumPairs;

  logic [EvenInputs*InputWidth-1:0]  xs;
  logic [EvenInputs*WeightWidth-1:0] ws;
  logic [PairWidth-1:0]              x_even, x_odd, x_both, pair_row;
  logic [WeightWidth-1:0]            w_even, w_odd;

  assign xs = (EvenInputs*InputWidth)'(x_i);
  assign ws = (EvenInputs*WeightWidth)'(w_i);

  always @(*) begin
    high_sum = '0;
    x_even   = '0;
    x_odd    = '0;
    x_both   = '0;
    w_even   = '0;
    w_odd    = '0;
    pair_row = '0;
    /* verilator unroll_disable */
    for (int k = 0; k < NumPairs; k++) begin
      x_even = PairWidth'(xs[2*k*InputWidth +: InputWidth]);
      x_odd  = PairWidth'(xs[(2*k + 1)*InputWidth +: InputWidth]);
      x_both = pair_i[k*PairWidth +: PairWidth];
      w_even = ws[2*k*WeightWidth +: WeightWidth];
      w_odd  = ws[(2*k + 1)*WeightWidth +: WeightWidth];
      for (int j = ProductShift; j < WeightWidth; j++) begin
        pair_row = (x_even & {PairWidth{w_even[j] & ~w_odd[j]}}) | (x_odd & {PairWidth{w_odd[j] & ~w_even[j]}})
                   | (x_both & {PairWidth{w_even[j] & w_odd[j]}});
        if (j == WeightWidth - 1) pair_row = ~pair_row;
        high_sum = high_sum + (AccWidth'(pair_row) << (j - ProductShift));
      end
    end
  end

  // --- static inputs ----------------------------------------------------------------------------------------
  if (NumGroups > 0) begin : gen_static
    logic [StaticWidth-1:0]  v, row;
    logic [StaticTriple-1:0] triple, product;
    logic [TotalWidth-1:0]   total;  // of the weights' high parts, two's complement
    logic [WeightWidth-1:0]  w, rest;

    always @(*) begin
      static_sum = '0;
      v          = '0;
      triple     = '0;
      product    = '0;
      row        = '0;
      total      = '0;
      w          = '0;
      rest       = '0;
      /* verilator unroll_disable */
      for (int g = 0; g < NumGroups; g++) begin
        v      = static_i[g*StaticWidth +: StaticWidth];
        triple = static_triple_i[g*StaticTriple +: StaticTriple];
        total  = '0;
        for (int k = 0; k < GroupSize; k++) begin
          w     = static_w_i[(g*GroupSize + k)*WeightWidth +: WeightWidth];
          rest  = w & WeightWidth'((1 << StaticDrop) - 1);
          total = total + TotalWidth'($signed(w) >>> StaticDrop);
          if (StaticDrop > 2) begin
            static_sum = static_sum + AccWidth'((AccWidth'(v) * AccWidth'(rest)) >> StaticDrop);
          end else begin
            product = (StaticTriple'(v) & {StaticTriple{rest == 1}})
                      | ((StaticTriple'(v) << 1) & {StaticTriple{rest == 2}}) | (triple & {StaticTriple{rest == 3}});
            static_sum = static_sum + AccWidth'(product >> StaticDrop);
          end
        end
        for (int j = 0; j < TotalWidth; j++) begin
          row = v & {StaticWidth{total[j]}};
          if (j == TotalWidth - 1) row = ~row;
          static_sum = static_sum + (AccWidth'(row) << (j + StaticUp));
        end
      end
    end
  end else begin : gen_no_static
    logic unused_static;

    assign static_sum    = '0;
    assign unused_static = ^{static_i, static_triple_i, static_w_i};
  end

  assign acc = AccWidth'(Constant) + (AccWidth'({~b_i[WeightWidth-1], b_i[WeightWidth-2:0]}) << BiasShift)
               + low_sum + high_sum + static_sum;

  econ_cast #(
    .InputWidth  (AccWidth),
    .InputSigned (1'b1),
    .Relu        (Relu),
    .Shift       (OutputShift),
    .OutputWidth (OutputWidth),
    .OutputSigned(OutputSigned),
    .Rounding    (Rounding),
    .Saturate    (Saturate),
    .HalfAdded   (1'b1)
  ) u_cast (
    .x_i(acc),
    .y_o
  );

`ifndef SYNTHESIS
`ifndef __ICARUS__  // version 11 has no elaboration system tasks
  if (ProductShift >= WeightWidth) begin : gen_check_shift
    $error("econ_compact_neuron: ProductShift must be less than WeightWidth");
  end
  if (AccWidth > 32) begin : gen_check_width
    $error("econ_compact_neuron: accumulator wider than 32 bits");
  end
`endif
`endif

endmodule
