"""Encoder topologies from the configuration: the chip's is the default, all are exact in integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from asic_flow.emulator import Emulator
from asic_flow.ir import Structure, econ_t_structure
from asic_flow.weights import random_weights
from econ_ae.config import EncoderConfig
from econ_ae.encoder import build_encoder, run_integers, set_integer_weights
from econ_ae.errors import TrainingError
from econ_ae.features import encoder_images
from econ_ae.lower import lower
from econ_ae.topology import structure_of
from hgcal_data.geometry import AE_TO_TC

CHIP_SHA256 = "76af130f90fddf094f1d85b612024f7a16b9ab4e48d703c26b38d8c376b3923f"
"""Hash in the shipped weight files."""

TOPOLOGIES: dict[str, dict[str, Any]] = {
    "three_planes": {"input": "4x4x3", "stride": (1, 1), "weight_bits": 5},
    "two_convolutions": {
        "convolutions": [
            {"filters": 4, "kernel": (2, 3), "stride": (1, 2), "padding": "valid", "weight_bits": 4, "bits": 6},
            {"filters": 6, "kernel": (3, 3), "stride": (2, 1), "bits": 7},
        ],
        "dense": [{"units": 20, "weight_bits": 5, "bits": 6}],
        "latents": 10,
        "latent_weight_bits": 7,
        "latent_width": 8,
    },
    "gained": {
        "convolutions": [{"filters": 1, "kernel": (1, 1), "stride": (1, 1), "gain_bits": 1}],
        "latents": 48,
        "latent_weight_bits": 4,
        "latent_gain_bits": 3,
        "latent_width": 5,
    },
    "dense_only": {"convolutions": [], "dense": [{"units": 24}], "latents": 12},
    "pooled": {
        "convolutions": [
            {"filters": 3, "stride": (1, 1), "pool": {"mode": "max"}},
            {"filters": 5, "stride": (1, 1), "pool": {"mode": "average"}},
        ]
    },
}


def images(structure: Structure, rng: np.random.Generator, events: int) -> np.ndarray:
    spec = structure.input
    flat = np.zeros((events, int(np.prod(spec.shape))), dtype=np.int64)
    cells = rng.integers(0, 256, (events, 48)) >> rng.integers(0, 9, (events, 48))
    flat[:, list(spec.cell_positions)] = cells
    return flat.reshape(-1, *spec.shape)


def differences(structure: Structure, events: int, kinds: tuple[str, ...]) -> int:
    rng = np.random.default_rng(11)
    model = build_encoder(structure)
    wrong = 0
    for kind in kinds:
        weights = random_weights(structure, rng, kind=kind)
        set_integer_weights(model, weights)
        batch = images(structure, rng, events)
        wrong += int((run_integers(model, structure, batch) != Emulator(weights).run(batch)).sum())
    return wrong


def test_the_default_is_the_chip_byte_for_byte() -> None:
    assert structure_of(EncoderConfig()).sha256 == CHIP_SHA256
    for profile in ("econ_t", "exact"):
        for filters, latents, bits in ((8, 16, 6), (4, 8, 4), (16, 16, 8)):
            config = EncoderConfig(profile=profile, filters=filters, latents=latents, weight_bits=bits)
            known = econ_t_structure(profile, filters=filters, units=latents, weight_bits=bits)
            assert structure_of(config).to_json() == known.to_json()


def test_weights_with_integer_bits_reach_further_and_must_fit() -> None:
    kernel = structure_of(EncoderConfig(latent_gain_bits=3)).weighted_layers[-1].kernel
    assert (kernel.width, kernel.fraction) == (6, 2)
    assert (
        structure_of(EncoderConfig(latent_gain_bits=3)).register_profile == "generic"
    )  # words the chip reads otherwise
    with pytest.raises(TrainingError, match="6 integer bits and the sign do not fit into 6-bit weights"):
        structure_of(EncoderConfig(latent_gain_bits=6))


@pytest.mark.parametrize("profile", ["econ_t", "exact"])
@pytest.mark.parametrize("name", list(TOPOLOGIES))
def test_every_topology_is_exact_in_integers_and_lowers_to_itself(name: str, profile: str) -> None:
    structure = structure_of(EncoderConfig(profile=profile, **TOPOLOGIES[name]))
    assert structure.register_profile == "generic"
    assert differences(structure, 150, ("uniform", "uniform", "minimum", "maximum")) == 0
    model = build_encoder(structure)
    weights = random_weights(structure, np.random.default_rng(3))
    set_integer_weights(model, weights)
    again, found = lower(model, input_spec=structure.input)
    assert again.sha256 == structure.sha256
    assert all(np.array_equal(found.tensors[key], values) for key, values in weights.tensors.items())


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["econ_t", "exact"])
@pytest.mark.parametrize("name", list(TOPOLOGIES))
def test_every_topology_on_100000_images(name: str, profile: str) -> None:
    structure = structure_of(EncoderConfig(profile=profile, **TOPOLOGIES[name]))
    assert differences(structure, 2000, ("uniform",) * 48 + ("minimum", "maximum")) == 0


def test_the_comparison_notices_a_wrong_weight() -> None:
    structure = structure_of(EncoderConfig(profile="exact", **TOPOLOGIES["dense_only"]))
    rng = np.random.default_rng(2)
    weights = random_weights(structure, rng)
    model = build_encoder(structure)
    set_integer_weights(model, weights.flip_bit(5))
    batch = images(structure, rng, 300)
    assert np.any(run_integers(model, structure, batch) != Emulator(weights).run(batch))


def test_three_planes_hold_each_cell_where_the_older_arrangement_has_it() -> None:
    spec = structure_of(EncoderConfig(input="4x4x3", stride=(1, 1))).input
    for cell in (0, 5, 17, 47):
        charges = np.zeros((1, 48), dtype=np.int64)
        charges[0, cell] = 64
        image = encoder_images(charges, spec)[0]
        assert np.argwhere(image).tolist() == [[cell % 16 // 4, cell % 4, cell // 16]]
    assert sorted(spec.cell_positions) == list(range(48))
    assert len(set(AE_TO_TC.tolist())) == 48


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kernel": (9, 9), "padding": "valid"}, "larger than its input"),
        ({"convolutions": [{"pool": {"mode": "average", "size": (3, 1)}}]}, "power of two"),
        ({"profile": "exact", "weight_bits": 2, "activation_bits": 2, "latent_width": 12}, "fraction bits"),
    ],
)
def test_topologies_that_do_not_fit_are_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        structure_of(EncoderConfig(**changes))


def test_impossible_numbers_are_refused_by_the_configuration() -> None:
    for changes in ({"kernel": (0, 3)}, {"weight_bits": 1}, {"convolutions": [{"stride": (0, 1)}]}, {"input": "6x6x3"}):
        with pytest.raises(ValidationError):
            EncoderConfig(**changes).convolution_layers  # noqa: B018
