// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// What single faults do to the latents of many events, bit-exact and incremental.
//
// The fault-free forward pass of a block of events is kept: values and accumulators of every layer. A fault then changes one
// term of some accumulators, or one value; only what hangs on it is recomputed: a sum loses the old term and gains the new
// one, which is exact, floors of products included, because every product is floored on its own (asic_flow/ir.py).
//
// Compiled by asic_flow.emulator_native.compile_library with -march=native; all inner loops run over the events of a block.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace {

const int BLOCK = 128;  // events side by side

struct alignas(64) row_t {
  int32_t v[BLOCK];
};

// One integer for every column of `stats`: see measure().
enum { CHANGED, CHANGED_SENT, SUM, SUM_SENT, LARGEST, COLUMNS };
enum { KERNEL_FAULT, BIAS_FAULT, VALUE_FAULT };

// Kernel: `layer`, tap `index`, output `out`, `value` = the faulty weight. Bias: `layer`, `out`, faulty bias.
// Value: tensor `layer` (0 input, l + 1 output of layer l), value `index`, `value` = mask of the inverted bits.
struct fault_t {
  int32_t kind, layer, index, out, value;
};

struct format_t {
  int32_t width, is_signed;

  int32_t invert(const int32_t v, const int32_t mask) const {
    const int unused = 32 - width;
    const uint32_t bits = uint32_t(v ^ mask) << unused;
    return is_signed ? int32_t(bits) >> unused : int32_t(bits >> unused);
  }
};

// Activation and cast: relu, dropped bits, rounding (0 floor, 1 half up, 2 half to even), saturate (else wrap), limits.
struct cast_t {
  int32_t relu, shift, rounding, saturate, minimum, maximum;

  void apply(const row_t &sum, row_t &result, const format_t &format) const {
    const int32_t low = relu ? 0 : std::numeric_limits<int32_t>::min();
    const int32_t half = shift && rounding ? 1 << (shift - 1) : 0, odd = shift && rounding == 2, add = half - odd;
    const int32_t least = saturate ? minimum : std::numeric_limits<int32_t>::min();
    const int32_t most = saturate ? maximum : std::numeric_limits<int32_t>::max();
    for (int i = 0; i < BLOCK; i++) {
      const int32_t v = std::max(sum.v[i], low);
      result.v[i] = std::min(std::max((v + add + ((v >> shift) & odd)) >> shift, least), most);
    }
    for (int i = 0; i < BLOCK && !saturate; i++) {
      result.v[i] = format.invert(result.v[i], 0);
    }
  }
};

struct user_t {
  int32_t site, tap;
};

struct layer_t {
  int sites, n_taps, outputs, drop, bias_shift;
  std::vector<int32_t> taps, weights, bias;
  std::vector<std::vector<user_t>> users;  // of every input value
  cast_t cast;
  format_t format;

  int size() const { return sites * outputs; }
  int32_t weight(const int tap, const int out) const { return weights[int64_t(tap) * outputs + out]; }
};

struct network_t {
  format_t input_format;
  int inputs, sent_drop;  // sent_drop: low bits of a latent that do not leave the chip
  std::vector<layer_t> layers;
};

// sum += floor(to * w_to) - floor(from * w_from)
inline void exchange(row_t &__restrict sum, const row_t &from, const int32_t w_from, const row_t &to, const int32_t w_to, const int drop) {
  for (int i = 0; i < BLOCK; i++) {
    sum.v[i] += ((to.v[i] * w_to) >> drop) - ((from.v[i] * w_from) >> drop);
  }
}

// sum += sign * floor(x * w)
template <int sign> inline void add_product(row_t &__restrict sum, const row_t &x, const int32_t w, const int drop) {
  for (int i = 0; i < BLOCK; i++) {
    sum.v[i] += sign * ((x.v[i] * w) >> drop);
  }
}

inline bool differ(const row_t &a, const row_t &b) {
  int32_t any = 0;
  for (int i = 0; i < BLOCK; i++) {
    any |= a.v[i] ^ b.v[i];
  }
  return any != 0;
}

class pass_t {
public:
  explicit pass_t(const network_t &network) : network(network), values(network.layers.size() + 1), faulty(values.size()), sums(values.size()), faulty_sums(values.size()), touched(values.size()) {
    values[0].resize(network.inputs);
    for (size_t l = 0; l < network.layers.size(); l++) {
      values[l + 1].resize(network.layers[l].size());
      sums[l + 1].resize(network.layers[l].size());
    }
    faulty = values;
    faulty_sums = sums;
    for (size_t t = 0; t < values.size(); t++) {
      touched[t].assign(values[t].size(), 0);
    }
  }

  // Fault-free pass of `count` events; the rest of the block repeats the last of them.
  void load(const int32_t *images, const int count) {
    events = count;
    rest_layer = -1;
    for (int p = 0; p < network.inputs; p++) {
      for (int i = 0; i < BLOCK; i++) {
        values[0][p].v[i] = images[int64_t(std::min(i, count - 1)) * network.inputs + p];
      }
    }
    for (size_t l = 0; l < network.layers.size(); l++) {
      const layer_t &layer = network.layers[l];
      for (int site = 0; site < layer.sites; site++) {
        for (int out = 0; out < layer.outputs; out++) {
          row_t &sum = sums[l + 1][site * layer.outputs + out];
          std::fill(sum.v, sum.v + BLOCK, layer.bias[out] * (1 << layer.bias_shift));
          for (int tap = 0; tap < layer.n_taps; tap++) {
            const int32_t source = layer.taps[int64_t(site) * layer.n_taps + tap];
            if (source >= 0) {
              add_product<1>(sum, values[l][source], layer.weight(tap, out), layer.drop);
            }
          }
          layer.cast.apply(sum, values[l + 1][site * layer.outputs + out], layer.format);
        }
      }
    }
  }

  void store(int64_t *latents) const {
    const std::vector<row_t> &last = values.back();
    for (int i = 0; i < events; i++) {
      for (size_t o = 0; o < last.size(); o++) {
        latents[int64_t(i) * int64_t(last.size()) + int64_t(o)] = last[o].v[i];
      }
    }
  }

  void inject(const fault_t &fault, int64_t *stats) {
    size_t tensor;
    changed.clear();
    if (fault.kind == VALUE_FAULT) {
      tensor = size_t(fault.layer);
      const format_t &format = tensor ? network.layers[tensor - 1].format : network.input_format;
      for (int i = 0; i < BLOCK; i++) {
        faulty[tensor][fault.index].v[i] = format.invert(values[tensor][fault.index].v[i], fault.value);
      }
      changed.push_back(fault.index);
    } else {
      tensor = size_t(fault.layer) + 1;
      corrupt_weight(fault, network.layers[fault.layer], tensor);
      settle(tensor);
    }
    for (bool whole_channel = fault.kind != VALUE_FAULT; !changed.empty() && tensor < network.layers.size(); tensor++) {
      if (whole_channel && 2 * int(changed.size()) > network.layers[tensor - 1].sites) {
        replace_channel(tensor, fault.out);
      } else {
        propagate(tensor);
      }
      settle(tensor + 1);
      whole_channel = false;
    }
    if (!changed.empty()) {
      measure(stats);
    }
  }

private:
  const network_t &network;
  std::vector<std::vector<row_t>> values, faulty, sums, faulty_sums;  // by tensor: 0 input, l + 1 output of layer l
  std::vector<std::vector<char>> touched;
  std::vector<int> affected, changed;
  std::vector<row_t> rest;  // sums behind layer `rest_layer` without what its channel `rest_channel` adds
  int events = 0, rest_layer = -1, rest_channel = -1;

  void touch(const size_t tensor, const int index) {
    if (!touched[tensor][index]) {
      touched[tensor][index] = 1;
      affected.push_back(index);
      faulty_sums[tensor][index] = sums[tensor][index];
    }
  }

  void corrupt_weight(const fault_t &fault, const layer_t &layer, const size_t tensor) {
    for (int site = 0; site < layer.sites; site++) {
      const int index = site * layer.outputs + fault.out;
      if (fault.kind == BIAS_FAULT) {
        touch(tensor, index);
        const int32_t delta = (fault.value - layer.bias[fault.out]) * (1 << layer.bias_shift);
        for (int i = 0; i < BLOCK; i++) {
          faulty_sums[tensor][index].v[i] += delta;
        }
        continue;
      }
      const int32_t source = layer.taps[int64_t(site) * layer.n_taps + fault.index];
      if (source >= 0) {
        touch(tensor, index);
        const row_t &x = values[tensor - 1][source];
        exchange(faulty_sums[tensor][index], x, layer.weight(fault.index, fault.out), x, fault.value, layer.drop);
      }
    }
  }

  // Sums of the layer behind `tensor`, of whose values those in `changed` are faulty.
  void propagate(const size_t tensor) {
    const layer_t &layer = network.layers[tensor];
    for (const int source : changed) {
      const row_t &from = values[tensor][source], &to = faulty[tensor][source];
      for (const user_t &user : layer.users[source]) {
        for (int out = 0; out < layer.outputs; out++) {
          const int index = user.site * layer.outputs + out;
          const int32_t w = layer.weight(user.tap, out);
          touch(tensor + 1, index);
          exchange(faulty_sums[tensor + 1][index], from, w, to, w, layer.drop);
        }
      }
    }
  }

  // The same where most values of one output channel of the layer before are faulty: without the old terms, which all faults
  // of that channel share.
  void replace_channel(const size_t tensor, const int channel) {
    const layer_t &layer = network.layers[tensor], &before = network.layers[tensor - 1];
    if (rest_layer != int(tensor) - 1 || rest_channel != channel) {
      rest_layer = int(tensor) - 1;
      rest_channel = channel;
      rest.resize(layer.size());
      add_channel<-1>(layer, before, channel, sums[tensor + 1], values[tensor], values[tensor], tensor + 1, rest);
      for (const int index : affected) {
        touched[tensor + 1][index] = 0;
      }
      affected.clear();
    }
    for (const int source : changed) {
      touched[tensor][source] = 1;
    }
    add_channel<1>(layer, before, channel, rest, values[tensor], faulty[tensor], tensor + 1, faulty_sums[tensor + 1]);
    for (const int source : changed) {
      touched[tensor][source] = 0;
    }
  }

  // result = start + sign * the channel's products; of a source marked in `touched` the value is taken from `marked`.
  template <int sign>
  void add_channel(const layer_t &layer, const layer_t &before, const int channel, const std::vector<row_t> &start, const std::vector<row_t> &plain,
                   const std::vector<row_t> &marked, const size_t target, std::vector<row_t> &result) {
    for (int site = 0; site < before.sites; site++) {
      const int source = site * before.outputs + channel;
      const row_t &x = touched[target - 1][source] ? marked[source] : plain[source];
      for (const user_t &user : layer.users[source]) {
        for (int out = 0; out < layer.outputs; out++) {
          const int index = user.site * layer.outputs + out;
          if (!touched[target][index]) {
            touched[target][index] = 1;
            affected.push_back(index);
            result[index] = start[index];
          }
          add_product<sign>(result[index], x, layer.weight(user.tap, out), layer.drop);
        }
      }
    }
  }

  // Faulty sums of `tensor` become faulty values; `changed` lists those that differ in any event.
  void settle(const size_t tensor) {
    const layer_t &layer = network.layers[tensor - 1];
    changed.clear();
    for (const int index : affected) {
      touched[tensor][index] = 0;
      layer.cast.apply(faulty_sums[tensor][index], faulty[tensor][index], layer.format);
      if (differ(faulty[tensor][index], values[tensor][index])) {
        changed.push_back(index);
      }
    }
    affected.clear();
  }

  void measure(int64_t *stats) const {
    row_t total = {}, sent = {};
    int32_t largest = 0, n_changed = 0, n_sent = 0, sum = 0, sum_sent = 0;
    const int drop = network.sent_drop;
    for (const int index : changed) {
      const row_t &from = values.back()[index], &to = faulty.back()[index];
      for (int i = 0; i < BLOCK; i++) {
        const int32_t change = std::abs(to.v[i] - from.v[i]);
        total.v[i] += change;
        sent.v[i] += std::abs((to.v[i] >> drop) - (from.v[i] >> drop));
        largest = std::max(largest, change);
      }
    }
    for (int i = 0; i < events; i++) {
      n_changed += total.v[i] != 0;
      n_sent += sent.v[i] != 0;
      sum += total.v[i];
      sum_sent += sent.v[i];
    }
    stats[CHANGED] += n_changed;
    stats[CHANGED_SENT] += n_sent;
    stats[SUM] += sum;
    stats[SUM_SENT] += int64_t(sum_sent) << drop;
    stats[LARGEST] = std::max<int64_t>(stats[LARGEST], largest);
  }
};

} // namespace

extern "C" {

void *rf_new(const int32_t inputs, const int32_t width, const int32_t is_signed, const int32_t sent_drop) {
  network_t *const network = new network_t();
  network->input_format = format_t{width, is_signed};
  network->inputs = inputs;
  network->sent_drop = sent_drop;
  return network;
}

void rf_free(void *handle) { delete static_cast<network_t *>(handle); }

// sizes: sites, taps, outputs, drop, bias shift, output width, output signed. taps: sites x taps flat input indices (-1: a
// zero); weights: taps x outputs; bias: outputs, not yet shifted; cast: six integers as in cast_t.
void rf_layer(void *handle, const int32_t *sizes, const int32_t *taps, const int32_t *weights, const int32_t *bias, const int32_t *cast) {
  network_t &network = *static_cast<network_t *>(handle);
  const int inputs = network.layers.empty() ? network.inputs : network.layers.back().size();
  layer_t layer;
  layer.sites = sizes[0];
  layer.n_taps = sizes[1];
  layer.outputs = sizes[2];
  layer.drop = sizes[3];
  layer.bias_shift = sizes[4];
  layer.format = format_t{sizes[5], sizes[6]};
  layer.taps.assign(taps, taps + int64_t(layer.sites) * layer.n_taps);
  layer.weights.assign(weights, weights + int64_t(layer.n_taps) * layer.outputs);
  layer.bias.assign(bias, bias + layer.outputs);
  layer.cast = cast_t{cast[0], cast[1], cast[2], cast[3], cast[4], cast[5]};
  layer.users.resize(inputs);
  for (int site = 0; site < layer.sites; site++) {
    for (int tap = 0; tap < layer.n_taps; tap++) {
      const int32_t source = layer.taps[int64_t(site) * layer.n_taps + tap];
      if (source >= 0) {
        layer.users[source].push_back(user_t{site, tap});
      }
    }
  }
  network.layers.push_back(layer);
}

// images: events x inputs; faults: n_faults x 5 as fault_t; latents: events x latents, fault-free; stats: n_faults x 5, added to.
void rf_run(const void *handle, const int64_t events, const int32_t *images, const int64_t n_faults, const int32_t *faults,
            int64_t *latents, int64_t *stats) {
  const network_t &network = *static_cast<const network_t *>(handle);
  pass_t pass(network);
  for (int64_t start = 0; start < events; start += BLOCK) {
    pass.load(images + start * network.inputs, int(std::min<int64_t>(BLOCK, events - start)));
    pass.store(latents + start * network.layers.back().size());
    for (int64_t f = 0; f < n_faults; f++) {
      const int32_t *const fault = faults + 5 * f;
      pass.inject(fault_t{fault[0], fault[1], fault[2], fault[3], fault[4]}, stats + COLUMNS * f);
    }
  }
}

} // extern "C"
