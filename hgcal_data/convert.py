"""Conversion of any source to the HDF5 table, in bounded memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import h5py

from hgcal_data.csv_files import CsvReader
from hgcal_data.errors import DataError
from hgcal_data.files import atomic_path, sha256_file
from hgcal_data.readings import ReadingsWriter, iter_hdf5

HDF5_SUFFIXES = (".h5", ".hdf5")


@dataclass(frozen=True)
class Conversion:
    """What a conversion did: rows read, rows written, empty rows dropped."""

    rows_read: int
    rows_written: int
    dropped_empty: int


def convert(source: str | os.PathLike[str], target: str | os.PathLike[str], sample: str = "") -> Conversion:
    """Stream a CSV, ROOT or HDF5 file into an HDF5 table; complete or not at all.

    Raises DataError naming file and row.
    """
    path, output = Path(source), Path(target)
    if output.suffix.lower() not in HDF5_SUFFIXES:
        raise DataError(f"converting {path}: target {output} must end in .h5 or .hdf5")
    if path.resolve() == output.resolve():
        raise DataError(f"converting {path}: source and target are the same file")
    with atomic_path(output) as temporary, h5py.File(temporary, "w") as handle:
        if path.suffix.lower() == ".root":
            return _from_root(path, handle, sample)
        if path.suffix.lower() in HDF5_SUFFIXES:
            return _from_hdf5(path, handle, sample)
        return _from_csv(path, handle, sample)


def _from_csv(path: Path, handle: h5py.File, sample: str) -> Conversion:
    reader = CsvReader(path, sample)
    writer = ReadingsWriter(handle, reader.sample, {"source": path.name})
    for block in reader:
        writer.append(block)
    writer.finish()
    for key, value in reader.provenance().items():
        writer.note(key, value)
    return Conversion(reader.rows_read, writer.rows, reader.dropped_empty)


def _from_root(path: Path, handle: h5py.File, sample: str) -> Conversion:
    from hgcal_data.root_files import iter_root

    writer = ReadingsWriter(handle, sample or path.stem, {"source": path.name, "sha256": sha256_file(path)})
    dropped = 0
    for block in iter_root(path, sample):
        full, empty = block.without_empty()
        dropped += empty
        if len(full):
            writer.append(full)
    writer.finish()
    writer.note("empty_rows_dropped", str(dropped))
    return Conversion(writer.rows + dropped, writer.rows, dropped)


def _from_hdf5(path: Path, handle: h5py.File, sample: str) -> Conversion:
    writer: ReadingsWriter | None = None
    read = dropped = 0
    for block in iter_hdf5(path):
        if writer is None:
            writer = ReadingsWriter(handle, sample or block.sample, block.provenance)
        read += len(block)
        full, empty = block.without_empty()
        dropped += empty
        if len(full):
            writer.append(full)
    if writer is None:
        raise DataError(f"converting {path}: the table has no rows")
    writer.finish()
    return Conversion(read, writer.rows, dropped)
