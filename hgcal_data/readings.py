"""The table of module readings, and its HDF5 file with units and provenance."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import numpy.typing as npt

from hgcal_data.errors import DataError
from hgcal_data.files import atomic_path
from hgcal_data.geometry import MAX_COUNT, N_CELLS

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Index = npt.NDArray[Any] | slice | Sequence[int]

FORMAT: Final = "hgcal_data.readings"
FORMAT_VERSION: Final = 1
WAFER_TYPES: Final = {0: "HD 120 um", 1: "LD 200 um", 2: "LD 300 um"}
CHUNK_ROWS: Final = 4096

OPTIONAL_COLUMNS: Final[dict[str, tuple[str, str, str]]] = {
    "layer": ("int16", "1", "HGCAL layer, 1 = first of CE-E"),
    "wafer_u": ("int16", "1", "wafer coordinate u"),
    "wafer_v": ("int16", "1", "wafer coordinate v"),
    "wafer_type": ("int16", "1", "0: HD 120 um, 1: LD 200 um, 2: LD 300 um"),
    "eta": ("float64", "1", "pseudorapidity of the module centre"),
    "phi": ("float64", "rad", "azimuth of the module centre"),
    "event": ("int64", "1", "event number within the sample"),
    "signal_energy": ("float64", "GeV", "energy deposited by the signal (not by pile-up), before sampling corrections"),
}
"""Optional columns: stored type, unit, meaning."""


@dataclass(frozen=True)
class ModuleReadings:
    """One row per module and event.

    Attributes:
        charges: int64[n,48], CALQ: calibrated transverse counts in TC order (35 counts = 1 transverse MIP).
        layer, wafer_u, wafer_v, wafer_type, event: int64[n] or None.
        eta, phi, signal_energy: float64[n] (rad, GeV) or None.
        sample: name of the sample.
        provenance: where the rows come from (file, hash, seed, configuration, rows dropped), text to text.

    Raises:
        DataError: charges of a wrong shape, negative or over 22 bits, or a column of another length.
    """

    charges: IntArray
    layer: IntArray | None = None
    wafer_u: IntArray | None = None
    wafer_v: IntArray | None = None
    wafer_type: IntArray | None = None
    eta: FloatArray | None = None
    phi: FloatArray | None = None
    event: IntArray | None = None
    signal_energy: FloatArray | None = None
    sample: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        charges = np.asarray(self.charges)
        if charges.ndim != 2 or charges.shape[1] != N_CELLS:
            raise DataError(f"module readings: charges have shape {charges.shape}, expected (n, {N_CELLS})")
        if not np.issubdtype(charges.dtype, np.integer):
            raise DataError(f"module readings: charges are {charges.dtype}, expected integers")
        charges = charges.astype(np.int64, copy=False)
        if charges.size and (int(charges.min()) < 0 or int(charges.max()) > MAX_COUNT):
            raise DataError(f"module readings: charges must lie in 0..{MAX_COUNT} (22 bits unsigned)")
        object.__setattr__(self, "charges", charges)
        for name, (stored, _, _) in OPTIONAL_COLUMNS.items():
            column = getattr(self, name)
            if column is None:
                continue
            array = np.asarray(column).astype(np.float64 if stored == "float64" else np.int64, copy=False)
            if array.shape != (charges.shape[0],):
                raise DataError(
                    f"module readings: column {name} has shape {array.shape}, expected ({charges.shape[0]},)"
                )
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return int(self.charges.shape[0])

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the optional columns that are present."""
        return tuple(name for name in OPTIONAL_COLUMNS if getattr(self, name) is not None)

    def select(self, index: Index) -> ModuleReadings:
        """The rows of ``index`` (integers, mask or slice), in that order."""
        picked = {name: getattr(self, name)[index] for name in self.columns}
        return replace(self, charges=self.charges[index], **picked)

    def without_empty(self) -> tuple[ModuleReadings, int]:
        """The rows with a non-zero sum, and how many were dropped."""
        full = self.charges.sum(axis=1) > 0
        dropped = int(full.size - np.count_nonzero(full))
        return (self if dropped == 0 else self.select(full)), dropped

    @staticmethod
    def concat(parts: Sequence[ModuleReadings], sample: str | None = None) -> ModuleReadings:
        """All rows of ``parts``, one after the other; an optional column survives where every part has it."""
        if not parts:
            raise DataError("module readings: nothing to concatenate")
        shared = [name for name in OPTIONAL_COLUMNS if all(getattr(p, name) is not None for p in parts)]
        merged: dict[str, str] = {}
        for part in parts:
            merged.update(part.provenance)
        columns = {name: np.concatenate([getattr(p, name) for p in parts]) for name in shared}
        name = sample if sample is not None else "+".join(dict.fromkeys(p.sample for p in parts))
        return ModuleReadings(
            charges=np.concatenate([p.charges for p in parts]), sample=name, provenance=merged, **columns
        )


def _stored_type(name: str) -> str:
    return "int32" if name == "charges" else OPTIONAL_COLUMNS[name][0]


class ReadingsWriter:
    """Append readings to an open HDF5 file in bounded memory (used through :func:`open_writer`)."""

    def __init__(self, handle: h5py.File, sample: str, provenance: Mapping[str, str]) -> None:
        self._file = handle
        self._columns: tuple[str, ...] | None = None
        self.rows = 0
        handle.attrs["format"] = FORMAT
        handle.attrs["version"] = FORMAT_VERSION
        handle.attrs["sample"] = sample
        handle.attrs["provenance"] = json.dumps(dict(provenance), sort_keys=True)

    def _create(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        options = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
        charges = self._file.create_dataset(
            "charges", (0, N_CELLS), "int32", maxshape=(None, N_CELLS), chunks=(CHUNK_ROWS, N_CELLS), **options
        )
        charges.attrs["unit"] = "counts"
        charges.attrs["meaning"] = "calibrated transverse charge CALQ, TC order; 35 counts = 1 transverse MIP"
        for name in columns:
            stored, unit, meaning = OPTIONAL_COLUMNS[name]
            column = self._file.create_dataset(name, (0,), stored, maxshape=(None,), chunks=(CHUNK_ROWS,), **options)
            column.attrs["unit"], column.attrs["meaning"] = unit, meaning

    def append(self, readings: ModuleReadings) -> None:
        """Add rows; all calls must carry the same optional columns. Raises DataError otherwise."""
        if self._columns is None:
            self._create(readings.columns)
        if self._columns != readings.columns:
            raise DataError(f"writing readings: columns {readings.columns} differ from earlier rows' {self._columns}")
        end = self.rows + len(readings)
        for name in ("charges", *readings.columns):
            dataset = self._file[name]
            dataset.resize(end, axis=0)
            dataset[self.rows : end] = getattr(readings, name)
        self.rows = end

    def note(self, key: str, value: str) -> None:
        """Add one entry to the provenance (for counts that are known only at the end)."""
        provenance = json.loads(self._file.attrs["provenance"])
        provenance[key] = value
        self._file.attrs["provenance"] = json.dumps(provenance, sort_keys=True)

    def finish(self) -> None:
        """Complete a file that received no row."""
        if self._columns is None:
            self._create(())


def save_hdf5(readings: ModuleReadings, path: str | os.PathLike[str]) -> None:
    """Write one table (complete or not at all)."""
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as handle:
        writer = ReadingsWriter(handle, readings.sample, readings.provenance)
        writer.append(readings)


def _open(path: Path) -> h5py.File:
    if not path.is_file():
        raise DataError(f"reading module readings: no file {path}; create it with 'python -m hgcal_data convert'")
    try:
        handle = h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"reading module readings from {path}: not a complete HDF5 file ({error})") from error
    try:
        found, version = handle.attrs.get("format"), int(handle.attrs.get("version", 0))
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        handle.close()
        raise DataError(f"reading module readings from {path}: not a complete HDF5 file ({error})") from error
    if found != FORMAT or version > FORMAT_VERSION:
        handle.close()
        raise DataError(
            f"reading module readings from {path}: format {found!r} version {version}, expected {FORMAT!r} "
            f"version {FORMAT_VERSION} or older"
        )
    return handle


def _rows(handle: h5py.File, path: Path, start: int, stop: int) -> ModuleReadings:
    where = f"reading module readings from {path}, rows {start + 1} to {stop}"
    if "charges" not in handle:
        raise DataError(f"reading module readings from {path}: dataset 'charges' is missing")
    try:
        columns: dict[str, Any] = {name: handle[name][start:stop] for name in OPTIONAL_COLUMNS if name in handle}
        return ModuleReadings(
            charges=handle["charges"][start:stop],
            sample=str(handle.attrs["sample"]),
            provenance=json.loads(handle.attrs["provenance"]),
            **columns,
        )
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:  # what h5py raises on a damaged file
        raise DataError(f"{where}: the file is damaged ({error}); write or convert it again") from error


def load_hdf5(path: str | os.PathLike[str]) -> ModuleReadings:
    """Read a whole table. Raises DataError for a missing, cut or foreign file."""
    source = Path(path)
    with _open(source) as handle:
        return _rows(handle, source, 0, int(handle["charges"].shape[0]) if "charges" in handle else 0)


def row_count(path: str | os.PathLike[str]) -> int:
    """Rows of a table, without reading them. Raises DataError for a missing, cut or foreign file."""
    source = Path(path)
    with _open(source) as handle:
        return int(handle["charges"].shape[0]) if "charges" in handle else 0


def read_rows(path: str | os.PathLike[str], start: int, stop: int) -> ModuleReadings:
    """Rows ``start`` to ``stop`` of a table. Raises DataError for a missing, cut or foreign file."""
    source = Path(path)
    with _open(source) as handle:
        return _rows(handle, source, start, stop)


def iter_hdf5(path: str | os.PathLike[str], rows: int = 65536) -> Iterator[ModuleReadings]:
    """Read a table in blocks of at most ``rows`` rows (48 cells take 24 MB per 65,536 rows)."""
    source = Path(path)
    with _open(source) as handle:
        total = int(handle["charges"].shape[0]) if "charges" in handle else 0
        for start in range(0, total, rows):
            yield _rows(handle, source, start, min(start + rows, total))


_COLUMN_NAMES = {f.name for f in fields(ModuleReadings)}
if not set(OPTIONAL_COLUMNS) <= _COLUMN_NAMES:  # pragma: no cover - guards against editing one list only
    raise RuntimeError("OPTIONAL_COLUMNS and ModuleReadings disagree")
