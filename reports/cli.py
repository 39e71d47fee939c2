"""Command line: ``python -m reports RUN``."""

from __future__ import annotations

import json
import logging
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.table import Table

from reports.errors import ReportError
from reports.model import Results
from reports.render.text import answer, symbol, verdict_budget, verdict_value
from reports.write import write_report

app = typer.Typer(
    add_completion=True, pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]}
)


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            found = version("econ-ae")
        except PackageNotFoundError:
            found = "unknown (not installed)"
        Console().print(f"reports of econ-ae {found}")
        raise typer.Exit


@app.command(
    epilog="Examples: `python -m reports runs/demo`, `python -m reports runs/demo --json`, "
    "`python -m reports runs/demo -o /tmp/report`"
)
def report(
    run: Annotated[Path, typer.Argument(help="Run folder, for example runs/demo.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write to; default RUN/report.")
    ] = None,
    examples: Annotated[int, typer.Option(min=0, max=48, help="Example modules drawn as hexagon maps.")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Print verdicts, gaps and paths as JSON.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what is read and drawn.")] = False,
    show_version: Annotated[  # noqa: ARG001 (handled by its callback)
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Write report.html, report.md, results.json and figures/ from the result files of a run.

    Exit codes: 0 written and no question answered with no; 1 written, and a check failed or a budget is exceeded;
    2 the run folder or a file in it cannot be read.
    """
    errors = Console(stderr=True)
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(message)s", handlers=[RichHandler(console=errors)]
    )
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    folder = output if output is not None else run / "report"
    try:
        results = write_report(run, folder, examples)
    except (ReportError, OSError) as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True, highlight=False)
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(_summary(results, folder), indent=2, ensure_ascii=False))
    else:
        _print_summary(results, folder)
    raise typer.Exit(1 if results.failed else 0)


def _summary(results: Results, folder: Path) -> dict[str, object]:
    return {
        "schema_version": 1,
        "run": results.run_path,
        "failed": results.failed,
        "verdicts": [verdict.model_dump(mode="json") for verdict in results.verdicts],
        "gaps": [gap.model_dump(mode="json") for gap in results.gaps],
        "warnings": results.warnings,
        "files": {name: (folder / name).as_posix() for name in ("report.html", "report.md", "results.json")},
    }


def _print_summary(results: Results, folder: Path) -> None:
    console = Console()
    table = Table(title=f"Report of {results.run}", title_justify="left")
    for column in ("Question", "Answer", "Number", "Budget"):
        table.add_column(column)
    for verdict in results.verdicts:
        table.add_row(
            verdict.question,
            f"{symbol(verdict.status)} {answer(verdict.status)}",
            escape(verdict_value(verdict)),
            escape(verdict_budget(verdict)),
        )
    console.print(table)
    for gap in results.gaps:
        console.print(f"gap: {escape(gap.message)} {escape(gap.command)}", soft_wrap=True, highlight=False)
    for warning in results.warnings:
        console.print(f"warning: {escape(warning)}", soft_wrap=True, highlight=False)
    console.print(f"report: {escape((folder / 'report.html').as_posix())}", soft_wrap=True, highlight=False)


def main() -> None:
    """Entry point."""
    app()
