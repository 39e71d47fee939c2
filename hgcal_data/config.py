"""The ``data`` part of a run's configuration: which readings, and how they are split."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hgcal_data.csv_files import load_csv
from hgcal_data.errors import DataError
from hgcal_data.readings import ModuleReadings, load_hdf5, read_rows, row_count
from hgcal_data.simulate import SimulationConfig, simulate

HDF5_SUFFIXES = (".h5", ".hdf5")
STREAM_HELD_ROWS = 50_000
"""Rows of a streamed file that are held in memory, unless the source says otherwise."""


class SourceConfig(BaseModel):
    """One source: either ``simulate`` or ``file`` (CSV or HDF5)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    simulate: SimulationConfig | None = Field(default=None, description="make the readings")
    file: Path | None = Field(default=None, description="read them: a CSV in a public layout, or HDF5 of this package")
    sample: str = Field(
        default="", description="name of the sample; default: that of the simulation, or the file's stem"
    )
    max_readings: int | None = Field(
        default=None,
        ge=1,
        description="use at most this many rows of a file, drawn at random; of a streamed file, its last ones",
    )
    stream: bool = Field(
        default=False,
        description="training draws its rows from the HDF5 file in bounded memory; only the file's last max_readings "
        "rows (default 50000) are held, for validation, test and statistics, and are not trained on by the stream",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> SourceConfig:
        if (self.simulate is None) == (self.file is None):
            raise ValueError("a source needs exactly one of 'simulate' and 'file'")
        if self.stream and (self.file is None or self.file.suffix.lower() not in HDF5_SUFFIXES):
            raise ValueError("stream needs an HDF5 file; make one with 'python -m hgcal_data convert'")
        return self


class SplitConfig(BaseModel):
    """Shares of the rows for training, validation (choice of model) and test (numbers that are reported)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: float = Field(default=0.7, gt=0.0, lt=1.0, description="share of rows that training sees")
    validation: float = Field(default=0.15, gt=0.0, lt=1.0, description="share of rows that choose the best epoch")
    test: float = Field(
        default=0.15, gt=0.0, lt=1.0, description="share of rows that only evaluation and verification see"
    )

    @model_validator(mode="after")
    def _sums_to_one(self) -> SplitConfig:
        total = self.train + self.validation + self.test
        if abs(total - 1.0) > 1e-9:
            raise ValueError(f"train + validation + test = {total:.6g}, expected 1")
        return self


class DataConfig(BaseModel):
    """Sources of module readings and their split."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: tuple[SourceConfig, ...] = Field(min_length=1, description="where the readings come from")
    split: SplitConfig = Field(default_factory=SplitConfig, description="shares for training, validation and test")


def load_file(path: Path, sample: str = "") -> ModuleReadings:
    """Readings of one file, by suffix: HDF5 of this package, else CSV. Raises DataError."""
    if path.suffix.lower() not in HDF5_SUFFIXES:
        return load_csv(path, sample)
    readings = load_hdf5(path)
    return readings if not sample else ModuleReadings.concat([readings], sample)


def held_rows(source: SourceConfig) -> tuple[int, int]:
    """First row of a streamed file that is held in memory, and the number of rows of the file.

    Raises DataError where nothing would be left to stream.
    """
    assert source.file is not None  # noqa: S101 - validated by SourceConfig
    total = row_count(source.file)
    held = source.max_readings or STREAM_HELD_ROWS
    if held >= total:
        raise DataError(
            f"streaming {source.file}: {total} rows, of which {held} are to be held in memory; lower max_readings or "
            "set stream: false"
        )
    return total - held, total


def load_sources(config: DataConfig, seed: int) -> list[ModuleReadings]:
    """Readings of every source, in order, without empty rows.

    Source i is simulated (or drawn) with seed ``seed + i``.

    Raises DataError for a file that cannot be used or that holds no row with charge.
    """
    import numpy as np

    loaded = []
    for i, source in enumerate(config.sources):
        if source.simulate is not None:
            readings = simulate(source.simulate, seed + i)
            if source.sample:
                readings = ModuleReadings.concat([readings], source.sample)
        else:
            assert source.file is not None  # noqa: S101 - validated above
            if source.stream:
                readings = ModuleReadings.concat([read_rows(source.file, *held_rows(source))], source.sample or None)
            else:
                readings = load_file(source.file, source.sample)
            if not source.stream and source.max_readings is not None and len(readings) > source.max_readings:
                order = np.random.default_rng(seed + i).permutation(len(readings))[: source.max_readings]
                readings = readings.select(np.sort(order))
        readings, _ = readings.without_empty()
        if len(readings) == 0:
            raise DataError(f"data source {i + 1}: no row with charge")
        loaded.append(readings)
    return loaded
