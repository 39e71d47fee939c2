"""``python -m econ_ae.evaluate RUN``: EMD of a model in its integer arithmetic, and of the chip's own algorithms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from asic_flow.errors import FlowError
from econ_ae.config import EvaluateConfig, explain
from econ_ae.errors import TrainingError
from econ_ae.quiet import quiet_tensorflow
from econ_ae.shipped import shipped_run
from hgcal_data.errors import DataError
from hgcal_data.files import atomic_write_text

if TYPE_CHECKING:
    from econ_ae.evaluation import Evaluation, Sample
    from econ_ae.model import IntegerModel
    from hgcal_data.readings import ModuleReadings

app = typer.Typer(add_completion=False)

_FIT_ROWS = 20000


def evaluate_run(
    run: Path, *, data: list[Path] | None = None, links: int | None = None
) -> tuple[list[dict[str, Any]], IntegerModel]:
    """Evaluate a run on its own test rows (then results are written to ``RUN/evaluate``) or on other files.

    Args:
        run: run folder.
        data: CSV or HDF5 files, of which all rows are evaluated; default: the run's test rows.
        links: link count; default: that of the run's only weight file.

    Returns:
        Result rows (schema of ``evaluate/metrics.json``) and the model.

    Raises:
        TrainingError: the run is incomplete.
        DataError: a file cannot be read.
    """
    result, model = evaluation_of(run, data=data, links=links)
    return result.results, model


def evaluation_of(
    run: Path,
    *,
    data: list[Path] | None = None,
    links: int | None = None,
    only: tuple[str, ...] | None = None,
    unseen: bool = False,
) -> tuple[Evaluation, IntegerModel]:
    """The whole evaluation of one run; arguments and errors as in `evaluate_run`.

    `only` names algorithms to evaluate; with `unseen` rows are left out whose pattern occurs among the training or validation
    rows: in quiet data the same few counts come again and again.
    """
    quiet_tensorflow()
    from econ_ae.dataset import TEST, TRAIN, load_data
    from econ_ae.evaluation import evaluate_methods, examples, write_results
    from econ_ae.model import IntegerModel
    from econ_ae.seen import unseen_rows
    from hgcal_data.config import load_file

    options = _options(run)
    model = IntegerModel.load(run, links)
    if data:
        readings = [load_file(path) for path in data]
        if unseen:
            readings = [unseen_rows(run, part) for part in readings]
        samples = [_sample(model, path.stem, part) for path, part in zip(data, readings, strict=True)]
        result = evaluate_methods(model, samples, _seeds(model), refine=options.refine, only=only)
        result.notes += [_provenance(run, model, path, part) for path, part in zip(data, readings, strict=True)]
        return result, model
    run_data = load_data(run / "data" / "readings.h5")
    readings = [
        run_data.readings.select(run_data.rows(TEST, i, options.events, options.seed))
        for i in range(len(run_data.samples))
    ]
    if unseen:
        readings = [unseen_rows(run, part) for part in readings]
    samples = [_sample(model, name, part) for name, part in zip(run_data.samples, readings, strict=True)]
    fit = run_data.charges(TRAIN, limit=_FIT_ROWS)
    result = evaluate_methods(model, samples, _seeds(model), fit, refine=options.refine, only=only)
    result.notes.append("test rows of the run: no training saw them")
    if unseen:
        result.notes.append("only rows whose pattern occurs nowhere among training and validation rows")
        return result, model
    shown = examples(model, samples, options.examples, options.seed, refine=options.refine)
    write_results(run / "evaluate", result, shown, options.seed)
    return result, model


def evaluate_seeds(
    runs: list[Path], *, data: list[Path] | None = None, links: int | None = None, unseen: bool = False
) -> tuple[Evaluation, IntegerModel]:
    """Mean and spread over runs of one configuration with different seeds.

    The chip's algorithms have no seed: on given files they are evaluated once.

    Raises:
        TrainingError: a run is incomplete, two runs have the same seed, or other links or another structure.
        DataError: a file cannot be read.
    """
    quiet_tensorflow()
    from econ_ae.spread import over_seeds

    if len(runs) > 1:
        _require_one_configuration(runs, links)
    first, model = evaluation_of(runs[0], data=data, links=links, unseen=unseen)
    results = [first]
    for run in runs[1:]:
        shared = bool(data) and not unseen
        other, _ = evaluation_of(run, data=data, links=links, only=("autoencoder",) if shared else None, unseen=unseen)
        if shared:
            other.results += [row for row in first.results if row["algorithm"] != "autoencoder"]
            other.other_decoders += [row for row in first.other_decoders if row["algorithm"] != "autoencoder"]
        results.append(other)
    result = over_seeds(results)
    if len(runs) > 1:
        result.notes.append(
            "figures are means over the seeds, with the standard deviation over seeds as _std"
            + ("" if data else "; every run was evaluated on its own test rows")
        )
    return result, model


def _require_one_configuration(runs: list[Path], links: int | None) -> None:
    """Refuse runs whose mean would mean nothing."""
    from econ_ae.model import IntegerModel

    models = [IntegerModel.load(run, links) for run in runs]
    seeds: list[int] = []
    for run, model in zip(runs, models, strict=True):
        kinds = [(m.links, m.latent_bits, m.structure.sha256) for m in (models[0], model)]
        if kinds[0] != kinds[1]:
            raise TrainingError(f"averaging over seeds: {run} has other links or another encoder than {runs[0]}")
        if set(seeds) & set(_seeds(model)):
            raise TrainingError(f"averaging over seeds: {run} has the seed {_seeds(model)[0]} of an earlier run")
        seeds += _seeds(model)


def _sample(model: IntegerModel, name: str, readings: ModuleReadings) -> Sample:
    from econ_ae.evaluation import Sample

    return Sample(name, readings.charges, model.module_inputs(readings))


def _provenance(run: Path, model: IntegerModel, path: Path, readings: ModuleReadings) -> str:
    """Whether training may have seen the rows of a file, in words: all of them are evaluated."""
    from econ_ae.seen import is_seen

    rows = f"{path.name}: all {len(readings)} rows were evaluated"
    if (run / "data" / "readings.h5").is_file():
        count = int(is_seen(run, readings).sum())
        return f"{rows}, {count} of them equal to a row the training or its validation saw"
    if "imported_from" in model.weights.provenance:
        return f"{rows}; the model was imported, what it was trained on is not recorded"
    sources = (model.weights.provenance.get("config") or {}).get("data", {}).get("sources", [])
    names = {Path(str(source["file"])).name for source in sources if source.get("file")}
    if path.name in names:
        return (
            f"{rows}; the model was trained on rows of a file of this name, so that training may have seen some of them"
        )
    return f"{rows}; the model was trained on other files ({', '.join(sorted(names)) or 'simulated modules'})"


def _options(run: Path) -> EvaluateConfig:
    """The ``evaluate`` section of the run's configuration, whatever version wrote the other sections.

    Raises:
        TrainingError: the section holds an unknown or wrong key.
    """
    path = run / "config.yml"
    if not path.is_file():
        return EvaluateConfig()
    try:
        content = yaml.safe_load(path.read_bytes())
        return EvaluateConfig.model_validate(content.get("evaluate") or {} if isinstance(content, dict) else {})
    except yaml.YAMLError as error:
        raise TrainingError(f"reading {path}: not valid YAML: {error}") from error
    except ValidationError as error:
        raise TrainingError(f"reading {path}, section evaluate: {explain(error)}") from error


def _seeds(model: IntegerModel) -> list[int]:
    seed = model.weights.provenance.get("seed")
    return [seed] if isinstance(seed, int) else []


def _tables(result: Evaluation, links: int) -> list[Table]:
    """One table per sample, 80 columns wide: every algorithm with its best decoder, on the same rows."""
    tables = []
    rows = result.results
    for sample in dict.fromkeys(row["sample"] for row in rows):
        chosen = [row for row in rows if row["sample"] == sample]
        title = f"{sample}: {chosen[0]['events']:,} modules, {links} links, EMD in half pitches"
        table = Table(title=title, title_justify="left")
        table.add_column("method", min_width=24)
        for column in ("bits", "mean", "median", "84 %", "sum err", "empty"):
            table.add_column(column, justify="right", no_wrap=True)
        keys = ["emd_median", "emd_q84", "sum_relative_error_mean", "empty_fraction"]
        for row in chosen:
            spread = row.get("emd_mean_std")
            mean = _text(row["emd_mean"]) + (f" ± {spread:.3f}" if spread else "")
            name = row["algorithm"].replace("_", " ")
            table.add_row(
                f"{name}, {row['rule']}" if row["rule"] else name, f"{row['payload_bits']:g}", mean,
                *(_text(row[key]) for key in keys),
            )  # fmt: skip
        tables.append(table)
    return tables


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


@app.command()
def main(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN...", help="run folder; several of one configuration with other seeds: mean and spread"
        ),
    ] = None,
    pretrained: Annotated[
        bool,
        typer.Option("--pretrained", help="the weights that ship with the package, in place of RUN; needs --links"),
    ] = False,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="CSV or HDF5 file with readings, of which all rows are evaluated (may be given several times); "
            "default: the run's test rows"
        ),
    ] = None,
    links: Annotated[
        int | None, typer.Option(min=1, max=5, help="link count; default: that of the only weight file")
    ] = None,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="only rows whose pattern occurs nowhere in the run's training data")
    ] = False,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="write the result rows to this file as JSON")
    ] = None,
) -> None:
    """EMD of a trained model in its integer arithmetic, beside the chip's own algorithms with the same bits.

    The results hold one row per algorithm and sample, with the algorithm's best decoding rule on these rows; the other
    rules follow in a list of their own.
    """
    try:
        folders = _folders(runs or [], pretrained, data, links)
        result, model = evaluate_seeds(folders, data=data, links=links, unseen=unseen)
        from econ_ae.evaluation import payload

        if json_path is not None:
            content = {"schema_version": 1, "run": ", ".join(str(folder) for folder in folders), **payload(result)}
            atomic_write_text(json_path, json.dumps(content, indent=2) + "\n")
        console = Console()
        for table in _tables(result, model.links):
            console.print(table)
        for note in result.notes:
            console.print(f"note: {note}", highlight=False)
    except (TrainingError, DataError, FlowError) as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


def _folders(runs: list[Path], pretrained: bool, data: list[Path] | None, links: int | None) -> list[Path]:
    """Run folders named on the command line; TrainingError if neither or both are named, or a folder does not exist."""
    if pretrained == bool(runs):
        raise TrainingError("evaluating: give either RUN folders or --pretrained --links N")
    if pretrained:
        if not data:
            raise TrainingError("evaluating --pretrained: the shipped weights have no test rows; give --data FILE")
        return [shipped_run(links, "evaluating --pretrained")]
    for run in runs:
        if not run.is_dir():
            raise TrainingError(
                f"evaluating {run}: no such run folder; train first: python -m econ_ae.train --config ..."
            )
    return runs


if __name__ == "__main__":
    app()
