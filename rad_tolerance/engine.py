"""Binding of ``fault_kernel.cpp``: single faults through an encoder on many events, bit-exact and incremental."""

from __future__ import annotations

import ctypes
import functools
import os
import subprocess
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asic_flow.bounds import accumulator_bounds
from asic_flow.emulator_native import compile_library
from asic_flow.formats import Format, Integers, Overflow, Rounding
from asic_flow.ir import Activation, Conv2D, Dense, Flatten, Structure
from asic_flow.layers import input_taps
from asic_flow.weights import WeightSet
from rad_tolerance.errors import RadiationError
from rad_tolerance.faults import VALUE

SOURCE = Path(__file__).with_name("fault_kernel.cpp")
BLOCK = 128
"""Events that the kernel computes side by side."""
_COLUMNS = 5
_SUM_BITS = 29
"""Widest accumulator: exchanging one term and rounding must stay inside 32 bits."""
_VALUE_BITS = 16
_TOTAL_BITS = 31
_ROUNDING = {Rounding.FLOOR: 0, Rounding.HALF_UP: 1, Rounding.HALF_EVEN: 2}


@dataclass(frozen=True)
class Damage:
    """What each of n faults does to the latents of `events` events; every array is int64[n].

    Attributes:
        events: number of events.
        changed: events with any changed latent.
        changed_sent: events with any changed latent among the bits that leave on the links.
        total: sum over events and latents of ``|change|``, in LSB of the latent format.
        total_sent: the same of the latents with the bits that are not sent set to zero.
        largest: largest ``|change|`` of a latent, in LSB.
    """

    events: int
    changed: Integers
    changed_sent: Integers
    total: Integers
    total_sent: Integers
    largest: Integers

    @classmethod
    def between(cls, latents: Integers, faulty: list[Integers], sent_drop: int) -> Damage:
        """Damage of n faults from the latents int64[events, latents] without and with each of them (brute force)."""
        columns = [
            (
                int((other != latents).any(axis=1).sum()),
                int((other >> sent_drop != latents >> sent_drop).any(axis=1).sum()),
                int(np.abs(other - latents).sum()),
                int(np.abs((other >> sent_drop) - (latents >> sent_drop)).sum()) << sent_drop,
                int(np.abs(other - latents).max(initial=0)),
            )
            for other in faulty
        ]
        return cls(len(latents), *np.array(columns, dtype=np.int64).reshape(-1, _COLUMNS).T)

    def take(self, rows: Any) -> Damage:
        """The faults of some rows."""
        parts = (self.changed, self.changed_sent, self.total, self.total_sent, self.largest)
        return Damage(self.events, *(part[rows] for part in parts))

    def equals(self, other: Damage) -> bool:
        """Whether every number is the same."""
        names = ("changed", "changed_sent", "total", "total_sent", "largest")
        return self.events == other.events and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in names
        )


class FaultEngine:
    """One structure with one weight set, lowered to the kernel's tables.

    Example:
        >>> latents, damage = FaultEngine(weights, sent_bits=3).run(images, faults)
    """

    def __init__(self, weights: WeightSet, sent_bits: int) -> None:
        """Lower structure and weights.

        Args:
            weights: structure and weights; layers conv2d, dense and flatten in any order and number.
            sent_bits: top bits of every latent that leave on the links.

        Raises:
            RadiationError: another kind of layer, numbers too wide for 32-bit arithmetic, or no C++ compiler.
        """
        structure = weights.structure
        check_structure(structure)
        self._library = _load_library()
        self._latents = structure.n_latents
        self._inputs = int(np.prod(structure.input.shape))
        fmt = structure.input.format
        drop = structure.latent_format.width - sent_bits
        self._handle = ctypes.c_void_p(self._library.rf_new(self._inputs, fmt.width, int(fmt.signed), drop))
        weakref.finalize(self, self._library.rf_free, self._handle)
        for layer in structure.weighted_layers:
            self._add(weights, layer)

    def _add(self, weights: WeightSet, layer: Conv2D | Dense) -> None:
        structure = weights.structure
        taps = _int32(input_taps(layer, structure.geometry[layer.name]))
        kernel = weights.tensors[f"{layer.name}.kernel"]
        matrix = _int32(kernel.reshape(-1, kernel.shape[-1]))
        fraction = structure.accumulator_fraction(layer.name)
        drop, shift = structure.product_drop(layer.name), fraction - layer.bias.fraction
        output = layer.output
        sizes = [*taps.shape, matrix.shape[1], drop, shift, output.width, output.signed]
        saturate = output.overflow is Overflow.SATURATE
        relu = layer.activation is Activation.RELU
        dropped = fraction - output.fraction
        cast = [relu, dropped, _ROUNDING[output.rounding], saturate, output.minimum, output.maximum]
        bias = _int32(weights.tensors[f"{layer.name}.bias"])
        tables = (_int32(sizes), taps, matrix, bias, _int32(cast))
        self._library.rf_layer(self._handle, *(_pointer(table) for table in tables))

    def run(
        self, images: NDArray[Any], faults: NDArray[np.int32], *, threads: int | None = None
    ) -> tuple[Integers, Damage]:
        """Fault-free latents and the damage of every fault.

        Args:
            images: integers [events, height, width, channels] inside the input format.
            faults: int32[n, 5], rows of `rad_tolerance.faults`.
            threads: threads that share the events; default: one per processor that this process may use.

        Returns:
            Latents int64[events, latents], and the damage of the n faults, each alone.
        """
        rows = _int32(images).reshape(len(images), self._inputs)
        order = np.lexsort((faults[:, 3], faults[:, 1], faults[:, 0] == VALUE))  # faults of one channel share work
        table = _int32(faults[order])
        blocks = -(-len(rows) // BLOCK)
        parts = max(1, min(threads or len(os.sched_getaffinity(0)), blocks))
        edges = [min(BLOCK * int(b), len(rows)) for b in np.linspace(0, blocks, parts + 1).round()]
        latents = np.empty((len(rows), self._latents), dtype=np.int64)
        stats = np.zeros((parts, len(table), _COLUMNS), dtype=np.int64)

        def part(index: int, first: int, last: int) -> None:
            block, target = rows[first:last], latents[first:last]
            self._library.rf_run(
                self._handle, len(block), _pointer(block), len(table), _pointer(table), _pointer(target),
                _pointer(stats[index]),
            )  # fmt: skip

        with ThreadPoolExecutor(parts) as pool:
            for job in [pool.submit(part, i, a, b) for i, (a, b) in enumerate(pairwise(edges))]:
                job.result()
        found = np.empty((len(table), _COLUMNS), dtype=np.int64)
        found[order] = np.concatenate([stats[:, :, :-1].sum(axis=0), stats[:, :, -1:].max(axis=0)], axis=1)
        return latents, Damage(len(rows), *found.T)


def check_structure(structure: Structure) -> None:
    """Refuse what the kernel does not compute.

    Raises:
        RadiationError: with the name of the layer.
    """
    bounds = accumulator_bounds(structure)
    for layer in structure.layers:
        if not isinstance(layer, Conv2D | Dense | Flatten):
            raise RadiationError(
                f"fault sensitivity: layer {layer.name!r} is a {layer.kind}; supported are conv2d, dense and flatten"
            )
    latent_bits = structure.latent_format.width + (structure.n_latents * BLOCK - 1).bit_length()
    if latent_bits > _TOTAL_BITS:
        raise RadiationError(
            f"fault sensitivity: the changes of {structure.n_latents} latents of {structure.latent_format.width} bits over "
            f"{BLOCK} events need {latent_bits} bits; at most {_TOTAL_BITS} are supported"
        )
    for layer in structure.weighted_layers:
        geometry = structure.geometry[layer.name]
        wide = {"accumulator": bounds[layer.name].width, "product": geometry.input_format.width + layer.kernel.width}
        for what, width in wide.items():
            if width > _SUM_BITS:
                raise RadiationError(
                    f"fault sensitivity: layer {layer.name!r} has a {width}-bit {what}; at most {_SUM_BITS} are supported"
                )
        for value in (geometry.input_format, layer.output):
            _check_value(layer.name, value)


def _check_value(name: str, value: Format) -> None:
    if value.width > _VALUE_BITS:
        raise RadiationError(
            f"fault sensitivity: layer {name!r} has {value.width}-bit values; at most {_VALUE_BITS} are supported"
        )


def _int32(values: Any) -> NDArray[np.int32]:
    return np.ascontiguousarray(values, dtype=np.int32)


def _pointer(array: NDArray[Any]) -> Any:
    return array.ctypes.data_as(ctypes.c_void_p)


@functools.cache
def _load_library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(compile_library(SOURCE)))
    except (OSError, subprocess.SubprocessError) as error:
        raise RadiationError(f"compiling {SOURCE.name}: {error}; install g++ or set CXX") from error
    integer, long_integer, pointer = ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p
    library.rf_new.restype = pointer
    library.rf_new.argtypes = [integer, integer, integer, integer]
    library.rf_free.argtypes = [pointer]
    library.rf_free.restype = None
    library.rf_layer.argtypes = [pointer] * 6
    library.rf_layer.restype = None
    library.rf_run.argtypes = [pointer, long_integer, pointer, long_integer, pointer, pointer, pointer]
    library.rf_run.restype = None
    return library
