"""Reconstruction quality: the autoencoder beside the references at equal links, and the examples."""

from __future__ import annotations

import math
from typing import Final

from reports import inputs
from reports.model import AlgorithmResult, Example, OccupancyBin, Physics
from reports.reader import RunFiles
from reports.reference import AUTOENCODER, COUNTS_PER_MIPT, EMD_OF_A_LOST_MODULE, algorithm_labels

ALL_SAMPLES: Final = "all"
EMPTY_TOLERANCE: Final = 0.01
"""Share of empty reconstructions from which on figures say so: the mean EMD leaves them out."""
MINIMUM_BIN_EVENTS: Final = 30
"""Occupancy bins with fewer modules say nothing about who is better."""


def build_physics(files: RunFiles) -> Physics | None:
    """The physics part, or None when nothing was evaluated.

    The headline is the autoencoder at the trained link count (else the lowest evaluated one) on all samples together (else on
    the largest one); the best reference is the one with the lowest `charged_emd` at the same links and on the same sample.
    """
    if files.metrics is None:
        return None
    results = [_result(entry) for entry in (*files.metrics.results, *files.metrics.other_decoders)]
    ours = [result for result in results if result.algorithm == AUTOENCODER and result.emd_mean is not None]
    if not ours:
        return None
    trained = files.train.links if files.train else None
    links = trained if trained in {result.links for result in ours} else min(result.links for result in ours)
    ours = [result for result in ours if result.links == links]
    headline = next((r for r in ours if r.sample == ALL_SAMPLES), max(ours, key=lambda r: r.events))
    references = [
        result
        for result in results
        if result.algorithm != AUTOENCODER
        and (result.links, result.sample) == (links, headline.sample)
        and result.emd_mean is not None
    ]
    return Physics(
        links=links,
        headline_sample=headline.sample,
        samples=list(dict.fromkeys(result.sample for result in results)),
        autoencoder=headline,
        best_reference=min(references, key=charged_emd, default=None),
        results=results,
    )


def charged_emd(result: AlgorithmResult) -> float:
    """Mean EMD in half pitches with every lost module charged, infinite when there is no EMD at all.

    ``(1 - f) * mean + f * 6.2`` for a share ``f`` of empty reconstructions, after facts/baselines.md 10 ("empties = uniform").
    """
    if result.emd_mean is None:
        return math.inf
    lost = result.empty_fraction or 0.0
    return (1 - lost) * result.emd_mean + lost * EMD_OF_A_LOST_MODULE


def best_per_algorithm(physics: Physics, sample: str, links: int) -> list[AlgorithmResult]:
    """The best rule of each algorithm on one sample at one link count, autoencoder first, then by EMD."""
    best: dict[str, AlgorithmResult] = {}
    for result in physics.results:
        if (result.sample, result.links) != (sample, links) or result.emd_mean is None:
            continue
        if result.algorithm not in best or charged_emd(result) < charged_emd(best[result.algorithm]):
            best[result.algorithm] = result
    return sorted(best.values(), key=lambda result: (result.algorithm != AUTOENCODER, charged_emd(result)))


def bins_won(physics: Physics) -> tuple[list[OccupancyBin], int] | None:
    """Bins in which the autoencoder beats the best reference, and the number of bins with enough modules in both."""
    if physics.best_reference is None:
        return None
    theirs = {
        (b.low, b.high): b.emd_half_pitches
        for b in physics.best_reference.by_occupancy
        if b.events >= MINIMUM_BIN_EVENTS
    }
    won, common = [], 0
    for own in physics.autoencoder.by_occupancy:
        other = theirs.get((own.low, own.high))
        if own.emd_half_pitches is None or other is None:
            continue
        common += 1
        if own.emd_half_pitches < other:
            won.append(own)
    return (won, common) if common else None


def build_examples(files: RunFiles, limit: int) -> list[Example]:
    """Up to ``limit`` example modules, taken from the samples in turn."""
    if files.examples is None:
        return []
    queues: dict[str, list[inputs.ExampleEvent]] = {}
    for event in files.examples.events:
        queues.setdefault(event.sample, []).append(event)
    rounds = max((len(queue) for queue in queues.values()), default=0)
    chosen = [queue[i] for i in range(rounds) for queue in queues.values() if i < len(queue)]
    return [
        Example(
            sample=event.sample,
            true_mipt=[count / COUNTS_PER_MIPT for count in event.true],
            reconstructed_mipt=[count / COUNTS_PER_MIPT for count in event.reconstructed],
            latents=event.latents,
            emd_half_pitches=event.emd,
        )
        for event in chosen[:limit]
    ]


def _result(entry: inputs.AlgorithmEntry) -> AlgorithmResult:
    label, short = algorithm_labels(entry.algorithm)
    shared = entry.model_dump(exclude={"seeds", "by_occupancy"})
    return AlgorithmResult(
        **shared,
        label=label,
        short_label=short,
        seeds=len(entry.seeds) if isinstance(entry.seeds, list) else entry.seeds,
        by_occupancy=[
            OccupancyBin(low=math.ceil(b.low), high=_upper(b.high), events=b.events, emd_half_pitches=b.emd_mean)
            for b in entry.by_occupancy
        ],
    )


def _upper(high: float | None) -> int | None:
    return None if high is None or high > inputs.N_CELLS else math.ceil(high)
