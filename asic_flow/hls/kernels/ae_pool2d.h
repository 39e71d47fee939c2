// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Pooling of each channel, channels last, every window in parallel (initiation interval 1).

#ifndef AE_POOL2D_H
#define AE_POOL2D_H

#include "ae_activation.h"

namespace ae {

// Config: in_height, in_width, in_channels, pool_height, pool_width, stride_height, stride_width, pad_top, pad_left,
//         out_height, out_width; input_t, output_t (the same range). A tap outside the image never wins.
template <class Config>
inline void max_pool2d(const typename Config::input_t image[Config::in_height * Config::in_width * Config::in_channels],
                       typename Config::output_t result[Config::out_height * Config::out_width * Config::in_channels]) {
  typedef Config C;

#pragma hls_unroll yes
MAX_ROW:
  for (int row = 0; row < C::out_height; row++) {
#pragma hls_unroll yes
  MAX_COLUMN:
    for (int column = 0; column < C::out_width; column++) {
#pragma hls_unroll yes
    MAX_CHANNEL:
      for (int channel = 0; channel < C::in_channels; channel++) {
        typename C::output_t largest;
        largest.template set_val<AC_VAL_MIN>();
#pragma hls_unroll yes
      MAX_TAP_ROW:
        for (int tap_row = 0; tap_row < C::pool_height; tap_row++) {
#pragma hls_unroll yes
        MAX_TAP_COLUMN:
          for (int tap_column = 0; tap_column < C::pool_width; tap_column++) {
            const int y = row * C::stride_height + tap_row - C::pad_top;
            const int x = column * C::stride_width + tap_column - C::pad_left;
            if (y >= 0 && y < C::in_height && x >= 0 && x < C::in_width) {
              const typename C::input_t value = image[(y * C::in_width + x) * C::in_channels + channel];
              largest = value > largest ? typename C::output_t(value) : largest;
            }
          }
        }
        result[(row * C::out_width + column) * C::in_channels + channel] = largest;
      }
    }
  }
}

// Config: as above; sum_t holds any window, accum_t has as many bits, log2(taps) more of them behind the point. Every
//         window lies inside the image and has a power of two taps; relu = false.
template <class Config>
inline void average_pool2d(const typename Config::input_t image[Config::in_height * Config::in_width * Config::in_channels],
                       typename Config::output_t result[Config::out_height * Config::out_width * Config::in_channels]) {
  typedef Config C;

#pragma hls_unroll yes
AVERAGE_ROW:
  for (int row = 0; row < C::out_height; row++) {
#pragma hls_unroll yes
  AVERAGE_COLUMN:
    for (int column = 0; column < C::out_width; column++) {
#pragma hls_unroll yes
    AVERAGE_CHANNEL:
      for (int channel = 0; channel < C::in_channels; channel++) {
        typename C::sum_t sum = 0;
#pragma hls_unroll yes
      AVERAGE_TAP_ROW:
        for (int tap_row = 0; tap_row < C::pool_height; tap_row++) {
#pragma hls_unroll yes
        AVERAGE_TAP_COLUMN:
          for (int tap_column = 0; tap_column < C::pool_width; tap_column++) {
            const int y = row * C::stride_height + tap_row - C::pad_top;
            const int x = column * C::stride_width + tap_column - C::pad_left;
            sum += image[(y * C::in_width + x) * C::in_channels + channel];
          }
        }
        typename C::accum_t mean; // the bits of the sum, with the binary point moved
        mean.set_slc(0, sum.template slc<C::sum_t::width>(0));
        result[(row * C::out_width + column) * C::in_channels + channel] = activate<C>(mean);
      }
    }
  }
}

} // namespace ae

#endif
