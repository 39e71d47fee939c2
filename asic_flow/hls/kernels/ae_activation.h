// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Activation and the one cast into a layer's output format.
//
// Rounding (AC_TRN, AC_RND, AC_RND_CONV) and overflow (AC_SAT, AC_WRAP) are part of Config::output_t,
// so that the assignment below is the only place of a layer where a bit can be lost on purpose.

#ifndef AE_ACTIVATION_H
#define AE_ACTIVATION_H

#include <ac_fixed.h>

namespace ae {

// Config: accum_t, output_t, relu (true: negative sums become zero before the cast).
template <class Config> inline typename Config::output_t activate(const typename Config::accum_t &sum) {
  typename Config::accum_t positive = sum;
  if (Config::relu && Config::accum_t::sign && sum < 0) {
    positive = 0;
  }
  return typename Config::output_t(positive);
}

// Activation of every value. Config: size; and as above, with input_t = accum_t.
template <class Config>
inline void activate_all(const typename Config::input_t values[Config::size], typename Config::output_t result[Config::size]) {
#pragma hls_unroll yes
ACTIVATE_VALUE:
  for (int i = 0; i < Config::size; i++) {
    result[i] = activate<Config>(values[i]);
  }
}

} // namespace ae

#endif
