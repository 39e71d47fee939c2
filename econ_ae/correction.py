"""Correction of the network's answer by gradient descent until its encoding agrees with the received code.

The network's distribution q is moved to the p that minimises
``KL(p || q) + strength * (distance of the latents to the received intervals)**2``: the least change that explains the code.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from asic_flow.formats import Integers
from asic_flow.weights import WeightSet
from econ_ae.encoder import build_encoder, set_integer_weights
from econ_ae.features import decoded_sum
from hgcal_data.codes import bit_length
from hgcal_data.geometry import AE_TO_TC, N_CELLS

FloatArray = NDArray[np.float64]
Tensor = Any

_OPEN = 1e3
_FLOOR = 1e-7
_BATCH = 1000


class Corrector:
    """Corrects distributions of one weight set and number of latent bits."""

    def __init__(self, weights: WeightSet, latent_bits: int, *, steps: int = 100, strength: float = 30.0) -> None:
        """Prepare.

        Args:
            weights: encoder weights.
            latent_bits: bits of each latent that are received.
            steps: gradient steps.
            strength: weight of the disagreement with the code, in units of the steps between received levels.
        """
        structure = weights.structure
        self._structure = structure
        self._bits = latent_bits
        self._steps = steps
        self._strength = strength
        encoder = build_encoder(structure)
        set_integer_weights(encoder, weights)
        self._sums = keras.Model(encoder.inputs[0], encoder.get_layer(structure.layers[-1].name).output)
        size = structure.input.height * structure.input.width * structure.input.channels
        placement = np.zeros((N_CELLS, size), dtype=np.float32)
        placement[AE_TO_TC, list(structure.input.cell_positions)] = 1.0
        self._placement = tf.constant(placement)
        self._descend = tf.function(self._descent, jit_compile=True)

    def run(self, shares: FloatArray, latents: Integers, sum_codes: Integers) -> FloatArray:
        """Corrected distributions float64[n,48]; rows without charge stay as they are.

        Args:
            shares: the network's distributions float64[n,48], TC order.
            latents: received latents int64[n, latents], full width; bits that were not sent are ignored.
            sum_codes: received 5E4M codes int64[n].
        """
        result = np.array(shares, dtype=np.float64)
        rows = np.flatnonzero(sum_codes > 0)
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            result[part] = self._correct(shares[part], latents[part], sum_codes[part])
        return result

    def _correct(self, shares: FloatArray, latents: Integers, sum_codes: Integers) -> FloatArray:
        """One batch, padded to a fixed size so that it compiles once."""
        fmt = self._structure.latent_format
        step = 2.0 ** (fmt.width - self._bits - fmt.fraction)
        levels = latents >> (fmt.width - self._bits)
        top = (1 << self._bits) - 1
        low = np.where(levels == 0, -_OPEN, levels * step)
        high = np.where(levels == top, _OPEN, (levels + 1) * step - 2.0**-fmt.fraction)
        total = decoded_sum(sum_codes)
        scale = (total / 2.0 ** (bit_length(total) - 1))[:, None]
        rows = len(shares)
        arrays = [
            tf.constant(np.pad(a, ((0, _BATCH - rows), (0, 0)), mode="edge").astype(np.float32))
            for a in (shares, low, high, scale)
        ]
        return np.asarray(self._descend(*arrays, tf.constant(step, tf.float32)), dtype=np.float64)[:rows]

    def _descent(self, shares: Tensor, low: Tensor, high: Tensor, scale: Tensor, step: Tensor) -> Tensor:
        """Adam on the logits, float32[n,48]."""
        reference = tf.math.log(shares + _FLOOR)
        fraction = float(1 << self._structure.input.format.fraction)

        def gradient(logits: Tensor) -> Tensor:
            with tf.GradientTape() as tape:
                tape.watch(logits)
                log_shares = tf.nn.log_softmax(logits)
                moved = tf.exp(log_shares)
                smooth = tf.matmul(moved * scale, self._placement)
                image = smooth + tf.stop_gradient(tf.floor(smooth * fraction) / fraction - smooth)
                sums = self._sums(tf.reshape(image, (-1, *self._structure.input.shape)))
                miss = (tf.nn.relu(low - sums) + tf.nn.relu(sums - high)) / step
                change = tf.reduce_sum(moved * (log_shares - reference), axis=-1)
                loss = tf.reduce_sum(self._strength * tf.reduce_sum(tf.square(miss), axis=-1) + change)
            return tape.gradient(loss, logits)

        def body(index: Tensor, logits: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, ...]:
            slope = gradient(logits)
            first = 0.9 * first + 0.1 * slope
            second = 0.99 * second + 0.01 * tf.square(slope)
            count = tf.cast(index + 1, tf.float32)
            rate = 0.1 * tf.sqrt(1.0 - tf.pow(0.99, count)) / (1.0 - tf.pow(0.9, count))
            rate *= 1.0 - 0.9 * count / float(self._steps)
            return index + 1, logits - rate * first / (tf.sqrt(second) + 1e-8), first, second

        zeros = tf.zeros_like(reference)
        state = tf.while_loop(lambda index, *_: index < self._steps, body, (tf.constant(0), reference, zeros, zeros))
        return tf.nn.softmax(state[1])
