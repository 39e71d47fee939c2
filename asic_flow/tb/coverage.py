"""Functional coverage: named groups of bins, counted while a bench runs, printed as a table, merged over runs.

Needs no simulator. What the chip's benches cover is described by `chip_coverage`: every latent at zero, in between and at its
limits, every register address read and (where it can be) written, and the conditions of the I2C bus.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.table import Table

from asic_flow.formats import Format, Integers
from asic_flow.ir import Structure
from asic_flow.registers.model import RegisterLayout, register_layout
from asic_flow.tb.i2c_monitor import CONDITIONS
from hgcal_data.files import atomic_write_text

LATENTS, READ, WRITTEN, I2C = "latents", "registers read", "registers written", "I2C conditions"
_SHOWN = 6


class CoverageError(AssertionError):
    """Bins that were never hit, or hits of bins that nobody declared."""


class Coverage:
    """Hits of every bin.

    Args:
        groups: names of the bins of every group; a bin that is not declared cannot be hit.
    """

    def __init__(self, groups: Mapping[str, Iterable[str]]) -> None:
        self.hits = {group: dict.fromkeys(bins, 0) for group, bins in groups.items()}

    def hit(self, group: str, name: str, count: int = 1) -> None:
        """Count a bin.

        Raises:
            CoverageError: there is no such bin.
        """
        if name not in self.hits.get(group, {}):
            raise CoverageError(f"coverage: group {group!r} has no bin {name!r}")
        self.hits[group][name] += count

    def missing(self, *groups: str) -> list[tuple[str, str]]:
        """(group, bin) of every bin without a hit, in these groups (default: all)."""
        return [(group, name) for group in groups or self.hits for name, n in self.hits[group].items() if n == 0]

    def check(self, *groups: str) -> None:
        """Fail unless every bin of these groups (default: all) was hit.

        Raises:
            CoverageError: naming the first missing bins, or the group that has no bins.
        """
        if empty := [group for group in groups or self.hits if not self.hits[group]]:
            raise CoverageError(f"coverage: group {empty[0]!r} has no bins, so nothing would be covered")
        if missing := self.missing(*groups):
            raise CoverageError(
                f"coverage: {len(missing)} bins were never hit: {_shorten(f'{g}: {n}' for g, n in missing)}"
            )

    def merge(self, other: Coverage) -> None:
        """Add the hits of another run.

        Raises:
            CoverageError: `other` has other bins.
        """
        if {g: list(b) for g, b in self.hits.items()} != {g: list(b) for g, b in other.hits.items()}:
            raise CoverageError("coverage: the runs to be merged have different bins")
        for group, bins in other.hits.items():
            for name, count in bins.items():
                self.hits[group][name] += count

    def write(self, path: Path) -> None:
        """Write the hits as JSON."""
        atomic_write_text(path, json.dumps({"schema_version": 1, "groups": self.hits}, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Coverage:
        """Hits written by `write`."""
        groups = json.loads(path.read_text(encoding="utf-8"))["groups"]
        found = cls(groups)
        found.hits = groups
        return found

    def table(self) -> Table:
        """One row per group: bins hit, bins there are, hits, and the first bins that are missing."""
        table = Table(title="Functional coverage", title_justify="left")
        for column in ("group", "bins hit", "of", "hits", "missing"):
            table.add_column(column, justify="left" if column in {"group", "missing"} else "right", overflow="fold")
        for group, bins in self.hits.items():
            gaps = [name for name, count in bins.items() if count == 0]
            total = f"{sum(bins.values()):,}"
            table.add_row(group, str(len(bins) - len(gaps)), str(len(bins)), total, _shorten(gaps) or "none")
        return table


def chip_coverage(structure: Structure) -> Coverage:
    """Empty coverage of a chip: latents, register addresses, I2C conditions."""
    layout = register_layout(structure)
    readable, writable = (
        map(_address, addresses) for addresses in (readable_addresses(layout), writable_addresses(layout))
    )
    latents = [f"{i} {name}" for i in range(structure.n_latents) for name in _levels(structure.latent_format)]
    return Coverage({LATENTS: latents, READ: readable, WRITTEN: writable, I2C: CONDITIONS})


def cover_latents(coverage: Coverage, fmt: Format, latents: Integers) -> None:
    """Count every latent of every event: zero, at a limit of its format, or in between.

    Args:
        coverage: from `chip_coverage`.
        fmt: the latents' format.
        latents: int64[n, latents].
    """
    levels = _levels(fmt)
    special = np.zeros(latents.shape, dtype=bool)
    for name, value in levels.items():
        chosen = latents == value if value is not None else ~special
        special |= chosen
        for index, count in enumerate(chosen.sum(axis=0).tolist()):
            coverage.hit(LATENTS, f"{index} {name}", count)


def cover_access(coverage: Coverage, address: int, *, write: bool) -> None:
    """Count the access to a register; addresses outside the map (gaps) are no bins."""
    group, name = WRITTEN if write else READ, _address(address)
    if name in coverage.hits[group]:
        coverage.hit(group, name)


def readable_addresses(layout: RegisterLayout) -> Sequence[int]:
    """Every address of the map."""
    return [*writable_addresses(layout), *range(layout.monitor_base, layout.monitor_end)]


def writable_addresses(layout: RegisterLayout) -> Sequence[int]:
    """Addresses at which a write may change something."""
    weights = map(layout.byte_address, range(layout.n_bytes))
    return [*weights, layout.misc_base, *range(layout.control_base, layout.end)]


def _levels(fmt: Format) -> dict[str, int | None]:
    """Bins of one latent, the rest (None) last."""
    lowest: dict[str, int | None] = {"minimum": fmt.minimum} if fmt.signed else {}
    return {"zero": 0, **lowest, "maximum": fmt.maximum, "in between": None}


def _address(address: int) -> str:
    return f"0x{address:04X}"


def _shorten(names: Iterable[str]) -> str:
    found = list(names)
    more = f", ... ({len(found)} in all)" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more
