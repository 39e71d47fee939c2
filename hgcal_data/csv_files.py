"""CSV files of module readings in the three public layouts (facts/data.md 1.1), whole or as a stream.

* ``calq``: ``CALQ_0..47`` only (public test files), with or without a header row;
* ``emulator``: ``entry, CALQ_0..47, SimEnergyTotal, EventSimEnergy, SimEnergyFraction, subdet, layer, waferu, waferv,
  HD_LD, ModType`` (the chip emulator's chain), with header;
* ``training``: ``CALQ_0..47, entry, zside, layer, waferu, waferv, simenergy, subdet, tc_eta, tc_phi`` (the training
  data of
  the public model), with or without header.

Rules for bad rows: a missing or extra column or field, text or NaN in a number, a negative or fractional count and
a count over
22 bits stop the reading with file and row; rows whose 48 counts are all zero are dropped and counted.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from hgcal_data import _csv_kernel
from hgcal_data.errors import DataError
from hgcal_data.files import atomic_path, sha256_file
from hgcal_data.geometry import MAX_COUNT, N_CELLS
from hgcal_data.readings import ModuleReadings

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]

CHARGE_COLUMNS: Final = tuple(f"CALQ_{i}" for i in range(N_CELLS))
LAYOUTS: Final[dict[str, tuple[str, ...]]] = {
    "calq": CHARGE_COLUMNS,
    "emulator": (
        "entry",
        *CHARGE_COLUMNS,
        "SimEnergyTotal",
        "EventSimEnergy",
        "SimEnergyFraction",
        "subdet",
        "layer",
        "waferu",
        "waferv",
        "HD_LD",
        "ModType",
    ),
    "training": (
        *CHARGE_COLUMNS,
        "entry",
        "zside",
        "layer",
        "waferu",
        "waferv",
        "simenergy",
        "subdet",
        "tc_eta",
        "tc_phi",
    ),
}
_HEADERLESS: Final = {len(LAYOUTS[name]): name for name in ("calq", "training")}
_TEXT_COLUMNS: Final = frozenset({"HD_LD", "ModType"})
_MEANING: Final = {
    "entry": "event",
    "layer": "layer",
    "waferu": "wafer_u",
    "waferv": "wafer_v",
    "SimEnergyTotal": "signal_energy",
    "simenergy": "signal_energy",
    "tc_eta": "eta",
    "tc_phi": "phi",
}
BLOCK_BYTES: Final = 1 << 20
"""Text held at once while streaming; memory does not grow with the length of the file."""


def _as_text(code: str) -> float:
    value = 0.0
    for byte in code.encode("ascii")[:6]:
        value = value * 256.0 + byte
    return value


class CsvReader:
    """Stream of one CSV file: iterate for blocks of :class:`ModuleReadings` without empty rows.

    Attributes:
        layout: name of the detected layout.
        rows_read: data rows seen so far.
        dropped_empty: rows without any charge, dropped so far.
    """

    def __init__(self, path: str | os.PathLike[str], sample: str = "", block_bytes: int = BLOCK_BYTES) -> None:
        self.path = Path(path)
        self.sample = sample or self.path.stem
        self.rows_read = 0
        self.dropped_empty = 0
        self._block_bytes = block_bytes
        try:
            with self.path.open("rb") as handle:
                first = handle.readline(1 << 16)
        except OSError as error:
            raise DataError(f"reading module readings: cannot open {self.path}: {error.strerror or error}") from error
        if not first.strip():
            raise DataError(f"reading module readings from {self.path}: the file is empty, expected rows of 48 counts")
        self.layout, self._names, self._has_header = self._detect(first)
        self._kinds = np.array(
            [_csv_kernel.TEXT if name in _TEXT_COLUMNS else _csv_kernel.NUMBER for name in self._names], dtype=np.int64
        )
        self._charge_columns = np.array([self._names.index(name) for name in CHARGE_COLUMNS])

    def _detect(self, first: bytes) -> tuple[str, list[str], bool]:
        """Layout name, column names in file order, and whether row 1 is a header."""
        fields = [part.strip().strip('"') for part in first.decode("utf-8-sig", errors="replace").strip().split(",")]
        if not any(part[:1].isalpha() and part.lower() != "nan" for part in fields):
            name = _HEADERLESS.get(len(fields))
            if name is None:
                raise DataError(
                    f"reading module readings from {self.path}, row 1: found {len(fields)} fields without a header, "
                    "expected 48 (CALQ_0..47) or 57 (training layout); add a header row or use a public layout"
                )
            return name, list(LAYOUTS[name]), False
        found = set(fields)
        name = min(LAYOUTS, key=lambda key: len(found.symmetric_difference(LAYOUTS[key])))
        missing = [column for column in LAYOUTS[name] if column not in found]
        extra = [column for column in fields if column not in LAYOUTS[name]]
        repeated = sorted({column for column in fields if fields.count(column) > 1})
        if missing or extra or repeated:
            problems = [
                f"{what} {', '.join(map(repr, some[:6]))}{' ...' if len(some) > 6 else ''}"
                for what, some in (("missing column(s)", missing), ("extra column(s)", extra), ("repeated", repeated))
                if some
            ]
            raise DataError(
                f"reading module readings from {self.path}, row 1: {'; '.join(problems)} for the closest layout "
                f"'{name}' ({len(LAYOUTS[name])} columns); change the columns to match one of {', '.join(LAYOUTS)}"
            )
        return name, fields, True

    def __iter__(self) -> Iterator[ModuleReadings]:
        with self.path.open("rb") as handle:
            line = 1
            if self._has_header:
                handle.readline()
                line = 2
            for block in self._blocks(handle):
                yield from self._parse(block, line)
                line += int(np.count_nonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n")))
        if self.rows_read == 0:
            raise DataError(f"reading module readings from {self.path}: no data row found below the header")

    def _blocks(self, handle: BinaryIO) -> Iterator[bytes]:
        """Blocks of complete lines."""
        rest = b""
        while chunk := handle.read(self._block_bytes):
            text = rest + chunk
            cut = text.rfind(b"\n") + 1
            rest = text[cut:]
            if cut:
                yield text[:cut]
        if rest.strip():
            logger.warning("%s does not end with a line break: the last row may be cut short", self.path)
            yield rest

    def _fail(self, line: int, problem: str) -> DataError:
        return DataError(f"reading module readings from {self.path}, row {line}: {problem}")

    def _parse(self, block: bytes, first_line: int) -> Iterator[ModuleReadings]:
        data = np.frombuffer(block, dtype=np.uint8)
        values, lines, status, line, column, count = _csv_kernel.parse_block(data, self._kinds, first_line)
        if status == _csv_kernel.NOT_A_NUMBER:
            name = self._names[column]
            raise self._fail(line, f"column {name} holds text or nothing, expected a number; correct or remove the row")
        if status != _csv_kernel.GOOD:
            at_end = not block.endswith(b"\n") and line == first_line + block.count(b"\n")
            hint = "the file ends here, it was probably cut: fetch it again" if at_end else "correct or remove the row"
            raise self._fail(line, f"found {count} fields, expected {len(self._names)}; {hint}")
        self._check(values, lines)
        self.rows_read += values.shape[0]
        charges = values[:, self._charge_columns].astype(np.int64)
        full = charges.sum(axis=1) > 0
        self.dropped_empty += int(full.size - np.count_nonzero(full))
        if full.any():
            yield self._readings(charges[full], values[full])

    def _check(self, values: FloatArray, lines: npt.NDArray[np.int64]) -> None:
        """Raise for the first value that is not allowed (NaN anywhere, or a bad count)."""
        charges = values[:, self._charge_columns]
        rules = (
            (np.isnan(values), list(range(len(self._names))), "is NaN, expected a number"),
            (charges < 0, self._charge_columns, "is negative, expected a count >= 0"),
            (charges > MAX_COUNT, self._charge_columns, f"is over 22 bits, expected at most {MAX_COUNT}"),
            (charges != np.floor(charges), self._charge_columns, "is fractional, expected an integer count"),
        )
        for bad, columns, problem in rules:
            if bad.any():
                row, index = (int(k) for k in np.argwhere(bad)[0])
                column = int(columns[index])
                raise self._fail(
                    int(lines[row]),
                    f"{self._names[column]} = {values[row, column]:.12g} {problem}; correct or remove the row",
                )

    def _readings(self, charges: npt.NDArray[np.int64], values: FloatArray) -> ModuleReadings:
        columns: dict[str, FloatArray | npt.NDArray[np.int64]] = {
            _MEANING[name]: values[:, i] for i, name in enumerate(self._names) if name in _MEANING
        }
        if "HD_LD" in self._names:
            density = values[:, self._names.index("HD_LD")]
            columns["wafer_type"] = np.where(density == _as_text("HD"), 0, 1)
        return ModuleReadings(charges=charges, sample=self.sample, **columns)  # type: ignore[arg-type]

    def provenance(self) -> dict[str, str]:
        """Origin of the rows, valid after the iteration."""
        return {
            "source": self.path.name,
            "sha256": sha256_file(self.path),
            "layout": self.layout,
            "rows_read": str(self.rows_read),
            "empty_rows_dropped": str(self.dropped_empty),
        }


def load_csv(path: str | os.PathLike[str], sample: str = "") -> ModuleReadings:
    """All rows of a CSV file in one of the public layouts. Raises DataError naming file and row."""
    reader = CsvReader(path, sample)
    parts = list(reader)
    if reader.dropped_empty:
        logger.info("%s: %d of %d rows are empty and were dropped", path, reader.dropped_empty, reader.rows_read)
    if not parts:
        raise DataError(f"reading module readings from {path}: all {reader.rows_read} rows are empty")
    merged = ModuleReadings.concat(parts, reader.sample)
    return ModuleReadings(
        charges=merged.charges,
        sample=merged.sample,
        provenance=reader.provenance(),
        **{name: getattr(merged, name) for name in merged.columns},
    )


def save_csv(readings: ModuleReadings, path: str | os.PathLike[str]) -> None:
    """Write the charges in the ``calq`` layout (the other columns are not kept)."""
    with atomic_path(path) as temporary:
        np.savetxt(temporary, readings.charges, fmt="%d", delimiter=",", header=",".join(CHARGE_COLUMNS), comments="")
