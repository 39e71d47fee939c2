"""Scoreboard: compares output events with expected ones, integer by integer, and remembers the first difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


class ScoreboardError(AssertionError):
    """Output and expectation differ, or there was nothing to compare."""


@dataclass(frozen=True)
class Difference:
    """One differing integer.

    Attributes:
        event: event number in output order.
        field: what was compared (``latents``, ``sum_code``).
        index: index inside the field.
        expected: integer from the reference.
        found: integer from the device.
    """

    event: int
    field: str
    index: int
    expected: int
    found: int

    def __str__(self) -> str:
        """One line for a person."""
        return f"event {self.event}, {self.field}[{self.index}]: expected {self.expected}, found {self.found}"


class Scoreboard:
    """Expected events in order; output events are added as they appear.

    Args:
        fields: expected integers by field name, each int64[n, values] (or int64[n]) with the same n.

    Raises:
        ScoreboardError: there are no expected events, or fields of different length.
    """

    def __init__(self, fields: dict[str, Integers]) -> None:
        lengths = {name: len(values) for name, values in fields.items()}
        if not lengths or min(lengths.values()) == 0:
            raise ScoreboardError("scoreboard: there are no expected events, so nothing would be compared")
        if len(set(lengths.values())) > 1:
            raise ScoreboardError(f"scoreboard: fields have different numbers of events: {lengths}")
        self._expected = {name: np.asarray(v, dtype=np.int64).reshape(len(v), -1) for name, v in fields.items()}
        self._total = next(iter(lengths.values()))
        self.events = 0
        self.values = 0
        self.mismatches = 0
        self.unexpected = 0
        self.first: Difference | None = None

    @property
    def missing(self) -> int:
        """Expected events that have not appeared."""
        return max(self._total - self.events, 0)

    @property
    def passed(self) -> bool:
        """All expected events appeared, nothing more, and every integer agreed."""
        return self.values > 0 and self.mismatches == 0 and self.missing == 0 and self.unexpected == 0

    def add(self, **fields: Sequence[int]) -> None:
        """Compare the next output event; one keyword per field, integers in index order."""
        if set(fields) != set(self._expected):
            raise ScoreboardError(f"scoreboard: event has fields {sorted(fields)}, expected {sorted(self._expected)}")
        event = self.events
        self.events += 1
        if event >= self._total:
            self.unexpected += 1
            return
        for name, found in fields.items():
            self._compare(event, name, found)

    def _compare(self, event: int, name: str, found: Sequence[int]) -> None:
        expected = self._expected[name][event]
        if len(found) != len(expected):
            raise ScoreboardError(f"scoreboard: field {name!r} has {len(found)} values, expected {len(expected)}")
        for index, (want, have) in enumerate(zip(expected.tolist(), found, strict=True)):
            self.values += 1
            if want != have:
                self.mismatches += 1
                if self.first is None:
                    self.first = Difference(event, name, index, want, have)

    def check(self) -> None:
        """Fail unless everything expected appeared and agreed.

        Raises:
            ScoreboardError: with the first difference, or what is missing.
        """
        if self.mismatches:
            raise ScoreboardError(f"{self.mismatches} of {self.values} values differ; first: {self.first}")
        if self.missing:
            raise ScoreboardError(f"short output: {self.events} of {self._total} events appeared")
        if self.unexpected:
            raise ScoreboardError(f"{self.unexpected} more events appeared than the {self._total} expected")
        if self.values == 0:
            raise ScoreboardError("nothing was compared")
