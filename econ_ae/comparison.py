"""``python -m econ_ae.comparison``: several evaluations in one table, beside the chip's own algorithms at the same links."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from econ_ae.errors import TrainingError
from hgcal_data.files import atomic_write_text

app = typer.Typer(add_completion=False)

MODEL = "autoencoder"


@dataclass(frozen=True)
class Evaluated:
    """One evaluation file and the name of its model in the table."""

    title: str
    results: list[dict[str, Any]]
    other_decoders: list[dict[str, Any]]

    @property
    def links(self) -> int:
        """Link count of the evaluation."""
        return int(self.results[0]["links"])

    @property
    def samples(self) -> list[str]:
        """Names of the samples, without the row of all together."""
        return [name for name in dict.fromkeys(row["sample"] for row in self.results) if name != "all"]


def read_evaluation(argument: str) -> Evaluated:
    """Evaluation named as ``FILE`` or ``TITLE=FILE``; the file is what `econ_ae.evaluate` writes.

    Raises:
        TrainingError: the file is missing or is no evaluation.
    """
    title, found, name = argument.rpartition("=")
    path = Path(name)
    try:
        content = json.loads(path.read_bytes())
        part = Evaluated(title if found else MODEL, content["results"], content["other_decoders"])
        if MODEL not in {row["algorithm"] for row in part.results}:
            raise KeyError(MODEL)
        return part
    except OSError as error:
        raise TrainingError(f"reading {path}: {error.strerror}; write it with econ_ae.evaluate --json") from error
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"reading {path}: not an evaluation ({error}); write it with python -m econ_ae.evaluate --json"
        ) from error


def comparison(parts: Sequence[Evaluated]) -> str:
    """Markdown table: by link count the models, then the chip's algorithms; one column per sample.

    A model whose network alone was evaluated beside its refined answer has both lines.

    Raises:
        TrainingError: evaluations of different samples or different numbers of rows.
    """
    samples = parts[0].samples
    events = _events(parts[0])
    for part in parts[1:]:
        if _events(part) != events:
            raise TrainingError(f"comparing {part.title!r}: it was evaluated on {_events(part)}, the first on {events}")
    lines = [
        "| links | bits | algorithm | " + " | ".join(f"{name} ({events[name]:,})" for name in samples) + " |",
        "|---:|---:|---|" + "---:|" * len(samples),
    ]
    for links in sorted({part.links for part in parts}):
        same = [part for part in parts if part.links == links]
        for part in same:
            lines += _model_lines(part, samples)
        others = [name for name in dict.fromkeys(row["algorithm"] for row in same[0].results) if name != MODEL]
        lines += [_line(name.replace("_", " "), same[0].results, name, samples) for name in others]
    return "\n".join(lines) + "\n"


def _events(part: Evaluated) -> dict[str, int]:
    return {
        row["sample"]: row["events"] for row in part.results if row["algorithm"] == MODEL and row["sample"] != "all"
    }


def _model_lines(part: Evaluated, samples: list[str]) -> list[str]:
    lines = [_line(f"**{part.title}**", part.results, MODEL, samples)]
    alone = [row for row in (*part.results, *part.other_decoders) if row["rule"] == "network"]
    if alone and any(row["rule"] != "network" for row in part.results if row["algorithm"] == MODEL):
        lines.append(_line(f"{part.title}, decoder network alone", alone, MODEL, samples))
    return lines


def _line(title: str, rows: list[dict[str, Any]], algorithm: str, samples: list[str]) -> str:
    chosen = {row["sample"]: row for row in rows if row["algorithm"] == algorithm}
    bits = sorted({float(row["payload_bits"]) for name, row in chosen.items() if name in samples})
    span = f"{bits[0]:.0f}" if len({round(value) for value in bits}) == 1 else f"{bits[0]:.0f}-{bits[-1]:.0f}"
    cells = [mean_text(chosen.get(name)) for name in samples]
    return f"| {next(iter(chosen.values()))['links']} | {span} | {title} | " + " | ".join(cells) + " |"


def mean_text(row: dict[str, Any] | None) -> str:
    """Mean EMD of a result row for a table, with its spread over seeds if it has one."""
    if row is None or row["emd_mean"] is None:
        return "-"
    spread = row.get("emd_mean_std")
    return f"{row['emd_mean']:.3f}" + (f" ± {spread:.3f}" if spread is not None else "")


@app.command()
def main(
    evaluations: Annotated[
        list[str], typer.Argument(metavar="[TITLE=]FILE...", help="what python -m econ_ae.evaluate --json wrote")
    ],
    table: Annotated[
        Path | None, typer.Option("--table", metavar="OUT", help="also write the Markdown table to this file")
    ] = None,
) -> None:
    """Mean EMD of several models by link count, beside the chip's algorithms, as one Markdown table."""
    try:
        text = comparison([read_evaluation(argument) for argument in evaluations])
    except TrainingError as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error
    if table is not None:
        atomic_write_text(table, text)
    typer.echo(text, nl=False)


if __name__ == "__main__":
    app()
