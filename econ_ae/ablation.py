"""``python -m econ_ae.ablation --config FILE``: train variants of one configuration with several seeds, and tabulate them.

Every variant is a list of changes to a base configuration. Finished runs are kept, so that a stopped table continues.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml
from pydantic import Field, ValidationError, model_validator
from rich.console import Console

from asic_flow.errors import FlowError
from econ_ae.comparison import mean_text
from econ_ae.config import RunConfig, explain, load_config
from econ_ae.config_networks import Section
from econ_ae.errors import TrainingError
from econ_ae.quiet import quiet_tensorflow
from hgcal_data.errors import DataError
from hgcal_data.files import atomic_write_text

if TYPE_CHECKING:
    from econ_ae.evaluation import Evaluation

app = typer.Typer(add_completion=False)


class VariantConfig(Section):
    """One line of the table."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="folder name of the variant")
    title: str = Field(description="words in the table")
    set: tuple[str, ...] = Field(default=(), description="changes to the base configuration, KEY=VALUE")


class AblationConfig(Section):
    """A table of ablations."""

    output: Path = Field(description="folder of the runs and of ablation.md")
    base: Path = Field(description="configuration that all variants change")
    set: tuple[str, ...] = Field(
        default=(), description="changes for all variants, KEY=VALUE; for example fewer epochs"
    )
    seeds: tuple[int, ...] = Field(default=(1, 2), min_length=1, description="seeds of every variant")
    variants: tuple[VariantConfig, ...] = Field(
        min_length=1, description="lines of the table; the first is the reference"
    )

    @model_validator(mode="after")
    def _unique(self) -> AblationConfig:
        names = [variant.name for variant in self.variants]
        if len(set(names)) != len(names) or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"variants and seeds must differ, found {names} and {list(self.seeds)}")
        return self


def load_ablation(path: Path) -> AblationConfig:
    """Read the YAML file of a table.

    Raises:
        TrainingError: the file is missing, is not YAML, or holds an unknown or wrong key.
    """
    try:
        return AblationConfig.model_validate(yaml.safe_load(path.read_bytes()))
    except OSError as error:
        raise TrainingError(f"reading ablation {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise TrainingError(f"reading ablation {path}: not valid YAML: {error}") from error
    except ValidationError as error:
        raise TrainingError(f"reading ablation {path}: {explain(error)}") from error


def jobs(config: AblationConfig) -> list[list[RunConfig]]:
    """Run configurations: one list per variant, one entry per seed. All are checked before the first training starts."""
    return [
        [
            load_config(
                config.base,
                [
                    *config.set,
                    *variant.set,
                    f"name={variant.name}-seed{seed}",
                    f"seed={seed}",
                    f"output={config.output / variant.name / f'seed{seed}'}",
                ],
            )
            for seed in config.seeds
        ]
        for variant in config.variants
    ]


def run_ablation(config: AblationConfig, *, console: Console | None = None) -> str:
    """Train and evaluate every variant with every seed; returns the Markdown table, also written to ``ablation.md``.

    Raises:
        TrainingError: a wrong configuration, or an error of a training.
        DataError: bad data.
    """
    lines: list[str] = []
    planned = jobs(config)
    for variant, runs in zip(config.variants, planned, strict=True):
        result = _evaluated(runs, console)
        if not lines:
            lines = _head(config, result)
        lines.append(_line(variant.title, result, sum(_seconds(run) for run in runs) / len(runs)))
        text = "\n".join(lines) + "\n"
        atomic_write_text(config.output / "ablation.md", text)
    return text


def _evaluated(runs: Sequence[RunConfig], console: Console | None) -> Evaluation:
    """Mean over the seeds of one variant; missing runs are trained."""
    quiet_tensorflow()
    from econ_ae.evaluate import evaluation_of
    from econ_ae.evaluation import Evaluation
    from econ_ae.run_training import train
    from econ_ae.spread import over_seeds

    results = []
    for run in runs:
        trained = run.output / "train" / "config.yml"
        same = trained.is_file() and trained.read_text() == run.to_yaml()
        if not same:
            train(run, console=console)
        metrics = run.output / "evaluate" / "metrics.json"
        if same and metrics.is_file():
            content = json.loads(metrics.read_text())
            results.append(Evaluation(content["results"], content["other_decoders"], content["notes"]))
        else:
            results.append(evaluation_of(run.output)[0])
    return over_seeds(results)


def _seconds(run: RunConfig) -> float:
    return float(json.loads((run.output / "train" / "metrics.json").read_text())["seconds"])


def _samples(result: Evaluation) -> list[str]:
    return list(dict.fromkeys(row["sample"] for row in result.results))


def _head(config: AblationConfig, result: Evaluation) -> list[str]:
    """Title, reference lines of the chip's algorithms, and the head of the table."""
    samples = _samples(result)
    seeds = ", ".join(str(seed) for seed in config.seeds)
    head = [
        f"Mean EMD in half pitches on test rows, mean ± standard deviation over the seeds {seeds}; base `{config.base}`"
        + (f" with `{' '.join(config.set)}`." if config.set else "."),
        "",
        "| variant | " + " | ".join(samples) + " | training, s |",
        "|---|" + "---:|" * (len(samples) + 1),
    ]
    for algorithm in dict.fromkeys(row["algorithm"] for row in result.results):
        if algorithm != "autoencoder":
            cells = [_cell(result, algorithm, sample) for sample in samples]
            head.append(f"| *{algorithm.replace('_', ' ')}* | " + " | ".join(cells) + " | - |")
    return head


def _line(title: str, result: Evaluation, seconds: float) -> str:
    cells = [_cell(result, "autoencoder", sample) for sample in _samples(result)]
    return f"| {title} | " + " | ".join(cells) + f" | {seconds:.0f} |"


def _cell(result: Evaluation, algorithm: str, sample: str) -> str:
    row = next(row for row in result.results if (row["algorithm"], row["sample"]) == (algorithm, sample))
    return mean_text(row)


@app.command()
def main(
    config: Annotated[Path, typer.Option("--config", help="YAML file of the table, for example configs/ablation.yml")],
    table: Annotated[
        Path | None, typer.Option("--table", metavar="OUT", help="also write the Markdown table to this file")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="check all configurations, list the runs, train nothing")
    ] = False,
) -> None:
    """Train variants of one configuration with several seeds and write a Markdown table of their mean EMD."""
    console = Console()
    try:
        loaded = load_ablation(config)
        if plan:
            for run in [run for runs in jobs(loaded) for run in runs]:
                console.print(f"{run.output}: {run.train.epochs} epochs, seed {run.seed}", highlight=False)
            return
        text = run_ablation(loaded, console=console)
        if table is not None:
            atomic_write_text(table, text)
        console.print(text, highlight=False, markup=False)
    except (TrainingError, DataError, FlowError) as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    app()
