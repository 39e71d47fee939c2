"""Quality of a trained model in its integer arithmetic, beside the chip's own algorithms on the same links."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Integers
from econ_ae.errors import TrainingError
from econ_ae.model import IntegerModel
from econ_ae.references import Sent, references
from econ_ae.shower_shape import shifts
from hgcal_data.emd import OCCUPANCY_BINS, EmdSummary, emd, occupancy, occupancy_bin, uniform_image
from hgcal_data.files import atomic_write_text

FloatArray = NDArray[np.float64]

_FIT_ROWS = 20000


@dataclass(frozen=True)
class Sample:
    """Rows to evaluate.

    Attributes:
        name: name in the results.
        charges: int64[n,48], TC order.
        modules: float32[n, width] decoder conditions of the rows (`IntegerModel.module_inputs`), or None.
    """

    name: str
    charges: Integers
    modules: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Method:
    """One algorithm with one decoding rule.

    Attributes:
        algorithm: name in the results.
        rule: decoding rule, or None.
        send: rows -> (charges float64[n,48] in TC order, bits per event).
    """

    algorithm: str
    rule: str | None
    send: Callable[[Sample], Sent]


@dataclass
class Evaluation:
    """Result rows (schema ``evaluate/metrics.json``).

    Attributes:
        results: one row per algorithm and sample, with the algorithm's best decoder on that sample: the least mean EMD, an
            empty reconstruction charged with the EMD of a uniform pattern. The model comes first.
        other_decoders: the same for every other decoding rule.
        notes: what a reader must know about the rows, in words.
    """

    results: list[dict[str, Any]] = field(default_factory=list)
    other_decoders: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def methods(model: IntegerModel, fitted_on: Integers, *, refine: bool = True) -> list[Method]:
    """The model and the chip's own algorithms on the same links, with every decoding rule.

    Args:
        model: trained model.
        fitted_on: charges int64[n,48] on which the references' shares and thresholds are fitted.
        refine: decode the model with the correction of `econ_ae.refine` as well.
    """

    def ours(refined: bool) -> Callable[[Sample], Sent]:
        def send(sample: Sample) -> Sent:
            found = model.reconstruct(sample.charges, refine=refined, modules=sample.modules)
            return found.charges, float(model.payload_bits)

        return send

    def chip(send: Callable[[Integers], Sent]) -> Callable[[Sample], Sent]:
        return lambda sample: send(sample.charges)

    found = [Method("autoencoder", "network, refined", ours(True))] if refine else []
    found.append(Method("autoencoder", "network", ours(False)))
    return found + [Method(r.algorithm, r.rule, chip(r.send)) for r in references(model.links, fitted_on)]


def evaluate(
    model: IntegerModel,
    samples: Sequence[Sample],
    seeds: Sequence[int],
    fitted_on: Integers | None = None,
    *,
    refine: bool = True,
) -> list[dict[str, Any]]:
    """The best rows of `evaluate_methods` for the model and all references; arguments and errors as there."""
    return evaluate_methods(model, samples, seeds, fitted_on, refine=refine).results


def evaluate_methods(
    model: IntegerModel,
    samples: Sequence[Sample],
    seeds: Sequence[int],
    fitted_on: Integers | None = None,
    *,
    refine: bool = True,
    only: Sequence[str] | None = None,
) -> Evaluation:
    """Every method on every sample, and on all samples together.

    Args:
        model: trained model.
        samples: rows to evaluate; rows without charge are counted, and have no EMD.
        seeds: training seeds of the model.
        fitted_on: training charges for references with fitted shares; default: the evaluated rows themselves, which
            favours the references.
        refine: decode the model with the correction of `econ_ae.refine` as well.
        only: algorithms to evaluate; default: all.

    Raises:
        TrainingError: there is nothing to evaluate.
    """
    if not any(len(sample.charges) for sample in samples):
        raise TrainingError("evaluating: no row to evaluate")
    fit = np.concatenate([sample.charges for sample in samples]) if fitted_on is None else fitted_on
    rows: list[tuple[float, dict[str, Any]]] = []
    for method in methods(model, fit[:_FIT_ROWS], refine=refine):
        if only is None or method.algorithm in only:
            rows += _rows(method, model.links, samples, seeds)
    result = Evaluation()
    for name, sample in dict.fromkeys((row["algorithm"], row["sample"]) for _, row in rows):
        same = [item for item in rows if (item[1]["algorithm"], item[1]["sample"]) == (name, sample)]
        best, *others = [row for _, row in sorted(same, key=lambda item: item[0])]
        result.results.append(best)
        result.other_decoders += others
    if fitted_on is None:
        result.notes.append(
            "shares and thresholds of the references were fitted on the evaluated rows: this favours them"
        )
    return result


def _rows(
    method: Method, links: int, samples: Sequence[Sample], seeds: Sequence[int]
) -> list[tuple[float, dict[str, Any]]]:
    """(rank, result row) of one method for every sample, and for all together if there are several."""
    names, true, reco, bits = [], [], [], []
    for sample in samples:
        charges, used = method.send(sample)
        names.append(sample.name)
        true.append(sample.charges.astype(np.float64))
        reco.append(charges)
        bits.append(used)
    distances = [emd(a, b) for a, b in zip(true, reco, strict=True)]
    if len(samples) > 1:
        events = [len(part) for part in true]
        names.append("all")
        bits.append(float(np.average(bits, weights=events)))
        true, reco = [*true, np.concatenate(true)], [*reco, np.concatenate(reco)]
        distances.append(np.concatenate(distances))
    return [
        (_charged(a, values), _row(method, used, links, name, a, b, values, seeds))
        for name, a, b, values, used in zip(names, true, reco, distances, bits, strict=True)
    ]


def _charged(true: FloatArray, distances: FloatArray) -> float:
    """Mean EMD in which a lost module counts as a uniform pattern; infinite without rows."""
    lost = np.isnan(distances) & (true.sum(axis=1) > 0)
    charged = distances.copy()
    charged[lost] = emd(true[lost], uniform_image(int(lost.sum())))
    charged = charged[np.isfinite(charged)]
    return float(charged.mean()) if charged.size else float("inf")


def _row(
    method: Method,
    bits: float,
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
    moved = shifts(true, reco)
    return {
        "algorithm": method.algorithm,
        "rule": method.rule,
        "sample": sample,
        "links": links,
        "payload_bits": round(bits, 2) if bits % 1 else int(bits),
        "events": len(true),
        "seeds": list(seeds) if method.algorithm == "autoencoder" else [],
        "n_seeds": len(seeds) if method.algorithm == "autoencoder" else 0,
        "emd_mean": _number(summary.mean),
        "emd_median": _number(summary.median),
        "emd_q16": _number(summary.q16),
        "emd_q84": _number(summary.q84),
        "sum_relative_error_mean": _mean(relative),
        "centroid_shift_mean_half_pitches": _mean(moved.centroid),
        "width_shift_mean_half_pitches": _mean(moved.width),
        "width_shift_absolute_mean_half_pitches": _mean(np.abs(moved.width)),
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
                "emd_mean": _mean(values),
            }
        )
    return rows


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _mean(values: FloatArray) -> float | None:
    return float(values.mean()) if values.size else None


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
        modules = None if sample.modules is None else sample.modules[picked]
        result = model.reconstruct(charges, refine=refine, modules=modules)
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


def write_results(folder: Path, result: Evaluation, events: list[dict[str, Any]], seed: int) -> None:
    """Write ``metrics.json`` and ``examples.json`` into `folder`."""
    metrics = {"schema_version": 1, "events_seed": seed, **payload(result)}
    atomic_write_text(folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    atomic_write_text(folder / "examples.json", json.dumps({"schema_version": 1, "events": events}) + "\n")


def payload(result: Evaluation) -> dict[str, Any]:
    """The entries of a result file that hold an evaluation."""
    return {"results": result.results, "other_decoders": result.other_decoders, "notes": result.notes}
