"""A trained model of a run in its integer arithmetic: emulator on the detector side, decoder off the detector."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from asic_flow.emulator import Emulator
from asic_flow.errors import FlowError
from asic_flow.formats import Integers
from asic_flow.ir import Structure, read_structure
from asic_flow.weights import WeightSet, read_weights
from econ_ae import decoder as _decoder
from econ_ae import layers as _layers
from econ_ae.conditions import module_conditions
from econ_ae.config import HEADER_AND_SUM_BITS, ConditionName
from econ_ae.decoder import condition_names
from econ_ae.errors import TrainingError
from econ_ae.features import decoded_sum, encoder_images, sum_codes, sum_conditions
from econ_ae.refine import Decoding, Refiner
from hgcal_data.packets import BITS_PER_LATENT
from hgcal_data.readings import ModuleReadings

_BATCH = 4096
REGISTERED = (
    _decoder.LinkTruncation,
    _decoder.ConditionChoice,
    _decoder.LiveCells,
    _layers.FlooredConv2D,
    _layers.FlooredDense,
)
"""Keras classes that must be imported before a model is loaded."""


def load_keras(path: Path) -> keras.Model:
    """Load a ``.keras`` file of this package.

    Raises:
        TrainingError: the file is missing or cannot be read.
    """
    if not path.is_file():
        raise TrainingError(f"loading model {path}: no such file; train first: python -m econ_ae.train --config ...")
    try:
        return keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, OSError) as error:
        raise TrainingError(f"loading model {path}: {str(error).splitlines()[0]}") from error


def start_from(encoder: keras.Model, decoder: keras.Model, run: Path) -> None:
    """Take over the weights of another run's encoder, and of its decoder where the shapes agree.

    Raises:
        TrainingError: the run has no model, or its encoder has other shapes.
    """
    source = load_keras(run / "train" / "model.keras")
    try:
        encoder.set_weights(source.get_weights())
    except ValueError as error:
        raise TrainingError(
            f"key train.start_from: the encoder of {run} has other shapes than this configuration"
        ) from error
    other = load_keras(run / "train" / "decoder.keras").get_weights()
    if [w.shape for w in other] == [w.shape for w in decoder.get_weights()]:
        decoder.set_weights(other)


@dataclass(frozen=True)
class Reconstruction:
    """What comes out of the model for n modules.

    Attributes:
        latents: int64[n, latents], full width, before the link.
        charges: float64[n,48], reconstructed charge in counts, TC order.
        module_sum: float64[n], transmitted sum in counts.
    """

    latents: Integers
    charges: NDArray[np.float64]
    module_sum: NDArray[np.float64]


def whole_counts(shares: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Charges from a distribution float64[n,48] and module sums float64[n], knowing that true charges are whole counts.

    Each cell is rounded to whole counts and the row scaled back to its sum; a row in which everything rounds to
    zero keeps its unrounded shares. This matters for modules with few counts only.
    """
    charges = shares * total[:, None]
    rounded = np.rint(charges)
    kept = rounded.sum(axis=1)
    scale = np.divide(total, kept, out=np.zeros_like(total), where=kept > 0)
    return np.where((kept > 0)[:, None], rounded * scale[:, None], charges)


@dataclass(frozen=True)
class IntegerModel:
    """Encoder as integers and decoder of one run and link count."""

    weights: WeightSet
    decoder: keras.Model
    links: int
    decoding: Decoding

    @classmethod
    def load(cls, run: Path, links: int | None = None) -> IntegerModel:
        """Model of a run folder.

        Args:
            run: run folder.
            links: link count; default: that of the run's only weight file.

        Raises:
            TrainingError: the run is incomplete, or the decoder was trained for another link count.
        """
        try:
            structure = read_structure(run / "encoder.json")
            number = _links_of(run) if links is None else links
            weights = read_weights(run / "weights" / f"links{number}.json", structure)
        except FlowError as error:
            raise TrainingError(str(error)) from error
        decoder = load_keras(run / "train" / "decoder.keras")
        trained = int(decoder.get_layer("link").bits)
        if trained != BITS_PER_LATENT[number] and structure.register_profile == "econ_t":
            raise TrainingError(
                f"loading {run}: the decoder was trained for {trained} bits per latent, "
                f"{number} links send {BITS_PER_LATENT[number]}"
            )
        return cls(weights, decoder, number, Decoding.read(run))

    @property
    def structure(self) -> Structure:
        """The encoder's structure."""
        return self.weights.structure

    @property
    def latent_bits(self) -> int:
        """Bits of each latent that leave the chip: those the decoder was trained for."""
        return int(self.decoder.get_layer("link").bits)

    @property
    def payload_bits(self) -> int:
        """Bits per event on the links: 5 header, 9 sum, and the latent bits."""
        return HEADER_AND_SUM_BITS + self.latent_bits * self.structure.n_latents

    @property
    def conditions(self) -> tuple[ConditionName, ...]:
        """What the decoder must be told besides the latents."""
        return condition_names(self.decoder)

    def module_inputs(self, readings: ModuleReadings) -> NDArray[np.float32]:
        """Decoder inputs float32[n, m] that come from the module's place; m is 0 for a decoder that knows the sum only.

        Raises:
            TrainingError: the readings lack a column the decoder needs.
        """
        return module_conditions(readings, self.conditions)

    def encode(self, charges: Integers) -> Integers:
        """Latents int64[n, latents] of charges int64[n,48] (TC order) by the integer emulator."""
        return Emulator(self.weights).run(encoder_images(charges, self.structure.input))

    def decode(
        self, latents: Integers, codes: Integers, modules: NDArray[np.float32] | None = None
    ) -> NDArray[np.float64]:
        """Distribution float64[n,48].

        Args:
            latents: int64[n, latents]; low bits are cut as the link cuts them.
            codes: sum codes int64[n].
            modules: `module_inputs` of the rows; may be left out where the decoder needs none.

        Raises:
            TrainingError: the decoder needs conditions that were not given.
        """
        fmt = self.structure.latent_format
        drop = fmt.width - self.latent_bits
        values = ((latents >> drop) << drop).astype(np.float32) / np.float32(1 << fmt.fraction)
        conditions = sum_conditions(codes)
        if modules is not None:
            conditions = np.concatenate([conditions, modules], axis=1)
        if conditions.shape[1] != int(self.decoder.inputs[1].shape[1]):
            raise TrainingError(
                f"decoding: this decoder needs the conditions {', '.join(self.conditions)} of every module; give "
                "`modules`, made by `module_inputs` from readings with these columns"
            )
        parts: list[Any] = [
            np.asarray(
                self.decoder(
                    [tf.constant(values[i : i + _BATCH]), tf.constant(conditions[i : i + _BATCH])], training=False
                )
            )
            for i in range(0, len(values), _BATCH)
        ]
        return np.concatenate(parts).astype(np.float64) if parts else np.zeros((0, 48))

    @cached_property
    def refiner(self) -> Refiner:
        """Correction of the decoder's answers against the received code."""
        return Refiner(self.weights, self.latent_bits, self.decoding)

    def reconstruct(
        self, charges: Integers, *, refine: bool = True, modules: NDArray[np.float32] | None = None
    ) -> Reconstruction:
        """Encode, send, decode: charges int64[n,48] in TC order.

        Args:
            charges: int64[n,48], TC order.
            refine: correct the network's answer until its encoding agrees with the received code (`econ_ae.refine`).
            modules: `module_inputs` of the rows, for a decoder with conditions.
        """
        latents = self.encode(charges)
        codes = sum_codes(charges)
        total = decoded_sum(codes).astype(np.float64)
        shares = self.decode(latents, codes, modules)
        if refine:
            shares = self.refiner.run(shares, latents, codes)
        return Reconstruction(latents, whole_counts(shares, total), total)


def _links_of(run: Path) -> int:
    found = sorted(path.stem.removeprefix("links") for path in (run / "weights").glob("links*.json"))
    if len(found) != 1:
        raise TrainingError(
            f"choosing weights in {run / 'weights'}: found links {', '.join(found) or 'none'}; say which with --links N"
        )
    return int(found[0])
