// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Bit-exact forward pass of an encoder in integer SIMD: many events side by side in every vector register.
//
// A program is a list of steps on a bus of 16-bit values, one row of BLOCK events per value. It is made from structure and
// weights together, so that intervals of all values are known: values that cannot change (positions without a trigger cell,
// neurons that see only those) are folded into the biases, and 16-bit partial sums are widened just before they could
// overflow. Arithmetic as in asic_flow/ir.py: product, floor by `drop` bits, sum, activation, one cast.
//
// Compiled at first use by asic_flow/emulator_native.py with -march=native; vectors are GCC's portable ones.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#if defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#endif

namespace {

const int LANES = 32;           // 16-bit values in one vector
const int BLOCK = 2 * LANES;    // events that pass through the program together
const int64_t NARROW_MIN = std::numeric_limits<int16_t>::min(), NARROW_MAX = std::numeric_limits<int16_t>::max();
const int64_t WIDE_MIN = std::numeric_limits<int32_t>::min(), WIDE_MAX = std::numeric_limits<int32_t>::max();

typedef int16_t narrow_t __attribute__((vector_size(2 * LANES)));
typedef int32_t wide_t __attribute__((vector_size(2 * LANES)));  // the even, or the odd lanes of a narrow_t
typedef int16_t eight_t __attribute__((vector_size(16)));
typedef int64_t eight_long_t __attribute__((vector_size(64)));

// High halves of the 32-bit products of signed lanes.
inline narrow_t multiply_high(const narrow_t &a, const narrow_t &b) {
  narrow_t result;
#if defined(__AVX512BW__)
  result = (narrow_t)_mm512_mulhi_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  const __m256i *const x = (const __m256i *)&a, *const y = (const __m256i *)&b;
  for (int i = 0; i < 2; i++) {
    ((__m256i *)&result)[i] = _mm256_mulhi_epi16(x[i], y[i]);
  }
#elif defined(__SSE2__)
  const __m128i *const x = (const __m128i *)&a, *const y = (const __m128i *)&b;
  for (int i = 0; i < 4; i++) {
    ((__m128i *)&result)[i] = _mm_mulhi_epi16(x[i], y[i]);
  }
#else
  for (int i = 0; i < LANES; i++) {
    result[i] = int16_t((int32_t(a[i]) * int32_t(b[i])) >> 16);
  }
#endif
  return result;
}

inline wide_t even(const narrow_t &v) { return ((wide_t)v << 16) >> 16; }
inline wide_t odd(const narrow_t &v) { return (wide_t)v >> 16; }
inline narrow_t join(const wide_t &e, const wide_t &o) { return (narrow_t)((e & 0xffff) | (o << 16)); }

// Activation and cast of one layer; `shift` >= 0 bits are dropped. rounding: 0 floor, 1 half up, 2 half to even.
struct cast_t {
  int32_t relu, shift, rounding, saturate, minimum, maximum;

  int64_t scalar(int64_t v) const {
    v = relu && v < 0 ? 0 : v;
    if (shift > 0) {
      const int64_t half = int64_t(1) << (shift - 1);
      v = (rounding == 0 ? v : rounding == 1 ? v + half : v + half - 1 + ((v >> shift) & 1)) >> shift;
    }
    if (saturate) {
      return std::min<int64_t>(std::max<int64_t>(v, minimum), maximum);
    }
    const int64_t span = int64_t(maximum) - minimum + 1, wrapped = ((v % span) + span) % span;
    return wrapped > maximum ? wrapped - span : wrapped;
  }

  template <class Lane, class Vector> Vector vector(Vector v) const {
    if (relu) {
      v = v < 0 ? v - v : v;
    }
    if (shift > 0) {
      const Lane half = Lane(1) << (shift - 1), one = 1;
      if (rounding == 1) {
        v += half;
      } else if (rounding == 2) {
        v += ((v >> shift) & one) + Lane(half - one);
      }
      v = v >> shift;
    }
    if (saturate) {
      const Vector low = v - v + Lane(minimum), high = v - v + Lane(maximum);
      v = v < low ? low : v;
      return v > high ? high : v;
    }
    const int unused = 8 * int(sizeof(Lane)) - bits();
    return minimum < 0 ? (v << unused) >> unused : v & Lane(maximum);
  }

  int bits() const {
    int count = 0;
    while ((int64_t(1) << count) < int64_t(maximum) - minimum + 1) {
      count++;
    }
    return count;
  }

  // Interval of the result; wrapping keeps an interval only where nothing wraps.
  void interval(int64_t &low, int64_t &high) const {
    cast_t unbounded = *this;
    unbounded.saturate = 1;
    unbounded.minimum = std::numeric_limits<int32_t>::min();
    unbounded.maximum = std::numeric_limits<int32_t>::max();
    const bool wraps = !saturate && (unbounded.scalar(low) < minimum || unbounded.scalar(high) > maximum);
    low = wraps ? minimum : scalar(low);
    high = wraps ? maximum : scalar(high);
  }

  // Whether every step of `vector` on values in [low, high] stays inside 16 bits.
  bool is_narrow(const int64_t low, const int64_t high) const {
    const int64_t half = shift > 0 && rounding ? int64_t(1) << (shift - 1) : 0;
    return shift < 15 && low >= NARROW_MIN && high + half <= NARROW_MAX && minimum >= NARROW_MIN && maximum <= NARROW_MAX;
  }
};

struct value_t {
  bool constant;
  int64_t low, high;
  int slot;
};

// Weighted sums of up to eight neurons that read the same inputs. Terms lie in groups whose sums fit 16 bits.
struct tile_t {
  int outputs, first_slot[8], before, drop;  // before: bits inputs are shifted left, so that the product's high half is the floored one
  bool narrow_products, floored, narrow_sum;
  int32_t bias[8];
  std::vector<int32_t> group_sizes, slots, weights;  // weights: one row of `outputs` for each term
  cast_t cast;
};

struct window_t {
  int slot, kind;  // kind: 0 maximum, 1 sum
  int32_t offset;  // sum of the constant taps, or their maximum
  bool has_offset;
  std::vector<int32_t> slots;
  cast_t cast;
};

struct step_t {
  std::vector<tile_t> tiles;
  std::vector<window_t> windows;
};

narrow_t &row(int16_t *bus, const int slot, const int vector) {
  return *reinterpret_cast<narrow_t *>(bus + int64_t(slot) * BLOCK + vector * LANES);
}

template <int Outputs, bool Floored> void run_tile(const tile_t &tile, int16_t *bus, const int vector) {
  wide_t sums_even[Outputs], sums_odd[Outputs];
  narrow_t part[Outputs] = {};
  for (int o = 0; o < Outputs; o++) {
    sums_even[o] = sums_odd[o] = wide_t{} + tile.bias[o];
  }
  const int32_t *weights = tile.weights.data(), *slots = tile.slots.data();
  for (const int32_t size : tile.group_sizes) {
    for (int o = 0; o < Outputs; o++) {
      part[o] = narrow_t{};
    }
    for (int term = 0; term < size; term++, weights += Outputs) {
      const narrow_t x = Floored ? row(bus, *slots++, vector) << tile.before : row(bus, *slots++, vector);
#pragma GCC unroll 8
      for (int o = 0; o < Outputs; o++) {
        const narrow_t w = (narrow_t)(wide_t{} + weights[o]);  // a weight fills both halves of its word
        part[o] += Floored ? multiply_high(x, w) : x * w;
      }
    }
    if (tile.narrow_sum) {
      break;
    }
#pragma GCC unroll 8
    for (int o = 0; o < Outputs; o++) {
      sums_even[o] += even(part[o]);
      sums_odd[o] += odd(part[o]);
    }
  }
  for (int o = 0; o < Outputs; o++) {
    row(bus, tile.first_slot[o], vector) =
        tile.narrow_sum ? tile.cast.vector<int16_t>(part[o] + int16_t(tile.bias[o]))
                        : join(tile.cast.vector<int32_t>(sums_even[o]), tile.cast.vector<int32_t>(sums_odd[o]));
  }
}

// Products beyond 16 bits: everything in 32.
void run_wide_tile(const tile_t &tile, int16_t *bus, const int vector) {
  for (int o = 0; o < tile.outputs; o++) {
    wide_t sum_even = wide_t{} + tile.bias[o], sum_odd = sum_even;
    for (size_t term = 0; term < tile.slots.size(); term++) {
      const narrow_t x = row(bus, tile.slots[term], vector);
      const int32_t w = tile.weights[term * tile.outputs + o];
      sum_even += (even(x) * w) >> tile.drop;
      sum_odd += (odd(x) * w) >> tile.drop;
    }
    row(bus, tile.first_slot[o], vector) = join(tile.cast.vector<int32_t>(sum_even), tile.cast.vector<int32_t>(sum_odd));
  }
}

template <bool Floored> void run_narrow_tile(const tile_t &tile, int16_t *bus, const int vector) {
  switch (tile.outputs) {
  case 8: return run_tile<8, Floored>(tile, bus, vector);
  case 4: return run_tile<4, Floored>(tile, bus, vector);
  case 2: return run_tile<2, Floored>(tile, bus, vector);
  default: return run_tile<1, Floored>(tile, bus, vector);
  }
}

void run_window(const window_t &window, int16_t *bus, const int vector) {
  const narrow_t first = row(bus, window.slots[0], vector);
  if (window.kind == 0) {
    narrow_t largest = window.has_offset ? narrow_t{} + int16_t(window.offset) : first;
    for (const int slot : window.slots) {
      const narrow_t x = row(bus, slot, vector);
      largest = x > largest ? x : largest;
    }
    row(bus, window.slot, vector) = largest;
    return;
  }
  wide_t sum_even = wide_t{} + window.offset, sum_odd = sum_even;
  for (const int slot : window.slots) {
    sum_even += even(row(bus, slot, vector));
    sum_odd += odd(row(bus, slot, vector));
  }
  row(bus, window.slot, vector) = join(window.cast.vector<int32_t>(sum_even), window.cast.vector<int32_t>(sum_odd));
}

void run_step(const step_t &step, int16_t *bus, const int vector) {
  for (const tile_t &tile : step.tiles) {
    if (!tile.narrow_products) {
      run_wide_tile(tile, bus, vector);
    } else if (tile.floored) {
      run_narrow_tile<true>(tile, bus, vector);
    } else {
      run_narrow_tile<false>(tile, bus, vector);
    }
  }
  for (const window_t &window : step.windows) {
    run_window(window, bus, vector);
  }
}

struct program_t {
  std::vector<value_t> values;  // of the tensor that the next step reads
  std::vector<int32_t> input_slots;  // -1: the position must be zero
  int64_t low, high;                 // limits of an image value
  int n_slots;
  std::vector<step_t> steps;

  value_t add(int64_t low_value, int64_t high_value) {
    return value_t{low_value == high_value, low_value, high_value, low_value == high_value ? -1 : n_slots++};
  }

  static bool fits(const value_t &v) { return v.low >= NARROW_MIN && v.high <= NARROW_MAX; }
};

int64_t floored(const int64_t x, const int64_t w, const int drop) { return (x * w) >> drop; }

// Bits to shift inputs and weights left, so that the high half of their 32-bit product is floor(x * w / 2**drop).
bool split_shift(const int64_t x_low, const int64_t x_high, const int64_t w_low, const int64_t w_high, const int drop, int &before, int &after) {
  for (before = 0; before <= 16 - drop; before++) {
    after = 16 - drop - before;
    if ((w_low << after) >= NARROW_MIN && (w_high << after) <= NARROW_MAX) {
      return (x_low << before) >= NARROW_MIN && (x_high << before) <= NARROW_MAX;
    }
  }
  return false;
}

struct neurons_t {
  int first, count;  // neurons of the layer in this tile
};

int tile_size(const int left) { return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1; }

// Fill a tile: constants into biases, other inputs as terms; false if a sum leaves 32 bits.
bool make_tile(program_t &program, const std::vector<value_t> &values, const int32_t *taps, const int n_taps, const int32_t *weights,
               const int32_t *bias, const int n_out, const neurons_t &part, const int drop, tile_t &tile, std::vector<value_t> &results) {
  int64_t low[8], high[8], group_low[8], group_high[8], base[8];
  int64_t x_low = 0, x_high = 0, w_low = 0, w_high = 0;
  std::vector<int> live;
  for (int o = 0; o < part.count; o++) {
    base[o] = bias[part.first + o];
  }
  for (int tap = 0; tap < n_taps; tap++) {
    if (taps[tap] < 0) {
      continue;
    }
    const value_t &x = values[taps[tap]];
    const int32_t *const w = weights + int64_t(tap) * n_out + part.first;
    if (x.constant) {
      for (int o = 0; o < part.count; o++) {
        base[o] += floored(x.low, w[o], drop);
      }
    } else if (std::any_of(w, w + part.count, [](int32_t v) { return v != 0; })) {
      live.push_back(tap);
      x_low = std::min(x_low, x.low);
      x_high = std::max(x_high, x.high);
      w_low = std::min<int64_t>(w_low, *std::min_element(w, w + part.count));
      w_high = std::max<int64_t>(w_high, *std::max_element(w, w + part.count));
    }
  }
  int after = 0;
  const int64_t corners[4] = {x_low * w_low, x_low * w_high, x_high * w_low, x_high * w_high};
  tile.outputs = part.count;
  tile.drop = drop;
  tile.floored = drop > 0;
  tile.before = 0;
  tile.narrow_products = tile.floored ? split_shift(x_low, x_high, w_low, w_high, drop, tile.before, after)
                                      : *std::min_element(corners, corners + 4) >= NARROW_MIN &&
                                            *std::max_element(corners, corners + 4) <= NARROW_MAX;
  std::copy(base, base + part.count, low);
  std::copy(base, base + part.count, high);
  std::fill(group_low, group_low + 8, 0);
  std::fill(group_high, group_high + 8, 0);
  int size = 0;
  for (const int tap : live) {
    const value_t &x = values[taps[tap]];
    const int32_t *const w = weights + int64_t(tap) * n_out + part.first;
    int64_t least[8], most[8];
    bool full = false;
    for (int o = 0; o < part.count; o++) {
      const int64_t a = floored(x.low, w[o], drop), b = floored(x.high, w[o], drop);
      least[o] = std::min(a, b);
      most[o] = std::max(a, b);
      low[o] += least[o];
      high[o] += most[o];
      full |= group_low[o] + least[o] < NARROW_MIN || group_high[o] + most[o] > NARROW_MAX;
    }
    if (full) {
      tile.group_sizes.push_back(size);
      size = 0;
      std::fill(group_low, group_low + 8, 0);
      std::fill(group_high, group_high + 8, 0);
    }
    size++;
    tile.slots.push_back(x.slot);
    for (int o = 0; o < part.count; o++) {
      group_low[o] += least[o];
      group_high[o] += most[o];
      const uint16_t half = uint16_t(int64_t(w[o]) << after);
      tile.weights.push_back(tile.narrow_products ? int32_t(half * 0x10001u) : w[o]);
    }
  }
  tile.group_sizes.push_back(size);
  tile.narrow_sum = tile.narrow_products && tile.group_sizes.size() == 1;
  for (int o = 0; o < part.count; o++) {
    if (low[o] < WIDE_MIN / 2 || high[o] > WIDE_MAX / 2 || x_low * w_high < WIDE_MIN || x_high * w_high > WIDE_MAX ||
        x_high * w_low < WIDE_MIN || x_low * w_low > WIDE_MAX) {
      return false;
    }
    tile.bias[o] = int32_t(base[o]);
    tile.narrow_sum = tile.narrow_sum && base[o] >= NARROW_MIN && base[o] <= NARROW_MAX && tile.cast.is_narrow(low[o], high[o]);
    tile.cast.interval(low[o], high[o]);
    results.push_back(program.add(low[o], high[o]));
    // A neuron that cannot change still needs a place to be written to, as its neighbours in the tile do.
    tile.first_slot[o] = results.back().constant ? program.n_slots++ : results.back().slot;
    if (!program_t::fits(results.back())) {
      return false;
    }
  }
  return true;
}

// Eight rows of eight: rows become columns (three rounds of interleaving).
inline void transpose(eight_t rows[8]) {
  const eight_t low = {0, 8, 1, 9, 2, 10, 3, 11}, high = {4, 12, 5, 13, 6, 14, 7, 15};
  for (int round = 0; round < 3; round++) {
    eight_t next[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      next[2 * i] = __builtin_shuffle(rows[i], rows[i + 4], low);
      next[2 * i + 1] = __builtin_shuffle(rows[i], rows[i + 4], high);
    }
    std::copy(next, next + 8, rows);
  }
}

eight_t &eight(int16_t *place) { return *reinterpret_cast<eight_t *>(place); }

// Images of one block onto the bus. Rows pass through `buffer` (BLOCK rows of whole eights). Returns as ae_run.
// `empty`: all ones at positions that must be zero.
template <class Value>
int load(const program_t &program, const Value *images, const int events, const Value *empty, int16_t *buffer, int16_t *bus) {
  const int size = int(program.input_slots.size()), stride = (size + 7) / 8 * 8;
  Value least = 0, most = 0, stray = 0;
  for (int event = 0; event < events; event++) {
    const Value *const image = images + int64_t(event) * size;
    int16_t *const target = buffer + event * stride;
    for (int position = 0; position < size; position++) {
      const Value value = image[position];
      least = std::min(least, value);
      most = std::max(most, value);
      stray |= value & empty[position];
      target[position] = int16_t(value);
    }
  }
  for (int position = 0; position < size; position += 8) {
    for (int event = 0; event < events; event += 8) {
      eight_t rows[8];
      for (int i = 0; i < 8; i++) {
        rows[i] = eight(buffer + (event + i) * stride + position);
      }
      transpose(rows);
      for (int i = 0; i < std::min(8, size - position); i++) {
        const int slot = program.input_slots[position + i];
        eight(bus + int64_t(slot < 0 ? program.n_slots : slot) * BLOCK + event) = rows[i];
      }
    }
  }
  return int64_t(least) < program.low || int64_t(most) > program.high ? 1 : stray ? 2 : 0;
}

// Results of one block as rows of 64-bit integers.
void store(const program_t &program, const int events, int16_t *bus, int64_t *latents) {
  const int outputs = int(program.values.size());
  for (int first = 0; first < outputs; first += 8) {
    const int width = std::min(8, outputs - first);
    for (int event = 0; event < events; event += 8) {
      eight_t rows[8] = {};
      for (int i = 0; i < width; i++) {
        const value_t &value = program.values[first + i];
        rows[i] = value.constant ? eight_t{} + int16_t(value.low) : eight(bus + int64_t(value.slot) * BLOCK + event);
      }
      transpose(rows);
      for (int i = 0; i < std::min(8, events - event); i++) {
        const eight_long_t wide = __builtin_convertvector(rows[i], eight_long_t);
        std::memcpy(latents + int64_t(event + i) * outputs + first, &wide, sizeof(int64_t) * width);
      }
    }
  }
}

template <class Value> int run(const program_t &program, const int64_t events, const Value *images, int64_t *latents) {
  const int size = int(program.input_slots.size()), outputs = int(program.values.size());
  const int64_t bus_size = int64_t(program.n_slots + 1) * BLOCK;
  std::vector<int16_t> storage(bus_size + int64_t(BLOCK) * ((size + 7) / 8 * 8) + LANES, 0);
  int16_t *const bus = reinterpret_cast<int16_t *>((reinterpret_cast<uintptr_t>(storage.data()) + 63) & ~uintptr_t(63));
  std::vector<Value> empty(size);
  std::transform(program.input_slots.begin(), program.input_slots.end(), empty.begin(), [](int slot) { return Value(slot < 0 ? -1 : 0); });
  for (int64_t start = 0; start < events; start += BLOCK) {
    const int count = int(std::min<int64_t>(BLOCK, events - start));
    if (const int bad = load(program, images + start * size, count, empty.data(), bus + bus_size, bus)) {
      return bad;
    }
    for (int vector = 0; vector * LANES < count; vector++) {
      for (const step_t &step : program.steps) {
        run_step(step, bus, vector);
      }
    }
    store(program, count, bus, latents + start * outputs);
  }
  return 0;
}

} // namespace

extern "C" {

// live: for each image position whether it can hold anything but zero.
void *ae_new(const int32_t size, const uint8_t *live, const int32_t low, const int32_t high) {
  program_t *const program = new program_t();
  program->low = low;
  program->high = high;
  program->n_slots = 0;
  for (int position = 0; position < size; position++) {
    program->values.push_back(live[position] ? program->add(low, high) : value_t{true, 0, 0, -1});
    program->input_slots.push_back(program->values.back().slot);
  }
  return program;
}

void ae_free(void *handle) { delete static_cast<program_t *>(handle); }

// Convolution or dense layer. taps: sites x n_taps flat input indices (-1: padding); weights: n_taps x n_out; results in order
// (site, output). Returns 0, or 1 if the numbers are too wide for this engine.
int ae_weighted(void *handle, const int32_t sites, const int32_t n_taps, const int32_t *taps, const int32_t n_out, const int32_t *weights,
                const int32_t *bias, const int32_t drop, const int32_t *cast) {
  program_t &program = *static_cast<program_t *>(handle);
  const std::vector<value_t> values = program.values;
  step_t step;
  program.values.clear();
  for (int site = 0; site < sites; site++) {
    for (int first = 0; first < n_out; first += tile_size(n_out - first)) {
      tile_t tile;
      tile.cast = cast_t{cast[0], cast[1], cast[2], cast[3], cast[4], cast[5]};
      const neurons_t part = {first, tile_size(n_out - first)};
      if (!make_tile(program, values, taps + int64_t(site) * n_taps, n_taps, weights, bias, n_out, part, drop, tile, program.values)) {
        return 1;
      }
      const auto begin = program.values.end() - part.count;
      if (!std::all_of(begin, program.values.end(), [](const value_t &v) { return v.constant; })) {
        step.tiles.push_back(tile);
      }
    }
  }
  program.steps.push_back(step);
  return 0;
}

// Windows without weights: kind 0 maximum, 1 sum; then the cast (sum only). One window of n_taps for each of n_out values.
int ae_windows(void *handle, const int32_t n_out, const int32_t n_taps, const int32_t *taps, const int32_t kind, const int32_t *cast) {
  program_t &program = *static_cast<program_t *>(handle);
  const std::vector<value_t> values = program.values;
  step_t step;
  program.values.clear();
  for (int out = 0; out < n_out; out++) {
    window_t window;
    window.kind = kind;
    window.offset = 0;
    window.has_offset = false;
    window.cast = cast_t{cast[0], cast[1], cast[2], cast[3], cast[4], cast[5]};
    int64_t low = kind ? 0 : std::numeric_limits<int64_t>::min(), high = low;
    for (int tap = 0; tap < n_taps; tap++) {
      const int32_t index = taps[int64_t(out) * n_taps + tap];
      if (index < 0) {
        continue;
      }
      const value_t &x = values[index];
      low = kind ? low + x.low : std::max(low, x.low);
      high = kind ? high + x.high : std::max(high, x.high);
      if (!x.constant) {
        window.slots.push_back(x.slot);
      } else {
        window.offset = kind || !window.has_offset ? int32_t(window.offset + x.low) : std::max<int32_t>(window.offset, int32_t(x.low));
        window.has_offset = true;
      }
    }
    if (kind) {
      if (low < WIDE_MIN / 2 || high > WIDE_MAX / 2) {
        return 1;
      }
      window.cast.interval(low, high);
    }
    program.values.push_back(program.add(low, high));
    if (!program_t::fits(program.values.back())) {
      return 1;
    }
    window.slot = program.values.back().slot;
    if (window.slot >= 0) {
      step.windows.push_back(window);
    }
  }
  program.steps.push_back(step);
  return 0;
}

// Values in a new order: index of each in the present tensor, -1 for a zero. No arithmetic.
void ae_reorder(void *handle, const int32_t n_out, const int32_t *index) {
  program_t &program = *static_cast<program_t *>(handle);
  std::vector<value_t> result;
  for (int out = 0; out < n_out; out++) {
    result.push_back(index[out] < 0 ? value_t{true, 0, 0, -1} : program.values[index[out]]);
  }
  program.values = result;
}

// images: events x positions of `item` bytes (1 unsigned, 2, 4, 8 signed); latents: events x latents.
// Returns 0, 1 (a value leaves the input format) or 2 (a value at a position that was declared empty).
int ae_run(const void *handle, const int32_t item, const int64_t events, const void *images, int64_t *latents) {
  const program_t &program = *static_cast<const program_t *>(handle);
  switch (item) {
  case 1: return run(program, events, static_cast<const uint8_t *>(images), latents);
  case 2: return run(program, events, static_cast<const int16_t *>(images), latents);
  case 4: return run(program, events, static_cast<const int32_t *>(images), latents);
  default: return run(program, events, static_cast<const int64_t *>(images), latents);
  }
}

} // extern "C"
