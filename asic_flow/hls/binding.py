"""Python access to the compiled C++: batches of events, weights at run time."""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asic_flow.errors import FlowError, ToolFailedError, WeightError
from asic_flow.formats import Integers
from asic_flow.hls.compiler import build, project_top
from asic_flow.weights import WeightSet

_Words = NDArray[np.int32]


class CompiledEncoder:
    """The generated C++ of a project as a shared library.

    Weights are an argument of every call; nothing is kept between calls.

    Example:
        >>> latents = CompiledEncoder(project).run(charges, weights)   # int64[n, 16]
    """

    def __init__(self, project: Path, *, ac_types: Path | None = None) -> None:
        """Compile where needed and load. Errors as in `asic_flow.hls.compiler.build`."""
        self.project = project
        self.library, self.compile_seconds = build(project, "bridge", ac_types)
        self._top = project_top(project)
        self._lib = ctypes.CDLL(str(self.library))
        structure = self._lib[f"{self._top}_structure"]
        structure.restype = ctypes.c_char_p
        self.structure_sha256 = bytes(structure()).decode()
        sizes = (ctypes.c_int32 * 3)()
        self._lib[f"{self._top}_sizes"](sizes)
        self.n_cells, self.n_weights, self.n_latents = sizes

    def run(self, inputs: NDArray[Any], weights: WeightSet, *, threads: int = 1) -> Integers:
        """Latents of a batch.

        Args:
            inputs: charges int[n, cells] in encoder order (22 bits), or images int[n, height, width(, channels)].
            weights: weight set of the project's structure.
            threads: threads to share the batch.

        Returns:
            int64[n, latents].

        Raises:
            FlowError: wrong shape or type, a value out of range, or an image with a value where no trigger cell lies.
            WeightError: the weights belong to another structure.
        """
        array = np.asarray(inputs)
        if array.ndim == 2:
            return self.run_charges(array, weights, threads=threads)[0]
        return self.run_images(array, weights, threads=threads)

    def run_charges(self, charges: NDArray[Any], weights: WeightSet, *, threads: int = 1) -> tuple[Integers, Integers]:
        """Latents int64[n, latents] and module sum codes int64[n] of charges int[n, cells]; errors as in `run`."""
        words = self._words(weights)
        values = self._batch(charges, "charges")
        latents = np.empty((len(values), self.n_latents), dtype=np.int32)
        codes = np.empty(len(values), dtype=np.int32)

        def part(rows: slice) -> int:
            return self._call("run_charges", words, values[rows], len(values[rows]), latents[rows], codes[rows])

        self._share(part, len(values), threads, "a charge lies outside 22 bits")
        return latents.astype(np.int64), codes.astype(np.int64)

    def run_images(self, images: NDArray[Any], weights: WeightSet, *, threads: int = 1) -> Integers:
        """Latents int64[n, latents] of images int[n, height, width(, channels)]; errors as in `run`."""
        spec = weights.structure.input
        words = self._words(weights)
        array = np.asarray(images)
        flat = array.reshape(len(array), -1) if array.ndim > 1 else array
        if array.ndim not in {3, 4} or array.shape[1:3] != spec.shape[:2] or flat.shape[1] != np.prod(spec.shape):
            raise FlowError(f"running the C++: images have shape {array.shape[1:]}, the structure expects {spec.shape}")
        live = list(spec.cell_positions)
        if np.delete(flat, live, axis=1).any():
            raise FlowError(
                "running the C++: an image holds a value at a position that no trigger cell reaches; the chip cannot"
            )
        values = self._batch(flat[:, live], "images")
        latents = np.empty((len(values), self.n_latents), dtype=np.int32)

        def part(rows: slice) -> int:
            return self._call("run_cells", words, values[rows], len(values[rows]), latents[rows])

        self._share(part, len(values), threads, "an image value leaves the input format")
        return latents.astype(np.int64)

    def run_converter(self, charges: NDArray[Any]) -> tuple[Integers, Integers]:
        """Normalised cells int64[n, cells] and sum codes int64[n] of charges int[n, cells]; errors as in `run`."""
        values = self._batch(charges, "charges")
        cells = np.empty_like(values)
        codes = np.empty(len(values), dtype=np.int32)
        if self._call("run_converter", values, len(values), cells, codes):
            raise FlowError("running the C++: a charge lies outside 22 bits")
        return cells.astype(np.int64), codes.astype(np.int64)

    def _words(self, weights: WeightSet) -> _Words:
        if weights.structure.sha256 != self.structure_sha256:
            raise WeightError(
                f"running the C++ of {self.project}: the weights fit structure {weights.structure.sha256[:12]}, "
                f"the project is {self.structure_sha256[:12]}"
            )
        return np.ascontiguousarray(weights.words(), dtype=np.int32)

    def _batch(self, inputs: NDArray[Any], what: str) -> _Words:
        array = np.asarray(inputs)
        if not np.issubdtype(array.dtype, np.integer):
            raise FlowError(f"running the C++: {what} must be integers, found dtype {array.dtype}")
        if array.ndim != 2 or array.shape[1] != self.n_cells:
            raise FlowError(f"running the C++: {what} have shape {array.shape}, expected (events, {self.n_cells})")
        if array.size and (array.min() < np.iinfo(np.int32).min or array.max() > np.iinfo(np.int32).max):
            raise FlowError(f"running the C++: {what} hold {array.min()}..{array.max()}, beyond 32 bits")
        return np.ascontiguousarray(array, dtype=np.int32)

    def _call(self, name: str, *arguments: _Words | int) -> int:
        function = self._lib[f"{self._top}_{name}"]
        converted = [
            ctypes.c_int64(item) if isinstance(item, int) else item.ctypes.data_as(ctypes.c_void_p)
            for item in arguments
        ]
        return int(function(*converted))

    def _share(self, part: Any, events: int, threads: int, complaint: str) -> None:
        """Run `part` on contiguous slices of the batch (ctypes releases the interpreter lock)."""
        edges = np.linspace(0, events, max(1, min(threads, events)) + 1).astype(int)
        slices = [slice(int(a), int(b)) for a, b in pairwise(edges)]
        with ThreadPoolExecutor(len(slices)) as pool:
            codes = set(pool.map(part, slices))
        if 1 in codes:
            raise ToolFailedError("running the C++: the library refused a weight that fits its format")
        if codes - {0}:
            raise FlowError(f"running the C++: {complaint}")
