"""Bit-exact emulator of an encoder: integers in, integers out, batched and multi-threaded.

This is the reference every other level (Keras, C++, RTL) is compared with. It follows `asic_flow.ir` literally:
products, optional floor of each product, sum with the shifted bias, activation, one cast. Two engines give the same integers:
`asic_flow.emulator_native` (SIMD code, compiled at first use) and `asic_flow.emulator_reference` (plain loops).
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from asic_flow.emulator_native import NativeEngine, StrayValueError, load_library
from asic_flow.emulator_reference import ReferenceEngine
from asic_flow.errors import FlowError
from asic_flow.formats import Integers
from asic_flow.weights import WeightSet

EngineName = Literal["auto", "native", "reference"]
_NATIVE_TYPES = (np.uint8, np.int16, np.int32, np.int64)


class Emulator:
    """Emulator of one structure with one weight set.

    Example:
        >>> latents = Emulator(weights).run(images)   # int64[n, 16]
    """

    def __init__(self, weights: WeightSet, *, engine: EngineName = "auto") -> None:
        """Prepare for one weight set.

        Args:
            weights: structure and weights.
            engine: ``native`` (fast), ``reference``, or ``auto``: native where it compiles and the numbers are narrow enough.

        Raises:
            FlowError: an accumulator is wider than 32 bits, or `engine` is ``native`` and not available.
        """
        self.structure = weights.structure
        self._weights = weights
        self._reference = ReferenceEngine(weights)
        self._library = None if engine == "reference" else load_library()
        self._required = engine == "native"
        if self._required and self._native is None:
            raise FlowError("emulator: the native engine is not available here, see the log; use engine='auto'")

    @property
    def engine(self) -> str:
        """The engine that `run` uses: ``native`` or ``reference``."""
        return "reference" if self._native is None else "native"

    def run(self, images: NDArray[Any], *, threads: int | None = None) -> Integers:
        """Latents of a batch of images.

        Args:
            images: integers of shape (n, height, width) or (n, height, width, channels), inside the input format.
            threads: threads to share the batch; default: one per processor that this process may use.

        Returns:
            int64[n, latents], integers in the structure's latent format.

        Raises:
            FlowError: wrong shape, or a value outside the input format.
        """
        array = self._shaped(images)
        if self._native is None:
            return self._reference.run(self._ranged(array))
        if array.dtype not in _NATIVE_TYPES:
            array = self._ranged(array).astype(np.int64)
        array = np.ascontiguousarray(array)
        workers = threads or len(os.sched_getaffinity(0))
        try:
            return self._native.run(array, threads=workers)
        except StrayValueError:
            everywhere = self._native_everywhere
            return (
                self._reference.run(self._ranged(array))
                if everywhere is None
                else everywhere.run(array, threads=workers)
            )
        except ValueError:
            self._ranged(array)
            raise

    def trace(self, images: NDArray[Any]) -> dict[str, Integers]:
        """Output integers of every layer by name (first axis: event). Arguments and errors as in `run`."""
        return self._reference.trace(self._ranged(self._shaped(images)))

    @cached_property
    def _native(self) -> NativeEngine | None:
        return self._make_native(all_positions=False)

    @cached_property
    def _native_everywhere(self) -> NativeEngine | None:
        return self._make_native(all_positions=True)

    def _make_native(self, *, all_positions: bool) -> NativeEngine | None:
        if self._library is None:
            return None
        try:
            return NativeEngine(self._weights, self._library, all_positions=all_positions)
        except OverflowError:
            return None

    def _shaped(self, images: NDArray[Any]) -> NDArray[Any]:
        spec = self.structure.input
        array = np.asarray(images)
        if not np.issubdtype(array.dtype, np.integer):
            raise FlowError(f"emulator: images must be integers in the input format, found dtype {array.dtype}")
        if array.ndim == 3:
            array = array[..., None]
        if array.shape[1:] != spec.shape:
            raise FlowError(f"emulator: images have shape {array.shape[1:]}, the structure expects {spec.shape}")
        return array

    def _ranged(self, array: NDArray[Any]) -> NDArray[Any]:
        fmt = self.structure.input.format
        if array.size and (array.min() < fmt.minimum or array.max() > fmt.maximum):
            raise FlowError(
                f"emulator: image values {int(array.min())}..{int(array.max())} leave the input format's "
                f"{fmt.minimum}..{fmt.maximum}"
            )
        return array
