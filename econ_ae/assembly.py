"""From a configuration to the models and methods of a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras

from asic_flow.errors import FlowError
from asic_flow.images import read_image
from asic_flow.ir import Structure
from asic_flow.weights import WeightSet
from econ_ae.conditions import module_conditions
from econ_ae.config import PhaseConfig, RunConfig, TrainConfig
from econ_ae.dataset import VALIDATION, BatchSampler, RunData
from econ_ae.decoder import build_decoder
from econ_ae.distill import Distillation, build_teacher, teacher_options, teacher_structure
from econ_ae.encoder import build_encoder, set_integer_weights
from econ_ae.errors import TrainingError
from econ_ae.methods import TrainingMethod
from econ_ae.model import start_from
from econ_ae.pruning import Pruning
from econ_ae.shipped import SHIPPED, shipped_run
from econ_ae.topology import structure_of
from econ_ae.training import Trainer, TrainingState, ValidationSet
from econ_ae.variational import Variational

Run = Callable[[Trainer, Path, str], TrainingState]
"""Runs a trainer in a folder under a title."""


@dataclass(frozen=True)
class Models:
    """Networks of a training."""

    encoder: keras.Model
    decoder: keras.Model
    structure: Structure


def build_models(config: RunConfig) -> Models:
    """Networks from scratch, from another run's, or with the weights of an existing chip.

    Raises:
        TrainingError: a topology that does not fit, or weights that do not fit the topology.
    """
    structure = structure_of(config.encoder)
    encoder = build_encoder(structure, config.seed)
    decoder = build_decoder(config.train.decoder, structure.n_latents, config.train.latent_bits, config.seed)
    if config.train.start_from is not None:
        source = config.train.start_from
        if source == SHIPPED:
            source = shipped_run(config.train.links, f"key train.start_from: {SHIPPED}")
        start_from(encoder, decoder, source)
    if config.train.start_from_weights is not None:
        set_integer_weights(encoder, chip_weights(config.train.start_from_weights, structure))
    return Models(encoder, decoder, structure)


def chip_weights(path: Path, structure: Structure) -> WeightSet:
    """Weights of an existing chip: a weight file of this package (JSON), or a register image.

    Raises:
        TrainingError: the file is missing, damaged, or made for another structure.
    """
    try:
        return read_image(path, structure)
    except FlowError as error:
        raise TrainingError(f"key train.start_from_weights: {error}") from error


def with_frozen_encoder(train: TrainConfig) -> TrainConfig:
    """The same training with the encoder kept, if its weights are those of an existing chip.

    Raises:
        TrainingError: a method that would change the encoder.
    """
    if train.start_from_weights is None:
        return train
    for name in ("start_from", "prune", "distill", "variational"):
        if getattr(train, name) is not None:
            raise TrainingError(
                f"key train.{name}: train.start_from_weights keeps the encoder as it is; remove one of them"
            )
    kept: dict[str, bool] = {"freeze_encoder": True, "product_exact": True, "smooth_latents": False}
    phases = tuple(phase.model_copy(update=kept) for phase in train.phases)
    return train.model_copy(update={"phases": phases})


def validation_sets(data: RunData, train: TrainConfig) -> list[ValidationSet]:
    """Validation rows of every sample, each with its share of `validation_events`."""
    limit = max(1, train.validation_events // len(data.samples))
    found = []
    for index, name in enumerate(data.samples):
        part = data.readings.select(data.rows(VALIDATION, index, limit))
        found.append(ValidationSet(name, part.charges, module_conditions(part, train.decoder.conditions)))
    return found


def build_methods(config: RunConfig, models: Models, data: RunData, folder: Path, run: Run) -> list[TrainingMethod]:
    """Methods the configuration asks for; the teacher of a distillation is trained here (and resumes as any training)."""
    train, found = config.train, list[TrainingMethod]()
    if train.prune is not None:
        found.append(Pruning(train.prune, models.structure, models.encoder))
    if train.variational is not None:
        found.append(Variational(train.variational, models.structure, config.seed))
    if train.distill is not None:
        options = teacher_options(train)
        encoder = build_teacher(train.distill, models.structure, config.seed + 2)
        decoder = build_decoder(options.decoder, models.structure.n_latents, train.latent_bits, config.seed + 2)
        teacher = Trainer(
            encoder, decoder, teacher_structure(models.structure), options, BatchSampler(data, options),
            validation_sets(data, options), config.seed + 2,
        )  # fmt: skip
        run(teacher, folder / "teacher", "training the teacher")
        found.append(Distillation(train.distill, encoder, decoder))
    return found


def refit_options(train: TrainConfig) -> TrainConfig:
    """Training options of the decoder refit: one phase with a frozen encoder."""
    refit = train.refit
    if refit is None:
        return train
    phase = PhaseConfig(epochs=refit.epochs, loss=refit.loss, freeze_encoder=True)
    changes: dict[str, object] = {
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
