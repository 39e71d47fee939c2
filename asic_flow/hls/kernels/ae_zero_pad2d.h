// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Rows and columns of zeros around an image, channels last; wires in hardware.

#ifndef AE_ZERO_PAD2D_H
#define AE_ZERO_PAD2D_H

#include <ac_fixed.h>

namespace ae {

// Config: in_height, in_width, in_channels, pad_top, pad_left, out_height, out_width; input_t, output_t (the same type).
template <class Config>
inline void zero_pad2d(const typename Config::input_t image[Config::in_height * Config::in_width * Config::in_channels],
                       typename Config::output_t result[Config::out_height * Config::out_width * Config::in_channels]) {
  typedef Config C;

#pragma hls_unroll yes
PAD_ROW:
  for (int row = 0; row < C::out_height; row++) {
#pragma hls_unroll yes
  PAD_COLUMN:
    for (int column = 0; column < C::out_width; column++) {
      const int y = row - C::pad_top;
      const int x = column - C::pad_left;
      const bool inside = y >= 0 && y < C::in_height && x >= 0 && x < C::in_width;
#pragma hls_unroll yes
    PAD_CHANNEL:
      for (int channel = 0; channel < C::in_channels; channel++) {
        typename C::output_t value = 0;
        if (inside) {
          value = image[(y * C::in_width + x) * C::in_channels + channel];
        }
        result[(row * C::out_width + column) * C::in_channels + channel] = value;
      }
    }
  }
}

} // namespace ae

#endif
