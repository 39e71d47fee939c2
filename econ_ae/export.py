"""What a training leaves behind: ``encoder.json``, ``weights/linksN.json``, Keras files and ``metrics.json``."""

from __future__ import annotations

import hashlib
import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np

from asic_flow.formats import Integers
from asic_flow.ir import InputSpec, Structure
from asic_flow.weights import WeightSet, write_weights
from econ_ae.config import RunConfig
from econ_ae.dataset import TRAIN, VALIDATION, RunData
from econ_ae.energy_model import structure_energy
from econ_ae.errors import TrainingError
from econ_ae.lower import lower
from econ_ae.pruning import pruning_report
from econ_ae.training import TrainingState
from hgcal_data.files import atomic_path, atomic_write_text

_PACKAGES = ("econ-ae", "tensorflow", "keras", "qkeras-v3", "numpy")


def versions() -> dict[str, str]:
    """Versions that decide the outcome of a training."""
    found = {"python": sys.version.split()[0]}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def data_hash(charges: Integers) -> str:
    """SHA-256 of charges int64[n,48] as little-endian 32-bit words."""
    return hashlib.sha256(np.ascontiguousarray(charges, dtype="<i4").tobytes()).hexdigest()


def export_run(
    folder: Path,
    config: RunConfig,
    encoder: keras.Model,
    decoder: keras.Model,
    data: RunData,
    state: TrainingState,
    seconds: float,
    input_spec: InputSpec | None = None,
) -> tuple[Structure, WeightSet]:
    """Lower the trained encoder and write everything the later steps read.

    `input_spec` is the structure's input; default: the chip's.

    Raises:
        LoweringError: the trained model is not exact in integers (this would be a defect).
        TrainingError: the folder already holds weights of another structure.
    """
    sha = data_hash(data.readings.charges)
    provenance = {
        "config": _portable(config), "seed": config.seed, "links":
        config.train.links,
        "latent_bits": config.train.latent_bits, "data_sha256": sha, "versions": versions(), "best_epoch":
        state.best_epoch,
    }  # fmt: skip
    structure, weights = lower(encoder, input_spec=input_spec, provenance=provenance)
    _refuse_mixture(folder, structure, config.train.links)
    atomic_write_text(folder / "encoder.json", structure.to_json())
    write_weights(weights, folder / "weights" / f"links{config.train.links}.json")
    for name, model in (("model", encoder), ("decoder", decoder)):
        with atomic_path(folder / "train" / f"{name}.keras") as temporary:
            model.save(temporary)
    atomic_write_text(folder / "train" / "config.yml", config.to_yaml())
    if config.train.prune is not None:
        report = pruning_report(weights, config.train.prune)
        atomic_write_text(folder / "train" / "pruning.json", json.dumps(report, indent=2) + "\n")
    metrics = _metrics(config, structure, decoder, data, state, seconds, sha)
    atomic_write_text(folder / "train" / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    return structure, weights


def _portable(config: RunConfig) -> dict[str, Any]:
    """The configuration for a file that goes elsewhere: without hardware sections, files by name, no folder of this machine."""
    content: dict[str, Any] = json.loads(config.model_dump_json(exclude={"asic", "budgets", "output"}))
    for source in content["data"]["sources"]:
        if source.get("file"):
            source["file"] = Path(source["file"]).name
    for key in ("start_from", "start_from_weights"):
        if content["train"][key]:
            content["train"][key] = Path(content["train"][key]).name
    return content


def _refuse_mixture(folder: Path, structure: Structure, links: int) -> None:
    others = [path for path in (folder / "weights").glob("links*.json") if path.name != f"links{links}.json"]
    for path in others:
        found = json.loads(path.read_text()).get("structure_sha256")
        if found != structure.sha256:
            raise TrainingError(f"exporting to {folder}: {path.name} fits another structure; use another run name")


def _metrics(
    config: RunConfig,
    structure: Structure,
    decoder: keras.Model,
    data: RunData,
    state: TrainingState,
    seconds: float,
    sha: str,
) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "model": structure.name,
        "profile": str(structure.profile),
        "links": config.train.links,
        "latent_bits": config.train.latent_bits,
        "seed": config.seed,
        "epochs": state.epoch,
        "train_events": int((data.split == TRAIN).sum()),
        "validation_events": int((data.split == VALIDATION).sum()),
        "seconds": seconds,
        "parameters": structure.n_weights,
        "decoder_parameters": int(decoder.count_params()),
        "weight_bits": structure.weight_bits,
        **structure_energy(structure).to_metrics(),
        "best_epoch": state.best_epoch,
        "best_val_loss": state.best_loss,
        "best_val_emd": state.best_emd,
        "stopped_early": state.stopped_early,
        "versions": versions(),
        "data_sha256": sha,
    }
