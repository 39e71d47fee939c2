"""The decoder off the detector: truncated latents and module sum in, a distribution over the 48 trigger cells out."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from econ_ae.config import DecoderConfig
from econ_ae.features import CONDITIONS
from hgcal_data.geometry import N_CELLS

Tensor = Any

_MAX_LEVEL_BITS = 3


@keras.saving.register_keras_serializable(package="econ_ae")
class LinkTruncation(keras.layers.Layer):  # type: ignore[misc]
    """Keep the top ``bits`` of each latent, as the link does: floor, with straight-through gradient.

    Input and output float32[n, latents] in [0, 2); with `level_inputs` and few bits the level of each latent
    follows as one-hot, whose gradient is the central difference between the neighbouring levels. While `smooth` is
    set nothing is truncated and the one-hot is its linear interpolation (warm-up).
    """

    def __init__(self, bits: int, *, level_inputs: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bits = bits
        self.level_inputs = level_inputs and bits <= _MAX_LEVEL_BITS
        self.smooth = False

    def call(self, latents: Tensor) -> Tensor:
        """Decoder inputs float32[n, latents * (1 + levels)]."""
        levels = 1 << self.bits
        scaled = latents * (levels / 2.0)
        value = latents if self.smooth else latents + tf.stop_gradient(tf.floor(scaled) * (2.0 / levels) - latents)
        if not self.level_inputs:
            return value
        one_hot = _interpolated_levels(scaled, levels) if self.smooth else _levels(scaled, levels)
        return tf.concat([value, tf.reshape(one_hot, (-1, latents.shape[-1] * levels))], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Keras configuration."""
        return {**super().get_config(), "bits": self.bits, "level_inputs": self.level_inputs}


def _levels(scaled: Tensor, levels: int) -> Tensor:
    """One-hot of floor(scaled), float32[n, latents, levels]; gradient: half of (level above - level below)."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def operation(values: Tensor) -> tuple[Tensor, Any]:
        index = tf.cast(tf.clip_by_value(tf.floor(values), 0.0, levels - 1.0), tf.int32)
        one_hot = tf.one_hot(index, levels)

        def gradient(upstream: Tensor) -> Tensor:
            above = tf.concat([upstream[..., 1:], upstream[..., -1:]], axis=-1)
            below = tf.concat([upstream[..., :1], upstream[..., :-1]], axis=-1)
            return 0.5 * tf.reduce_sum((above - below) * one_hot, axis=-1)

        return one_hot, gradient

    return operation(scaled)


def _interpolated_levels(scaled: Tensor, levels: int) -> Tensor:
    centred = tf.clip_by_value(scaled - 0.5, 0.0, levels - 1.0)
    return tf.nn.relu(1.0 - tf.abs(centred[..., None] - tf.range(levels, dtype=tf.float32)))


def average_decoders(first: keras.Model, second: keras.Model) -> keras.Model:
    """Decoder whose distribution is the mean of two decoders' for the same latents and link count."""
    latents = keras.Input(first.inputs[0].shape[1:], name="latents")
    conditions = keras.Input((CONDITIONS,), name="conditions")
    sent = LinkTruncation(int(first.get_layer("link").bits), name="link")(latents)
    parts = []
    for index, decoder in enumerate((first, second)):
        inner = keras.Model(decoder.inputs, decoder.outputs[0], name=f"decoder{index}")
        parts.append(inner([sent, conditions]))
    return keras.Model([latents, conditions], keras.layers.Average(name="mean")(parts), name="decoder")


def build_decoder(config: DecoderConfig, latents: int, bits: int, seed: int) -> keras.Model:
    """Decoder: latents float32[n, latents] (natural units) and conditions float32[n, CONDITIONS] to float32[n,48].

    The link truncation is its first layer, so it may be given latents of full width. Rows of the output sum to one,
    TC order.
    """
    encoded = keras.Input((latents,), name="latents")
    conditions = keras.Input((CONDITIONS,), name="conditions")
    sent = LinkTruncation(bits, level_inputs=config.level_inputs, name="link")(encoded)
    values = keras.layers.Concatenate(name="inputs")([sent, conditions])
    for index in range(config.depth):
        start = keras.initializers.GlorotUniform(seed=seed * 1000 + 500 + index)
        branch = values if index == 0 else keras.layers.LayerNormalization(name=f"norm{index}")(values)
        branch = keras.layers.Dense(config.width, activation="gelu", kernel_initializer=start, name=f"hidden{index}")(
            branch
        )
        values = branch if index == 0 else keras.layers.Add(name=f"add{index}")([values, branch])
    values = keras.layers.LayerNormalization(name="norm_out")(values)
    start = keras.initializers.GlorotUniform(seed=seed * 1000 + 999)
    output = keras.layers.Dense(N_CELLS, activation="softmax", kernel_initializer=start, name="cells")(values)
    return keras.Model([encoded, conditions], output, name="decoder")
