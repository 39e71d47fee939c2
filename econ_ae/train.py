"""``python -m econ_ae.train --config FILE [--set key=value ...]``: data, training, export of integers."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from asic_flow.errors import FlowError
from econ_ae.config import PhaseConfig, RunConfig, TrainConfig, load_config
from econ_ae.errors import TrainingError
from econ_ae.quiet import limit_threads, quiet_tensorflow
from hgcal_data.errors import DataError
from hgcal_data.files import atomic_write_text

if TYPE_CHECKING:
    from econ_ae.dataset import RunData
    from econ_ae.training import Trainer, TrainingState

logger = logging.getLogger(__name__)
app = typer.Typer(add_completion=False)


def train(config: RunConfig, *, fresh: bool = False, console: Console | None = None) -> Path:
    """Run data, training and export; returns the run folder.

    A killed training continues from its last checkpoint when it is started again with the same configuration.

    Args:
        config: what to do.
        fresh: delete what an earlier run of this name left in the folder.
        console: where progress goes; None: nowhere.

    Raises:
        TrainingError: bad configuration, a checkpoint of another configuration, or a diverged training.
        DataError: bad data.
    """
    quiet_tensorflow()
    limit_threads(config.train.threads)
    from econ_ae.dataset import VALIDATION, BatchSampler, make_data, save_data, write_statistics
    from econ_ae.decoder import average_decoders, build_decoder
    from econ_ae.export import export_run
    from econ_ae.training import Trainer, ValidationSet

    folder = config.output
    _prepare(folder, config, fresh)
    begin = time.monotonic()
    data = make_data(config.data, config.seed)
    save_data(data, folder / "data" / "readings.h5")
    write_statistics(data, folder / "data" / "statistics.json")
    encoder, decoder, structure = _models(config)
    validation = [
        ValidationSet(name, data.charges(VALIDATION, i, max(1, config.train.validation_events // len(data.samples))))
        for i, name in enumerate(data.samples)
    ]
    sampler = BatchSampler(data, config.train)
    trainer = Trainer(encoder, decoder, structure, config.train, sampler, validation, config.seed)
    state = _run(trainer, folder / "train", "training", console)
    if config.train.refit is not None:
        options = refit_options(config.train)
        new = build_decoder(options.decoder, structure.n_latents, config.train.latent_bits, config.seed + 1)
        sampler = BatchSampler(data, options)
        second = Trainer(encoder, new, structure, options, sampler, validation, config.seed + 1)
        refitted = _run(second, folder / "train" / "refit", "refitting decoder", console)
        state.best_emd, state.best_loss = refitted.best_emd, refitted.best_loss
        decoder = average_decoders(decoder, new) if config.train.refit.average else new
    seconds = time.monotonic() - begin
    export_run(folder, config, encoder, decoder, data, state, seconds)
    if console is not None:
        console.print(_summary(config, data, state, seconds))
    return folder


def _prepare(folder: Path, config: RunConfig, fresh: bool) -> None:
    if fresh:
        for name in ("data", "train", "weights", "evaluate"):
            shutil.rmtree(folder / name, ignore_errors=True)
        (folder / "encoder.json").unlink(missing_ok=True)
    (folder / "train").mkdir(parents=True, exist_ok=True)
    atomic_write_text(folder / "config.yml", config.to_yaml())


def _models(config: RunConfig) -> tuple[Any, Any, Any]:
    """(encoder, decoder, structure), from scratch or from another run's."""
    from asic_flow.ir import econ_t_structure
    from econ_ae.decoder import build_decoder
    from econ_ae.encoder import build_encoder
    from econ_ae.model import start_from

    options = config.encoder
    structure = econ_t_structure(
        options.profile, filters=options.filters, units=options.latents, weight_bits=options.weight_bits
    )
    encoder = build_encoder(structure, config.seed)
    decoder = build_decoder(config.train.decoder, structure.n_latents, config.train.latent_bits, config.seed)
    if config.train.start_from is not None:
        start_from(encoder, decoder, config.train.start_from)
    return encoder, decoder, structure


def refit_options(train: TrainConfig) -> TrainConfig:
    """Training options of the decoder refit: one phase with a frozen encoder."""
    refit = train.refit
    if refit is None:
        return train
    phase = PhaseConfig(epochs=refit.epochs, loss=refit.loss, freeze_encoder=True)
    changes: dict[str, Any] = {
        "phases": (phase,),
        "batch_size": refit.batch_size,
        "learning_rate": refit.learning_rate,
        "decoder": refit.decoder,
    }
    if refit.sample_shares is not None:
        changes["sample_shares"] = refit.sample_shares
    if refit.augment is not None:
        changes["augment"] = refit.augment
    return train.model_copy(update=changes)


def _run(trainer: Trainer, folder: Path, title: str, console: Console | None) -> TrainingState:
    """Run one trainer with a progress bar."""
    folder.mkdir(parents=True, exist_ok=True)
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[state]}"),
        console=console or Console(quiet=True), disable=console is None or not console.is_terminal,
    )  # fmt: skip
    with progress:
        task = progress.add_task(title, total=None, state="")

        def report(state: TrainingState, epochs: int) -> None:
            row = state.history[-1] if state.history else None
            text = f"loss {row['loss']:.4f}  EMD {row['val_emd']:.4f}  best {state.best_emd:.4f}" if row else ""
            progress.update(task, completed=state.epoch, total=epochs, state=text)
            logger.info("%s: epoch %d of %d  %s", title, state.epoch, epochs, text)

        return trainer.run(folder, report)


def _summary(config: RunConfig, data: RunData, state: TrainingState, seconds: float) -> Table:
    table = Table(title=f"Training {config.name}", show_header=False)
    rows = {
        "data": ", ".join(f"{name} {int((data.sample_index == i).sum()):,}" for i, name in enumerate(data.samples)),
        "split": " / ".join(f"{int((data.split == part).sum()):,}" for part in range(3))
        + " training / validation / test",
        "encoder": f"{config.encoder.profile}, {config.encoder.weight_bits}-bit weights, {config.train.links} links, "
        f"{config.train.latent_bits} bits per latent",
        "epochs": f"{state.epoch} of {config.train.epochs}, best {state.best_epoch}"
        + (" (stopped early)" if state.stopped_early else ""),
        "validation EMD": f"{state.best_emd:.4f} half pitches (mean over the samples)",
        "time": f"{seconds:.0f} s",
        "written": f"{config.output}/encoder.json, weights/links{config.train.links}.json, train/, data/",
        "next": f"python -m econ_ae.evaluate {config.output}",
    }
    for key, value in rows.items():
        table.add_row(key, value)
    return table


@app.command()
def main(
    config: Annotated[Path, typer.Option("--config", help="YAML file of the run, for example configs/demo.yml")],
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="change one key, for example train.links=3")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="discard an earlier run of this name instead of continuing it")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="log every epoch")] = False,
) -> None:
    """Train an encoder in the arithmetic of the hardware and export its integers."""
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    try:
        train(load_config(config, setting or []), fresh=fresh, console=Console())
    except (TrainingError, DataError, FlowError) as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    quiet_tensorflow()
    app()
