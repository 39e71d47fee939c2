"""Command line of the search."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from asic_flow.errors import FlowError
from econ_ae.errors import TrainingError
from hgcal_data.errors import DataError

if TYPE_CHECKING:
    import optuna

app = typer.Typer(add_completion=False)


def _table(content: dict[str, Any], folder: Path) -> Table:
    names = [item["name"] for item in content["objectives"]]
    keys = list(next((row["point"] for row in content["trials"] if row["point"]), {}))
    counts = {state: sum(row["state"] == state for row in content["trials"]) for state in ("complete", "failed")}
    table = Table(
        title=f"Pareto front of {content['name']}: {counts['complete']} trials, {counts['failed']} failed",
        title_justify="left", caption=f"{folder}/results.json, pareto.png, study.db",
    )  # fmt: skip
    table.add_column("trial", justify="right")
    for item in content["objectives"]:
        table.add_column(f"{item['name'].replace('_', ' ')} ({item['unit']})", justify="right", overflow="fold")
    if content["score"]:
        table.add_column("score", justify="right")
    for key in keys:
        table.add_column(re.sub(r"[._]", " ", key.removeprefix("encoder.")), justify="right", overflow="fold")
    for row in content["trials"]:
        if row["number"] not in (*content["pareto"], content["best"]):
            continue
        cells = [f"{row['number']}{' best' if row['number'] == content['best'] else ''}"]
        cells += [f"{row['numbers'][name]:.5g}" for name in names]
        cells += [f"{row['score']:.4g}"] if content["score"] else []
        table.add_row(*cells, *[str(row["point"][key]) for key in keys])
    return table


@app.command()
def main(
    config: Annotated[Path, typer.Option("--config", help="YAML file of the scan, for example configs/scan.yml")],
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="trials in all, earlier starts included; default: the file's")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="trials at a time; default: the file's")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", help="folder of the scan; default: the file's")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the results as JSON")] = False,
) -> None:
    """Search encoders: EMD against energy, area proxy or weight bits. Run it again to continue."""
    console = Console()
    try:
        from econ_ae.scan.config import load_scan
        from econ_ae.scan.results import write_results
        from econ_ae.scan.study import run_scan

        scan = load_scan(config)
        changes = {"trials": trials, "workers": workers, "output": output}
        scan = scan.model_copy(update={key: value for key, value in changes.items() if value is not None})
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        progress = Progress(
            *columns, TextColumn("{task.fields[state]}"), console=console, disable=as_json or not console.is_terminal
        )
        with progress:
            task = progress.add_task(f"scan {scan.name}", total=scan.trials, state="")

            def report(study: optuna.Study) -> None:
                content = write_results(scan, study)
                states = [row["state"] for row in content["trials"]]
                done, failed = states.count("complete"), states.count("failed")
                progress.update(task, completed=done + failed, state=f"{failed} failed, front {len(content['pareto'])}")

            study = run_scan(scan, report)
        content = write_results(scan, study)
        if as_json:
            typer.echo(json.dumps(content, indent=2))
        else:
            console.print(_table(content, scan.output))
    except (TrainingError, DataError, FlowError) as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error
    if not any(row["state"] == "complete" for row in content["trials"]):
        Console(stderr=True).print(f"[bold red]error:[/] every trial failed; see {scan.output}/results.json")
        raise typer.Exit(1)
