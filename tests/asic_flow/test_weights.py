"""Structure and weight files: round trips, register order, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from asic_flow.errors import StructureError, WeightError
from asic_flow.ir import econ_t_structure, read_structure
from asic_flow.weights import WeightSet, from_bytes, random_weights, read_weights, write_weights


@pytest.fixture
def weights() -> WeightSet:
    return random_weights(econ_t_structure(), np.random.default_rng(3))


def test_size_of_the_bank(weights: WeightSet) -> None:
    assert (weights.structure.n_weights, weights.structure.weight_bits, len(weights.to_bytes())) == (
        2144,
        12864,
        1608,
    )


def test_stream_round_trip(weights: WeightSet) -> None:
    again = from_bytes(weights.structure, weights.to_bytes())
    for name, values in weights.tensors.items():
        np.testing.assert_array_equal(again.tensors[name], values)


def test_register_order(weights: WeightSet) -> None:
    """Word 0 is conv.kernel[0,0,0,0] at the least significant end; dense words run output-major."""
    stream = int.from_bytes(weights.to_bytes(), "little")

    def word(index: int) -> int:
        value = (stream >> (6 * index)) & 63
        return value - 64 if value > 31 else value

    assert word(0) == weights.tensors["conv.kernel"][0, 0, 0, 0]
    assert word(1) == weights.tensors["conv.kernel"][0, 0, 0, 1]
    assert word(72) == weights.tensors["conv.bias"][0]
    assert word(80 + 1) == weights.tensors["dense.kernel"][1, 0]
    assert word(80 + 128) == weights.tensors["dense.kernel"][0, 1]
    assert word(2143) == weights.tensors["dense.bias"][15]


def test_file_round_trip(weights: WeightSet, tmp_path: Path) -> None:
    write_weights(weights, tmp_path / "w.json")
    again = read_weights(tmp_path / "w.json", weights.structure)
    assert again.to_bytes() == weights.to_bytes()
    assert again.provenance == weights.provenance


def test_first_and_last_bit_can_be_flipped(weights: WeightSet) -> None:
    for bit in (0, 12863):
        difference = int.from_bytes(weights.to_bytes(), "little") ^ int.from_bytes(
            weights.flip_bit(bit).to_bytes(), "little"
        )
        assert difference == 1 << bit
    for bit in (-1, 12864):
        with pytest.raises(WeightError, match="outside 0..12863"):
            weights.flip_bit(bit)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["tensors"].pop("conv.bias"), "found tensors"),
        (lambda d: d["tensors"]["conv.bias"].append(0), "has shape"),
        (lambda d: d["tensors"]["conv.bias"].__setitem__(0, 32), "outside -32..31"),
        (lambda d: d["tensors"]["conv.bias"].__setitem__(0, 0.5), "not an integer"),
        (lambda d: d["tensors"]["conv.bias"].__setitem__(0, (d["tensors"]["conv.bias"][0] + 1) % 8), "CRC"),
        (lambda d: d.__setitem__("surprise", 1), "surprise"),
        (lambda d: d.__setitem__("structure_sha256", "0" * 64), "made for structure"),
    ],
)
def test_damaged_weight_files_are_refused(weights: WeightSet, tmp_path: Path, change: object, message: str) -> None:
    path = tmp_path / "w.json"
    write_weights(weights, path)
    data = json.loads(path.read_text())
    change(data)  # type: ignore[operator]
    path.write_text(json.dumps(data))
    with pytest.raises(WeightError, match=message):
        read_weights(path, weights.structure)


def test_truncated_and_missing_weight_files(weights: WeightSet, tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    write_weights(weights, path)
    path.write_text(path.read_text()[:-100])
    with pytest.raises(WeightError, match="reading weights"):
        read_weights(path, weights.structure)
    with pytest.raises(WeightError, match="No such file"):
        read_weights(tmp_path / "none.json", weights.structure)


def test_stream_of_the_wrong_length(weights: WeightSet) -> None:
    with pytest.raises(WeightError, match="1607 bytes"):
        from_bytes(weights.structure, weights.to_bytes()[:-1])


def test_structure_round_trip(tmp_path: Path) -> None:
    structure = econ_t_structure("exact")
    path = tmp_path / "encoder.json"
    path.write_text(structure.to_json())
    assert read_structure(path) == structure


def test_structure_hash_ignores_the_name_only() -> None:
    structure = econ_t_structure()
    assert structure.sha256 == structure.model_copy(update={"name": "other"}).sha256
    assert structure.sha256 != econ_t_structure("exact").sha256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.__setitem__("profil", "exact"), "profil"),
        (lambda d: d["layers"][0].__setitem__("product_fraction", 13), "exceeds the product"),
        (lambda d: d["layers"][0]["output"].__setitem__("signed", True), "must be unsigned"),
        (lambda d: d["layers"].pop(), "latents must be a vector"),
        (lambda d: d["layers"].append(d["layers"][0]), "unique"),
        (lambda d: d["layers"].clear(), "at least one layer"),
        (lambda d: d["input"]["cell_positions"].__setitem__(0, 64), "0..63"),
    ],
)
def test_malformed_structures_are_refused(tmp_path: Path, change: object, message: str) -> None:
    data = json.loads(econ_t_structure().to_json())
    change(data)  # type: ignore[operator]
    path = tmp_path / "encoder.json"
    path.write_text(json.dumps(data))
    with pytest.raises(StructureError, match=message):
        read_structure(path)
