"""Data, reconstruction quality, examples, latents and training."""

from __future__ import annotations

from reports.build.physics import best_per_algorithm
from reports.build.verdicts import occupancy_label
from reports.inputs import SampleStatistics, SampleValues, TrainMetrics
from reports.model import AlgorithmResult, Physics, Results
from reports.reference import (
    AUTOENCODER,
    EMD_OF_A_LOST_MODULE,
    LINK_BITS,
    PUBLIC_FILES,
    PUBLIC_FILES_SOURCE,
    PUBLIC_MODEL_EMD,
)
from reports.render.document import Block, Paragraph, Table, figure_rows
from reports.render.text import NONE_TEXT, decimals, emd, number, percent, seconds

_QUANTITIES = (
    ("Cells with charge, mean", "occupancy_mean"),
    ("Median", "occupancy_median"),
    ("Cells above 1 MIP_T, mean", "occupancy_1mip_mean"),
    ("log10(sum / MIP_T), mean", "log10_sum_mip_mean"),
    ("Standard deviation", "log10_sum_mip_std"),
)


def data_blocks(results: Results) -> list[Block]:
    """Statistics of every sample beside the published ones."""
    if not results.data:
        return []
    origin = {True: "The samples are simulated.", False: "The samples are read from files.", None: ""}
    columns = ("Sample", "Modules", "Empty, dropped", *(label for label, _ in _QUANTITIES))
    caption = "Samples; published values in brackets" if any(s.published for s in results.data) else "Samples"
    rows = tuple(_statistics_row(sample) for sample in results.data)
    return [
        Paragraph(
            "One row is one module in one bunch crossing: 48 trigger-cell sums. "
            f"35 counts are one transverse MIP (MIP_T). {origin[results.simulated]}"
        ),
        Table(caption, columns, rows, frozenset(range(1, len(columns))), stack=True),
        *_public_files(results),
        *_shares(results),
        *figure_rows(results, "data"),
    ]


def _statistics_row(sample: SampleStatistics) -> tuple[str, ...]:
    published = sample.published or SampleValues()
    values = (_beside(getattr(sample, key), getattr(published, key)) for _, key in _QUANTITIES)
    return (sample.name, f"{sample.rows:,}", f"{sample.dropped_zero_rows:,}", *values)


def _beside(value: float | None, published: float | None) -> str:
    return decimals(value) if published is None else f"{decimals(value)} ({decimals(published)})"


def _needs_public_files(results: Results) -> bool:
    """Whether some sample does not bring published values of its own."""
    return any(sample.published is None for sample in results.data)


def _public_files(results: Results) -> list[Table]:
    """Statistics of the public files, where samples have no published counterpart of their own."""
    if not _needs_public_files(results):
        return []
    rows = tuple(
        (name, f"{count:,}", *(decimals(value) for value in values)) for name, count, *values, _ in PUBLIC_FILES
    )
    columns = ("File", "Modules", *(label for label, _ in _QUANTITIES))
    caption = f"For comparison: {PUBLIC_FILES_SOURCE}"
    return [Table(caption, columns, rows, frozenset(range(1, len(columns))), stack=True)]


def _shares(results: Results) -> list[Table]:
    """Mean charge share of the largest cells, ours first, then the published ones."""
    found = [(sample.name, sample.sorted_fractions) for sample in results.data]
    found += [(f"{s.name}, published", s.published.sorted_fractions) for s in results.data if s.published is not None]
    if _needs_public_files(results):
        found += [(f"{name}, public file", list(shares)) for name, *_, shares in PUBLIC_FILES]
    given = [(name, shares) for name, shares in found if shares]
    if not given:
        return []
    width = max(len(shares) for _, shares in given)
    rows = tuple(
        (name, *(_share(share) for share in shares), *[NONE_TEXT] * (width - len(shares))) for name, shares in given
    )
    columns = ("Sample", *(str(rank) for rank in range(1, width + 1)))
    caption = "Mean share of the module's charge, largest cell first"
    return [Table(caption, columns, rows, frozenset(range(1, width + 1)))]


def _share(value: float | None) -> str:
    return NONE_TEXT if value is None else f"{value:.2f}"


def physics_blocks(results: Results) -> list[Block]:
    """EMD beside references at equal links: figures, occupancy table, all rules."""
    physics = results.physics
    if physics is None:
        return []
    low, high = PUBLIC_MODEL_EMD
    blocks: list[Block] = [
        Paragraph(
            "EMD is the earth mover's distance between the true and the reconstructed charge pattern of a module, in "
            "half pitches of a trigger cell (1.2084 cm); 0 is perfect. The references are the chip's own algorithms on "
            "the same modules, the same links and with their best decoding rule. Tables and figures leave empty "
            f"reconstructions out; the ranking charges each {EMD_OF_A_LOST_MODULE:g} half pitches, the cost of a "
            "uniform guess on a sparse module. For scale: the public reference autoencoders reach "
            f"{low} to {high} with 9-bit latents (5 links) on the public files."
        ),
        *figure_rows(results, "physics"),
        _by_sample(physics),
        _by_occupancy(physics),
        *_by_links(physics),
        _all_rules(physics),
    ]
    return blocks


def _by_sample(physics: Physics) -> Table:
    samples = [physics.headline_sample, *(s for s in physics.samples if s != physics.headline_sample)]
    algorithms = list(
        dict.fromkeys(r.algorithm for s in samples for r in best_per_algorithm(physics, s, physics.links))
    )
    rows, names = [], {r.algorithm: r.short_label for r in physics.results}
    for sample in samples:
        found = {r.algorithm: r for r in best_per_algorithm(physics, sample, physics.links)}
        events = max((r.events for r in found.values()), default=0)
        values = (emd(found[a].emd_mean) if a in found else NONE_TEXT for a in algorithms)
        rows.append((f"{_sample(sample)} ({events:,})", *values))
    return Table(
        f"Mean EMD (half pitches) per sample at {physics.links} links, best rule of each algorithm ({_key(physics)})",
        ("Sample (modules)", *(names[a] for a in algorithms)),
        tuple(rows),
        frozenset(range(1, len(algorithms) + 1)),
        strong=frozenset({0}),
    )


def _by_occupancy(physics: Physics) -> Table:
    results = best_per_algorithm(physics, physics.headline_sample, physics.links)
    edges = sorted({(b.low, b.high) for r in results for b in r.by_occupancy}, key=lambda e: (e[0], e[1] or 99))
    rows = []
    for edge in edges:
        found = [next((b for b in r.by_occupancy if (b.low, b.high) == edge), None) for r in results]
        events = max((b.events for b in found if b is not None), default=0)
        rows.append((occupancy_label(*edge), f"{events:,}", *(emd(b.emd_half_pitches if b else None) for b in found)))
    rows.append(("all", f"{physics.autoencoder.events:,}", *(emd(r.emd_mean) for r in results)))
    return Table(
        f"Mean EMD (half pitches) by cells above 1 MIP_T, {_sample(physics.headline_sample)}, {physics.links} links",
        ("Cells", "Modules", *(r.short_label for r in results)),
        tuple(rows),
        frozenset(range(1, len(results) + 2)),
        strong=frozenset({len(rows) - 1}),
    )


def _by_links(physics: Physics) -> list[Table]:
    """One line per link count; no table when only one was evaluated."""
    counts = sorted({r.links for r in physics.results if r.algorithm == AUTOENCODER})
    if len(counts) < 2:
        return []
    best = {n: best_per_algorithm(physics, physics.headline_sample, n) for n in counts}
    algorithms = {r.algorithm: r.short_label for n in counts for r in best[n]}
    rows = []
    for n in counts:
        found = {r.algorithm: r.emd_mean for r in best[n]}
        rows.append((str(n), f"{LINK_BITS * n}", *(emd(found.get(a)) for a in algorithms)))
    caption = f"Mean EMD (half pitches) by link count, {_sample(physics.headline_sample)}"
    columns = ("Links", "Bits", *algorithms.values())
    strong = frozenset({counts.index(physics.links)})
    return [Table(caption, columns, tuple(rows), frozenset(range(1, len(columns))), strong=strong)]


def _all_rules(physics: Physics) -> Table:
    place = (physics.headline_sample, physics.links)
    chosen = [r for r in physics.results if (r.sample, r.links) == place]
    chosen.sort(key=lambda r: (r.algorithm != AUTOENCODER, r.emd_mean if r.emd_mean is not None else 1e9))
    return Table(
        f"All algorithms and decoding rules, {_sample(place[0])}, {place[1]} links; EMD in half pitches",
        ("Algorithm, rule", "Bits", "EMD mean", "EMD median", "16 % – 84 %", "Sum error", "Empty"),
        tuple(_rule_row(result) for result in chosen),
        frozenset(range(1, 7)),
        stack=True,
        strong=frozenset(i for i, result in enumerate(chosen) if result.algorithm == AUTOENCODER),
    )


def _rule_row(result: AlgorithmResult) -> tuple[str, ...]:
    return (
        result.full_label,
        number(result.payload_bits),
        emd(result.emd_mean),
        emd(result.emd_median),
        f"{emd(result.emd_q16)} – {emd(result.emd_q84)}",
        percent(result.sum_relative_error_mean),
        percent(result.empty_fraction),
    )


def _key(physics: Physics) -> str:
    """The abbreviations of the column headings."""
    names = {r.short_label: r.label for r in physics.results if r.short_label != r.label}
    return ", ".join(f"{short} {label}" for short, label in names.items())


def _sample(name: str) -> str:
    return "all samples" if name == "all" else name


def example_blocks(results: Results) -> list[Block]:
    """Hexagon maps, one row per module, with the latents that were sent."""
    if not results.examples:
        return []
    blocks: list[Block] = [
        Paragraph(
            "Each row is one test module: the true charge of its 48 trigger cells, what the decoder makes of the "
            "latents, and the difference. True and reconstructed share one scale. White cells hold no charge; in the "
            "difference, + marks cells that came out too high and − those that came out too low."
        )
    ]
    rows = figure_rows(results, "examples")
    for number_, (row, example) in enumerate(zip(rows, results.examples, strict=True), start=1):
        latents = " ".join(map(str, example.latents)) or NONE_TEXT
        distance = "not defined" if example.emd_half_pitches is None else f"{example.emd_half_pitches:.3f} half pitches"
        blocks += [
            Paragraph(f"Module {number_}, {example.sample}: EMD {distance}; latents: `{latents}`."),
            row,
        ]
    return blocks


def latent_blocks(results: Results) -> list[Block]:
    """Spread of the latents."""
    if not results.latents:
        where = "; the latents of the example modules stand above." if results.examples else "."
        return [Paragraph(f"Latent statistics are not part of this evaluation{where}")]
    rows = tuple(
        (
            str(entry.index),
            number(entry.mean),
            number(entry.std),
            percent(entry.zero_fraction),
            percent(entry.saturated_fraction),
        )
        for entry in results.latents
    )
    columns = ("Latent", "Mean (LSB)", "Std (LSB)", "Zero", "Saturated")
    return [
        *figure_rows(results, "latents"),
        Table("Latents over the test modules", columns, rows, frozenset(range(5))),
    ]


def training_blocks(results: Results) -> list[Block]:
    """Training settings and curve."""
    training = results.training
    if training is None:
        return figure_rows(results, "training")
    best = NONE_TEXT
    if training.best_epoch is not None:
        best = f"{training.best_epoch} (validation loss {number(training.best_val_loss, 4)})"
    rows = (
        ("Model", training.model or NONE_TEXT),
        ("Arithmetic profile", training.profile),
        ("Links, latent bits", f"{training.links} links, {training.latent_bits} bits per latent"),
        ("Parameters", f"{training.parameters:,} weights in {training.weight_bits:,} bits"),
        ("Modules", f"{training.train_events:,} training, {training.validation_events:,} validation"),
        ("Epochs", f"{training.epochs}"),
        ("Best epoch", best),
        ("Seed", str(training.seed)),
        ("Time", seconds(training.seconds)),
    )
    table = Table("Training", ("Setting", "Value"), rows)
    return [*figure_rows(results, "training"), table, *_energy(training), *_decoding(results)]


def _energy(training: TrainMetrics) -> list[Block]:
    """Energy by layer after published operation costs."""
    if training.energy_uj is None:
        return []
    rows = [(name, f"{1000 * value:.4g}") for name, value in training.energy_uj_per_layer.items()]
    rows.append(("all layers", f"{1000 * training.energy_uj:.4g}"))
    caption = (
        f"Energy of one inference (nJ): {training.energy_model}; a yardstick between models, not this chip's power"
    )
    return [Table(caption, ("Layer", "nJ"), tuple(rows), frozenset({1}), strong=frozenset({len(rows) - 1}))]


def _decoding(results: Results) -> list[Block]:
    """How the answers of the decoding by synthesis are mixed."""
    if results.decoding is None:
        return []
    entries = results.decoding.mixture
    rows = tuple((f"from {entry.hits_from}", *(percent(share) for share in entry.shares)) for entry in entries)
    columns = ("Hit cells", *(name.capitalize() for name in results.decoding.answers))
    caption = (
        "Decoding off the detector: shares of the network's answer, of its correction, and of sampled whole counts"
    )
    return [Table(caption, columns, rows, frozenset(range(1, len(columns))))]
