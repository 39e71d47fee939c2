"""Fast engine of the emulator: the forward pass as SIMD code, compiled by g++ for this machine at first use.

The library knows no network: it is compiled once, and structure and weights reach it as tables. See emulator_kernel.cpp.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import weakref
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Format, Integers, Overflow, Rounding
from asic_flow.ir import Activation, ActivationLayer, Conv2D, Dense, Pool2D, Structure
from asic_flow.layers import input_taps, mean_shift
from asic_flow.weights import WeightSet
from hgcal_data.files import atomic_path

logger = logging.getLogger(__name__)

SOURCE = Path(__file__).with_name("emulator_kernel.cpp")
FLAGS = ("-std=c++17", "-O3", "-march=native", "-Wall", "-Wextra", "-Wno-psabi", "-fPIC", "-shared")
_COMPILE_TIMEOUT_S = 300
_ROUNDING = {Rounding.FLOOR: 0, Rounding.HALF_UP: 1, Rounding.HALF_EVEN: 2}
_MAXIMUM, _SUM = 0, 1
_STRAY_VALUE = 2


class StrayValueError(ValueError):
    """An image holds a value at a position that was declared empty."""


class NativeEngine:
    """One structure with one weight set as a program of the compiled library."""

    def __init__(self, weights: WeightSet, library: ctypes.CDLL, *, all_positions: bool) -> None:
        """Lower to the library's tables.

        Args:
            weights: structure and weights.
            library: from `load_library`.
            all_positions: let every image position carry a value, not only those that a trigger cell reaches.

        Raises:
            OverflowError: a value or sum is too wide for the engine's 16 and 32 bits.
        """
        structure = weights.structure
        spec = structure.input
        live = np.full(spec.height * spec.width * spec.channels, all_positions, dtype=np.uint8)
        live[list(spec.cell_positions)] = 1
        self._library = library
        self._latents = structure.n_latents
        self._handle = ctypes.c_void_p(
            library.ae_new(len(live), _pointer(live), spec.format.minimum, spec.format.maximum)
        )
        weakref.finalize(self, library.ae_free, self._handle)
        for layer, taps, cast in _plan(structure):
            if isinstance(layer, Conv2D | Dense):
                status = self._add_weighted(weights, layer, taps, cast)
            elif cast is None and not isinstance(layer, Pool2D):
                library.ae_reorder(self._handle, len(taps), _pointer(taps))
                status = 0
            else:
                kind = _MAXIMUM if cast is None else _SUM
                table = _pointer(cast if cast is not None else np.zeros(6, dtype=np.int32))
                status = library.ae_windows(self._handle, *taps.shape, _pointer(taps), kind, table)
            if status:
                raise OverflowError(f"layer {layer.name!r} needs wider numbers than the fast engine has")

    def _add_weighted(
        self, weights: WeightSet, layer: Conv2D | Dense, taps: NDArray[np.int32], cast: NDArray[np.int32] | None
    ) -> int:
        structure = weights.structure
        kernel = weights.tensors[f"{layer.name}.kernel"]
        shift = structure.accumulator_fraction(layer.name) - layer.bias.fraction
        bias = (weights.tensors[f"{layer.name}.bias"] << shift).astype(np.int32)
        matrix = np.ascontiguousarray(kernel.reshape(-1, kernel.shape[-1]), dtype=np.int32)
        drop = structure.product_drop(layer.name)
        return int(
            self._library.ae_weighted(
                self._handle, *taps.shape, _pointer(taps), matrix.shape[1], _pointer(matrix), _pointer(bias), drop, _pointer(cast)
            )
        )  # fmt: skip

    def run(self, images: NDArray[Any], *, threads: int = 1) -> Integers:
        """Latents int64[n, latents] of images uint8, int16, int32 or int64[n, height, width, channels], C order.

        Raises:
            ValueError: a value leaves the input format.
            StrayValueError: a value lies where no trigger cell is, and the engine was made without `all_positions`.
        """
        out = np.empty((len(images), self._latents), dtype=np.int64)
        edges = np.linspace(0, len(images), max(1, min(threads, len(images) // 64)) + 1).astype(int)

        def part(first: int, last: int) -> int:
            rows, target = images[first:last], out[first:last]
            return int(self._library.ae_run(self._handle, rows.itemsize, len(rows), _pointer(rows), _pointer(target)))

        if len(edges) == 2:
            codes = {part(0, len(images))}
        else:
            with ThreadPoolExecutor(len(edges) - 1) as pool:
                codes = set(pool.map(lambda pair: part(*pair), pairwise(edges.tolist())))
        if 1 in codes:
            raise ValueError("a value leaves the input format")
        if _STRAY_VALUE in codes:
            raise StrayValueError
        return out


@functools.lru_cache(maxsize=16)
def _plan(structure: Structure) -> list[tuple[Any, NDArray[np.int32], NDArray[np.int32] | None]]:
    """(layer, taps, cast table) of every layer; the cast is None where values only move."""
    geometry = structure.geometry
    result = []
    for layer in structure.layers:
        geo = geometry[layer.name]
        cast = None
        if isinstance(layer, Conv2D | Dense):
            cast = _cast(layer.output, structure.accumulator_fraction(layer.name), layer.activation)
        elif isinstance(layer, ActivationLayer):
            cast = _cast(layer.output, geo.input_format.fraction, layer.activation)
        elif isinstance(layer, Pool2D) and layer.output is not None:
            cast = _cast(layer.output, geo.input_format.fraction + mean_shift(layer), Activation.LINEAR)
        result.append((layer, np.ascontiguousarray(input_taps(layer, geo), dtype=np.int32), cast))
    return result


def _cast(output: Format, fraction: int, activation: Activation) -> NDArray[np.int32]:
    saturate = output.overflow is Overflow.SATURATE
    relu = activation is Activation.RELU
    shift = fraction - output.fraction
    return np.array([relu, shift, _ROUNDING[output.rounding], saturate, output.minimum, output.maximum], dtype=np.int32)


def _pointer(array: NDArray[Any] | None) -> Any:
    return None if array is None else array.ctypes.data_as(ctypes.c_void_p)


@functools.cache
def load_library() -> ctypes.CDLL | None:
    """The compiled library, or None (with a warning in the log) where it cannot be compiled."""
    try:
        library = ctypes.CDLL(str(compile_library(SOURCE)))
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("emulator: no fast engine, the slower reference does the work: %s", error)
        return None
    integer, pointer = ctypes.c_int32, ctypes.c_void_p
    library.ae_new.restype = pointer
    library.ae_new.argtypes = [integer, pointer, integer, integer]
    library.ae_free.argtypes = [pointer]
    library.ae_free.restype = None
    library.ae_weighted.argtypes = [pointer, integer, integer, pointer, integer, pointer, pointer, integer, pointer]
    library.ae_windows.argtypes = [pointer, integer, integer, pointer, integer, pointer]
    library.ae_reorder.argtypes = [pointer, integer, pointer]
    library.ae_reorder.restype = None
    library.ae_run.argtypes = [pointer, integer, ctypes.c_int64, pointer, pointer]
    return library


def compile_library(source: Path) -> Path:
    """Shared library of one C++ file, compiled for this machine unless it was before; kept in ``$ECON_AE_CACHE`` or ``~/.cache``.

    Raises:
        OSError: there is no compiler, or the library cannot be written.
        subprocess.SubprocessError: the compiler failed.
    """
    compiler = shutil.which(os.environ.get("CXX") or "g++")
    if compiler is None:
        raise FileNotFoundError("no C++ compiler on PATH (Debian package g++)")
    state = hashlib.sha256(source.read_bytes())
    state.update(" ".join([compiler, str(Path(compiler).stat().st_mtime_ns), *FLAGS, _processor()]).encode())
    base = os.environ.get("ECON_AE_CACHE")
    folder = Path(base) if base else Path.home() / ".cache" / "econ-ae"
    target = folder / "emulator" / f"{state.hexdigest()[:24]}.so"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as temporary:
            subprocess.run(
                [compiler, *FLAGS, str(source), "-o", str(temporary)],
                check=True, capture_output=True, text=True, timeout=_COMPILE_TIMEOUT_S,
            )  # fmt: skip
    return target


def _processor() -> str:
    """What -march=native depends on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
