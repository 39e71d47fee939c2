"""Decoding by synthesis: three answers to a received code, mixed as calibrated on validation rows.

Off the detector the encoder's weights are known, so a reconstruction can be encoded again and compared with what was
received. Besides the network's answer there are its least correction that explains the code (`econ_ae.correction`) and, for
modules with few hits, the mean of the whole counts that explain it (`econ_ae.sampling`). The EMD is convex, so a mixture is at
least as good as its parts are on average; which mixture is best depends on how many cells are hit, and is found on
validation rows (``train/decoding.json``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from asic_flow.formats import Integers
from asic_flow.weights import WeightSet
from econ_ae.correction import Corrector
from econ_ae.errors import TrainingError
from econ_ae.prior import CountPrior
from econ_ae.sampling import MAX_HITS, PosteriorSampler, hits_of, supports
from hgcal_data.emd import emd
from hgcal_data.files import atomic_write_text

FloatArray = NDArray[np.float64]

HIT_BINS: Final = (1, 3, 5, 7, 10, 17, 25, MAX_HITS + 1, 41)
"""Lower edges of the bins of hit cells in the network's answer; the last is open."""
_GRID: Final = 4
_FILE: Final = "decoding.json"


@dataclass(frozen=True)
class Decoding:
    """How the answers are mixed.

    Attributes:
        prior: what modules look like; None: nothing is sampled.
        mixture: shares of (network, corrected, sampled), float64[len(HIT_BINS), 3]; rows sum to one.
    """

    prior: CountPrior | None
    mixture: FloatArray

    @classmethod
    def default(cls) -> Self:
        """Half network, half corrected: for runs without a calibration."""
        return cls(None, np.tile([0.5, 0.5, 0.0], (len(HIT_BINS), 1)))

    @classmethod
    def read(cls, run: Path) -> Self:
        """Decoding of a run folder; the default where it has none.

        Raises:
            TrainingError: the file is damaged.
        """
        path = run / "train" / _FILE
        if not path.is_file():
            return cls.default()
        try:
            values = json.loads(path.read_bytes())
            mixture = np.asarray([row["shares"] for row in values["mixture"]], dtype=np.float64)
            if mixture.shape != (len(HIT_BINS), 3):
                raise ValueError(f"the mixture has shape {mixture.shape}, expected {(len(HIT_BINS), 3)}")
            return cls(CountPrior.from_dict(values["prior"]) if values["prior"] is not None else None, mixture)
        except (ValueError, KeyError, TypeError) as error:
            raise TrainingError(f"reading {path}: {error}; delete it to decode without calibration") from error

    def write(self, run: Path) -> None:
        """Write ``train/decoding.json`` of a run folder."""
        rows = [
            {"hits_from": low, "shares": shares.tolist()} for low, shares in zip(HIT_BINS, self.mixture, strict=True)
        ]
        prior = self.prior.to_dict() if self.prior is not None else None
        content = {"schema_version": 1, "answers": ["network", "corrected", "sampled"], "mixture": rows, "prior": prior}
        atomic_write_text(run / "train" / _FILE, json.dumps(content) + "\n")


class Refiner:
    """Mixed answers of one weight set and number of latent bits."""

    def __init__(self, weights: WeightSet, latent_bits: int, decoding: Decoding) -> None:
        self._decoding = decoding
        self._corrector = Corrector(weights, latent_bits)
        sampled = decoding.prior is not None and supports(weights.structure)
        self._sampler = PosteriorSampler(weights, latent_bits, decoding.prior) if sampled and decoding.prior else None

    def answers(self, shares: FloatArray, latents: Integers, sum_codes: Integers) -> FloatArray:
        """The three answers float64[3,n,48]: network, corrected, sampled (where there is none: corrected).

        Args:
            shares: the network's distributions float64[n,48], TC order.
            latents: received latents int64[n, latents], full width; bits that were not sent are ignored.
            sum_codes: received 5E4M codes int64[n].
        """
        corrected = self._corrector.run(shares, latents, sum_codes)
        sampled = corrected
        if self._sampler is not None:
            found = self._sampler.run(shares, latents, sum_codes)
            sampled = np.where(found.sum(axis=1, keepdims=True) > 0, found, corrected)
        return np.stack([shares, corrected, sampled])

    def run(self, shares: FloatArray, latents: Integers, sum_codes: Integers) -> FloatArray:
        """Mixed distributions float64[n,48]; arguments as for `answers`."""
        mixture = self._decoding.mixture[hit_bin(shares, sum_codes)]
        answers = self.answers(shares, latents, sum_codes)
        return np.asarray(np.einsum("ank,na->nk", answers, mixture), dtype=np.float64)


def hit_bin(shares: FloatArray, sum_codes: Integers) -> Integers:
    """Index into `HIT_BINS` int64[n] of the hit cells in the network's answer (no hit counts as the first bin)."""
    return np.maximum(np.searchsorted(HIT_BINS, hits_of(shares, sum_codes), side="right") - 1, 0)


def calibrate(
    weights: WeightSet,
    latent_bits: int,
    samples: list[Integers],
    rows: list[tuple[FloatArray, Integers, Integers, Any]],
) -> Decoding:
    """Fit the prior to training rows, and find the best mixture of each bin on validation rows.

    Args:
        weights: encoder weights.
        latent_bits: bits of each latent that are received.
        samples: training charges int64[n,48] of each sample.
        rows: for each sample the network's distributions, latents, sum codes, and true charges of its validation rows.

    Returns:
        Mixture shares are multiples of 1/4; every sample has the same total weight.
    """
    prior = CountPrior.fit(samples)
    refiner = Refiner(weights, latent_bits, Decoding(prior, Decoding.default().mixture))
    shares, latents, codes, charges = (np.concatenate(part) for part in zip(*rows, strict=True))
    weight = np.concatenate([np.full(len(part[1]), 1.0 / max(1, len(part[1]))) for part in rows])
    answers = refiner.answers(shares, latents, codes)
    bins = hit_bin(shares, codes)
    choices = [np.array(c) / _GRID for c in product(range(_GRID + 1), repeat=3) if sum(c) == _GRID]
    cost = np.stack([emd(charges, np.tensordot(choice, answers, axes=1)) for choice in choices])
    usable = np.isfinite(cost).all(axis=0)
    mixture = Decoding.default().mixture
    for index in range(len(HIT_BINS)):
        chosen = usable & (bins == index)
        if chosen.any():
            mixture[index] = choices[int(np.argmin(cost[:, chosen] @ weight[chosen]))]
    return Decoding(prior, mixture)
