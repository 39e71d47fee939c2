"""Terminal output that the commands share."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

_PLAIN_WIDTH = 130

out = Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)
err = Console(stderr=True)

JsonOption = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
LinksOption = Annotated[int | None, typer.Option(min=1, max=5, help="link count; default: the only weight file")]


def table(title: str, columns: list[str]) -> Table:
    """A table whose first column is text and whose others are numbers."""
    result = Table(title=title, title_justify="left")
    for index, name in enumerate(columns):
        result.add_column(name, justify="left" if index == 0 else "right")
    return result


def show(content: dict[str, Any], as_json: bool, tables: list[Table]) -> None:
    """Print a result, as JSON or as tables with its verdict; end with exit code 1 if a check failed.

    Raises:
        typer.Exit: the verdict is not ``pass``.
    """
    if as_json:
        sys.stdout.write(json.dumps(content, indent=1) + "\n")
    else:
        for item in tables:
            out.print(item)
        out.print(f"verdict: {content['verdict']}")
    if content["verdict"] != "pass":
        raise typer.Exit(1)
