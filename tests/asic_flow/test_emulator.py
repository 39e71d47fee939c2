"""The emulator against a slow, literal transcription of the arithmetic, and against the accumulator bounds."""

from __future__ import annotations

import numpy as np
import pytest

from asic_flow.bounds import accumulator_bounds
from asic_flow.emulator import Emulator
from asic_flow.errors import FlowError
from asic_flow.ir import Structure, econ_t_structure
from asic_flow.weights import WeightSet, random_weights
from hgcal_data.geometry import IMAGE_POSITIONS

PROFILES = ("econ_t", "exact")


def images(rng: np.random.Generator, events: int) -> np.ndarray:
    """Random modules between empty and full, always zero where no trigger cell is."""
    flat = np.zeros((events, 64), dtype=np.int64)
    fill = rng.random((events, 1))
    cells = rng.integers(0, 256, size=(events, 48)) * (rng.random((events, 48)) < fill)
    flat[:, IMAGE_POSITIONS] = cells
    flat[0] = 0
    flat[1, IMAGE_POSITIONS] = 255
    return flat.reshape(events, 8, 8)


def literal(structure: Structure, weights: WeightSet, image: np.ndarray) -> list[int]:
    """One event in plain Python integers, written from facts/econ-t.md 1.4 and not from the emulator."""
    floored = structure.profile == "econ_t"
    kernel, bias = weights.tensors["conv.kernel"].tolist(), weights.tensors["conv.bias"].tolist()
    hidden = []
    for row in range(4):
        for column in range(4):
            for f in range(8):
                total = bias[f] << (2 if floored else 7)
                for i in range(3):
                    for j in range(3):
                        r, c = 2 * row + i, 2 * column + j
                        if r < 8 and c < 8:
                            product = int(image[r, c]) * kernel[i][j][0][f]
                            total += product >> 5 if floored else product
                hidden.append(min(max(total if floored else round(total / 32), 0), 255))
    kernel, bias = weights.tensors["dense.kernel"].tolist(), weights.tensors["dense.bias"].tolist()
    latents = []
    for unit in range(16):
        total = bias[unit] << (3 if floored else 7)
        for i, value in enumerate(hidden):
            product = value * kernel[i][unit]
            total += product >> 4 if floored else product
        latents.append(min(max(total if floored else round(total / 16), 0), 511))
    return latents


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", ["uniform", "minimum", "maximum"])
def test_emulator_equals_literal_arithmetic(profile: str, kind: str) -> None:
    rng = np.random.default_rng(7)
    structure = econ_t_structure(profile)
    weights = random_weights(structure, rng, kind=kind)
    events = images(rng, 12)
    expected = [literal(structure, weights, event) for event in events]
    np.testing.assert_array_equal(Emulator(weights).run(events), expected)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_flipped_weight_bit_is_seen(profile: str) -> None:
    rng = np.random.default_rng(8)
    weights = random_weights(econ_t_structure(profile), rng)
    events = images(rng, 200)
    assert np.any(Emulator(weights).run(events) != Emulator(weights.flip_bit(5)).run(events))


def test_trace_ends_in_the_latents() -> None:
    rng = np.random.default_rng(9)
    emulator = Emulator(random_weights(econ_t_structure(), rng))
    events = images(rng, 20)
    trace = emulator.trace(events)
    assert trace["conv"].shape == (20, 4, 4, 8)
    np.testing.assert_array_equal(trace["dense"], emulator.run(events))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((2, 8, 8)), "must be integers"),
        (np.zeros((2, 4, 4), dtype=int), "the structure expects"),
        (np.full((1, 8, 8), 256), "leave the input format"),
        (np.full((1, 8, 8), -1), "leave the input format"),
    ],
)
def test_bad_images_are_refused(bad: np.ndarray, message: str) -> None:
    emulator = Emulator(random_weights(econ_t_structure(), np.random.default_rng(1)))
    with pytest.raises(FlowError, match=message):
        emulator.run(bad)


def test_no_events() -> None:
    emulator = Emulator(random_weights(econ_t_structure(), np.random.default_rng(1)))
    assert emulator.run(np.zeros((0, 8, 8), dtype=int)).shape == (0, 16)


def test_bounds_of_the_default_network() -> None:
    exact = accumulator_bounds(econ_t_structure("exact"))
    assert (exact["conv"].width, exact["dense"].width) == (18, 21)
    assert (exact["conv"].minimum, exact["conv"].maximum) == (
        -(9 * 255 * 32) - (32 << 7),
        9 * 255 * 31 + (31 << 7),
    )
    assert exact["conv"].live_products == 680
    floored = accumulator_bounds(econ_t_structure("econ_t"))
    assert (floored["conv"].width, floored["dense"].width) == (13, 17)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", ["minimum", "maximum"])
def test_bounds_are_reached(profile: str, kind: str) -> None:
    """All-minimum and all-maximum weights on a full module reach the ends of the first accumulator exactly."""
    structure = econ_t_structure(profile)
    weights = random_weights(structure, np.random.default_rng(0), kind=kind)
    kernel, bias = int(weights.tensors["conv.kernel"].flat[0]), int(weights.tensors["conv.bias"][0])
    bound = accumulator_bounds(structure)["conv"]
    drop = 5 if profile == "econ_t" else 0
    total = 9 * ((255 * kernel) >> drop) + (bias << (bound.fraction - 5))
    assert total == (bound.minimum if kind == "minimum" else bound.maximum)
