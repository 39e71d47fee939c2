// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Fully connected layer, every product in parallel (initiation interval 1). Arithmetic as in ae_conv2d.h.

#ifndef AE_DENSE_H
#define AE_DENSE_H

#include "ae_activation.h"

namespace ae {

// Config: inputs, units, relu; input_t, kernel_t, bias_t, product_t, accum_t, output_t.
// The kernel is output-major, [unit][input]: the order of the weight registers, the transpose of Keras.
template <class Config>
inline void dense(const typename Config::input_t values[Config::inputs],
                  const typename Config::kernel_t kernel[Config::units * Config::inputs],
                  const typename Config::bias_t bias[Config::units], typename Config::output_t result[Config::units]) {
  typedef Config C;

#pragma hls_unroll yes
DENSE_UNIT:
  for (int unit = 0; unit < C::units; unit++) {
    typename C::accum_t sum = bias[unit];
#pragma hls_unroll yes
  DENSE_INPUT:
    for (int input = 0; input < C::inputs; input++) {
      const typename C::product_t product = values[input] * kernel[unit * C::inputs + input];
      sum += product;
    }
    result[unit] = activate<C>(sum);
  }
}

} // namespace ae

#endif
