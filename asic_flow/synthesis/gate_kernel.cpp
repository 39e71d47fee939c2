// Copyright the project contributors. SPDX-License-Identifier: Apache-2.0
//
// Cycle-based 2-state simulation of a gate netlist, many independent lanes side by side.
//
// Every net, and every bit stored in a flip-flop or latch, is one row of `W` words of 64 lanes. Cells come in an order in
// which drivers stand before what they drive; only cells with a changed input are evaluated. With zero delay a net changes at
// most once per clock; with unit delay all cells with a changed input are evaluated together, again and again, until nothing
// changes: then glitches are seen and counted too. Programs of cells come from Liberty functions, see cell_programs.py.
// Compiled at first use by asic_flow/synthesis/gate_library.py.

#include <cstdint>
#include <cstring>
#include <vector>

namespace {

typedef uint64_t word_t;
enum { OP_NOT, OP_AND, OP_OR, OP_XOR, OP_ZERO, OP_ONE };
const int MAX_SLOTS = 64, MAX_WORDS = 16;

struct Operation {
  int32_t code, target, a, b;
};

// Pin rows of a cell: `inputs` rows that are read, then `outputs` rows that are written.
struct Kind {
  int32_t inputs, outputs;
  std::vector<Operation> operations;
  std::vector<int32_t> results;
};

struct Hook {
  word_t invert[MAX_WORDS], force[MAX_WORDS], value[MAX_WORDS];
};

struct Simulator {
  int words, nets, cells;
  std::vector<Kind> settle, capture;  // by kind; capture: what a flip-flop stores
  std::vector<int32_t> kind, pins, load_cells, driver, flops, clock_slot, clock_rows, cone, hook_of;
  std::vector<int64_t> first_pin, first_load;
  word_t *rows;       // of the caller, like toggles
  uint64_t *toggles;  // by net, summed over lanes
  std::vector<word_t> before;
  std::vector<uint8_t> active;
  std::vector<int32_t> waiting;
  std::vector<Hook> hooks;
  std::vector<int32_t> hooked;
  bool count = false;

  word_t *row(const int32_t index) { return rows + int64_t(index) * words; }

  void mark(const int32_t cell) {
    if (!active[cell]) {
      active[cell] = 1;
      waiting.push_back(cell);
    }
  }

  void mark_loads(const int32_t net) {
    for (int64_t at = first_load[net]; at < first_load[net + 1]; at++) {
      mark(load_cells[at]);
    }
  }
};

// Evaluates a program; `slots` holds the input rows and receives pointers to temporary values.
template <int W> void execute(const Kind &kind, const word_t **slots, word_t (*temporary)[W]) {
  for (const Operation &op : kind.operations) {
    const word_t *const a = slots[op.a], *const b = slots[op.b];
    word_t *const y = temporary[op.target];
    switch (op.code) {
      case OP_NOT: for (int w = 0; w < W; w++) y[w] = ~a[w]; break;
      case OP_AND: for (int w = 0; w < W; w++) y[w] = a[w] & b[w]; break;
      case OP_OR: for (int w = 0; w < W; w++) y[w] = a[w] | b[w]; break;
      case OP_XOR: for (int w = 0; w < W; w++) y[w] = a[w] ^ b[w]; break;
      case OP_ZERO: for (int w = 0; w < W; w++) y[w] = 0; break;
      default: for (int w = 0; w < W; w++) y[w] = ~word_t(0);
    }
    slots[op.target] = y;
  }
}

// Writes a row; a net that changes is counted and wakes what it drives.
template <int W> void write(Simulator &sim, const int32_t index, const word_t *value) {
  word_t *const y = sim.row(index);
  word_t hooked[W];
  if (index < sim.nets && sim.hook_of[index] >= 0) {
    const Hook &hook = sim.hooks[sim.hook_of[index]];
    for (int w = 0; w < W; w++) {
      hooked[w] = ((value[w] & ~hook.force[w]) | hook.value[w]) ^ hook.invert[w];
    }
    value = hooked;
  }
  word_t changed = 0;
  for (int w = 0; w < W; w++) {
    changed |= y[w] ^ value[w];
  }
  if (changed && index < sim.nets) {
    if (sim.count) {
      int flips = 0;
      for (int w = 0; w < W; w++) {
        flips += __builtin_popcountll(y[w] ^ value[w]);
      }
      sim.toggles[index] += uint64_t(flips);
    }
    sim.mark_loads(index);
  }
  std::memcpy(y, value, sizeof(word_t) * W);
}

template <int W> void evaluate(Simulator &sim, const Kind &kind, const int32_t cell, word_t (*temporary)[W], const word_t **slots) {
  const int32_t *const pins = &sim.pins[sim.first_pin[cell]];
  for (int i = 0; i < kind.inputs; i++) {
    slots[i] = sim.row(pins[i]);
  }
  execute<W>(kind, slots, temporary);
}

template <int W> void settle_cell(Simulator &sim, const int32_t cell) {
  word_t temporary[MAX_SLOTS][W];
  const word_t *slots[MAX_SLOTS];
  slots[0] = nullptr;
  const Kind &kind = sim.settle[sim.kind[cell]];
  evaluate<W>(sim, kind, cell, temporary, slots);
  const int32_t *const outputs = &sim.pins[sim.first_pin[cell] + kind.inputs];
  for (int i = 0; i < kind.outputs; i++) {
    if (outputs[i] >= 0) {
      write<W>(sim, outputs[i], slots[kind.results[i]]);
    }
  }
}

template <int W> void settle_zero(Simulator &sim) {
  for (int32_t cell = 0; cell < sim.cells; cell++) {
    if (sim.active[cell]) {
      sim.active[cell] = 0;
      settle_cell<W>(sim, cell);
    }
  }
  sim.waiting.clear();
}

// One sweep per unit of time; returns the number of sweeps, or -1 if something still changes after `limit` of them.
template <int W> int settle_unit(Simulator &sim, const int limit) {
  std::vector<int32_t> now;
  std::vector<word_t> results;
  for (int sweep = 0;; sweep++) {
    now.swap(sim.waiting);
    sim.waiting.clear();
    if (now.empty()) {
      return sweep;
    }
    if (sweep == limit) {
      return -1;
    }
    results.clear();
    for (const int32_t cell : now) {
      word_t temporary[MAX_SLOTS][W];
      const word_t *slots[MAX_SLOTS];
      slots[0] = nullptr;
      const Kind &kind = sim.settle[sim.kind[cell]];
      evaluate<W>(sim, kind, cell, temporary, slots);
      for (const int32_t slot : kind.results) {
        results.insert(results.end(), slots[slot], slots[slot] + W);
      }
      sim.active[cell] = 0;
    }
    const word_t *value = results.data();
    for (const int32_t cell : now) {
      const Kind &kind = sim.settle[sim.kind[cell]];
      const int32_t *const outputs = &sim.pins[sim.first_pin[cell] + kind.inputs];
      for (int i = 0; i < kind.outputs; i++, value += W) {
        if (outputs[i] >= 0) {
          write<W>(sim, outputs[i], value);
        }
      }
    }
    now.clear();
  }
}

// Rising edge: the clock network goes high, flip-flops that see an edge store, the clock network goes low again.
template <int W> void clock_edge(Simulator &sim, const int32_t *ports, const int n_ports) {
  const word_t low[W] = {};
  word_t high[W];
  std::memset(high, 0xff, sizeof(high));
  for (size_t i = 0; i < sim.clock_rows.size(); i++) {
    std::memcpy(&sim.before[i * W], sim.row(sim.clock_rows[i]), sizeof(high));
  }
  const auto drive = [&](const word_t *level) {
    for (int i = 0; i < n_ports; i++) {
      write<W>(sim, ports[i], level);
    }
    for (const int32_t cell : sim.cone) {
      settle_cell<W>(sim, cell);
    }
  };
  drive(high);
  for (const int32_t cell : sim.flops) {
    word_t *const before = &sim.before[size_t(sim.clock_slot[cell]) * W];
    const word_t *const after = sim.row(sim.clock_rows[sim.clock_slot[cell]]);
    word_t edge = 0;
    for (int w = 0; w < W; w++) {
      edge |= after[w] & ~before[w];
    }
    if (!edge) {
      continue;
    }
    word_t temporary[MAX_SLOTS][W];
    const word_t *slots[MAX_SLOTS];
    slots[0] = nullptr;
    const Kind &kind = sim.capture[sim.kind[cell]];
    evaluate<W>(sim, kind, cell, temporary, slots);
    const word_t *const next = slots[kind.results[0]];
    word_t *const state = sim.row(sim.pins[sim.first_pin[cell] + kind.inputs - 1]);
    word_t changed = 0;
    for (int w = 0; w < W; w++) {
      const word_t flips = (state[w] ^ next[w]) & after[w] & ~before[w];
      changed |= flips;
      state[w] ^= flips;
    }
    if (changed) {
      sim.mark(cell);
    }
  }
  drive(low);
}

template <int W> int run(Simulator &sim, const int what, const int32_t *rows, const int n, const word_t *values, const int limit) {
  switch (what) {
    case 0:
      for (int i = 0; i < n; i++) {
        write<W>(sim, rows[i], values + int64_t(i) * W);
      }
      return 0;
    case 1: settle_zero<W>(sim); return 0;
    case 2: return settle_unit<W>(sim, limit);
    default: clock_edge<W>(sim, rows, n); return 0;
  }
}

int dispatch(Simulator &sim, const int what, const int32_t *rows, const int n, const word_t *values, const int limit) {
  switch (sim.words) {
    case 1: return run<1>(sim, what, rows, n, values, limit);
    case 2: return run<2>(sim, what, rows, n, values, limit);
    case 4: return run<4>(sim, what, rows, n, values, limit);
    case 8: return run<8>(sim, what, rows, n, values, limit);
    case 16: return run<16>(sim, what, rows, n, values, limit);
    default: return -2;
  }
}

}  // namespace

extern "C" {

// Rows: `nets` nets, then the stored bits; they and `toggles` stay the caller's. Pins of cell c: from first_pin[c] on, inputs (stored bit last) then outputs.
Simulator *gate_new(
    const int32_t words, const int32_t nets, const int32_t cells, const int32_t *kind, const int64_t *first_pin,
    const int32_t *pins, const int64_t *first_load, const int32_t *load_cells, const int32_t *driver, word_t *rows,
    uint64_t *toggles) {
  Simulator *const sim = new Simulator;
  sim->words = words;
  sim->nets = nets;
  sim->cells = cells;
  sim->kind.assign(kind, kind + cells);
  sim->first_pin.assign(first_pin, first_pin + cells + 1);
  sim->pins.assign(pins, pins + first_pin[cells]);
  sim->first_load.assign(first_load, first_load + nets + 1);
  sim->load_cells.assign(load_cells, load_cells + first_load[nets]);
  sim->driver.assign(driver, driver + nets);
  sim->rows = rows;
  sim->toggles = toggles;
  sim->active.assign(cells, 0);
  sim->hook_of.assign(nets, -1);
  for (int32_t cell = 0; cell < cells; cell++) {
    sim->mark(cell);
  }
  return sim;
}

void gate_free(Simulator *sim) { delete sim; }

// Adds the programs of the next kind: settle, and capture with n_capture = 0 for what is no flip-flop.
void gate_kind(
    Simulator *sim, const int32_t inputs, const int32_t outputs, const int32_t *results, const int32_t n_settle, const int32_t *settle,
    const int32_t n_capture, const int32_t *capture, const int32_t capture_result) {
  const Operation *const first = reinterpret_cast<const Operation *>(settle), *const second = reinterpret_cast<const Operation *>(capture);
  sim->settle.push_back({inputs, outputs, {first, first + n_settle}, {results, results + outputs}});
  sim->capture.push_back({inputs, 1, {second, second + n_capture}, {capture_result}});
}

// Clock network: gates between clock ports and flip-flops in order, flip-flops, and for every cell its place in clock_rows.
void gate_clocks(
    Simulator *sim, const int32_t n_cone, const int32_t *cone, const int32_t n_flops, const int32_t *flops, const int32_t *clock_slot,
    const int32_t n_rows, const int32_t *rows) {
  sim->cone.assign(cone, cone + n_cone);
  sim->flops.assign(flops, flops + n_flops);
  sim->clock_slot.assign(clock_slot, clock_slot + sim->cells);
  sim->clock_rows.assign(rows, rows + n_rows);
  sim->before.assign(size_t(n_rows) * sim->words, 0);
}

// what: 0 write rows, 1 settle with zero delay, 2 settle with unit delay (returns sweeps), 3 clock edge on the nets in rows.
int32_t gate_run(Simulator *sim, const int32_t what, const int32_t *rows, const int32_t n, const word_t *values, const int32_t limit) {
  return dispatch(*sim, what, rows, n, values, limit);
}

void gate_count(Simulator *sim, const int32_t on) { sim->count = on != 0; }

void gate_mark(Simulator *sim, const int32_t n, const int32_t *cells) {
  for (int i = 0; i < n; i++) {
    sim->mark(cells[i]);
  }
}

// Hooks of n different nets; every call replaces those before it. Rows of n: invert, force, value.
void gate_hooks(Simulator *sim, const int32_t n, const int32_t *nets, const word_t *invert, const word_t *force, const word_t *value) {
  for (const int32_t net : sim->hooked) {
    sim->hook_of[net] = -1;
    sim->mark(sim->driver[net]);
  }
  sim->hooked.assign(nets, nets + n);
  sim->hooks.resize(n);
  const size_t bytes = sizeof(word_t) * sim->words;
  for (int i = 0; i < n; i++) {
    std::memcpy(sim->hooks[i].invert, invert + int64_t(i) * sim->words, bytes);
    std::memcpy(sim->hooks[i].force, force + int64_t(i) * sim->words, bytes);
    std::memcpy(sim->hooks[i].value, value + int64_t(i) * sim->words, bytes);
    sim->hook_of[nets[i]] = i;
    sim->mark(sim->driver[nets[i]]);
  }
}

}  // extern "C"
