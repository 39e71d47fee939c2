// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Converter of ECON-T: module sum, its floating-point code, and charges normalised by a power of two.
//
//   S    = sum of all charges, at full width
//   code = exponent E and mantissa M, truncated: E = 0, M = S below 2**mantissa_bits; otherwise
//          E = floor(log2 S) - mantissa_bits + 1, and M the bits behind the leading one
//   x_i  = (charge_i << fraction) >> floor(log2 S), below 2; all zero for S = 0

#ifndef AE_CONVERTER_H
#define AE_CONVERTER_H

#include <ac_fixed.h>
#include <ac_int.h>

namespace ae {

// Config: cells, fraction, exponent_bits, mantissa_bits; charge_t, sum_t (unsigned integers), cell_t (fixed point).
template <class Config>
inline void convert(const typename Config::charge_t charges[Config::cells], typename Config::cell_t cells[Config::cells],
                    ac_int<Config::exponent_bits + Config::mantissa_bits, false> &sum_code) {
  typedef Config C;
  typedef ac_int<C::charge_t::width + C::fraction, false> wide_t;

  typename C::sum_t sum = 0;
#pragma hls_unroll yes
CONVERT_SUM:
  for (int cell = 0; cell < C::cells; cell++) {
    sum += charges[cell];
  }

  ac_int<8, false> leading = 0; // floor(log2 sum); 0 for sum = 0
  if (sum != 0) {
    leading = C::sum_t::width - 1 - sum.leading_sign();
  }

  const ac_int<C::mantissa_bits, false> small_mask = -1;
  if (leading < C::mantissa_bits) {
    sum_code = sum & small_mask;
  } else {
    const ac_int<8, false> drop = leading - C::mantissa_bits;
    const typename C::sum_t significand = sum >> drop;
    const ac_int<C::mantissa_bits, false> mantissa = significand & small_mask;
    const ac_int<C::exponent_bits, false> exponent = drop + 1;
    sum_code = 0;
    sum_code.set_slc(0, mantissa);
    sum_code.set_slc(C::mantissa_bits, exponent);
  }

#pragma hls_unroll yes
CONVERT_CELL:
  for (int cell = 0; cell < C::cells; cell++) {
    const wide_t shifted = (wide_t(charges[cell]) << C::fraction) >> leading;
    typename C::cell_t value = 0;
    value.set_slc(0, shifted.template slc<C::fraction + 1>(0));
    cells[cell] = value;
  }
}

} // namespace ae

#endif
