"""Weight sets: integers for one structure, and the bit stream the register bank holds.

Register order (ECON-T, facts/econ-t.md 2.5): for each layer the kernel, then the bias; convolution kernels in Keras
order (row, column, input channel, filter), dense kernels **output-major** (the transpose of Keras); two's-complement
words, word 0 at the least significant end of one little-endian stream.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from asic_flow.errors import WeightError
from asic_flow.formats import Integers
from asic_flow.ir import Structure
from hgcal_data.files import atomic_write_text


@dataclass(frozen=True)
class WeightSet:
    """Integer weights of one structure.

    Attributes:
        structure: the structure they fit.
        tensors: int64 arrays by name (``layer.kernel``, ``layer.bias``), Keras layout, inside their formats.
        provenance: where they come from (configuration, seed, data hash, versions, link count).
    """

    structure: Structure
    tensors: dict[str, Integers]
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check names, shapes and ranges.

        Raises:
            WeightError: a tensor is missing, unknown, of the wrong shape, or out of range.
        """
        shapes = self.structure.tensor_shapes()
        if set(self.tensors) != set(shapes):
            raise WeightError(f"weights: found tensors {sorted(self.tensors)}, the structure has {sorted(shapes)}")
        for name, shape in shapes.items():
            values = self.tensors[name]
            if values.shape != shape:
                raise WeightError(f"weights: tensor {name!r} has shape {values.shape}, the structure expects {shape}")
            fmt = self.structure.tensor_format(name)
            if not fmt.contains(values):
                raise WeightError(
                    f"weights: tensor {name!r} holds {int(values.min())}..{int(values.max())}, "
                    f"outside {fmt.minimum}..{fmt.maximum} of its {fmt.width}-bit format"
                )

    def words(self) -> Integers:
        """All weights in register order, int64[n_weights]."""
        return np.concatenate([_register_order(name, self.tensors[name]) for name in self.structure.tensor_shapes()])

    def to_bytes(self) -> bytes:
        """The register bank as a little-endian bit stream, padded with zero bits to whole bytes."""
        bits = np.concatenate(
            [
                _word_bits(_register_order(name, self.tensors[name]), self.structure.tensor_format(name).width)
                for name in self.structure.tensor_shapes()
            ]
        )
        return np.packbits(bits, bitorder="little").tobytes()

    @property
    def crc32(self) -> int:
        """CRC-32 of the bit stream."""
        return zlib.crc32(self.to_bytes())

    def flip_bit(self, bit: int) -> WeightSet:
        """Copy with one bit of the stream inverted (an upset, or a negative control).

        Raises:
            WeightError: the bit lies outside the stream.
        """
        if not 0 <= bit < self.structure.weight_bits:
            raise WeightError(f"flipping a weight bit: bit {bit} is outside 0..{self.structure.weight_bits - 1}")
        data = bytearray(self.to_bytes())
        data[bit // 8] ^= 1 << (bit % 8)
        return from_bytes(self.structure, bytes(data), provenance={**self.provenance, "flipped_bit": bit})


class _WeightFile(BaseModel):
    """``weights/*.json`` on disk."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = Field(ge=1, le=1)
    structure_sha256: str
    tensors: dict[str, list[Any]]
    crc32: int
    provenance: dict[str, Any]


def from_bytes(structure: Structure, data: bytes, provenance: dict[str, Any] | None = None) -> WeightSet:
    """Decode a register bit stream (inverse of `WeightSet.to_bytes`).

    Raises:
        WeightError: the stream has the wrong length or a padding bit is set.
    """
    expected = -(-structure.weight_bits // 8)
    if len(data) != expected:
        raise WeightError(f"decoding a weight stream: found {len(data)} bytes, the structure needs {expected}")
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8), bitorder="little")
    if bits[structure.weight_bits :].any():
        raise WeightError("decoding a weight stream: a padding bit after the last weight is set")
    tensors: dict[str, Integers] = {}
    start = 0
    for name, shape in structure.tensor_shapes().items():
        width = structure.tensor_format(name).width
        count = int(np.prod(shape))
        words = bits[start : start + count * width].reshape(count, width).astype(np.int64)
        start += count * width
        values = words @ (1 << np.arange(width, dtype=np.int64))
        values = np.where(values >= 1 << (width - 1), values - (1 << width), values)
        tensors[name] = values.reshape(shape[::-1]).T.copy() if _is_dense_kernel(name, shape) else values.reshape(shape)
    return WeightSet(structure, tensors, provenance or {})


def random_weights(structure: Structure, rng: np.random.Generator, *, kind: str = "uniform") -> WeightSet:
    """Test weights: ``uniform`` over the whole range, or all ``minimum`` / ``maximum``."""
    tensors = {}
    for name, shape in structure.tensor_shapes().items():
        fmt = structure.tensor_format(name)
        low, high = {
            "uniform": (fmt.minimum, fmt.maximum),
            "minimum": (fmt.minimum, fmt.minimum),
            "maximum": (fmt.maximum, fmt.maximum),
        }[kind]
        tensors[name] = rng.integers(low, high, size=shape, endpoint=True, dtype=np.int64)
    return WeightSet(structure, tensors, {"source": f"random weights, {kind}"})


def write_weights(weights: WeightSet, path: Path) -> None:
    """Write a weight file; an existing file is replaced only when the new one is complete."""
    payload = {
        "schema_version": 1,
        "structure_sha256": weights.structure.sha256,
        "crc32": weights.crc32,
        "provenance": weights.provenance,
        "tensors": {name: values.tolist() for name, values in weights.tensors.items()},
    }
    atomic_write_text(path, json.dumps(payload, indent=None, sort_keys=True) + "\n")


def read_weights(path: Path, structure: Structure) -> WeightSet:
    """Read a weight file and check it against its structure.

    Raises:
        WeightError: the file is missing, malformed, fits another structure, or its CRC does not match.
    """
    try:
        file = _WeightFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise WeightError(f"reading weights {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "top level"
        raise WeightError(f"reading weights {path}: at {where}: {first['msg']}") from error
    if file.structure_sha256 != structure.sha256:
        raise WeightError(
            f"reading weights {path}: made for structure {file.structure_sha256[:12]}, "
            f"but this design is {structure.sha256[:12]}. "
            "Use the weight file that was exported with this encoder.json."
        )
    try:
        tensors = {name: np.array(values, dtype=np.int64) for name, values in file.tensors.items()}
    except (ValueError, TypeError, OverflowError) as error:
        raise WeightError(f"reading weights {path}: a tensor is not a rectangular array of integers") from error
    if any(np.any(np.array(file.tensors[name], dtype=np.float64) != values) for name, values in tensors.items()):
        raise WeightError(f"reading weights {path}: a weight is not an integer")
    try:
        weights = WeightSet(structure, tensors, file.provenance)
    except WeightError as error:
        raise WeightError(f"reading weights {path}: {error}") from error
    if weights.crc32 != file.crc32:
        raise WeightError(
            f"reading weights {path}: CRC is {weights.crc32:#010x}, the file says {file.crc32:#010x}: it was changed"
        )
    return weights


def _is_dense_kernel(name: str, shape: tuple[int, ...]) -> bool:
    return name.endswith(".kernel") and len(shape) == 2


def _register_order(name: str, values: Integers) -> Integers:
    return (values.T if _is_dense_kernel(name, values.shape) else values).reshape(-1)


def _word_bits(words: Integers, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return ((words[:, None] >> np.arange(width)) & 1).astype(np.uint8).reshape(-1)
