from __future__ import annotations

import numpy as np
import pytest

from asic_flow.emulator import Emulator
from asic_flow.ir import Profile, econ_t_structure
from asic_flow.weights import WeightSet, random_weights
from econ_ae.features import decoded_sum, encoder_images, sum_codes
from econ_ae.refine import Refiner
from econ_ae.search import CodeSearch, supports
from econ_ae.search_kernels import violation
from hgcal_data.codes import bit_length


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
    net = CodeSearch(weights, 3)._network
    hidden, acc = np.empty(128, dtype=np.int64), np.empty(16, dtype=np.int64)
    for counts, latents in zip(charges, expected, strict=True):
        shift = int(bit_length(np.array([counts.sum()]))[0]) - 1
        assert violation(counts, shift, latents, latents, net, hidden, acc) == 0
        off = latents + 3
        assert violation(counts, shift, off, off, net, hidden, acc) == 3 * 16


@pytest.mark.parametrize("profile", list(Profile))
def test_search_ends_in_counts_that_explain_the_code(profile: Profile) -> None:
    weights = gentle_weights(profile, 4)
    charges = np.concatenate([modules(60, 1, 5), modules(60, 2, 6)])
    latents, codes = latents_of(weights, charges), sum_codes(charges)
    wrong = np.roll(charges / charges.sum(axis=1, keepdims=True), 1, axis=1)  # the network missed every cell by one
    counts, done = CodeSearch(weights, 9).run(wrong, latents, codes)
    assert done.all()
    explained = (latents_of(weights, counts) == latents).all(axis=1)
    same = (counts > 0) == (charges > 0)
    assert explained.mean() > 0.5
    assert same[explained].all(axis=1).mean() > 0.7


def test_consistent_answers_are_left_alone() -> None:
    weights = gentle_weights("econ_t", 7)
    charges = np.minimum(modules(50, 2, 8), 15)  # 5E4M transmits sums below 32 exactly
    assert np.array_equal(decoded_sum(sum_codes(charges)), charges.sum(axis=1))
    shares = charges / charges.sum(axis=1, keepdims=True)
    counts, done = CodeSearch(weights, 3).run(shares, latents_of(weights, charges), sum_codes(charges))
    assert done.all()
    assert np.array_equal(counts, charges)


def test_busy_and_empty_modules_are_not_searched() -> None:
    weights = gentle_weights("econ_t", 9)
    charges = np.concatenate([modules(5, 40, 10), np.zeros((2, 48), dtype=np.int64)])
    shares = charges / np.maximum(charges.sum(axis=1, keepdims=True), 1)
    counts, done = CodeSearch(weights, 3).run(shares, latents_of(weights, charges), sum_codes(charges))
    assert not done.any()
    assert not counts.any()


def test_correction_brings_busy_modules_closer_to_their_code() -> None:
    weights = gentle_weights("econ_t", 11)
    charges = modules(200, 40, 12)
    latents, codes = latents_of(weights, charges), sum_codes(charges)
    uniform = np.full((200, 48), 1 / 48)
    refined = Refiner(weights, 3, share=1.0).run(uniform, latents, codes)
    assert np.allclose(refined.sum(axis=1), 1.0, atol=1e-5)

    def miss(shares: np.ndarray) -> float:
        again = np.rint(shares * charges.sum(axis=1, keepdims=True)).astype(np.int64)
        return float(np.abs((latents_of(weights, again) >> 6) - (latents >> 6)).mean())

    assert miss(refined) < 0.3 * miss(uniform)
    half = Refiner(weights, 3, share=0.5).run(uniform, latents, codes)
    assert np.allclose(half, 0.5 * (refined + uniform), atol=1e-4)


def test_other_structures_fall_back_to_the_correction() -> None:
    structure = econ_t_structure("exact", filters=4, units=8)
    assert supports(structure)
    dense_only = structure.model_copy(update={"layers": structure.layers[1:]})
    assert not supports(dense_only)
