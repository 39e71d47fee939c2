"""Small network, exhaustively: all images that the converter can give are found; RTL = emulator for all weight sets."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from asic_flow.emulator import Emulator
from asic_flow.exhaustive import all_weight_sets, reachable_charges, small_structure, verify_exhaustively
from asic_flow.formats import Rounding
from asic_flow.ir import Profile


def test_all_reachable_images_are_found() -> None:
    """Brute force over all charges up to 11: nothing but the listed images; and the listed charges give them."""
    structure = small_structure(Profile.EXACT)
    charges, images = reachable_charges(structure)
    fraction = structure.input.format.fraction
    for rows, expected in ((charges, images), (np.array(list(itertools.product(range(12), repeat=4))), None)):
        total = rows.sum(axis=1)
        shift = np.array([max(int(value).bit_length() - 1, 0) for value in total])[:, None]
        pixels = (rows << fraction) >> shift
        assert expected is None or np.array_equal(pixels, expected)
        assert {tuple(row) for row in pixels.tolist()} <= {tuple(row) for row in images.tolist()}
    assert len(np.unique(images, axis=0)) == len(images) == 330
    assert charges.max() < 1 << 22
    assert not charges[0].any()


def test_all_weight_sets_are_different() -> None:
    structure = small_structure(Profile.ECON_T)
    sets = all_weight_sets(structure, 17)
    assert len({weights.to_bytes() for weights in sets}) == len(sets) == 241
    assert {int(value) for weights in sets for value in weights.words()} == {-2, -1, 0, 1}
    assert structure.weight_bits == 12


@pytest.mark.parametrize("profile", list(Profile))
def test_rounding_of_the_planted_error_shows(profile: Profile) -> None:
    """The planted RTL differs from the right one in the last bit of ties only, and the emulator tells the two apart."""
    _, images = reachable_charges(small_structure(profile))
    seen = 0
    for weights in all_weight_sets(small_structure(profile), 61):
        other = type(weights)(small_structure(profile, Rounding.HALF_UP), weights.tensors)
        difference = Emulator(other).run(images.reshape(-1, 2, 2, 1)) - Emulator(weights).run(
            images.reshape(-1, 2, 2, 1)
        )
        assert set(np.unique(difference)) <= {0, 1}
        seen += int(np.count_nonzero(difference))
    assert seen > 0


@pytest.mark.long
@pytest.mark.tools
@pytest.mark.parametrize("profile", list(Profile))
def test_rtl_is_the_emulator_for_all_weights_and_images(profile: Profile) -> None:
    check, control = verify_exhaustively(profile)
    assert (check.status, check.mismatches, check.values) == ("pass", 0, 4096 * 330)
    assert control.caught
