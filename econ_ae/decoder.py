"""The decoder off the detector: truncated latents and module sum in, a distribution over the 48 trigger cells out."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from econ_ae.conditions import module_width
from econ_ae.config import ConditionName, DecoderConfig
from econ_ae.features import CONDITIONS
from hgcal_data.geometry import AE_TO_TC, IMAGE_POSITIONS, N_CELLS

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
    conditions = keras.Input(first.inputs[1].shape[1:], name="conditions")
    sent = LinkTruncation(int(first.get_layer("link").bits), name="link")(latents)
    parts = []
    for index, decoder in enumerate((first, second)):
        inner = keras.Model(decoder.inputs, decoder.outputs[0], name=f"decoder{index}")
        parts.append(inner([sent, conditions]))
    return keras.Model([latents, conditions], keras.layers.Average(name="mean")(parts), name="decoder")


@keras.saving.register_keras_serializable(package="econ_ae")
class ConditionChoice(keras.layers.Layer):  # type: ignore[misc]
    """Names the conditions a decoder was trained with, and leaves out the sum's inputs where ``sum`` is not among them.

    Input float32[n, CONDITIONS + m]: the inputs of the sum, then those of the module (`econ_ae.conditions`).
    """

    def __init__(self, names: tuple[ConditionName, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.names = tuple(names)

    def call(self, conditions: Tensor) -> Tensor:
        """Chosen inputs."""
        return conditions if "sum" in self.names else conditions[:, CONDITIONS:]

    def get_config(self) -> dict[str, Any]:
        """Keras configuration."""
        return {**super().get_config(), "names": list(self.names)}


def imported_decoder(inner: keras.Model, latents: int, bits: int) -> keras.Model:
    """A published decoder, latents to image, with the inputs and outputs of `build_decoder`; it is told no conditions.

    Args:
        inner: model float32[n, latents] (natural units) -> float32[n,8,8,1].
        latents: number of latents.
        bits: bits of each latent that the links carry.

    Raises:
        ValueError: `inner` has other shapes.
    """
    found = (tuple(inner.input_shape), tuple(inner.output_shape))
    if found != ((None, latents), (None, 8, 8, 1)):
        raise ValueError(f"expected {latents} latents in and an 8x8x1 image out, found {found[0]} in, {found[1]} out")
    encoded = keras.Input((latents,), name="latents")
    conditions = keras.Input((CONDITIONS,), name="conditions")
    sent = LinkTruncation(bits, name="link")(encoded)
    image = keras.Model(inner.inputs, inner.outputs[0], name="published")(sent)
    return keras.Model([encoded, conditions], LiveCells(name="cells")(image), name="decoder")


def condition_names(decoder: keras.Model) -> tuple[ConditionName, ...]:
    """Conditions of a decoder made by `build_decoder` or `average_decoders`."""
    for layer in decoder.layers:
        if isinstance(layer, ConditionChoice):
            return layer.names
        if isinstance(layer, keras.Model):
            return condition_names(layer)
    return ("sum",)


def build_decoder(config: DecoderConfig, latents: int, bits: int, seed: int) -> keras.Model:
    """Decoder: latents float32[n, latents] (natural units) and conditions float32[n, CONDITIONS + m] to float32[n,48].

    m inputs of the module follow those of the sum (`econ_ae.conditions`; none by default). The link truncation is the
    first layer, so it may be given latents of full width. Rows of the output sum to one, TC order.
    """
    encoded = keras.Input((latents,), name="latents")
    conditions = keras.Input((CONDITIONS + module_width(config.conditions),), name="conditions")
    sent = LinkTruncation(bits, level_inputs=config.level_inputs, name="link")(encoded)
    chosen = conditions
    if config.conditions != ("sum",):
        chosen = ConditionChoice(config.conditions, name="choice")(conditions)
    parts = [sent, chosen]
    cells = _dense_layers(config, parts, seed) if config.kind == "distribution" else _published_layers(parts, seed)
    return keras.Model([encoded, conditions], cells, name="decoder")


def _start(seed: int, index: int) -> Any:
    return keras.initializers.GlorotUniform(seed=seed * 1000 + index)


def _dense_layers(config: DecoderConfig, inputs: list[Tensor], seed: int) -> Tensor:
    """Residual dense layers and a softmax over the cells."""
    values = keras.layers.Concatenate(name="inputs")(inputs)
    for index in range(config.depth):
        start = _start(seed, 500 + index)
        branch = values if index == 0 else keras.layers.LayerNormalization(name=f"norm{index}")(values)
        branch = keras.layers.Dense(config.width, activation="gelu", kernel_initializer=start, name=f"hidden{index}")(
            branch
        )
        values = branch if index == 0 else keras.layers.Add(name=f"add{index}")([values, branch])
    values = keras.layers.LayerNormalization(name="norm_out")(values)
    return keras.layers.Dense(N_CELLS, activation="softmax", kernel_initializer=_start(seed, 999), name="cells")(values)


def _published_layers(inputs: list[Tensor], seed: int) -> Tensor:
    """The published decoder: dense 128, transposed convolutions 3x3 with stride 2 (8 filters) and 1 (one filter), sigmoid.

    Source: facts/data.md section 2 (2,833 parameters on the latents alone). The 48 live places of its 8x8 image are
    divided by their sum, so that the module sum is kept; conditions, which the published one lacks, join the latents.
    """
    kept = [part for part in inputs if part.shape[-1]]
    values = keras.layers.Concatenate(name="inputs")(kept) if len(kept) > 1 else kept[0]
    values = keras.layers.Dense(128, activation="relu", kernel_initializer=_start(seed, 500), name="hidden0")(values)
    values = keras.layers.Reshape((4, 4, 8), name="image")(values)
    transposed = keras.layers.Conv2DTranspose
    values = transposed(
        8, 3, strides=2, padding="same", activation="relu", kernel_initializer=_start(seed, 501), name="transposed0"
    )(values)
    values = transposed(
        1, 3, padding="same", activation="sigmoid", kernel_initializer=_start(seed, 502), name="transposed1"
    )(values)
    return LiveCells(name="cells")(values)


@keras.saving.register_keras_serializable(package="econ_ae")
class LiveCells(keras.layers.Layer):  # type: ignore[misc]
    """The 48 trigger cells of an image float32[n,8,8,1], TC order, divided by their sum: float32[n,48]."""

    def call(self, image: Tensor) -> Tensor:
        """Distribution over the cells."""
        places = np.empty(N_CELLS, dtype=np.int64)
        places[AE_TO_TC] = IMAGE_POSITIONS
        cells = tf.gather(tf.reshape(image, (-1, image.shape[1] * image.shape[2])), places, axis=1)
        return cells / tf.reduce_sum(cells, axis=-1, keepdims=True)
