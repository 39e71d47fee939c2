"""Readings of a run: loaded or simulated, split, written with statistics, and drawn in batches."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Integers
from econ_ae.augment import augment
from econ_ae.conditions import module_conditions
from econ_ae.config import TrainConfig
from econ_ae.errors import TrainingError
from hgcal_data.config import DataConfig, held_rows, load_sources
from hgcal_data.errors import DataError
from hgcal_data.files import atomic_path, atomic_write_text
from hgcal_data.published import published_statistics
from hgcal_data.readings import ModuleReadings, load_hdf5, save_hdf5
from hgcal_data.streaming import RowStream

TRAIN, VALIDATION, TEST = 0, 1, 2


@dataclass(frozen=True)
class RunData:
    """All readings of a run.

    Attributes:
        readings: every row, sample after sample.
        split: int8[n]: 0 training, 1 validation, 2 test.
        sample_index: int16[n], index into `samples`.
        samples: names.
        streams: per sample, the file whose rows training draws instead of the rows in memory, or None; empty: none.
    """

    readings: ModuleReadings
    split: NDArray[np.int8]
    sample_index: NDArray[np.int16]
    samples: tuple[str, ...]
    streams: tuple[RowStream | None, ...] = ()

    def charges(self, part: int, sample: int | None = None, limit: int | None = None, seed: int = 0) -> Integers:
        """Charges int64[n,48] of one part (and sample), in file order, at most `limit` rows drawn with `seed`."""
        return self.readings.charges[self.rows(part, sample, limit, seed)]

    def rows(self, part: int, sample: int | None = None, limit: int | None = None, seed: int = 0) -> Integers:
        """Row numbers that `charges` takes for the same arguments."""
        mask = self.split == part
        if sample is not None:
            mask &= self.sample_index == sample
        rows = np.flatnonzero(mask)
        if limit is not None and len(rows) > limit:
            rows = np.sort(np.random.default_rng(seed).choice(rows, limit, replace=False))
        return rows


def make_data(config: DataConfig, seed: int) -> RunData:
    """Load or simulate all sources and split each sample at random with the configured shares.

    Raises:
        TrainingError: a sample with too few rows to split; two sources of one name are one sample.
        DataError: a source that cannot be read.
    """
    sources = load_sources(config, seed)
    names = tuple(dict.fromkeys(source.sample or f"source{i}" for i, source in enumerate(sources)))
    parts, splits, indices = [], [], []
    rng = np.random.default_rng([seed, 1])
    for i, source in enumerate(sources):
        if len(source) < 10:
            raise TrainingError(
                f"splitting data: source {i} ({source.sample!r}) has {len(source)} rows with charge, expected >= 10"
            )
        parts.append(source)
        splits.append(_split(len(source), config, rng))
        indices.append(np.full(len(source), names.index(source.sample or f"source{i}"), dtype=np.int16))
    streams: list[RowStream | None] = [None] * len(names)
    for asked, part in zip(config.sources, sources, strict=True):
        if asked.stream and asked.file is not None:
            if sum(other.sample == part.sample for other in sources) > 1:
                raise TrainingError(f"streaming {asked.file}: another source is called {part.sample!r} as well")
            streams[names.index(part.sample)] = RowStream(asked.file, held_rows(asked)[0])
    return RunData(ModuleReadings.concat(parts), np.concatenate(splits), np.concatenate(indices), names, tuple(streams))


def _split(rows: int, config: DataConfig, rng: np.random.Generator) -> NDArray[np.int8]:
    order = rng.permutation(rows)
    test = max(1, round(rows * config.split.test))
    validation = max(1, round(rows * config.split.validation))
    split = np.full(rows, TRAIN, dtype=np.int8)
    split[order[:test]] = TEST
    split[order[test : test + validation]] = VALIDATION
    return split


def save_data(data: RunData, path: Path) -> None:
    """Write ``readings.h5``: the readings table, ``split``, ``sample_index`` and the names of the samples."""
    with atomic_path(path) as temporary:
        save_hdf5(data.readings, temporary)
        with h5py.File(temporary, "a") as handle:
            handle.create_dataset("split", data=data.split, compression="gzip")
            handle["split"].attrs["meaning"] = "0 training, 1 validation, 2 test"
            handle.create_dataset("sample_index", data=data.sample_index, compression="gzip")
            handle.attrs["samples"] = json.dumps(list(data.samples))


def load_data(path: Path) -> RunData:
    """Read what `save_data` wrote.

    Raises:
        TrainingError: the file is missing, or was not written by a training.
    """
    try:
        readings = load_hdf5(path)
        with h5py.File(path, "r") as handle:
            split, index = np.asarray(handle["split"]), np.asarray(handle["sample_index"])
            names = tuple(json.loads(handle.attrs["samples"]))
    except (DataError, KeyError, OSError) as error:
        raise TrainingError(f"reading a run's data {path}: {error}") from error
    return RunData(readings, split.astype(np.int8), index.astype(np.int16), names)


def write_statistics(data: RunData, path: Path) -> None:
    """Write ``statistics.json``: occupancy, sums and charge shares per sample, beside the published ones."""
    samples = []
    for index, name in enumerate(data.samples):
        charges = data.readings.charges[data.sample_index == index]
        samples.append({"name": name, **_statistics(charges), "published": published_statistics(name)})
    atomic_write_text(path, json.dumps({"schema_version": 1, "samples": samples}, indent=2) + "\n")


def _statistics(charges: Integers) -> dict[str, Any]:
    total = charges.sum(axis=1)
    full = charges[total > 0]
    total = full.sum(axis=1)
    hit = (full > 0).sum(axis=1)
    log_sum = np.log10(total / 35.0)
    shares = -np.sort(-full / total[:, None], axis=1)[:, :6]
    return {
        "rows": len(full),
        "dropped_zero_rows": len(charges) - len(full),
        "occupancy_mean": float(hit.mean()),
        "occupancy_median": float(np.median(hit)),
        "occupancy_1mip_mean": float((full > 35).sum(axis=1).mean()),
        "log10_sum_mip_mean": float(log_sum.mean()),
        "log10_sum_mip_std": float(log_sum.std()),
        "sorted_fractions": [float(v) for v in shares.mean(axis=0)],
    }


class BatchSampler:
    """Draws training batches: fixed shares of the samples, augmented, reproducible from (seed, epoch)."""

    def __init__(self, data: RunData, config: TrainConfig) -> None:
        """Prepare the pools.

        Raises:
            TrainingError: a share, weight or augmentation names a sample that does not exist, or shares exceed one.
        """
        self._config = config
        self._pools = [data.charges(TRAIN, i) for i in range(len(data.samples))]
        self._streams = data.streams or (None,) * len(data.samples)
        self._sizes = [len(s or pool) for s, pool in zip(self._streams, self._pools, strict=True)]
        self._names = data.samples
        augmentation = config.augment
        for key, named in (
            ("train.sample_shares", config.sample_shares), ("train.sample_weights", config.sample_weights),
            ("train.augment.samples", augmentation.samples or ()),
            ("train.augment.overlay_from", (augmentation.overlay_from,) if augmentation.overlay_from else ()),
        ):  # fmt: skip
            if unknown := set(named) - set(data.samples):
                raise TrainingError(f"key {key}: unknown samples {sorted(unknown)}; the data has {list(data.samples)}")
        self.shares = self._shares()
        self.weights = np.array([config.sample_weights.get(name, 1.0) for name in data.samples], dtype=np.float32)
        self.rows = sum(self._sizes)
        self._modules = [
            module_conditions(data.readings.select(data.rows(TRAIN, i)), config.decoder.conditions)
            for i in range(len(data.samples))
        ]

    def _shares(self) -> NDArray[np.float64]:
        named = self._config.sample_shares
        total = sum(named.values())
        if total > 1 + 1e-9 or any(share < 0 for share in named.values()):
            raise TrainingError(f"key train.sample_shares: shares must be positive and sum to at most 1, found {named}")
        free = np.array([0.0 if name in named else size for name, size in zip(self._names, self._sizes, strict=True)])
        shares = np.array([named.get(name, 0.0) for name in self._names])
        if free.sum() > 0:
            shares = shares + free / free.sum() * (1.0 - total)
        normalised: NDArray[np.float64] = shares / shares.sum()
        return normalised

    def draw(self, rng: np.random.Generator) -> tuple[Integers, NDArray[np.float32]]:
        """One batch: charges int64[batch,48] and loss weights float32[batch]."""
        charges, weights, _ = self.draw_batch(rng)
        return charges, weights

    def draw_batch(self, rng: np.random.Generator) -> tuple[Integers, NDArray[np.float32], NDArray[np.float32]]:
        """One batch: charges int64[batch,48], loss weights float32[batch], module conditions float32[batch, m]."""
        counts = np.floor(self.shares * self._config.batch_size + rng.random(len(self.shares))).astype(int)
        counts[int(np.argmax(self.shares))] += self._config.batch_size - counts.sum()
        drawn = [self._rows_of(i, int(n), rng) for i, n in enumerate(counts)]
        rows, modules = [part[0] for part in drawn], np.concatenate([part[1] for part in drawn])
        index = np.repeat(np.arange(len(counts)), counts)
        options = self._config.augment
        changed = np.ones(len(index), dtype=bool)
        if options.samples is not None:
            changed = np.isin(index, [self._names.index(name) for name in options.samples])
        charges = augment(np.concatenate(rows), self._partners(len(index), rng), options, changed, rng)
        return charges, self.weights[index], modules

    def _rows_of(self, sample: int, rows: int, rng: np.random.Generator) -> tuple[Integers, NDArray[np.float32]]:
        """Charges int64[rows,48] and module conditions float32[rows,m] of one sample, from memory or its stream."""
        stream = self._streams[sample]
        if stream is None:
            chosen = rng.integers(0, len(self._pools[sample]), rows)
            return self._pools[sample][chosen], self._modules[sample][chosen]
        readings = stream.draw(rows, rng)
        return readings.charges, module_conditions(readings, self._config.decoder.conditions)

    def _partners(self, rows: int, rng: np.random.Generator) -> Integers:
        options = self._config.augment
        if options.overlay == 0:
            return np.zeros((rows, 48), dtype=np.int64)
        if options.overlay_from is not None:
            pool = self._pools[self._names.index(options.overlay_from)]
            return pool[rng.integers(0, len(pool), rows)]
        which = rng.choice(len(self._pools), size=rows, p=self.shares)
        return np.stack([self._pools[i][rng.integers(0, len(self._pools[i]))] for i in which])
