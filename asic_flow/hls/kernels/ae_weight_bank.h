// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Triplicated, self-refreshing weight registers with a byte-wide write port.
//
// The bank is one little-endian bit stream: weight 0 at bit 0 of byte 0, then weight after weight in register
// order. Every call is one clock: the three copies are voted bit by bit, the vote goes to the outputs and, with a
// byte write merged in, back into all three copies. An upset of one copy therefore lives for one clock and never
// reaches an output; `error` is high in the clock in which a copy deviated.
//
// Each copy is loaded through its own instance of `isolate`, a separate component (ccore), because an optimiser
// that sees three registers with equal inputs keeps one. After RTL synthesis count the flip-flops: there must be
// 3 * Bytes * 8 of them in the bank (asic_flow.catapult checks this in rtl.rpt).

#ifndef AE_WEIGHT_BANK_H
#define AE_WEIGHT_BANK_H

#include <ac_int.h>

namespace ae {

typedef ac_int<8, false> byte_t;

// Identity that keeps the copies apart; a different function, hence a different component, for each copy.
#pragma hls_design ccore
#pragma hls_ccore_type combinational
template <int Copy> inline byte_t isolate(const byte_t &value) { return value; }

// Bitwise majority of three.
#pragma hls_design ccore
#pragma hls_ccore_type combinational
inline byte_t majority(const byte_t &a, const byte_t &b, const byte_t &c) { return (a & b) | (a & c) | (b & c); }

template <int Bytes, int AddressBits> class weight_bank {
public:
  typedef ac_int<AddressBits, false> address_t;

  weight_bank() {
#pragma hls_unroll yes
  BANK_RESET:
    for (int i = 0; i < Bytes; i++) {
      copy_a_[i] = 0;
      copy_b_[i] = 0;
      copy_c_[i] = 0;
    }
  }

  // One clock. `voted` and `read_data` show the bank before this clock's write.
  void run(const bool write_enable, const address_t &address, const byte_t &write_data, byte_t voted[Bytes],
           byte_t &read_data, bool &error) {
    bool any_difference = false;
    byte_t selected = 0;
#pragma hls_unroll yes
  BANK_REFRESH:
    for (int i = 0; i < Bytes; i++) {
      const byte_t a = copy_a_[i];
      const byte_t b = copy_b_[i];
      const byte_t c = copy_c_[i];
      const byte_t vote = majority(a, b, c);
      any_difference |= (((a ^ b) | (a ^ c)) != 0);
      voted[i] = vote;
      const bool is_addressed = (address == i);
      if (is_addressed) {
        selected = vote;
      }
      const byte_t next = (write_enable && is_addressed) ? write_data : vote;
      copy_a_[i] = isolate<0>(next);
      copy_b_[i] = isolate<1>(next);
      copy_c_[i] = isolate<2>(next);
    }
    read_data = selected;
    error = any_difference;
  }

#ifndef __SYNTHESIS__
  // Invert bits of one copy (0, 1, 2), as a particle would; for test benches.
  void upset(const int copy, const int index, const byte_t &mask) {
    byte_t *const copies[3] = {copy_a_, copy_b_, copy_c_};
    copies[copy][index] ^= mask;
  }
#endif

private:
  byte_t copy_a_[Bytes];
  byte_t copy_b_[Bytes];
  byte_t copy_c_[Bytes];
};

// Weights Words of type Word out of the bank's stream, the first one at bit FirstBit.
template <int FirstBit, int Words, class Word> inline void unpack(const byte_t stream[], Word words[Words]) {
#pragma hls_unroll yes
UNPACK_WORD:
  for (int word = 0; word < Words; word++) {
    Word value = 0;
#pragma hls_unroll yes
  UNPACK_BIT:
    for (int bit = 0; bit < Word::width; bit++) {
      const int position = FirstBit + word * Word::width + bit;
      value[bit] = stream[position / 8][position % 8];
    }
    words[word] = value;
  }
}

} // namespace ae

#endif
