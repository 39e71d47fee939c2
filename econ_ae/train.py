"""``python -m econ_ae.train --config FILE [--set key=value ...]``: data, training, export of integers."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from asic_flow.errors import FlowError
from econ_ae.config import load_config
from econ_ae.errors import TrainingError
from econ_ae.quiet import quiet_tensorflow
from econ_ae.run_training import train
from hgcal_data.errors import DataError

__all__ = ["app", "train"]

app = typer.Typer(add_completion=False)


@app.command()
def main(
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML file of the run, for example configs/demo.yml")
    ] = None,
    regions: Annotated[
        Path | None,
        typer.Option(
            "--regions", metavar="FILE", help="YAML file of detector regions: one weight set each, as a library"
        ),
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="change one key, for example train.links=3")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="discard an earlier run of this name instead of continuing it")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="log every epoch")] = False,
) -> None:
    """Train an encoder in the arithmetic of the hardware and export its integers.

    With --regions, fine-tune one weight set per region of the detector and write a weight library with an index from
    module (layer, wafer u, v) to register image (docs/training.md).
    """
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    try:
        if (config is None) == (regions is None):
            raise TrainingError("training: give either --config FILE or --regions FILE")
        if regions is not None:
            from econ_ae.regions import load_regions, train_regions

            train_regions(load_regions(regions, setting or []), fresh=fresh, console=Console())
        elif config is not None:
            train(load_config(config, setting or []), fresh=fresh, console=Console())
    except (TrainingError, DataError, FlowError) as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    quiet_tensorflow()
    app()
