"""Mean and spread over the seeds of one configuration, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from econ_ae.errors import TrainingError
from econ_ae.evaluation import Evaluation

_KEYS = ("algorithm", "sample", "rule")
_COUNTS = ("links", "payload_bits", "events", "empty_input", "n_seeds")


def over_seeds(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Mean of every figure over the seeds, with its standard deviation (n - 1) as ``..._std``.

    Args:
        evaluations: one per seed, of the same samples.

    Raises:
        TrainingError: two evaluations have no row of the same algorithm and sample.
    """
    first = evaluations[0]
    if len(evaluations) == 1:
        return first
    return Evaluation(
        [_combined(row, [e.results for e in evaluations], _KEYS[:2]) for row in first.results],
        [_combined(row, [e.other_decoders for e in evaluations], _KEYS) for row in first.other_decoders],
        list(dict.fromkeys(note for e in evaluations for note in e.notes)),
    )


def _combined(row: dict[str, Any], tables: list[list[dict[str, Any]]], keys: tuple[str, ...]) -> dict[str, Any]:
    """One row from the rows of all seeds that agree with it in `keys` (a decoding rule may be best for some seeds only)."""
    same = [[other for other in table if all(other[key] == row[key] for key in keys)][:1] for table in tables]
    found = [other for part in same for other in part]
    if len(keys) == 2 and len(found) != len(tables):
        raise TrainingError(
            f"averaging over seeds: a run has no row for {row['algorithm']} on sample {row['sample']!r}"
        )
    result: dict[str, Any] = {}
    for key, value in row.items():
        if key == "seeds":
            result[key] = list(dict.fromkeys(seed for other in found for seed in other["seeds"]))
        elif key == "n_seeds":
            result[key] = len(result["seeds"])
        elif key == "rule":
            result[key] = ", or ".join(dict.fromkeys(str(other["rule"]) for other in found)) if value else value
        elif key == "by_occupancy":
            result[key] = [_bin([other[key][i] for other in found]) for i in range(len(value))]
        elif isinstance(value, float) and key not in _COUNTS:
            result |= _statistics(key, [other[key] for other in found])
        else:
            result[key] = value
    result["events"] = round(float(np.mean([other["events"] for other in found])))
    return result


def _bin(parts: list[dict[str, Any]]) -> dict[str, Any]:
    result = dict(parts[0])
    result["events"] = round(float(np.mean([part["events"] for part in parts])))
    return result | _statistics("emd_mean", [part["emd_mean"] for part in parts])


def _statistics(key: str, values: list[float | None]) -> dict[str, float | None]:
    """Mean, and standard deviation from two values on."""
    numbers = np.array([value for value in values if value is not None], dtype=np.float64)
    spread = float(numbers.std(ddof=1)) if numbers.size > 1 else None
    return {key: float(numbers.mean()) if numbers.size else None, f"{key}_std": spread}
