"""Any model file of the field as a Keras 3 model, and an encoder among them as integers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras

from asic_flow.ir import InputSpec, Structure
from asic_flow.weights import WeightSet, write_weights
from econ_ae.decoder import imported_decoder
from econ_ae.errors import TrainingError
from econ_ae.exchange.keras2 import build, read_arrays, read_config, set_arrays
from econ_ae.lower import lower
from econ_ae.model import load_keras
from hgcal_data.files import atomic_path, atomic_write_text, sha256_file
from hgcal_data.packets import BITS_PER_LATENT

HDF5 = (".h5", ".hdf5")


def import_model(path: Path, weights: Path | None = None) -> keras.Model:
    """Model of a ``.keras``, ``.h5``/``.hdf5`` or ``.json`` file.

    Args:
        path: model file; Keras 3 (``.keras``), or Keras 2 with QKeras 0.9 layers (``.h5``, ``.json``).
        weights: HDF5 file beside a ``.json``; default: the file of the same name ending in .hdf5 or .h5.

    Raises:
        TrainingError: a file is missing or damaged, or holds something that is not supported; the message names it.
    """
    if path.suffix == ".keras":
        return load_keras(path)
    if path.suffix not in (".json", *HDF5):
        raise TrainingError(f"importing {path}: expected a file ending in .keras, .h5, .hdf5 or .json")
    arrays = _weights_of(path, weights)
    model = build(read_config(path), path.name)
    set_arrays(model, read_arrays(arrays), str(arrays))
    return model


def _weights_of(path: Path, weights: Path | None) -> Path:
    if weights is not None:
        return weights
    if path.suffix in HDF5:
        return path
    for suffix in (".hdf5", ".h5"):
        if path.with_suffix(suffix).is_file():
            return path.with_suffix(suffix)
    raise TrainingError(
        f"importing {path}: no weights beside it ({path.stem}.hdf5 or {path.stem}.h5); name them by --weights"
    )


def import_encoder(
    path: Path, weights: Path | None = None, *, input_spec: InputSpec | None = None
) -> tuple[keras.Model, Structure, WeightSet]:
    """Encoder of a model file, and its exact integers.

    Raises:
        TrainingError: the file cannot be read.
        LoweringError: the model has no exact integer counterpart.
    """
    model = import_model(path, weights)
    arrays = path if path.suffix == ".keras" else _weights_of(path, weights)
    provenance: dict[str, Any] = {"imported_from": path.name, "sha256": sha256_file(arrays)}
    structure, integers = lower(model, input_spec=input_spec, provenance=provenance)
    return model, structure, integers


def import_decoder(path: Path, structure: Structure, links: int) -> keras.Model:
    """Decoder of a model file, latents to 8x8 image, as a decoder that `econ_ae.evaluate` uses.

    Raises:
        TrainingError: the file cannot be read, or its shapes do not fit the encoder.
    """
    try:
        return imported_decoder(import_model(path), structure.n_latents, BITS_PER_LATENT[links])
    except ValueError as error:
        raise TrainingError(f"importing decoder {path}: {error}") from error


def write_import(
    folder: Path,
    model: keras.Model,
    structure: Structure,
    weights: WeightSet,
    links: int,
    decoder: keras.Model | None = None,
) -> list[Path]:
    """Write an imported encoder as a run folder that `asic_flow` continues with.

    Args:
        folder: run folder.
        model: the Keras model.
        structure: its structure.
        weights: its integers.
        links: link count under which the weights are filed.
        decoder: from `import_decoder`; with it `econ_ae.evaluate` can judge the pair.

    Raises:
        TrainingError: the folder holds weights of another structure.
    """
    path = folder / "weights" / f"links{links}.json"
    for other in (folder / "weights").glob("links*.json"):
        found = json.loads(other.read_text()).get("structure_sha256")
        if found != structure.sha256:
            raise TrainingError(f"importing to {folder}: {other.name} fits another structure; choose another folder")
    atomic_write_text(folder / "encoder.json", structure.to_json())
    write_weights(weights, path)
    models = {"model": model} if decoder is None else {"model": model, "decoder": decoder}
    saved = [folder / "train" / f"{name}.keras" for name in models]
    for target, item in zip(saved, models.values(), strict=True):
        with atomic_path(target) as temporary:
            item.save(temporary)
    return [folder / "encoder.json", path, *saved]
