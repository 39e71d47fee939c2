// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Two-dimensional convolution, channels last, every product in parallel (initiation interval 1).
//
// Arithmetic per output: bias, plus all products, each cast to product_t (AC_TRN: floored where the structure
// says so, exact otherwise), in accum_t, which no weight set can overflow; then ae::activate.
// Padding is never materialised: a tap outside the image is dropped when the loops are unrolled.

#ifndef AE_CONV2D_H
#define AE_CONV2D_H

#include "ae_activation.h"

namespace ae {

// Config: in_height, in_width, in_channels, kernel_height, kernel_width, stride_height, stride_width,
//         pad_top, pad_left, out_height, out_width, filters, relu;
//         input_t, kernel_t, bias_t, product_t, accum_t, output_t.
// Orders: image (row, column, channel); kernel (row, column, channel, filter); result (row, column, filter).
template <class Config>
inline void conv2d(const typename Config::input_t image[Config::in_height * Config::in_width * Config::in_channels],
                   const typename Config::kernel_t kernel[Config::kernel_height * Config::kernel_width *
                                                          Config::in_channels * Config::filters],
                   const typename Config::bias_t bias[Config::filters],
                   typename Config::output_t result[Config::out_height * Config::out_width * Config::filters]) {
  typedef Config C;

#pragma hls_unroll yes
CONV_ROW:
  for (int row = 0; row < C::out_height; row++) {
#pragma hls_unroll yes
  CONV_COLUMN:
    for (int column = 0; column < C::out_width; column++) {
      typename C::accum_t sum[C::filters];
#pragma hls_unroll yes
    CONV_BIAS:
      for (int filter = 0; filter < C::filters; filter++) {
        sum[filter] = bias[filter];
      }
#pragma hls_unroll yes
    CONV_TAP_ROW:
      for (int tap_row = 0; tap_row < C::kernel_height; tap_row++) {
#pragma hls_unroll yes
      CONV_TAP_COLUMN:
        for (int tap_column = 0; tap_column < C::kernel_width; tap_column++) {
          const int y = row * C::stride_height + tap_row - C::pad_top;
          const int x = column * C::stride_width + tap_column - C::pad_left;
          if (y >= 0 && y < C::in_height && x >= 0 && x < C::in_width) {
#pragma hls_unroll yes
          CONV_CHANNEL:
            for (int channel = 0; channel < C::in_channels; channel++) {
              const typename C::input_t value = image[(y * C::in_width + x) * C::in_channels + channel];
              const int tap = ((tap_row * C::kernel_width + tap_column) * C::in_channels + channel) * C::filters;
#pragma hls_unroll yes
            CONV_FILTER:
              for (int filter = 0; filter < C::filters; filter++) {
                const typename C::product_t product = value * kernel[tap + filter];
                sum[filter] += product;
              }
            }
          }
        }
      }
#pragma hls_unroll yes
    CONV_ACTIVATE:
      for (int filter = 0; filter < C::filters; filter++) {
        result[(row * C::out_width + column) * C::filters + filter] = activate<C>(sum[filter]);
      }
    }
  }
}

} // namespace ae

#endif
