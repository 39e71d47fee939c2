// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Streams events from a file through the RTL encoder, one per clock, and writes what comes out.
// Usage: econ_stream WEIGHTS CHARGES OUTPUT
//   WEIGHTS  one or more weight sets, AE_WEIGHT_BYTES each: register stream, little endian, one copy
//   CHARGES  uint32, AE_CELLS per event
//   OUTPUT   uint32 per event: the latents (bits of the two's complement number), the sum code, the latency in clocks; all events for
//            the first weight set, then for the next
// Exit code 0: every event came out; 1: some did not, or more came out than went in; 2: a file cannot be read or written.
// AE_CELLS, AE_CHARGE_WIDTH, AE_LATENTS, AE_LATENT_WIDTH, AE_WEIGHT_BYTES are set when compiling.

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "Vecon_stream.h"

namespace {

const int IDLE_CLOCKS = 64;  // longer than any pipeline

typedef std::vector<char> bytes_t;

bool read(const char *path, bytes_t &bytes) {
  std::ifstream file(path, std::ios::binary);
  bytes.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  return file.good() || (file.eof() && !bytes.empty());
}

// Ports are little-endian words of any width.
template <class Port> void drive(Port &port, const uint8_t *bytes, const size_t size) {
  std::memset(&port, 0, sizeof(port));
  std::memcpy(&port, bytes, size < sizeof(port) ? size : sizeof(port));
}

uint32_t field(const uint8_t *bytes, const int lsb, const int width) {
  uint32_t value = 0;
  for (int bit = 0; bit < width; bit++) {
    value |= uint32_t((bytes[(lsb + bit) / 8] >> ((lsb + bit) % 8)) & 1) << bit;
  }
  return value;
}

std::vector<uint8_t> pack(const uint32_t *charges) {
  std::vector<uint8_t> bytes((AE_CELLS * AE_CHARGE_WIDTH + 7) / 8, 0);
  for (int bit = 0; bit < AE_CELLS * AE_CHARGE_WIDTH; bit++) {
    bytes[bit / 8] |= ((charges[bit / AE_CHARGE_WIDTH] >> (bit % AE_CHARGE_WIDTH)) & 1) << (bit % 8);
  }
  return bytes;
}

void clock(Vecon_stream &top) {
  top.clk_i = 0;
  top.eval();
  top.clk_i = 1;
  top.eval();
}

// All events with one weight set, after a reset; returns how many came out.
size_t stream(Vecon_stream &top, const char *weights, const std::vector<uint32_t> &words, const size_t events,
              std::vector<uint32_t> &results) {
  top.rst_ni = 0;
  clock(top);
  top.rst_ni = 1;
  top.load_i = 1;
  drive(top.weights_i, reinterpret_cast<const uint8_t *>(weights), AE_WEIGHT_BYTES);
  clock(top);
  top.load_i = 0;

  std::deque<size_t> launched;
  size_t received = 0;
  for (size_t cycle = 0; cycle < events + IDLE_CLOCKS; cycle++) {
    top.next_valid_i = cycle < events;
    if (cycle < events) {
      const std::vector<uint8_t> bytes = pack(&words[cycle * AE_CELLS]);
      drive(top.next_charges_i, bytes.data(), bytes.size());
    }
    clock(top);
    if (top.launched_o) {
      launched.push_back(cycle);
    }
    if (top.valid_o) {
      const uint8_t *const latents = reinterpret_cast<const uint8_t *>(&top.latents_o);
      for (int latent = 0; latent < AE_LATENTS; latent++) {
        results.push_back(field(latents, latent * AE_LATENT_WIDTH, AE_LATENT_WIDTH));
      }
      results.push_back(top.sum_code_o);
      results.push_back(launched.empty() ? ~0u : uint32_t(cycle - launched.front()));
      if (!launched.empty()) {
        launched.pop_front();
      }
      received++;
    }
  }
  return received;
}

}  // namespace

int main(int argc, char *argv[]) {
  bytes_t weights, charges;
  if (argc != 4 || !read(argv[1], weights) || !read(argv[2], charges)) {
    std::fprintf(stderr, "econ_stream: cannot read weights or charges\n");
    return 2;
  }
  const size_t events = charges.size() / (4 * AE_CELLS);
  std::vector<uint32_t> words(events * AE_CELLS), results;
  std::memcpy(words.data(), charges.data(), words.size() * 4);

  const size_t sets = weights.size() / AE_WEIGHT_BYTES;
  bool complete = sets > 0 && sets * AE_WEIGHT_BYTES == weights.size();
  auto top = std::make_unique<Vecon_stream>();
  for (size_t set = 0; set < sets; set++) {
    complete &= stream(*top, &weights[set * AE_WEIGHT_BYTES], words, events, results) == events;
  }
  top->final();
  std::ofstream output(argv[3], std::ios::binary);
  output.write(reinterpret_cast<const char *>(results.data()), std::streamsize(4 * results.size()));
  if (!output.flush()) {
    std::fprintf(stderr, "econ_stream: cannot write %s\n", argv[3]);
    return 2;
  }
  return complete ? 0 : 1;
}
