"""Test vectors: module charges in, image, module sum and latents out, as plain decimal text.

One event per line, so that a C++ bench, a SystemVerilog bench and a person can all read them. The expected values come
from `hgcal_data.frontend` (converter) and `asic_flow.emulator` (network).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asic_flow.emulator import Emulator
from asic_flow.errors import FlowError
from asic_flow.formats import Integers
from asic_flow.weights import WeightSet
from hgcal_data.frontend import module_sum_code, normalise
from hgcal_data.geometry import AE_TO_TC, N_CELLS

CHARGES = "tb_charges.dat"
FEATURES = "tb_input_features.dat"
PREDICTIONS = "tb_output_predictions.dat"
SUM_CODES = "tb_sum_codes.dat"
WEIGHTS = "tb_weights.dat"
MAX_CHARGE = (1 << 22) - 1


@dataclass(frozen=True)
class Vectors:
    """Events with everything the hardware is expected to say about them.

    Attributes:
        charges: int64[n, 48], calibrated charges in encoder order (post-mux).
        images: int64[n, height * width * channels].
        sum_codes: int64[n], 5E4M code of the module sum.
        latents: int64[n, latents].
        weight_words: int64[n_weights], register order.
    """

    charges: Integers
    images: Integers
    sum_codes: Integers
    latents: Integers
    weight_words: Integers

    def write(self, folder: Path) -> None:
        """Write the five text files into an existing folder."""
        for name, values in (
            (CHARGES, self.charges),
            (FEATURES, self.images),
            (PREDICTIONS, self.latents),
            (SUM_CODES, self.sum_codes[:, None]),
            (WEIGHTS, self.weight_words[:, None]),
        ):
            np.savetxt(folder / name, values, fmt="%d")


def to_images(weights: WeightSet, charges_ae: Integers) -> Integers:
    """Converter: charges int64[n, 48] in encoder order to images int64[n, height, width, channels]."""
    spec = weights.structure.input
    flat = np.zeros((len(charges_ae), spec.height * spec.width * spec.channels), dtype=np.int64)
    flat[:, list(spec.cell_positions)] = normalise(charges_ae)
    return flat.reshape(-1, *spec.shape)


def make_vectors(weights: WeightSet, charges_tc: Integers) -> Vectors:
    """Vectors for module charges int64[n, 48] in TC order.

    Raises:
        FlowError: wrong shape, or a charge outside 22 bits.
    """
    if charges_tc.ndim != 2 or charges_tc.shape[1] != N_CELLS:
        raise FlowError(f"making test vectors: charges have shape {charges_tc.shape}, expected (events, {N_CELLS})")
    if charges_tc.size and (charges_tc.min() < 0 or charges_tc.max() > MAX_CHARGE):
        raise FlowError("making test vectors: a charge lies outside 0..2**22-1")
    charges = charges_tc[:, AE_TO_TC]
    images = to_images(weights, charges)
    return Vectors(
        charges=charges,
        images=images.reshape(len(images), -1),
        sum_codes=module_sum_code(charges),
        latents=Emulator(weights).run(images),
        weight_words=weights.words(),
    )


def stress_charges(rng: np.random.Generator, events: int) -> Integers:
    """Charges at the edges of the converter: empty, single cells, one count, full scale, and random over 22 bits."""
    fixed = np.zeros((5 + 2 * N_CELLS, N_CELLS), dtype=np.int64)
    fixed[1] = 1
    fixed[2] = MAX_CHARGE
    fixed[3, 0] = 1
    fixed[4, -1] = MAX_CHARGE
    fixed[5 : 5 + N_CELLS] = np.eye(N_CELLS, dtype=np.int64)
    fixed[5 + N_CELLS :] = MAX_CHARGE * np.eye(N_CELLS, dtype=np.int64)
    scale = 2.0 ** rng.uniform(0, 22, size=(events, 1))
    filled = rng.random((events, N_CELLS)) < rng.random((events, 1))
    drawn = np.minimum((rng.random((events, N_CELLS)) * scale * filled).astype(np.int64), MAX_CHARGE)
    return np.concatenate([fixed, drawn])[:events]
