from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from asic_flow.ir import InputSpec
from econ_ae.config import DecoderConfig
from econ_ae.decoder import LinkTruncation, average_decoders, build_decoder
from econ_ae.features import CONDITIONS, decoded_sum, distribution, encoder_images, sum_codes, sum_conditions
from econ_ae.model import load_keras, whole_counts
from hgcal_data.frontend import normalise, to_image
from hgcal_data.geometry import AE_TO_TC


@pytest.mark.parametrize("bits", [1, 3, 5, 7, 9])
def test_truncation_keeps_the_top_bits_of_every_latent(bits: int) -> None:
    latents = np.arange(512)
    sent = LinkTruncation(bits)(tf.constant(latents[:, None] / 256.0, tf.float32)).numpy()[:, 0]
    assert np.array_equal(sent * 256, (latents >> (9 - bits)) << (9 - bits))


@pytest.mark.parametrize("bits", [1, 3])
def test_levels_are_one_hot_and_their_gradient_points_to_the_neighbours(bits: int) -> None:
    layer = LinkTruncation(bits, level_inputs=True)
    levels = 1 << bits
    latents = tf.Variable([[0.0, 0.99, 1.0, 1.996]])
    with tf.GradientTape() as tape:
        out = layer(latents)
        slope = tf.reduce_sum(out[:, 4:] * np.tile(np.arange(levels, dtype=np.float32), 4))
    hot = out.numpy()[0, 4:].reshape(4, levels)
    assert np.array_equal(hot.argmax(axis=1), np.floor(latents.numpy()[0] * levels / 2))
    assert np.array_equal(hot.sum(axis=1), np.ones(4))
    inside = tape.gradient(slope, latents).numpy()[0]
    assert np.all(inside > 0)


def test_smooth_warm_up_passes_values_through() -> None:
    layer = LinkTruncation(3, level_inputs=True)
    layer.smooth = True
    value = np.float32(0.61)
    out = layer(tf.constant([[value]])).numpy()[0]
    assert out[0] == value
    assert np.isclose((out[1:] * (np.arange(8) + 0.5) / 4).sum(), value)


def test_decoder_gives_distributions_and_survives_saving(tmp_path: Path) -> None:
    decoder = build_decoder(DecoderConfig(width=16, depth=2), 16, 3, seed=1)
    rng = np.random.default_rng(0)
    latents = (rng.integers(0, 512, (20, 16)) / 256.0).astype(np.float32)
    conditions = sum_conditions(rng.integers(0, 300, 20))
    out = decoder([tf.constant(latents), tf.constant(conditions)]).numpy()
    assert np.allclose(out.sum(axis=1), 1.0, atol=1e-5)
    decoder.save(tmp_path / "decoder.keras")
    again = load_keras(tmp_path / "decoder.keras")
    assert np.array_equal(again([tf.constant(latents), tf.constant(conditions)]).numpy(), out)
    low = np.floor(latents * 4) / 4
    assert np.array_equal(again([tf.constant(low), tf.constant(conditions)]).numpy(), out)


def test_same_seed_same_decoder_other_seed_another() -> None:
    first, second, third = (build_decoder(DecoderConfig(width=8, depth=1), 16, 3, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first.get_weights(), third.get_weights(), strict=True))


def test_features_follow_the_chip() -> None:
    rng = np.random.default_rng(4)
    charges = rng.integers(0, 500, (30, 48)) * (rng.random((30, 48)) < 0.3)
    charges[0] = 0
    charges[1] = 0
    charges[1, 7] = 1
    assert np.array_equal(encoder_images(charges, InputSpec())[..., 0], to_image(normalise(charges[:, AE_TO_TC])))
    conditions = sum_conditions(sum_codes(charges))
    assert conditions.shape == (30, CONDITIONS)
    assert np.isfinite(conditions).all()
    assert decoded_sum(sum_codes(charges))[1] == 1
    shares = distribution(charges)
    assert np.array_equal(shares[0], np.zeros(48))
    assert np.allclose(shares[1:].sum(axis=1), 1.0)


def test_largest_sums_stay_in_range() -> None:
    charges = np.full((1, 48), (1 << 22) - 1)
    assert np.isfinite(sum_conditions(sum_codes(charges))).all()


def test_whole_counts() -> None:
    shares = np.array([[0.5, 0.45, 0.05], [0.34, 0.33, 0.33], [0.501, 0.499, 0.0]])
    out = whole_counts(shares, np.array([2.0, 1.0, 1000.0]))
    assert np.array_equal(out[0], [1, 1, 0])
    assert np.array_equal(out[1], shares[1])  # nothing rounds up: shares stay
    assert np.allclose(out[2], [501, 499, 0])


def test_average_of_two_decoders(tmp_path: Path) -> None:
    parts = [build_decoder(DecoderConfig(width=8, depth=1, level_inputs=hot), 16, 3, 1) for hot in (False, True)]
    mean = average_decoders(*parts)
    rng = np.random.default_rng(2)
    latents = tf.constant((rng.integers(0, 512, (10, 16)) / 256.0).astype(np.float32))
    conditions = tf.constant(sum_conditions(rng.integers(0, 300, 10)))
    outputs = [part([latents, conditions]).numpy() for part in parts]
    assert np.allclose(mean([latents, conditions]).numpy(), 0.5 * (outputs[0] + outputs[1]), atol=1e-6)
    mean.save(tmp_path / "mean.keras")
    again = load_keras(tmp_path / "mean.keras")
    assert again.get_layer("link").bits == 3
    assert np.array_equal(again([latents, conditions]).numpy(), mean([latents, conditions]).numpy())
