// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Upsets in the running RTL of the chip: a stimulus is run once without faults, with the state of every flip-flop and all
// outputs kept for each clock; every injection then starts from the state of its clock and ends when the flip-flops are again
// those of the fault-free run (from then on nothing can differ), or after WINDOW clocks.
//
// Usage: econ_campaign list
//          one line per public variable: index, bits, full name
//        econ_campaign run STIMULUS EVENTS PRESETS ROLES INJECTIONS WINDOW OUTPUTS RESULTS
//   STIMULUS    uint32[clocks][3]: pins (see below), bunch crossing, event
//   EVENTS      uint32[n][AE_CELLS]: charges
//   PRESETS     uint32: register, number of 32-bit words, words, ... written once behind the reset
//   ROLES       uint8 per variable: 0 left alone, 1 flip-flops, 2 counter of upsets (copies in threes), 3 transient input
//   INJECTIONS  int32[n][9]: clock, kind, register and bit (three pairs; -1: none), clocks from the first pair to the others
//   OUTPUTS     written: per clock the output bytes of the fault-free run
//   RESULTS     written: int32[n][6]: settled, counted, clocks with wrong data, wrong bus, wrong live flag, clocks run
// Exit code 0: done; 1: the run cannot be repeated from stored states; 2: a file cannot be read or written, or is inconsistent.
// AE_CELLS and AE_CHARGE_WIDTH are set when compiling.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "Vecon_top.h"
#include "verilated_syms.h"

namespace {

enum pin_t { VALID = 1, SCL = 2, SDA = 4, RESET_N = 8, REFRESH = 16, STOP_SHIFT = 5 };
enum role_t { NOTHING = 0, FLIP_FLOP = 1, COUNTER = 2, TRANSIENT = 3 };
enum kind_t { UPSET = 0, PULSE = 1, GATE = 2 };  // in the low phase; for one clock edge; in the high phase
const int PAIRS = 3, FIELDS = 9, ANSWERS = 6;

typedef std::vector<uint8_t> bytes_t;

struct register_t {
  std::string name;
  uint8_t *data;
  size_t bytes;
  int bits;
};

[[noreturn]] void fail(const char *what, const char *path) {
  std::fprintf(stderr, "econ_campaign: %s %s\n", what, path);
  std::exit(2);
}

template <class T> std::vector<T> read(const char *path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("cannot read", path);
  const bytes_t bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (bytes.size() % sizeof(T)) fail("odd size of", path);
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

template <class T> void write(const char *path, const std::vector<T> &values) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char *>(values.data()), std::streamsize(sizeof(T) * values.size()));
  if (!file.flush()) fail("cannot write", path);
}

// All public variables, by full name.
std::vector<register_t> registers() {
  std::vector<register_t> found;
  for (const auto &scope : *Verilated::scopeNameMap()) {
    if (!scope.second->varsp()) continue;
    for (const auto &entry : *scope.second->varsp()) {
      const VerilatedVar &var = entry.second;
      found.push_back({std::string(scope.first) + "." + entry.first, static_cast<uint8_t *>(var.datap()), var.totalSize(),
                       int(var.entBits())});
    }
  }
  return found;
}

class Chip {
 public:
  explicit Chip(const std::vector<uint32_t> &events) : events_(events) {}

  // First half of a clock: clocks low, inputs of this clock; the outputs are then what the next edge sees.
  void low(const uint32_t *stimulus) {
    top->clk_i = 0;
    top->clk_tmr_i = 0;
    const uint32_t pins = stimulus[0];
    top->rst_ni = (pins & RESET_N) != 0;
    top->refresh_i = (pins & REFRESH) != 0;
    top->valid_i = (pins & VALID) != 0;
    top->scl_i = (pins & SCL) != 0;
    top->bx_i = stimulus[1];
    if (pins & VALID) charge(stimulus[2]);
    settle(pins);
  }

  // SDA is the wired AND of the master and of the chip's pull-down.
  void settle(const uint32_t pins) {
    top->sda_i = (pins & SDA) && !top->sda_oe_o;
    top->eval();
  }

  void high(const uint32_t *stimulus) {
    top->clk_i = 1;
    top->clk_tmr_i = 7 & ~(stimulus[0] >> STOP_SHIFT);
    top->eval();
  }

  void outputs(bytes_t &bytes) const {
    bytes.clear();
    append(bytes, top->valid_o);
    append(bytes, top->latents_o);
    append(bytes, top->sum_code_o);
    append(bytes, top->links_o);
    append(bytes, top->sda_oe_o);
    append(bytes, top->live_o);
  }

  std::unique_ptr<Vecon_top> top = std::make_unique<Vecon_top>();

 private:
  template <class Port> static void append(bytes_t &bytes, const Port &port) {
    const uint8_t *const first = reinterpret_cast<const uint8_t *>(&port);
    bytes.insert(bytes.end(), first, first + sizeof(port));
  }

  void charge(const uint32_t event) {
    const uint32_t *const charges = &events_[size_t(event) * AE_CELLS];
    uint8_t packed[(AE_CELLS * AE_CHARGE_WIDTH + 7) / 8] = {};
    for (int bit = 0; bit < AE_CELLS * AE_CHARGE_WIDTH; bit++) {
      packed[bit / 8] |= ((charges[bit / AE_CHARGE_WIDTH] >> (bit % AE_CHARGE_WIDTH)) & 1) << (bit % 8);
    }
    std::memcpy(&top->charges_i, packed, sizeof(packed));
  }

  const std::vector<uint32_t> &events_;
};

class Campaign {
 public:
  Campaign(const std::vector<uint32_t> &stimulus, const std::vector<uint32_t> &events, const bytes_t &roles)
      : stimulus_(stimulus), clocks_(stimulus.size() / 3), chip_(events), roles_(roles), registers_(registers()) {
    if (roles_.size() != registers_.size()) fail("wrong number of", "roles");
    for (size_t i = 0; i < registers_.size(); i++) {
      if (roles_[i] == FLIP_FLOP || roles_[i] == COUNTER) stored_.push_back(i);
      if (roles_[i] == COUNTER) counters_.push_back(i);
      if (roles_[i] == TRANSIENT) std::memset(registers_[i].data, 0, registers_[i].bytes);
    }
    if (counters_.size() % 3) fail("counters must come in threes in", "roles");
  }

  // The fault-free run: state of the flip-flops in the low phase of every clock, and the outputs.
  void golden(const std::vector<uint32_t> &presets) {
    bool preset = false;
    for (size_t clock = 0; clock < clocks_; clock++) {
      chip_.low(&stimulus_[3 * clock]);
      if (!preset && (stimulus_[3 * clock] & RESET_N)) {
        write_presets(presets);
        chip_.settle(stimulus_[3 * clock]);
        preset = true;
      }
      keep(states_);
      chip_.outputs(now_);
      golden_.insert(golden_.end(), now_.begin(), now_.end());
      chip_.high(&stimulus_[3 * clock]);
    }
  }

  // Whether the run from a stored state gives the stored outputs: the list of flip-flops is complete.
  bool repeatable(const size_t clock, const int window) {
    const int none[FIELDS] = {int(clock), UPSET, -1, 0, -1, 0, -1, 0, 0};
    int answers[ANSWERS];
    inject(none, window, answers, false);
    return answers[0] && !answers[1] && !answers[2] && !answers[3] && !answers[4];
  }

  void inject(const int *injection, const int window, int *answers, const bool stop = true) {
    const size_t first = injection[0];
    const int kind = injection[1], delay = injection[FIELDS - 1];
    restore(first);
    std::memset(answers, 0, ANSWERS * sizeof(*answers));
    for (size_t clock = first; clock < clocks_ && clock < first + window; clock++) {
      const uint32_t *const stimulus = &stimulus_[3 * clock];
      chip_.low(stimulus);
      if (clock > first + delay) {
        answers[0] = settled(clock, answers);
        if (answers[0] && stop) return;
      }
      const bool pulsed = kind == PULSE && clock == first;
      if (kind != GATE) strike(injection, int(clock - first));
      if (pulsed || clock <= first + delay) chip_.settle(stimulus[0]);
      if (!pulsed) compare(clock, answers);
      chip_.high(stimulus);
      if (pulsed) strike(injection, 0);  // the pulse is over behind the edge
      if (kind == GATE) strike(injection, int(clock - first));
      if (pulsed || kind == GATE) chip_.top->eval();
      answers[5]++;
    }
  }

  const bytes_t &outputs() const { return golden_; }
  size_t clocks() const { return clocks_; }
  const std::vector<register_t> &all() const { return registers_; }

 private:
  void write_presets(const std::vector<uint32_t> &presets) {
    for (size_t i = 0; i < presets.size(); i += 2 + presets[i + 1]) {
      if (presets[i] >= registers_.size()) fail("no such register in", "presets");
      const register_t &target = registers_[presets[i]];
      bytes_t value(target.bytes, 0);
      std::memcpy(value.data(), &presets[i + 2], std::min(value.size(), size_t(4 * presets[i + 1])));
      std::memcpy(target.data, value.data(), value.size());
    }
  }

  void keep(bytes_t &states) {
    for (const size_t i : stored_) {
      states.insert(states.end(), registers_[i].data, registers_[i].data + registers_[i].bytes);
    }
    if (!state_bytes_) state_bytes_ = states.size();
  }

  void restore(const size_t clock) {
    const uint8_t *from = &states_[clock * state_bytes_];
    for (const size_t i : stored_) {
      std::memcpy(registers_[i].data, from, registers_[i].bytes);
      from += registers_[i].bytes;
    }
  }

  // Flips the first pair in clock 0 of an injection, the others `delay` clocks later.
  void strike(const int *injection, const int clock) {
    for (int pair = 0; pair < PAIRS; pair++) {
      const int number = injection[2 + 2 * pair], bit = injection[3 + 2 * pair];
      if (number >= 0 && clock == (pair ? injection[FIELDS - 1] : 0)) {
        registers_[number].data[bit / 8] ^= uint8_t(1 << (bit % 8));
      }
    }
  }

  // Every flip-flop as in the fault-free run; counters of upsets may have counted, alike in three copies.
  bool settled(const size_t clock, int *answers) {
    const uint8_t *golden = &states_[clock * state_bytes_];
    std::vector<const uint8_t *> counter_golden;
    for (const size_t i : stored_) {
      if (roles_[i] == COUNTER) {
        counter_golden.push_back(golden);
      } else if (std::memcmp(registers_[i].data, golden, registers_[i].bytes)) {
        return false;
      }
      golden += registers_[i].bytes;
    }
    answers[1] = 0;
    for (size_t first = 0; first < counters_.size(); first += 3) {
      const register_t *const copy[3] = {&registers_[counters_[first]], &registers_[counters_[first + 1]],
                                         &registers_[counters_[first + 2]]};
      bool same = true, alike = true;
      for (int i = 0; i < 3; i++) {
        same = same && !std::memcmp(copy[i]->data, counter_golden[first + i], copy[i]->bytes);
        alike = alike && !std::memcmp(copy[i]->data, copy[0]->data, copy[0]->bytes);
      }
      const long more = long(number(copy[0]->data, copy[0]->bytes)) - long(number(counter_golden[first], copy[0]->bytes));
      if (!same && (!alike || more < 0 || more > answers[5] + 1)) return false;
      answers[1] += same ? 0 : int(more);
    }
    return true;
  }

  static uint64_t number(const uint8_t *bytes, const size_t size) {
    uint64_t value = 0;
    std::memcpy(&value, bytes, size < sizeof(value) ? size : sizeof(value));
    return value;
  }

  void compare(const size_t clock, int *answers) {
    chip_.outputs(now_);
    const uint8_t *const golden = &golden_[clock * now_.size()];
    const size_t data = now_.size() - 2;  // bus and live flag are the last two bytes
    answers[2] += std::memcmp(now_.data(), golden, data) != 0;
    answers[3] += now_[data] != golden[data];
    answers[4] += now_[data + 1] != golden[data + 1];
  }

  const std::vector<uint32_t> &stimulus_;
  const size_t clocks_;
  Chip chip_;
  const bytes_t roles_;
  const std::vector<register_t> registers_;
  std::vector<size_t> stored_, counters_;
  bytes_t states_, golden_, now_;
  size_t state_bytes_ = 0;
};

int list() {
  Vecon_top top;
  size_t index = 0;
  for (const register_t &item : registers()) {
    std::printf("%zu %d %s\n", index++, item.bits, item.name.c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char *argv[]) {
  if (argc == 2 && std::string(argv[1]) == "list") return list();
  if (argc != 10 || std::string(argv[1]) != "run") fail("wrong", "arguments");
  const auto stimulus = read<uint32_t>(argv[2]), events = read<uint32_t>(argv[3]), presets = read<uint32_t>(argv[4]);
  const auto roles = read<uint8_t>(argv[5]);
  const auto injections = read<int32_t>(argv[6]);
  const int window = std::atoi(argv[7]);
  Campaign campaign(stimulus, events, roles);
  campaign.golden(presets);
  for (size_t step = 1; step < 4; step++) {
    if (!campaign.repeatable(step * campaign.clocks() / 4, window)) {
      std::fprintf(stderr, "econ_campaign: the run cannot be repeated from clock %zu: a state is not listed\n",
                   step * campaign.clocks() / 4);
      return 1;
    }
  }
  std::vector<int32_t> results(injections.size() / FIELDS * ANSWERS);
  for (size_t i = 0; i < injections.size() / FIELDS; i++) {
    const int32_t *const injection = &injections[FIELDS * i];
    if (injection[0] < 0 || size_t(injection[0]) >= campaign.clocks()) fail("clock outside the stimulus in", argv[6]);
    campaign.inject(injection, window, &results[ANSWERS * i]);
  }
  write(argv[8], campaign.outputs());
  write(argv[9], results);
  return 0;
}
