from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asic_flow.emulator import Emulator
from asic_flow.ir import Profile, econ_t_structure
from asic_flow.weights import WeightSet, random_weights
from econ_ae.correction import Corrector
from econ_ae.errors import TrainingError
from econ_ae.features import encoder_images, sum_codes
from econ_ae.prior import CountPrior
from econ_ae.refine import Decoding, Refiner, calibrate
from econ_ae.sampling import PosteriorSampler, encoder_arrays, supports
from econ_ae.sampling_kernels import violation
from hgcal_data.codes import bit_length
from hgcal_data.emd import emd
from hgcal_data.geometry import NEIGHBOURS


def modules(rows: int, hits: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    charges = np.zeros((rows, 48), dtype=np.int64)
    for row in charges:
        row[rng.choice(48, hits, replace=False)] = rng.integers(1, 400, hits)
    return charges


def gentle_weights(profile: str, seed: int) -> WeightSet:
    """Random weights whose latents do not saturate."""
    structure = econ_t_structure(profile)
    rng = np.random.default_rng(seed)
    tensors = {name: rng.integers(-9, 14, shape) for name, shape in structure.tensor_shapes().items()}
    return WeightSet(structure, tensors)


def latents_of(weights: WeightSet, charges: np.ndarray) -> np.ndarray:
    return Emulator(weights).run(encoder_images(charges, weights.structure.input))


@pytest.mark.parametrize("profile", list(Profile))
def test_kernel_encodes_as_the_emulator(profile: Profile) -> None:
    weights = random_weights(econ_t_structure(profile), np.random.default_rng(1))
    charges = np.concatenate([modules(40, 3, 2), modules(40, 40, 3)])
    expected = latents_of(weights, charges)
    net = encoder_arrays(weights)
    hidden, acc = np.empty(128, dtype=np.int64), np.empty(16, dtype=np.int64)
    for counts, latents in zip(charges, expected, strict=True):
        shift = int(bit_length(np.array([counts.sum()]))[0]) - 1
        assert violation(counts, shift, latents, latents, net, hidden, acc) == 0
        off = latents + 3
        assert violation(counts, shift, off, off, net, hidden, acc) == 3 * 16


def prior_of(charges: np.ndarray) -> CountPrior:
    """Prior fitted to modules like these, often enough for every octave."""
    return CountPrior.fit([np.repeat(charges, 50, axis=0)])


def one_cell_off(charges: np.ndarray) -> np.ndarray:
    """Distributions of a network that missed every cell by one: each charge sits on the cell's first neighbour."""
    moved = np.zeros(charges.shape)
    for cell, others in enumerate(NEIGHBOURS):
        moved[:, others[0]] += charges[:, cell]
    return moved / charges.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("profile", list(Profile))
def test_walk_finds_the_counts_behind_the_code(profile: Profile) -> None:
    weights = gentle_weights(profile, 4)
    charges = np.concatenate([modules(30, 1, 5), modules(30, 2, 6)])
    latents, codes = latents_of(weights, charges), sum_codes(charges)
    wrong = one_cell_off(charges)
    found = PosteriorSampler(weights, 5, prior_of(charges)).run(wrong, latents, codes)
    assert np.allclose(found.sum(axis=1), 1.0)
    assert emd(charges, found).mean() < 0.5 * emd(charges, wrong).mean()
    other = np.roll(latents, 1, axis=0)  # negative control: somebody else's code leads elsewhere
    assert emd(charges, PosteriorSampler(weights, 5, prior_of(charges)).run(wrong, other, codes)).mean() > 1.0


def test_rows_do_not_depend_on_their_neighbours() -> None:
    weights = gentle_weights("econ_t", 7)
    charges = modules(150, 3, 8)
    latents, codes = latents_of(weights, charges), sum_codes(charges)
    shares = np.full((150, 48), 1e-4)
    shares[:, :4] = 0.25
    sampler = PosteriorSampler(weights, 3, prior_of(charges))
    together = sampler.run(shares, latents, codes)
    assert np.array_equal(sampler.run(shares[70:72], latents[70:72], codes[70:72]), together[70:72])


def test_bits_that_were_not_sent_do_not_matter() -> None:
    weights = gentle_weights("econ_t", 7)
    charges = modules(40, 3, 8)
    latents, codes = latents_of(weights, charges), sum_codes(charges)
    shares = charges / charges.sum(axis=1, keepdims=True)
    sampler = PosteriorSampler(weights, 3, prior_of(charges))
    assert np.array_equal(sampler.run(shares, latents, codes), sampler.run(shares, latents | 63, codes))


def test_busy_and_empty_modules_are_not_sampled() -> None:
    weights = gentle_weights("econ_t", 9)
    charges = np.concatenate([modules(5, 40, 10), np.zeros((2, 48), dtype=np.int64)])
    shares = charges / np.maximum(charges.sum(axis=1, keepdims=True), 1)
    found = PosteriorSampler(weights, 3, prior_of(modules(40, 3, 8))).run(
        shares, latents_of(weights, charges), sum_codes(charges)
    )
    assert not found.any()


def test_correction_brings_busy_modules_closer_to_their_code() -> None:
    weights = gentle_weights("econ_t", 11)
    charges = modules(200, 40, 12)
    latents, codes = latents_of(weights, charges), sum_codes(charges)
    uniform = np.full((200, 48), 1 / 48)
    corrected = Corrector(weights, 3).run(uniform, latents, codes)
    assert np.allclose(corrected.sum(axis=1), 1.0, atol=1e-5)

    def miss(shares: np.ndarray) -> float:
        again = np.rint(shares * charges.sum(axis=1, keepdims=True)).astype(np.int64)
        return float(np.abs((latents_of(weights, again) >> 6) - (latents >> 6)).mean())

    assert miss(corrected) < 0.3 * miss(uniform)
    half = Refiner(weights, 3, Decoding.default()).run(uniform, latents, codes)
    assert np.allclose(half, 0.5 * (corrected + uniform), atol=1e-6)


def test_calibration_takes_the_better_answer_and_survives_a_file(tmp_path: Path) -> None:
    weights = gentle_weights("econ_t", 4)
    charges = np.concatenate([modules(20, 1, 5), modules(20, 2, 6)])
    latents, codes = latents_of(weights, charges), sum_codes(charges)
    wrong = one_cell_off(charges)
    right = charges / charges.sum(axis=1, keepdims=True)
    rows = [(wrong, latents, codes, charges)]
    decoding = calibrate(weights, 5, [np.repeat(charges, 50, axis=0)], rows)
    assert decoding.mixture[0, 2] > 0.5
    trusting = calibrate(weights, 5, [np.repeat(charges, 50, axis=0)], [(right, latents, codes, charges)])
    assert trusting.mixture[0, 0] > 0.5
    (tmp_path / "train").mkdir()
    decoding.write(tmp_path)
    again = Decoding.read(tmp_path)
    assert np.array_equal(again.mixture, decoding.mixture)
    assert again.prior is not None
    assert decoding.prior is not None
    assert np.array_equal(again.prior.spectrum, decoding.prior.spectrum)
    (tmp_path / "train" / "decoding.json").write_text('{"mixture": []}')
    with pytest.raises(TrainingError, match="decoding.json"):
        Decoding.read(tmp_path)


def test_prior_knows_that_hits_cluster() -> None:
    lonely = modules(4000, 2, 1) // 100 + (modules(4000, 2, 1) > 0)
    close = np.zeros_like(lonely)
    close[:, 20:22] = 3  # cells 20 and 21 are neighbours
    octave = int(bit_length(np.array([6]))[0]) - 1
    clustered, scattered = CountPrior.fit([close]), CountPrior.fit([lonely])
    assert clustered.pair[octave] > scattered.pair[octave] + 1
    values = clustered.to_dict()
    assert np.array_equal(CountPrior.from_dict(values).hit, clustered.hit)
    with pytest.raises(ValueError, match="shapes"):
        CountPrior.from_dict({**values, "hit": []})


def test_other_structures_fall_back_to_the_correction() -> None:
    structure = econ_t_structure("exact", filters=4, units=8)
    assert supports(structure)
    dense_only = structure.model_copy(update={"layers": structure.layers[1:]})
    assert not supports(dense_only)
