"""Quality of a trained model in its integer arithmetic, beside simple references with the same number of bits."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Integers
from econ_ae.errors import TrainingError
from econ_ae.model import IntegerModel
from econ_ae.references import references
from hgcal_data.emd import OCCUPANCY_BINS, EmdSummary, emd, occupancy, occupancy_bin
from hgcal_data.files import atomic_write_text

FloatArray = NDArray[np.float64]

_FIT_ROWS = 20000


@dataclass(frozen=True)
class Sample:
    """Rows to evaluate: charges int64[n,48], TC order."""

    name: str
    charges: Integers


@dataclass(frozen=True)
class Method:
    """Something that turns charges into reconstructed charges.

    Attributes:
        algorithm: name in the results.
        rule: decoding rule, or None.
        payload_bits: bits per event it puts on the links.
        reconstruct: charges int64[n,48] -> charges float64[n,48], both in TC order.
    """

    algorithm: str
    rule: str | None
    payload_bits: int
    reconstruct: Callable[[Integers], FloatArray]


def methods(model: IntegerModel, fitted_on: Integers, *, refine: bool = True) -> list[Method]:
    """The model and the chip's own algorithms on the same links.

    Args:
        model: trained model.
        fitted_on: charges int64[n,48] on which fitted shares of super trigger cells are fitted.
        refine: decode with the correction of `econ_ae.refine`; the plain network then appears as ``autoencoder_network``.
    """
    bits = model.payload_bits
    ours = [Method("autoencoder", "network", bits, lambda charges: model.reconstruct(charges, refine=False).charges)]
    if refine:
        plain = replace(ours[0], algorithm="autoencoder_network")
        refined = Method("autoencoder", "network, refined", bits, lambda charges: model.reconstruct(charges).charges)
        ours = [refined, plain]
    chip = [Method(r.algorithm, r.rule, r.payload_bits, r.reconstruct) for r in references(model.links, fitted_on)]
    return [*ours, *chip]


def evaluate(
    model: IntegerModel,
    samples: Sequence[Sample],
    seeds: Sequence[int],
    fitted_on: Integers | None = None,
    *,
    refine: bool = True,
) -> list[dict[str, Any]]:
    """Result rows (schema ``evaluate/metrics.json``) for every method and sample, and for all samples together.

    Args:
        model: trained model.
        samples: rows to evaluate; rows without charge are counted, and have no EMD.
        seeds: training seeds of the model.
        fitted_on: training charges for references with fitted shares; default: the evaluated rows themselves, which
        favours them.
        refine: decode the model with the correction of `econ_ae.refine`.

    Raises:
        TrainingError: there is nothing to evaluate.
    """
    if not any(len(sample.charges) for sample in samples):
        raise TrainingError("evaluating: no row to evaluate")
    rows = []
    fit = np.concatenate([sample.charges for sample in samples]) if fitted_on is None else fitted_on
    for method in methods(model, fit[:_FIT_ROWS], refine=refine):
        parts = [
            (sample.name, sample.charges.astype(np.float64), method.reconstruct(sample.charges)) for sample in samples
        ]
        distances = [emd(true, reco) for _, true, reco in parts]
        if len(parts) > 1:
            everything = ("all", np.concatenate([p[1] for p in parts]), np.concatenate([p[2] for p in parts]))
            parts, distances = [*parts, everything], [*distances, np.concatenate(distances)]
        for (name, true, reco), values in zip(parts, distances, strict=True):
            rows.append(_row(method, model.links, name, true, reco, values, seeds))
    return rows


def _row(
    method: Method,
    links: int,
    sample: str,
    true: FloatArray,
    reco: FloatArray,
    distances: FloatArray,
    seeds: Sequence[int],
) -> dict[str, Any]:
    summary = EmdSummary.from_events(true, reco, distances)
    total = true.sum(axis=1)
    full = total > 0
    relative = np.abs(reco.sum(axis=1)[full] - total[full]) / total[full]
    return {
        "algorithm": method.algorithm,
        "rule": method.rule,
        "sample": sample,
        "links": links,
        "payload_bits": method.payload_bits,
        "events": len(true),
        "seeds": list(seeds),
        "emd_mean": _number(summary.mean),
        "emd_median": _number(summary.median),
        "emd_q16": _number(summary.q16),
        "emd_q84": _number(summary.q84),
        "sum_relative_error_mean": _number(float(relative.mean()) if relative.size else float("nan")),
        "empty_fraction": (summary.empty_output / max(1, int(full.sum()))),
        "empty_input": summary.empty_input,
        "by_occupancy": by_occupancy(true, distances),
    }


def by_occupancy(true: FloatArray, distances: FloatArray) -> list[dict[str, Any]]:
    """Mean EMD in bins of the number of cells above 35 counts; ``high`` is exclusive, null = open."""
    bins = occupancy_bin(occupancy(true))
    rows = []
    for index in range(len(OCCUPANCY_BINS) - 1):
        values = distances[(bins == index) & np.isfinite(distances)]
        high = float(OCCUPANCY_BINS[index + 1])
        rows.append(
            {
                "low": int(OCCUPANCY_BINS[index]),
                "high": int(high) if np.isfinite(high) else None,
                "events": len(values),
                "emd_mean": float(values.mean()) if len(values) else None,
            }
        )
    return rows


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def examples(
    model: IntegerModel, samples: Sequence[Sample], count: int, seed: int, *, refine: bool = True
) -> list[dict[str, Any]]:
    """A few events (schema ``evaluate/examples.json``), spread over the samples and over the occupancy within each."""
    rows: list[dict[str, Any]] = []
    filled = [sample for sample in samples if len(sample.charges)]
    rng = np.random.default_rng([seed, 3])
    for index, sample in enumerate(filled):
        wanted = count // len(filled) + (index < count % len(filled))
        order = np.argsort(occupancy(sample.charges), kind="stable")
        picked = [int(rng.choice(part)) for part in np.array_split(order, wanted) if len(part)] if wanted else []
        charges = sample.charges[picked]
        result = model.reconstruct(charges, refine=refine)
        distances = emd(charges, result.charges)
        rows += [
            {
                "sample": sample.name,
                "true": charges[i].tolist(),
                "reconstructed": [round(float(v), 3) for v in result.charges[i]],
                "latents": result.latents[i].tolist(),
                "emd": _number(float(distances[i])),
            }
            for i in range(len(picked))
        ]
    return rows


def write_results(folder: Path, rows: list[dict[str, Any]], events: list[dict[str, Any]], seed: int) -> None:
    """Write ``metrics.json`` and ``examples.json`` into `folder`."""
    metrics = {"schema_version": 1, "events_seed": seed, "results": rows}
    atomic_write_text(folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    atomic_write_text(folder / "examples.json", json.dumps({"schema_version": 1, "events": events}) + "\n")
