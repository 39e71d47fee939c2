"""Command line of the package: simulate, convert, inspect, baselines."""

from __future__ import annotations

import json
import logging
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from hgcal_data.errors import DataError

if TYPE_CHECKING:
    from hgcal_data.simulate.targets import SampleTarget

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Module readings: simulate, convert, inspect, compare baselines."
)
_out = Console()
_err = Console(stderr=True)

JsonFlag = Annotated[bool, typer.Option("--json", help="print one JSON document instead of tables")]
SeedOption = Annotated[int, typer.Option(help="seed of the random numbers", min=0)]


def _print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


def _table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    table = Table(title=title, title_justify="left")
    for i, name in enumerate(columns):
        table.add_column(name, justify="left" if i == 0 else "right")
    for row in rows:
        table.add_row(*row)
    width = None if _out.is_terminal else 160
    _out.print(table, width=width)


@app.command()
def simulate(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="HDF5 file to write; with --validate: folder")
    ] = None,
    sample: Annotated[
        str,
        typer.Option(
            help="pileup, ttbar, jets or electrons; with --generator pythia: minbias, ttbar, vbf_higgs, electrons, "
            "photons or pions"
        ),
    ] = "ttbar",
    generator: Annotated[
        str, typer.Option(help="parametrised, or pythia (extra 'generators') for the collision of interest")
    ] = "parametrised",
    readings: Annotated[int, typer.Option(help="number of module readings")] = 20_000,
    pileup: Annotated[float, typer.Option(help="mean number of pile-up collisions")] = 200.0,
    pt: Annotated[tuple[float, float], typer.Option(help="lowest and highest pT of jets or single particles, GeV")] = (
        20.0,
        20.0,
    ),
    noise: Annotated[str, typer.Option(help="begin or end of life, or none")] = "begin",
    signal_only: Annotated[
        bool, typer.Option("--signal-only", help="keep only modules in which the signal left energy")
    ] = False,
    seed: SeedOption = 1,
    validate: Annotated[
        bool, typer.Option("--validate", help="print our statistics beside the published ones")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Simulate module readings, or with --validate compare the simulation with published statistics."""
    if validate:
        _validate(seed, output, as_json)
        return
    if output is None:
        raise DataError("simulating: no output file; add --output FILE.h5 (or --validate)")
    from hgcal_data.simulate import SimulationConfig

    try:
        config = SimulationConfig.model_validate(
            {
                "sample": sample,
                "generator": generator,
                "readings": readings,
                "pileup": pileup,
                "pt_min": pt[0],
                "pt_max": pt[1],
                "noise": noise,
                "signal_only": signal_only,
            }
        )
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'options'}: {e['msg']}" for e in error.errors())
        raise DataError(f"simulating: {problems}") from error
    started = time.monotonic()
    _write_simulation(config, seed, output)
    seconds = time.monotonic() - started
    if as_json:
        _print_json({"file": str(output), "readings": readings, "seconds": seconds})
    else:
        _out.print(
            f"{output}: {readings} readings of {sample} in {seconds:.1f} s ({60 * readings / seconds:,.0f} per minute)"
        )


def _write_simulation(config: Any, seed: int, output: Path) -> None:
    import h5py

    from hgcal_data.files import atomic_path
    from hgcal_data.readings import ReadingsWriter
    from hgcal_data.simulate import simulate_blocks

    with (
        Progress(console=_err, disable=not _err.is_terminal) as progress,
        atomic_path(output) as temporary,
        h5py.File(temporary, "w") as handle,
    ):
        task = progress.add_task("simulating", total=config.readings)
        writer: ReadingsWriter | None = None
        for block in simulate_blocks(config, seed):
            if writer is None:
                writer = ReadingsWriter(handle, config.sample, block.provenance)
            writer.append(block)
            progress.update(task, advance=len(block))


def _validate(seed: int, output: Path | None, as_json: bool) -> None:
    from hgcal_data.simulate.validate import validate
    from hgcal_data.simulate.validation_plots import document, write_validation

    if output is not None and output.is_file():
        raise DataError(f"validating: {output} is a file, expected a folder; name another with --output")
    lines = validate(seed)
    if output is not None:
        write_validation(lines, output, seed)
    good = sum(line.good for line in lines)
    if as_json:
        _print_json(document(lines, seed))
        return
    rows = [
        [
            line.group,
            line.quantity,
            f"{line.ours:.3g}",
            f"{line.published:.3g}",
            f"{100 * line.deviation:.0f} %" + ("" if line.good else " *"),
        ]
        for line in lines
    ]
    _table(
        "Simulation beside published statistics (* = over 15 %)",
        ["what", "quantity", "ours", "published", "deviation"],
        rows,
    )
    _out.print(f"{good} of {len(lines)} targets within 15 %")


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="CSV in a public layout, ROOT trigger ntuple, or HDF5")],
    target: Annotated[Path, typer.Argument(help="HDF5 file to write")],
    sample: Annotated[str, typer.Option(help="name of the sample")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Convert a file of readings to HDF5 in bounded memory; empty rows are dropped and counted.

    CSV is read in blocks of 1 MiB, HDF5 in blocks of 65,536 rows (24 MB of charges), ROOT event by event in blocks of
    uproot. Measured on CSV with 'asic_flow bench streaming': 250 MB of resident memory for 10,000,000 rows.
    """
    from hgcal_data.convert import convert as run

    started = time.monotonic()
    done = run(source, target, sample)
    seconds = time.monotonic() - started
    if as_json:
        _print_json({**asdict(done), "file": str(target), "seconds": seconds})
    else:
        _out.print(
            f"{target}: {done.rows_written} rows written, {done.dropped_empty} empty rows dropped, {seconds:.1f} s"
        )


def _published_cells(target: SampleTarget) -> list[str]:
    """Published values in the rows of ``inspect``, from the occupied cells to the correlations."""
    q16, median, q84, mean = target.occupied
    return [
        f"{median:g} [{q16:g}, {q84:g}], {mean:.2f}",
        f"{target.above_mip:.2f}",
        f"{target.log_sum[0]:.2f}, {target.log_sum[1]:.2f}",
        "",
        " ".join(f"{x:.3f}" for x in target.fractions),
        f"{target.correlation[0]:.3f} / {target.correlation[1]:.3f}",
    ]


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="CSV or HDF5 file of readings")],
    plot: Annotated[
        Path | None, typer.Option(help="write the figures to this PNG; default: FILE_inspect.png here")
    ] = None,
    no_plot: Annotated[bool, typer.Option("--no-plot", help="statistics only")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Print and draw the statistics of a file of readings."""
    from hgcal_data.config import load_file
    from hgcal_data.published import published_statistics, published_target
    from hgcal_data.summary import summarise

    readings = load_file(file)
    try:
        s = summarise(readings.charges)
    except ValueError as error:
        raise DataError(f"inspecting {file}: {error}") from error
    figure = None if no_plot else (plot or Path(f"{file.stem}_inspect.png"))
    if figure is not None:
        from hgcal_data.plots import inspection_figure

        inspection_figure(readings, figure)
    dropped = int(readings.provenance.get("empty_rows_dropped", "0")) + s.empty
    if as_json:
        document = {"file": str(file), "sample": readings.sample, "empty_rows": dropped, **s.as_dict()}
        _print_json(document | {"published": published_statistics(readings.sample)})
        return
    beside = published_target(readings.sample)
    rows = [
        ["rows (empty rows left out)", f"{s.rows} ({dropped})"],
        [
            "cells > 0: median [16 %, 84 %], mean",
            f"{s.occupied_median:g} [{s.occupied_q16:g}, {s.occupied_q84:g}], {s.occupied_mean:.2f}",
        ],
        ["cells > 1 MIP_T, mean", f"{s.above_mip:.2f}"],
        ["log10(sum / MIP_T), mean and std", f"{s.log_sum_mean:.2f}, {s.log_sum_std:.2f}"],
        ["log10(max / MIP_T), mean and std", f"{s.log_max_mean:.2f}, {s.log_max_std:.2f}"],
        ["mean sorted charge fractions 1..6", " ".join(f"{x:.3f}" for x in s.fractions)],
        ["log-charge correlation, neighbours / others", f"{s.corr_neighbour:.3f} / {s.corr_other:.3f}"],
        ["other columns", ", ".join(readings.columns) or "none"],
    ]
    columns = ["quantity", "value"]
    if beside is not None:
        columns.append(f"published ({beside.file})")
        rows = [[*row, text] for row, text in zip(rows, ["", *_published_cells(beside), ""], strict=True)]
    _table(f"{file} (sample {readings.sample})", columns, rows)
    if figure is not None:
        _out.print(f"figures: {figure}")


@app.command()
def baselines(
    file: Annotated[Path, typer.Argument(help="CSV or HDF5 file of readings")],
    links: Annotated[int, typer.Option(help="e-links", min=1, max=13)] = 5,
    rows: Annotated[int, typer.Option(help="rows compared (others fit the decoders)", min=10)] = 1000,
    density: Annotated[str, typer.Option(help="LD (drop 1 bit) or HD (drop 3 bits)")] = "LD",
    seed: SeedOption = 20250101,
    as_json: JsonFlag = False,
) -> None:
    """Compare the chip's other algorithms at equal links, after quantisation to their real packets."""
    from hgcal_data.baselines.compare import compare, split_rows
    from hgcal_data.config import load_file
    from hgcal_data.frontend import DROPPED_BITS

    if density not in DROPPED_BITS:
        raise DataError(f"comparing baselines: density {density!r}, expected LD or HD")
    readings, _ = load_file(file).without_empty()
    if len(readings) < 20:
        raise DataError(f"comparing baselines on {file}: {len(readings)} rows with charge, expected at least 20")
    test, train = split_rows(len(readings), rows, seed)
    results = compare(readings.charges[test], readings.charges[train], links, DROPPED_BITS[density])
    if as_json:
        _print_json({"file": str(file), "links": links, "rows": len(test), "results": [asdict(r) for r in results]})
        return
    names = [f"{r.algorithm}, {r.rule}" for r in results]
    summary = [
        [
            name,
            f"{r.bits:.0f}",
            f"{r.emd_uniform:.3f}",
            f"{r.emd.mean:.3f}",
            f"{r.sum_error:.3f}",
            f"{r.empty_fraction:.3f}",
        ]
        for name, r in zip(names, results, strict=True)
    ]
    columns = ["algorithm, rule", "bits", "EMD*", "EMD", "sum error", "empty"]
    _table(
        f"{file}: {links} links ({32 * links} bits), {len(test)} rows; *: empty charged as uniform", columns, summary
    )
    bins = [[name, *(f"{b.emd:.2f}" for b in r.bins)] for name, r in zip(names, results, strict=True)]
    labels = [f"{b.label}\n({b.events})" for b in results[0].bins]
    _table("EMD* by cells above 1 MIP_T (events)", ["algorithm, rule", *labels], bins)


def main() -> None:
    """Entry point: one clear message and exit code 2 for wrong usage or bad input."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app()
    except DataError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(2) from None
