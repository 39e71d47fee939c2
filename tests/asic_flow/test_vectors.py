"""Test vectors and the run folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asic_flow.errors import FlowError, WeightError
from asic_flow.ir import econ_t_structure
from asic_flow.run_folder import RunFolder
from asic_flow.vectors import MAX_CHARGE, make_vectors, stress_charges
from asic_flow.weights import random_weights, write_weights


def test_stress_charges_reach_the_edges() -> None:
    charges = stress_charges(np.random.default_rng(0), 400)
    assert charges.shape == (400, 48)
    assert (charges[0] == 0).all()
    assert (charges[2] == MAX_CHARGE).all()
    assert charges.min() == 0
    assert charges.max() == MAX_CHARGE


def test_vectors_and_their_files(tmp_path: Path) -> None:
    weights = random_weights(econ_t_structure(), np.random.default_rng(1))
    charges = stress_charges(np.random.default_rng(2), 150)
    vectors = make_vectors(weights, charges)
    assert vectors.images.shape == (150, 64)
    assert vectors.latents.shape == (150, 16)
    assert vectors.images.max() == 255  # one cell at full scale
    assert vectors.sum_codes[0] == 0
    vectors.write(tmp_path)
    again = np.loadtxt(tmp_path / "tb_output_predictions.dat", dtype=np.int64)
    np.testing.assert_array_equal(again, vectors.latents)
    assert np.loadtxt(tmp_path / "tb_weights.dat", dtype=np.int64).shape == (2144,)


@pytest.mark.parametrize("bad", [np.full((1, 48), -1), np.full((1, 48), MAX_CHARGE + 1), np.zeros((1, 47), dtype=int)])
def test_impossible_charges_are_refused(bad: np.ndarray) -> None:
    weights = random_weights(econ_t_structure(), np.random.default_rng(1))
    with pytest.raises(FlowError, match="making test vectors"):
        make_vectors(weights, bad)


def test_run_folder_messages(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="Train first"):
        RunFolder(tmp_path / "none")
    structure = econ_t_structure()
    (tmp_path / "encoder.json").write_text(structure.to_json())
    run = RunFolder(tmp_path)
    with pytest.raises(WeightError, match="found none"):
        run.weights()
    (tmp_path / "weights").mkdir()
    for links in (2, 5):
        write_weights(random_weights(structure, np.random.default_rng(links)), tmp_path / f"weights/links{links}.json")
    with pytest.raises(WeightError, match="say which"):
        run.weights()
    assert run.weights(5).crc32 != run.weights(2).crc32
    with pytest.raises(FlowError, match="reading events"):
        run.test_charges(10, 0)
