"""Simulation of a gate netlist: 2-state, cycle by cycle, hundreds of independent chips (lanes) side by side.

    netlist = flatten(synthesise(render_rtl(structure), "econ_top", library))
    sim = GateSimulator(netlist, lanes=512)          # clocks: every input whose name begins with "clk"
    sim.set("rst_ni", 0); sim.step(); sim.set("rst_ni", 1)
    sim.load_state(names, bits)                      # registers by hierarchical name, e.g. the weight bank
    for charges in batches:                          # int64[lanes, cells]
        sim.set("charges_i", charges)                # 1. inputs of this clock
        latents = sim.peek("latents_o", fields=16)   # 2. outputs in this clock: int64[lanes, 16]
        sim.step()                                   # 3. the rising edge

Time: `set` gives the inputs in front of a clock edge, `peek` and `settle` let the logic settle with them, `step` (which settles
too, if needed) stores in all flip-flops whose clock rises. An upstream register that launches data at edge t is therefore set
between step t and step t + 1. Latches of clock gates are open while the clock is low; the clock itself is never seen by `peek`.
Toggles: with `count(True)` every change of a net is counted, summed over lanes: clock nets twice per clock, logic with
zero delay at most once per clock, or with ``sim.delay = "unit"`` as often as it changes when every gate takes one unit of
time, glitches included. For true counts set all inputs of a clock before the first `peek` or `step` of that clock.
Upsets: `flip_state` inverts stored bits; `disturb` inverts or forces what gates write to nets until the next `step` has stored
the consequences (a transient of one clock in chosen lanes).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asic_flow.errors import FlowError
from asic_flow.formats import Integers
from asic_flow.synthesis.gate_library import WORDS, Kernel, Words
from asic_flow.synthesis.gate_order import clock_network, evaluation_order
from asic_flow.synthesis.gates import OPEN, GateNetlist, Nets

LANES = 64
"""Lanes in a word."""
Bits = NDArray[np.uint8]
Kind = Literal["invert", "low", "high"]


class GateSimulator:
    """Many copies of one chip, at gate level.

    Attributes:
        netlist: what is simulated.
        lanes: number of copies.
        delay: how `settle` evaluates: ``zero`` or ``unit``.
        order: cells in order of evaluation, with their levels.
        clocks: the clock network.

    Args:
        netlist: from `asic_flow.synthesis.gates.flatten`.
        lanes: 64, 128, 256, 512 or 1024.
        clocks: names of the clock ports; default: inputs whose name begins with ``clk``.

    Raises:
        FlowError: a wrong number of lanes, a combinational loop, a flip-flop that is not on the rising edge of a clock, a cell
            without function.
        ToolFailedError: the kernel cannot be compiled.
    """

    def __init__(self, netlist: GateNetlist, lanes: int = 512, clocks: Sequence[str] | None = None) -> None:
        if lanes not in {LANES * words for words in WORDS}:
            raise FlowError(
                f"simulating a netlist: {lanes} lanes asked for, expected one of {[LANES * w for w in WORDS]}"
            )
        self.netlist = netlist
        self.lanes = lanes
        self.delay: Literal["zero", "unit"] = "zero"
        names = clocks if clocks is not None else sorted(name for name in netlist.input_ports if name.startswith("clk"))
        self.order = evaluation_order(netlist)
        self.clocks = clock_network(netlist, self.order, names)
        self._kernel = Kernel(netlist, self.order, self.clocks, lanes // LANES)
        self._settled = self._complete = self._disturbed = False

    def set(self, port: str, values: ArrayLike | Sequence[int]) -> None:
        """Set an input in front of the next clock edge.

        Args:
            port: name of an input that is no clock.
            values: one integer for all lanes, one per lane, or int64[lanes, fields] for fields of equal width, field 0 at the
                least significant bit; negative ones in two's complement.

        Raises:
            FlowError: there is no such input, it is a clock, or the values do not fit.
        """
        nets = self._port(port)
        if port not in self.netlist.input_ports or np.isin(nets, self.clocks.ports).any():
            raise FlowError(f"simulating a netlist: port {port!r} is no data input")
        bits = _to_bits(values, len(nets), self.lanes, f"port {port}")
        self._kernel.write(nets, _pack(bits))
        self._settled = False

    @overload
    def peek(self, port: str) -> list[int]: ...

    @overload
    def peek(self, port: str, fields: int, *, signed: bool = False) -> Integers: ...

    def peek(self, port: str, fields: int | None = None, *, signed: bool = False) -> Integers | list[int]:
        """Value of a port with the present inputs and stored bits.

        Args:
            port: name of a port.
            fields: number of fields of equal width.
            signed: whether fields are in two's complement.

        Returns:
            One integer per lane, or with `fields` int64[lanes, fields].

        Raises:
            FlowError: there is no such port, or fields do not divide it.
        """
        bits = self.peek_nets(self._port(port))
        if fields is None:
            packed = np.packbits(bits, axis=1, bitorder="little")
            return [int.from_bytes(row.tobytes(), "little") for row in packed]
        width, rest = divmod(bits.shape[1], fields)
        if rest or width > 62:
            raise FlowError(f"reading port {port}: {fields} fields do not fit {bits.shape[1]} bits")
        values = bits.reshape(self.lanes, fields, width).astype(np.int64) @ (1 << np.arange(width, dtype=np.int64))
        return np.where(values >> (width - 1) != 0, values - (1 << width), values) if signed else values

    def peek_nets(self, nets: Nets) -> Bits:
        """Values of nets, uint8[lanes, nets]; see `GateNetlist.net` for names."""
        self.settle()
        return _unpack(self._kernel.rows[nets])

    def settle(self) -> int:
        """Evaluate what depends on changed inputs and stored bits; returns the sweeps of unit delay (0 with zero delay).

        Raises:
            FlowError: with unit delay nets still change after as many units as there are levels (a loop through a latch).
        """
        if self._settled:
            return 0
        self._settled = True
        if self.delay == "zero" or not self._complete:
            self._kernel.settle()
            self._complete = True
            return 0
        sweeps = self._kernel.settle_unit(int(self.order.level.max(initial=0)) + 2)
        if sweeps < 0:
            raise FlowError("simulating a netlist with unit delay: nets still change after the longest path")
        return sweeps

    def step(self, clocks: int = 1) -> None:
        """Rising clock edges with the present inputs; disturbances end with the first."""
        for _ in range(clocks):
            self.settle()
            self._kernel.edge()
            self._settled = False
            if self._disturbed:
                self._hook(np.zeros(0, dtype=np.int32), *(np.zeros((0, self.lanes // LANES), dtype=np.uint64),) * 3)
                self._disturbed = False

    def load_state(self, names: Sequence[str], values: ArrayLike) -> None:
        """Store bits in registers.

        Args:
            names: names from `GateNetlist.state_names`.
            values: 0 or 1, [n] for all lanes or [lanes, n].

        Raises:
            FlowError: a register is unknown, or the values do not fit.
        """
        states = self._states(names)
        bits = np.asarray(values, dtype=np.uint8)
        if bits.shape not in {(len(states),), (self.lanes, len(states))} or bits.max(initial=0) > 1:
            raise FlowError(f"loading {len(states)} registers: values of shape {bits.shape}, expected 0 or 1 for each")
        self._kernel.rows[self.netlist.n_nets + states] = _pack(np.broadcast_to(bits, (self.lanes, len(states))))
        self._touch(states)

    def read_state(self, names: Sequence[str]) -> Bits:
        """What registers hold, uint8[lanes, n]; asynchronous resets in front of the next edge are taken in.

        Raises:
            FlowError: a register is unknown.
        """
        self.settle()
        return _unpack(self._kernel.rows[self.netlist.n_nets + self._states(names)])

    def flip_state(self, names: Sequence[str], lanes: Sequence[int] | NDArray[np.integer]) -> None:
        """Upset registers: the one named first in the first of `lanes`, and so on.

        Raises:
            FlowError: a register is unknown, or there are not as many lanes as names.
        """
        states, masks = self._states(names), self._lane_masks(lanes, len(names))
        np.bitwise_xor.at(self._kernel.rows, self.netlist.n_nets + states, masks)
        self._touch(states)

    def disturb(
        self, nets: Sequence[int] | Nets, lanes: Sequence[int] | NDArray[np.integer], kind: Kind = "invert"
    ) -> None:
        """Disturb the first of `nets` in the first of `lanes`, and so on, up to and including the next `step`.

        Every call replaces what was disturbed before. A net of the clock network loses its edge when it is inverted.

        Raises:
            FlowError: a net is driven by no gate, or there are not as many lanes as nets.
        """
        wanted = np.asarray(nets, dtype=np.int64)
        masks = self._lane_masks(lanes, len(wanted))
        if len(bad := wanted[self.netlist.driver[wanted] == OPEN]):
            raise FlowError(f"disturbing net {self.netlist.net_name(int(bad[0]))}: no gate drives it")
        unique, inverse = np.unique(wanted, return_inverse=True)
        rows = np.zeros((len(unique), self.lanes // LANES), dtype=np.uint64)
        np.bitwise_or.at(rows, inverse, masks)
        none = np.zeros_like(rows)
        tables = {"invert": (rows, none, none), "low": (none, rows, none), "high": (none, rows, rows)}
        self._hook(unique.astype(np.int32), *tables[kind])
        self._disturbed = True

    def count(self, on: bool = True) -> None:
        """Count changes of nets from now on, or no longer."""
        self._kernel.count(on)

    @property
    def toggles(self) -> Integers:
        """int64[nets], changes counted so far, summed over lanes."""
        return self._kernel.toggles.astype(np.int64)

    def clear_toggles(self) -> None:
        """Start counting from zero."""
        self._kernel.toggles[:] = 0

    def _port(self, name: str) -> Nets:
        if name not in self.netlist.ports:
            raise FlowError(f"simulating a netlist: no port {name!r}; ports are {sorted(self.netlist.ports)}")
        return self.netlist.ports[name]

    def _states(self, names: Sequence[str]) -> Nets:
        index = self.netlist.state_index
        if unknown := [name for name in names if name not in index]:
            raise FlowError(f"simulating a netlist: no register {unknown[0]!r} among {len(index)}")
        return np.array([index[name] for name in names], dtype=np.int32)

    def _lane_masks(self, lanes: Sequence[int] | NDArray[np.integer], expected: int) -> Words:
        chosen = np.asarray(lanes, dtype=np.int64)
        if chosen.shape != (expected,) or np.any((chosen < 0) | (chosen >= self.lanes)):
            raise FlowError(
                f"simulating a netlist: {chosen.size} lanes for {expected} places, each 0..{self.lanes - 1} expected"
            )
        masks = np.zeros((expected, self.lanes // LANES), dtype=np.uint64)
        masks[np.arange(expected), chosen // LANES] = np.uint64(1) << (chosen % LANES).astype(np.uint64)
        return masks

    def _touch(self, states: Nets) -> None:
        self._kernel.mark(np.ascontiguousarray(self.order.position[self.netlist.states[states]]))
        self._settled = False

    def _hook(self, nets: Nets, invert: Words, force: Words, value: Words) -> None:
        self._kernel.hook(nets, invert, force, value)
        self._settled = False


def _to_bits(values: ArrayLike | Sequence[int], width: int, lanes: int, what: str) -> Bits:
    """uint8[lanes, width] of integers, least significant bit first."""
    if isinstance(values, int):
        values = [values] * lanes
    if isinstance(values, np.ndarray) and values.ndim == 2:
        fields = values.shape[1]
        size, rest = divmod(width, fields) if fields else (0, 1)
        if len(values) != lanes or rest or size > 62 or np.any((values >> size != 0) & (values >> (size - 1) != -1)):
            raise FlowError(f"setting {what}: values of shape {values.shape} do not fit {lanes} lanes of {width} bits")
        bits = (values[:, :, None].astype(np.int64) >> np.arange(size)) & 1
        return bits.reshape(lanes, width).astype(np.uint8)
    integers = [int(value) for value in np.asarray(values, dtype=object)]
    if len(integers) != lanes or any(not -(1 << width - 1) <= value < 1 << width for value in integers):
        raise FlowError(f"setting {what}: {len(integers)} values, expected {lanes} of {width} bits")
    size = (width + 7) // 8
    raw = b"".join((value & (1 << width) - 1).to_bytes(size, "little") for value in integers)
    return np.unpackbits(np.frombuffer(raw, dtype=np.uint8).reshape(lanes, size), axis=1, bitorder="little")[:, :width]


def _pack(bits: Bits) -> Words:
    """uint64[n, words] of uint8[lanes, n]."""
    return np.packbits(np.ascontiguousarray(bits.T), axis=1, bitorder="little").view("<u8").astype(np.uint64)


def _unpack(rows: Words) -> Bits:
    """uint8[lanes, n] of uint64[n, words]."""
    octets = np.ascontiguousarray(rows).astype("<u8").view(np.uint8)
    return np.unpackbits(octets, axis=1, bitorder="little").T
