"""What to draw: results in, figure descriptions out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from reports.build.physics import EMPTY_TOLERANCE, best_per_algorithm
from reports.build.verdicts import occupancy_label
from reports.figures.estimate import estimate_figures
from reports.figures.specs import Caption, Figure, HexFigure, HexKind, Line, LineFigure, Mark, Role
from reports.model import AlgorithmResult, Example, Physics, Results
from reports.reference import AUTOENCODER

_ROLES = {
    AUTOENCODER: Role.OURS,
    "best_choice": Role.BEST_CHOICE,
    "super_trigger_cell": Role.SUPER_TRIGGER_CELL,
    "threshold_sum": Role.THRESHOLD_SUM,
}
_EMD_AXIS = "Mean EMD (half pitches)"


def figures_of(results: Results) -> list[Figure]:
    """All figures the results allow, in the order of the report."""
    figures: list[Figure] = [*_charge_fractions(results)]
    if results.physics is not None:
        figures += _emd_by_occupancy(results.physics)
        figures += _emd_by_links(results.physics)
    for number, example in enumerate(results.examples, start=1):
        figures += _example(number, example)
    figures += _latents(results)
    figures += _training(results)
    figures += estimate_figures(results)
    return figures


def _charge_fractions(results: Results) -> Iterator[Figure]:
    for number, sample in enumerate(results.data, start=1):
        lines = []
        published = sample.published.sorted_fractions if sample.published else None
        for label, role, values in (
            ("this run", Role.OURS, sample.sorted_fractions),
            ("published", Role.PUBLISHED, published),
        ):
            if values:
                x = tuple(float(rank) for rank in range(1, len(values) + 1))
                lines.append(Line(label, role, x, tuple(values)))
        if not lines or not sample.sorted_fractions:
            continue
        first = sample.sorted_fractions[0]
        share = "" if first is None else f" The largest cell holds {100 * first:.0f} % of the charge on average."
        caption = Caption(
            key=f"charge_fractions_{number}",
            section="data",
            group="charge_fractions",
            title=sample.name,
            alt=f"Mean charge share of the largest to sixth largest trigger cell, sample {sample.name}.{share}",
            text=f"{sample.name}: mean share of the module's charge per cell, largest cell first.",
        )
        yield LineFigure(caption, "Rank of the trigger cell by charge", "Share of the module's charge", tuple(lines))


def _emd_by_occupancy(physics: Physics) -> Iterator[Figure]:
    samples = [physics.headline_sample, *(s for s in physics.samples if s != physics.headline_sample)]
    for number, sample in enumerate(samples):
        results = [r for r in best_per_algorithm(physics, sample, physics.links) if r.by_occupancy]
        if not any(result.algorithm == AUTOENCODER for result in results):
            continue
        edges = sorted(
            {(b.low, b.high) for result in results for b in result.by_occupancy},
            key=lambda edge: (edge[0], edge[1] or 99),
        )
        ticks = tuple((float(i), occupancy_label(*edge)) for i, edge in enumerate(edges))
        lines = tuple(_occupancy_line(result, edges) for result in results)
        name = "all samples" if sample == "all" else sample
        caption = Caption(
            key=f"emd_by_occupancy_{number}" if number else "emd_by_occupancy",
            section="physics",
            group="emd" if number == 0 else "emd_samples",
            title=f"EMD by occupancy, {name}",
            alt=f"Mean EMD against the number of trigger cells above 1 MIP_T, {name}, {physics.links} links. "
            + " ".join(_spoken(result) for result in results),
            text=f"EMD by occupancy, {name}, {physics.links} links; best rule of every algorithm; lower is better."
            + _empty_note(results),
        )
        yield LineFigure(caption, "Trigger cells above 1 MIP$_T$ in the module", _EMD_AXIS, lines, x_ticks=ticks)


def _occupancy_line(result: AlgorithmResult, edges: list[tuple[int, int | None]]) -> Line:
    found = {(b.low, b.high): b.emd_half_pitches for b in result.by_occupancy}
    y = tuple(found.get(edge) for edge in edges)
    return Line(_legend(result), _ROLES.get(result.algorithm, Role.OTHER), tuple(map(float, range(len(edges)))), y)


def _empty_note(results: list[AlgorithmResult]) -> str:
    """A sentence for every algorithm whose mean leaves out a visible share of the modules."""
    return "".join(
        f" {result.label} leaves {100 * result.empty_fraction:.0f} % of the modules empty; its EMD is about the others."
        for result in results
        if result.empty_fraction is not None and result.empty_fraction > EMPTY_TOLERANCE
    )


def _legend(result: AlgorithmResult) -> str:
    return f"{result.label} ({result.payload_bits:.0f} bit)"


def _spoken(result: AlgorithmResult) -> str:
    values = ", ".join(
        f"{occupancy_label(b.low, b.high)}: {b.emd_half_pitches:.2f}"
        for b in result.by_occupancy
        if b.emd_half_pitches is not None
    )
    return f"{result.full_label}: {values}."


def _emd_by_links(physics: Physics) -> Iterator[Figure]:
    sample = physics.headline_sample
    chosen = [r for n in sorted({r.links for r in physics.results}) for r in best_per_algorithm(physics, sample, n)]
    by_algorithm: dict[str, list[AlgorithmResult]] = {}
    for result in chosen:
        by_algorithm.setdefault(result.algorithm, []).append(result)
    if len(by_algorithm.get(AUTOENCODER, [])) < 2:
        return
    lines = tuple(
        Line(
            results[0].label,
            _ROLES.get(algorithm, Role.OTHER),
            tuple(float(r.links) for r in results),
            tuple(r.emd_mean for r in results),
        )
        for algorithm, results in by_algorithm.items()
    )
    ticks = tuple((float(n), str(n)) for n in sorted({r.links for r in chosen}))
    spoken = " ".join(
        f"{results[0].label}: "
        + ", ".join(f"{r.links} links {r.emd_mean:.2f}" for r in results if r.emd_mean is not None)
        + "."
        for results in by_algorithm.values()
    )
    name = "all samples" if sample == "all" else sample
    caption = Caption(
        key="emd_by_links",
        section="physics",
        group="emd",
        title=f"EMD by link count, {name}",
        alt=f"Mean EMD against the number of links, {name}. {spoken}",
        text=f"Mean EMD by link count, {name}; best rule of every algorithm. One link carries 32 bits per event.",
    )
    yield LineFigure(caption, "Links (32 bits per event each)", _EMD_AXIS, lines, x_ticks=ticks)


def _example(number: int, example: Example) -> Iterator[Figure]:
    true, reconstructed = example.true_mipt, example.reconstructed_mipt
    difference = [b - a for a, b in zip(true, reconstructed, strict=True)]
    limit = max(*true, *reconstructed, 1e-9)
    span = max(*(abs(value) for value in difference), 1e-9)
    emd = "EMD not defined" if example.emd_half_pitches is None else f"EMD {example.emd_half_pitches:.2f} half pitches"
    parts = (
        ("true", "True", true, limit, HexKind.CHARGE, f"sum {sum(true):.1f} MIP_T in {_hit(true)} cells above 1 MIP_T"),
        (
            "reconstructed", "Reconstructed", reconstructed, limit, HexKind.CHARGE,
            f"sum {sum(reconstructed):.1f} MIP_T in {_hit(reconstructed)} cells above 1 MIP_T; {emd}",
        ),
        (
            "difference", "Reconstructed − true", difference, span, HexKind.DIFFERENCE,
            f"from {min(difference):.2f} to {max(difference):+.2f} MIP_T",
        ),
    )  # fmt: skip
    for key, title, values, scale, kind, words in parts:
        caption = Caption(
            key=f"example_{number}_{key}",
            section="examples",
            group=f"example_{number}",
            title=f"{title}, module {number} ({example.sample})",
            alt=f"Hexagon map of module {number} from {example.sample}, {title.lower()}: {words}.",
            text=f"{title}: {words}.",
        )
        yield HexFigure(caption, tuple(values), scale, "MIP$_T$", kind)


def _hit(values: list[float]) -> int:
    return sum(value > 1.0 for value in values)


def _latents(results: Results) -> Iterator[Figure]:
    found = [entry for entry in results.latents if entry.mean is not None]
    if not found:
        return
    dead = [str(entry.index) for entry in found if entry.zero_fraction is not None and entry.zero_fraction > 0.999]
    caption = Caption(
        key="latents",
        section="latents",
        group="latents",
        title="Latents",
        alt=f"Mean and standard deviation of {len(found)} latents over the test modules. "
        + (f"Latents that are always zero: {', '.join(dead)}." if dead else "No latent is always zero."),
        text="Mean of each latent over the test modules; the bars are one standard deviation.",
    )
    x = tuple(float(entry.index) for entry in found)
    y = tuple(entry.mean for entry in found)
    error = tuple(entry.std or 0.0 for entry in found)
    line = Line("mean ± standard deviation", Role.OURS, x, y, error, join=False)
    yield LineFigure(caption, "Latent", "Transmitted code (LSB)", (line,))


def _training(results: Results) -> Iterator[Figure]:
    history = results.history
    if not history:
        return
    x = tuple(float(epoch.epoch) for epoch in history)
    lines = (
        Line("training", Role.TRAINING, x, tuple(epoch.loss for epoch in history)),
        Line("validation", Role.VALIDATION, x, tuple(epoch.val_loss for epoch in history)),
    )
    values = [value for line in lines for value in line.y if value is not None]
    log = bool(values) and min(values) > 0 and max(values) > 8 * min(values)
    last = history[-1].val_loss
    spoken = f"Training and validation loss over {len(history)} epochs"
    spoken += "." if last is None else f"; last validation loss {last:.4g}."
    marks, note = _training_marks(results)
    text = f"Loss per epoch on the training and the validation modules.{note}"
    caption = Caption("training", "training", "training", "Training curve", spoken, text)
    yield LineFigure(caption, "Epoch", "Loss", lines, y_from_zero=False, log_y=log, marks=marks)
    emds = tuple(epoch.val_emd for epoch in history)
    known = [value for value in emds if value is not None]
    if known:
        spoken = (
            f"Mean EMD on the validation modules: {known[0]:.3f} at first, {known[-1]:.3f} at the end, in half pitches."
        )
        text = f"Mean EMD on the validation modules.{note}"
        caption = Caption("training_emd", "training", "training", "Validation EMD", spoken, text)
        line = Line("validation", Role.VALIDATION, x, emds)
        yield LineFigure(caption, "Epoch", _EMD_AXIS, (line,), marks=marks)


def _training_marks(results: Results) -> tuple[tuple[Mark, ...], str]:
    """The kept epoch and the starts of further training phases, and the sentence that explains them."""
    history = results.history
    marks, note = [], ""
    best = results.training.best_epoch if results.training else None
    starts = [b.epoch for a, b in pairwise(history) if a.phase is not None and b.phase != a.phase]
    if starts:
        marks += [Mark(start - 0.5, "next phase", strong=False) for start in starts]
        note += " Grey lines: another training phase begins, with a loss of its own."
    if best is not None:
        marks.append(Mark(float(best), "kept epoch", strong=True))
        note += " Dotted: the epoch whose weights were kept."
    return tuple(marks), note
