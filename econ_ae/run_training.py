"""One run: data, training, export of integers (`econ_ae.train` is its command line)."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from econ_ae.config import RunConfig
from econ_ae.errors import TrainingError
from econ_ae.quiet import limit_threads, quiet_tensorflow
from hgcal_data.files import atomic_write_text

if TYPE_CHECKING:
    from econ_ae.assembly import Models, Run
    from econ_ae.dataset import RunData
    from econ_ae.training import Trainer, TrainingState

logger = logging.getLogger(__name__)


def train(
    config: RunConfig, *, fresh: bool = False, console: Console | None = None, data: RunData | None = None
) -> Path:
    """Run data, training and export; returns the run folder.

    A killed training continues from its last checkpoint when it is started again with the same configuration.

    Args:
        config: what to do.
        fresh: delete what an earlier run of this name left in the folder.
        console: where progress goes; None: nowhere.
        data: readings to use in place of the configuration's sources.

    Raises:
        TrainingError: bad configuration, a checkpoint of another configuration, or a diverged training.
        DataError: bad data.
    """
    quiet_tensorflow()
    limit_threads(config.train.threads)
    from econ_ae.assembly import build_methods, build_models, validation_sets, with_frozen_encoder
    from econ_ae.dataset import BatchSampler, make_data, save_data, write_statistics
    from econ_ae.export import export_run
    from econ_ae.training import Trainer

    folder = config.output
    _prepare(folder, config, fresh)
    begin = time.monotonic()
    data = make_data(config.data, config.seed) if data is None else data
    save_data(data, folder / "data" / "readings.h5")
    write_statistics(data, folder / "data" / "statistics.json")
    models = build_models(config)
    options = with_frozen_encoder(config.train)

    def run(trainer: Trainer, place: Path, title: str) -> TrainingState:
        return _run(trainer, place, title, console)

    methods = build_methods(config, models, data, folder / "train", run)
    trainer = Trainer(
        models.encoder, models.decoder, models.structure, options, BatchSampler(data, options),
        validation_sets(data, options), config.seed, methods,
    )  # fmt: skip
    state = run(trainer, folder / "train", "training")
    decoder = models.decoder if config.train.refit is None else _refit(config, models, data, state, run)
    seconds = time.monotonic() - begin
    export_run(folder, config, models.encoder, decoder, data, state, seconds, models.structure.input)
    _calibrate(folder, config, data)
    if console is not None:
        console.print(_summary(config, data, state, seconds))
    return folder


def _calibrate(folder: Path, config: RunConfig, data: RunData) -> None:
    """Fit the decoding by synthesis (`econ_ae.refine`) on training and validation rows; writes train/decoding.json."""
    from econ_ae.dataset import TRAIN, VALIDATION
    from econ_ae.features import sum_codes
    from econ_ae.model import IntegerModel
    from econ_ae.refine import calibrate

    model = IntegerModel.load(folder, config.train.links)
    samples = range(len(data.samples))
    limit = max(1, config.train.validation_events // len(data.samples))
    rows = []
    for index in samples:
        part = data.readings.select(data.rows(VALIDATION, index, limit))
        latents, codes = model.encode(part.charges), sum_codes(part.charges)
        rows.append((model.decode(latents, codes, model.module_inputs(part)), latents, codes, part.charges))
    training = [data.charges(TRAIN, index) for index in samples]
    calibrate(model.weights, model.latent_bits, training, rows).write(folder)


def _refit(config: RunConfig, models: Models, data: RunData, state: TrainingState, run: Run) -> Any:
    """A new decoder for the finished encoder; returns the decoder to export.

    Raises:
        TrainingError: the mean of two decoders that are told different things about the module.
    """
    from econ_ae.assembly import refit_options, validation_sets
    from econ_ae.dataset import BatchSampler
    from econ_ae.decoder import average_decoders, build_decoder
    from econ_ae.training import Trainer

    options = refit_options(config.train)
    average = config.train.refit is not None and config.train.refit.average
    if average and options.decoder.conditions != config.train.decoder.conditions:
        raise TrainingError("key train.refit.average: both decoders need the same conditions")
    new = build_decoder(options.decoder, models.structure.n_latents, config.train.latent_bits, config.seed + 1)
    trainer = Trainer(
        models.encoder, new, models.structure, options, BatchSampler(data, options), validation_sets(data, options),
        config.seed + 1,
    )  # fmt: skip
    refitted = run(trainer, config.output / "train" / "refit", "refitting decoder")
    state.best_emd, state.best_loss = refitted.best_emd, refitted.best_loss
    return average_decoders(models.decoder, new) if average else new


def _prepare(folder: Path, config: RunConfig, fresh: bool) -> None:
    if fresh:
        for name in ("data", "train", "weights", "evaluate"):
            shutil.rmtree(folder / name, ignore_errors=True)
        (folder / "encoder.json").unlink(missing_ok=True)
    (folder / "train").mkdir(parents=True, exist_ok=True)
    atomic_write_text(folder / "config.yml", config.to_yaml())


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
