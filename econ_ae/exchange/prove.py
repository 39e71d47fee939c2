"""Random images, and the comparison that every exporter makes before it leaves a file behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from asic_flow.emulator import Emulator
from asic_flow.formats import Integers
from asic_flow.ir import Structure
from asic_flow.weights import WeightSet
from econ_ae.errors import LoweringError


def random_images(structure: Structure, events: int, seed: int) -> Integers:
    """Images int64[n, height, width, channels] in the input format: the 48 cells random over all magnitudes.

    The first two are all zero and all ones (every live cell at its largest value).
    """
    spec = structure.input
    rng = np.random.default_rng([seed, 11])
    cells = rng.integers(spec.format.minimum, spec.format.maximum + 1, (events, len(spec.cell_positions)))
    cells >>= rng.integers(0, spec.format.width, cells.shape)
    cells[:1], cells[1:2] = 0, spec.format.maximum
    images = np.zeros((events, int(np.prod(spec.shape))), dtype=np.int64)
    images[:, list(spec.cell_positions)] = cells
    return images.reshape(-1, *spec.shape)


def prove_equal(
    weights: WeightSet, predict: Callable[[Integers], Integers], target: str, events: int, seed: int
) -> dict[str, Any]:
    """Compare an exported model with the emulator, integer by integer.

    Args:
        weights: encoder and weights.
        predict: images int64[n, height, width, channels] -> latents int64[n, latents] of the exported model.
        target: name for the message.
        events: random images compared.
        seed: their seed.

    Returns:
        ``{"target", "events", "values", "mismatches": 0, "distinct_values"}``.

    Raises:
        LoweringError: a latent differs; the message names event, latent and both integers.
    """
    images = random_images(weights.structure, events, seed)
    expected, found = Emulator(weights).run(images), predict(images)
    wrong = np.argwhere(found != expected)
    if len(wrong):
        event, latent = (int(i) for i in wrong[0])
        raise LoweringError(
            f"exporting to {target}: {len(wrong):,} of {expected.size:,} latents differ from the emulator, first at event "
            f"{event}, latent {latent}: {target} {int(found[event, latent])}, emulator {int(expected[event, latent])}; "
            "nothing was written"
        )
    return {
        "target": target,
        "events": events,
        "values": int(expected.size),
        "mismatches": 0,
        "distinct_values": len(np.unique(expected)),
    }
