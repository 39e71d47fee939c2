from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from asic_flow.emulator import Emulator
from asic_flow.ir import Profile, Structure, econ_t_structure
from asic_flow.weights import random_weights
from econ_ae.encoder import build_encoder, run_integers, set_integer_weights
from econ_ae.layers import floored_convolution, floored_matmul
from econ_ae.model import load_keras


def images(structure: Structure, rng: np.random.Generator, events: int) -> np.ndarray:
    spec = structure.input
    flat = np.zeros((events, spec.height * spec.width), dtype=np.int64)
    cells = rng.integers(0, 256, (events, 48)) >> rng.integers(0, 9, (events, 48))
    flat[:, list(spec.cell_positions)] = cells
    return flat.reshape(-1, *spec.shape)


def golden(profile: str, events_per_set: int, sets: int, kinds: tuple[str, ...] = ("uniform",)) -> tuple[int, int]:
    """(values that differ, values compared) between Keras and the emulator."""
    rng = np.random.default_rng(11)
    structure = econ_t_structure(profile)
    model = build_encoder(structure)
    wrong = compared = 0
    for index in range(sets):
        weights = random_weights(structure, rng, kind=kinds[index % len(kinds)])
        set_integer_weights(model, weights)
        batch = images(structure, rng, events_per_set)
        expected = Emulator(weights).run(batch)
        wrong += int((run_integers(model, structure, batch) != expected).sum())
        compared += expected.size
    return wrong, compared


@pytest.mark.parametrize("profile", list(Profile))
def test_keras_equals_emulator_bit_for_bit(profile: Profile) -> None:
    assert golden(profile, 400, 5, ("uniform", "uniform", "uniform", "minimum", "maximum")) == (0, 2000 * 16)


@pytest.mark.slow
@pytest.mark.parametrize("profile", list(Profile))
def test_keras_equals_emulator_on_100000_images(profile: Profile) -> None:
    assert golden(profile, 2000, 50) == (0, 100_000 * 16)


def test_the_comparison_notices_unfloored_products() -> None:
    rng = np.random.default_rng(5)
    structure = econ_t_structure("econ_t")
    weights = random_weights(structure, rng)
    model = build_encoder(structure)
    set_integer_weights(model, weights)
    batch = images(structure, rng, 200)
    for layer in structure.layers:
        model.get_layer(layer.name).smooth_products = True
    real = np.asarray(model(batch.astype(np.float32) / 128.0)) * 256.0
    assert np.any(real != Emulator(weights).run(batch))


@pytest.mark.parametrize(("filters", "units", "bits"), [(4, 8, 4), (16, 16, 8)])
def test_other_sizes_are_exact_too(filters: int, units: int, bits: int) -> None:
    rng = np.random.default_rng(7)
    for profile in Profile:
        structure = econ_t_structure(profile, filters=filters, units=units, weight_bits=bits)
        weights = random_weights(structure, rng)
        model = build_encoder(structure)
        set_integer_weights(model, weights)
        batch = images(structure, rng, 100)
        assert np.array_equal(run_integers(model, structure, batch), Emulator(weights).run(batch))


def test_gradient_is_the_smooth_one() -> None:
    rng = np.random.default_rng(2)
    x = tf.constant(rng.integers(0, 256, (9, 20)) / 128.0, tf.float32)
    w = tf.Variable(rng.integers(-32, 32, (20, 5)) / 32.0, dtype=tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        floored = floored_matmul(x, w, 8)
        smooth = tf.matmul(x, w)
    assert np.any(floored.numpy() != smooth.numpy())
    for variable in (x, w):
        assert np.array_equal(tape.gradient(floored, variable), tape.gradient(smooth, variable))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (2, 1)])
def test_floored_convolution_without_floor_is_the_plain_one(padding: str, strides: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    x = tf.constant(rng.integers(0, 256, (4, 7, 8, 2)) / 128.0, tf.float32)
    w = tf.constant(rng.integers(-32, 32, (3, 2, 2, 3)) / 32.0, tf.float32)
    plain = tf.nn.conv2d(x, w, strides, padding.upper())
    assert np.array_equal(floored_convolution(x, w, strides, padding, 12), plain)
    by_hand = floored_convolution(x, w, strides, padding, 7)
    assert np.all(by_hand.numpy() <= plain.numpy())
    assert np.any(by_hand.numpy() < plain.numpy())


def test_saved_model_loads_with_its_arithmetic(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "model.keras"
    structure = econ_t_structure("econ_t")
    model = build_encoder(structure, seed=4)
    model.save(path)
    loaded = load_keras(path)
    batch = images(structure, np.random.default_rng(1), 50)
    assert loaded.get_layer("dense").product_fraction == 8
    assert np.array_equal(run_integers(loaded, structure, batch), run_integers(model, structure, batch))
