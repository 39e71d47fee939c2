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
from hgcal_data.errors import DataError
from hgcal_data.files import atomic_write_text

if TYPE_CHECKING:
    from econ_ae.model import IntegerModel

app = typer.Typer(add_completion=False)

_FIT_ROWS = 20000


def evaluate_run(
    run: Path, *, data: list[Path] | None = None, links: int | None = None
) -> tuple[list[dict[str, Any]], IntegerModel]:
    """Evaluate a run on its own test rows (then results are written to ``RUN/evaluate``) or on other files.

    Args:
        run: run folder.
        data: CSV or HDF5 files; default: the run's test rows.
        links: link count; default: that of the run's only weight file.

    Returns:
        Result rows (schema of ``evaluate/metrics.json``) and the model.

    Raises:
        TrainingError: the run is incomplete.
        DataError: a file cannot be read.
    """
    quiet_tensorflow()
    from econ_ae.dataset import TEST, TRAIN, load_data
    from econ_ae.evaluation import Sample, evaluate, examples, write_results
    from econ_ae.model import IntegerModel
    from hgcal_data.config import load_file

    options = _options(run)
    model = IntegerModel.load(run, links)
    if data:
        samples = [Sample(path.stem, load_file(path).charges) for path in data]
        return evaluate(model, samples, _seeds(model), refine=options.refine), model
    run_data = load_data(run / "data" / "readings.h5")
    samples = [
        Sample(name, run_data.charges(TEST, i, options.events, options.seed)) for i, name in enumerate(run_data.samples)
    ]
    rows = evaluate(model, samples, _seeds(model), run_data.charges(TRAIN, limit=_FIT_ROWS), refine=options.refine)
    write_results(
        run / "evaluate",
        rows,
        examples(model, samples, options.examples, options.seed, refine=options.refine),
        options.seed,
    )
    return rows, model


def _options(run: Path) -> EvaluateConfig:
    """The ``evaluate`` section of the run's configuration, whatever version wrote the other sections.

    Raises:
        TrainingError: the section holds an unknown or wrong key.
    """
    path = run / "config.yml"
    if not path.is_file():
        return EvaluateConfig()
    try:
        content = yaml.safe_load(path.read_text())
        return EvaluateConfig.model_validate(content.get("evaluate") or {} if isinstance(content, dict) else {})
    except yaml.YAMLError as error:
        raise TrainingError(f"reading {path}: not valid YAML: {error}") from error
    except ValidationError as error:
        raise TrainingError(f"reading {path}, section evaluate: {explain(error)}") from error


def _seeds(model: IntegerModel) -> list[int]:
    seed = model.weights.provenance.get("seed")
    return [seed] if isinstance(seed, int) else []


def _tables(rows: list[dict[str, Any]], model: IntegerModel) -> list[Table]:
    """One table per sample: every method on the same rows."""
    tables = []
    for sample in dict.fromkeys(row["sample"] for row in rows):
        chosen = [row for row in rows if row["sample"] == sample]
        title = f"{sample}: {chosen[0]['events']:,} modules, {model.links} links, EMD in half pitches"
        table = Table(title=title, title_justify="left")
        table.add_column("method")
        for column in ("bits", "mean", "median", "16 %", "84 %", "sum err", "empty"):
            table.add_column(column, justify="right")
        for row in chosen:
            numbers = [_text(row[f"emd_{key}"]) for key in ("mean", "median", "q16", "q84")]
            numbers += [_text(row["sum_relative_error_mean"]), _text(row["empty_fraction"])]
            name = row["algorithm"].replace("_", " ")
            table.add_row(f"{name}, {row['rule']}" if row["rule"] else name, str(row["payload_bits"]), *numbers)
        tables.append(table)
    return tables


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


@app.command()
def main(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="run folder")],
    data: Annotated[
        list[Path] | None,
        typer.Option(help="CSV or HDF5 file with readings (may be given several times); default: the run's test rows"),
    ] = None,
    links: Annotated[
        int | None, typer.Option(min=1, max=5, help="link count; default: that of the only weight file")
    ] = None,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="write the result rows to this file as JSON")
    ] = None,
) -> None:
    """EMD of a trained model in its integer arithmetic, beside the chip's own algorithms with the same bits."""
    try:
        if not run.is_dir():
            raise TrainingError(
                f"evaluating {run}: no such run folder; train first: python -m econ_ae.train --config ..."
            )
        rows, model = evaluate_run(run, data=data, links=links)
        console = Console()
        if json_path is not None:
            payload = {"schema_version": 1, "run": str(run), "results": rows}
            atomic_write_text(json_path, json.dumps(payload, indent=2) + "\n")
        for table in _tables(rows, model):
            console.print(table)
    except (TrainingError, DataError, FlowError) as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    app()
