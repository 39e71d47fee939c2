"""Published statistics of the public files, to stand beside ours (facts/data.md section 1)."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from hgcal_data.simulate.targets import SAMPLE_TARGETS, SampleTarget

_SHORT_NAMES: Final = {"jet_0PU": "jets", "electron_0PU": "electrons"}
"""Further names of the samples of these files; a sample is known by its file's name as well."""


def published_target(sample: str) -> SampleTarget | None:
    """Published statistics of a sample named after a public file (``ttbar_0PU`` or ``ttbar_0PU.csv``), or None.

    A simulated sample has none, whatever it is called in a configuration: its selection of modules is another one.
    """
    if sample in _SHORT_NAMES:
        return SAMPLE_TARGETS[_SHORT_NAMES[sample]]
    stem = PurePath(sample).name.removesuffix(".csv")
    return next((t for t in SAMPLE_TARGETS.values() if t.file.removesuffix(".csv") == stem), None)


def published_statistics(sample: str) -> dict[str, float | list[float]] | None:
    """The same as plain values, keys as in a run's ``data/statistics.json``; None for an unknown sample."""
    target = published_target(sample)
    if target is None:
        return None
    _, median, _, mean = target.occupied
    return {
        "occupancy_mean": mean,
        "occupancy_median": median,
        "occupancy_1mip_mean": target.above_mip,
        "log10_sum_mip_mean": target.log_sum[0],
        "log10_sum_mip_std": target.log_sum[1],
        "sorted_fractions": list(target.fractions),
    }
