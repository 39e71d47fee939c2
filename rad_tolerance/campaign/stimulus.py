"""What the chip does while upsets come: weights written over I2C, events one per clock, weights read back, a commit.

Levels on the pins, one row per clock of 25 ns; the I2C master is a list of levels (1 MHz, 40 clocks per bit) that takes no
notice of the chip's answers: what the chip answers is compared with the run without faults.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from asic_flow.emulator import Emulator
from asic_flow.formats import Integers
from asic_flow.links import MAX_LINKS, ORBIT
from asic_flow.registers.model import (
    COMMIT_AT_ONCE,
    COMMIT_BX_OFFSET,
    COMMIT_KEY,
    COMMIT_OFFSET,
    DEVICE,
    EXPECTED_CRC_OFFSET,
    LINKS_OFFSET,
    REFRESH_PERIOD_OFFSET,
    RUN_BIT,
    WEIGHT_VERSION_OFFSET,
    RegisterLayout,
)
from asic_flow.vectors import to_images
from asic_flow.weights import WeightSet, from_bytes
from hgcal_data.frontend import module_sum_code

VALID, SCL, SDA, RESET_N, REFRESH = 1, 2, 4, 8, 16
STOP_SHIFT: Final = 5
"""First of the three pins that hold a clock of the triplicated registers low."""

START, LOAD, COMMIT, STREAM, READ = "start", "load", "commit", "stream", "read"
_HIGH_CLOCKS, _LOW_CLOCKS, _HOLD_CLOCKS = 18, 22, 4
"""A bit of the bus: SCL high, SCL low, and from the falling edge to the change of SDA."""
_RESET_CLOCKS = 4
_GAP: Final = 7
"""Every so many clocks there is no event."""
_CRC_MARGIN: Final = 64


@dataclass(frozen=True)
class Stimulus:
    """Pins of the chip in every clock.

    Attributes:
        rows: uint32[clocks, 3]: levels, bunch crossing, event.
        phases: name, first clock and clock behind the last of each phase, in order.
        charges: int64[events, cells], encoder order.
        preset: weights in the bank behind reset.
        loaded: weights that the bus writes.
    """

    rows: NDArray[np.uint32]
    phases: tuple[tuple[str, int, int], ...]
    charges: Integers
    preset: WeightSet
    loaded: WeightSet

    def with_pins(self, first: int, *, clear: int = 0, raised: int = 0) -> Stimulus:
        """The same with some pins held from a clock on."""
        rows = self.rows.copy()
        rows[first:, 0] = (rows[first:, 0] & ~np.uint32(clear)) | np.uint32(raised)
        return Stimulus(rows, self.phases, self.charges, self.preset, self.loaded)

    @property
    def first(self) -> int:
        """First clock behind the reset."""
        return self.phases[0][1]

    @property
    def end(self) -> int:
        """Clock behind the last phase."""
        return self.phases[-1][2]

    def begin(self, name: str) -> int:
        """First clock of a phase."""
        return next(first for phase, first, _ in self.phases if phase == name)

    def phase_of(self, clocks: Integers) -> NDArray[np.str_]:
        """Name of the phase of each clock."""
        names, firsts = [name for name, _, _ in self.phases], [first for _, first, _ in self.phases]
        return np.array(names)[np.searchsorted(firsts, clocks, side="right") - 1]


class _Bus:
    """Levels of SCL and SDA, clock by clock."""

    def __init__(self) -> None:
        self.levels: list[int] = []
        self._scl, self._sda = SCL, SDA

    def hold(self, clocks: int) -> None:
        self.levels += [self._scl | self._sda] * clocks

    def write(self, address: int, data: bytes) -> None:
        self._start()
        for byte in (DEVICE << 1, *address.to_bytes(2, "big"), *data):
            self._byte(byte)
        self._stop()

    def read(self, address: int, count: int) -> None:
        self._start()
        for byte in (DEVICE << 1, *address.to_bytes(2, "big")):
            self._byte(byte)
        self._start()
        self._byte((DEVICE << 1) | 1)
        for index in range(count):
            self._byte(0xFF, acknowledge=index < count - 1)
        self._stop()

    def _set(self, scl: int, sda: int, clocks: int) -> None:
        self._scl, self._sda = scl, sda
        self.hold(clocks)

    def _start(self) -> None:
        if not self._scl:
            self._set(0, SDA, _LOW_CLOCKS)
            self._set(SCL, SDA, _HIGH_CLOCKS)
        self._set(SCL, 0, _HIGH_CLOCKS)
        self._set(0, 0, _HOLD_CLOCKS)

    def _byte(self, value: int, *, acknowledge: bool = False) -> None:
        """Eight bits, and one for the acknowledge: the master's in a read, else released."""
        for bit in [value >> index & 1 for index in reversed(range(8))] + [int(not acknowledge)]:
            self._set(0, SDA * bit, _LOW_CLOCKS)
            self._set(SCL, SDA * bit, _HIGH_CLOCKS)
            self._set(0, SDA * bit, _HOLD_CLOCKS)

    def _stop(self) -> None:
        self._set(0, 0, _LOW_CLOCKS)
        self._set(SCL, 0, _HIGH_CLOCKS)
        self._set(SCL, SDA, _LOW_CLOCKS)


class _Script:
    """A bus with named phases."""

    def __init__(self) -> None:
        self.bus = _Bus()
        self.phases: list[tuple[str, int, int]] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        first = len(self.bus.levels)
        yield
        self.phases.append((name, first, len(self.bus.levels)))


def make_stimulus(
    weights: WeightSet, layout: RegisterLayout, charges: Integers, *, shadow: bool, loaded_bytes: int,
    stream_clocks: int, tail_clocks: int, refresh_period: int = 0,
) -> Stimulus:  # fmt: skip
    """A run of the chip: start with other weights, load, commit (with a shadow bank), stream, read back.

    Args:
        weights: weights that are active in the stream.
        layout: register map.
        charges: int64[events, cells], encoder order; sent again and again, with a gap every few clocks.
        shadow: whether the chip has a shadow bank.
        loaded_bytes: weight bytes written over the bus (from the last one back); the others are there from the start.
        stream_clocks: clocks with the bus at rest.
        tail_clocks: clocks behind the last phase, in which nothing is injected.
        refresh_period: clocks between two refreshes of the bank, less one.
    """
    image = weights.to_bytes()
    changed = min(loaded_bytes, len(image), layout.last_block_bytes)
    first = len(image) - changed
    padding = -weights.structure.weight_bits % 8
    last = [image[-1] ^ (0xFF >> padding)]
    old = image[:first] + bytes([*(byte ^ 0xFF for byte in image[first:-1]), *last])
    run = bytes([1 << RUN_BIT])
    script = _Script()
    bus = script.bus
    bus.hold(_RESET_CLOCKS)
    with script.phase(START):
        bus.hold(2 * _CRC_MARGIN)
        bus.write(layout.control_base + LINKS_OFFSET, bytes([MAX_LINKS]))
        if refresh_period:
            bus.write(layout.control_base + REFRESH_PERIOD_OFFSET, refresh_period.to_bytes(2, "little"))
        bus.write(layout.misc_base, run)
    with script.phase(LOAD):
        bus.write(layout.byte_address(first), image[first:])
        if shadow:
            bus.hold(layout.n_bytes + _CRC_MARGIN)
        else:
            bus.write(layout.misc_base, run)
    if shadow:
        with script.phase(COMMIT):
            for offset, value, size in (
                (COMMIT_BX_OFFSET, COMMIT_AT_ONCE, 2), (EXPECTED_CRC_OFFSET, zlib.crc32(image), 4),
                (WEIGHT_VERSION_OFFSET, 1, 2), (COMMIT_OFFSET, COMMIT_KEY, 1),
            ):  # fmt: skip
                bus.write(layout.control_base + offset, value.to_bytes(size, "little"))
            bus.hold(layout.n_bytes + _CRC_MARGIN)
    with script.phase(STREAM):
        bus.hold(stream_clocks)
    with script.phase(READ):
        bus.read(layout.byte_address(first), min(changed, 4))
    bus.hold(tail_clocks)
    clocks = np.arange(len(bus.levels))
    levels = np.array(bus.levels, dtype=np.uint32) | np.uint32(REFRESH)
    levels[_RESET_CLOCKS:] |= np.uint32(RESET_N)
    valid = clocks % _GAP != _GAP - 1
    levels[valid] |= np.uint32(VALID)
    event = (np.cumsum(valid) - 1) % len(charges)
    rows = np.stack([levels, clocks % ORBIT, event], axis=1).astype(np.uint32)
    return Stimulus(rows, tuple(script.phases), charges, from_bytes(weights.structure, old), weights)


def check_outputs(stimulus: Stimulus, outputs: NDArray[np.uint8]) -> int:
    """Compare the run without faults with the emulator; returns the values compared.

    Behind the load every event must be that of the loaded weights; before, of the preset or the loaded ones, or held at zero.

    Args:
        stimulus: what was driven.
        outputs: uint8[clocks, bytes] as the program writes them: valid flag, latents, sum code, ...

    Returns:
        Number of events that agree with the loaded weights, or -1 if any event is wrong.
    """
    structure = stimulus.loaded.structure
    fmt, count = structure.latent_format, structure.n_latents
    size = port_bytes(count * fmt.width)
    bits = np.unpackbits(outputs[:, 1 : 1 + size], axis=1, bitorder="little")[:, : count * fmt.width]
    values = bits.reshape(len(outputs), count, fmt.width).astype(np.int64) @ (1 << np.arange(fmt.width))
    if fmt.signed:
        values = np.where(values > fmt.maximum, values - (1 << fmt.width), values)
    codes = outputs[:, 1 + size].astype(np.int64) | outputs[:, 2 + size].astype(np.int64) << 8
    when = np.flatnonzero(outputs[:, 0])
    sent = stimulus.rows[(stimulus.rows[:, 0] & (VALID | RESET_N)) == (VALID | RESET_N), 2][: len(when)]
    images = to_images(stimulus.loaded, stimulus.charges)
    sums = module_sum_code(stimulus.charges)
    found = np.concatenate([values[when], codes[when, None]], axis=1)
    good = {}
    for name, weights in (("old", stimulus.preset), ("new", stimulus.loaded)):
        expected = np.concatenate([Emulator(weights).run(images), sums[:, None]], axis=1)[sent]
        good[name] = (found == expected).all(axis=1)
    held = ~found.any(axis=1)
    late = when >= stimulus.begin(STREAM)
    if not (good["new"] | ~late).all() or not (good["old"] | good["new"] | held).all():
        return -1
    return int(good["new"][late].sum())


def port_bytes(bits: int) -> int:
    """Bytes of a port of the model: 1, 2, 4, 8, or whole 32-bit words."""
    return next((size for size in (1, 2, 4, 8) if bits <= 8 * size), 4 * -(-bits // 32))
