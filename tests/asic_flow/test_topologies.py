"""Every layer of the intermediate representation: shapes, refusals, bounds that are reached, and both emulator engines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from asic_flow.bounds import accumulator_bounds
from asic_flow.emulator import Emulator
from asic_flow.emulator_native import load_library
from asic_flow.errors import FlowError
from asic_flow.formats import Format, Overflow, Rounding
from asic_flow.ir import Activation, ActivationLayer, Conv2D, Dense, Structure, econ_t_structure, input_4x4x3
from asic_flow.topologies import verified_topologies
from asic_flow.weights import WeightSet, random_weights
from hgcal_data.geometry import TC_TO_AE

PROFILES = ("econ_t", "exact")
NAMES = tuple(verified_topologies("exact"))
DEFAULT_SHA256 = {
    "econ_t": "76af130f90fddf094f1d85b612024f7a16b9ab4e48d703c26b38d8c376b3923f",
    "exact": "b7865ae914599c9f84f08d6ef9339f300f84ddba0e3d0ae49d102feb4350f890",
}
WEIGHT = Format(width=6, fraction=5, signed=True)


def images(structure: Structure, rng: np.random.Generator, events: int) -> np.ndarray:
    spec = structure.input
    flat = np.zeros((events, spec.height * spec.width * spec.channels), dtype=np.int64)
    cells = rng.integers(0, 256, size=(events, len(spec.cell_positions))) * (
        rng.random((events, 48)) < rng.random((events, 1))
    )
    flat[:, list(spec.cell_positions)] = cells
    flat[0] = 0
    flat[1, list(spec.cell_positions)] = spec.format.maximum
    return flat.reshape(events, *spec.shape)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_default_structure_keeps_its_hash(profile: str) -> None:
    """Weight files in the world carry this hash."""
    assert econ_t_structure(profile).sha256 == DEFAULT_SHA256[profile]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NAMES)
def test_json_round_trip(name: str, profile: str) -> None:
    structure = verified_topologies(profile)[name]
    assert Structure.model_validate_json(structure.to_json()) == structure


def test_4x4x3_arrangement() -> None:
    """Channel TC // 16, row (TC % 16) // 4, column TC % 4 (facts/data.md)."""
    spec = input_4x4x3()
    assert sorted(spec.cell_positions) == list(range(48))
    for cell in range(48):
        row, column, channel = np.unravel_index(spec.cell_positions[TC_TO_AE[cell]], spec.shape)
        assert (channel, row, column) == (cell // 16, cell % 16 // 4, cell % 4)


@pytest.mark.parametrize("kind", ["uniform", "minimum", "maximum"])
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NAMES)
def test_engines_agree(name: str, profile: str, kind: str) -> None:
    if load_library() is None:
        pytest.skip("no C++ compiler: the reference is the only engine")
    rng = np.random.default_rng(3)
    structure = verified_topologies(profile)[name]
    weights = random_weights(structure, rng, kind=kind)
    fast, slow = Emulator(weights, engine="native"), Emulator(weights, engine="reference")
    assert (fast.engine, slow.engine) == ("native", "reference")
    events = images(structure, rng, 203)  # neither a whole block nor a whole vector
    expected = slow.run(events)
    for dtype in (np.uint8, np.int16, np.int32, np.int64, np.uint16):
        np.testing.assert_array_equal(fast.run(events.astype(dtype)), expected)
    for count in (0, 1, 7, 64, 65):
        np.testing.assert_array_equal(fast.run(events[:count], threads=2), expected[:count])
    many = np.tile(events, (8, 1, 1, 1))
    np.testing.assert_array_equal(fast.run(many, threads=3), np.tile(expected, (8, 1)))
    everywhere = rng.integers(0, 256, size=events.shape)  # also where no trigger cell lies
    np.testing.assert_array_equal(fast.run(everywhere), slow.run(everywhere))


@pytest.mark.parametrize("seed", range(12))
def test_engines_agree_on_random_formats(seed: int) -> None:
    """Random widths, fractions, roundings and overflow, signed hidden values, and products beyond 16 bits."""
    rng = np.random.default_rng(seed)

    def output(signed: bool, fraction: int) -> Format:
        rounding, overflow = rng.choice(list(Rounding)), rng.choice(list(Overflow))
        return Format(
            width=int(rng.integers(3, 13)), fraction=fraction, signed=signed, rounding=rounding, overflow=overflow
        )

    width = int(rng.integers(2, 11))
    kernel = Format(width=width, fraction=width - 1, signed=True)
    floor = [None, int(rng.integers(width - 1, 7 + width))]
    signed = bool(rng.integers(2))
    layers = (
        Conv2D(
            name="conv", filters=int(rng.integers(1, 12)), kernel_size=(2, 3), strides=(2, 3), kernel=kernel, bias=kernel,
            product_fraction=floor[seed % 2], activation=Activation.LINEAR if signed else Activation.RELU,
            output=output(signed, min(width - 1, 5)),
        ),
        Dense(
            name="dense", units=int(rng.integers(1, 20)), kernel=kernel, bias=kernel, activation=Activation.LINEAR,
            output=output(signed=True, fraction=min(width - 1, 4)),
        ),
        ActivationLayer(name="last", output=output(signed=False, fraction=1)),
    )  # fmt: skip
    structure = Structure(layers=layers, profile="exact", register_profile="generic")
    weights = random_weights(structure, rng)
    events = images(structure, rng, 150)
    np.testing.assert_array_equal(Emulator(weights).run(events), Emulator(weights, engine="reference").run(events))


def raw_sums(structure: Structure, layer: str, weights: WeightSet, events: np.ndarray) -> np.ndarray:
    """Accumulators of a layer: its output made linear and as wide as the bound says, later layers left out."""
    bound = accumulator_bounds(structure)[layer]
    wide = Format(width=bound.width, fraction=bound.fraction, signed=True)
    index = [item.name for item in structure.layers].index(layer)
    changed = structure.layers[index].model_copy(update={"output": wide, "activation": Activation.LINEAR})
    cut = structure.model_copy(update={"layers": (*structure.layers[:index], changed)})
    tensors = {name: values for name, values in weights.tensors.items() if name in cut.tensor_shapes()}
    return Emulator(WeightSet(cut, tensors), engine="reference").trace(events)[layer]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", ["econ_t_encoder", "pooled_encoder"])
def test_bounds_are_reached_at_both_ends(name: str, profile: str) -> None:
    """All hidden values at their largest, then all weights of the layer at one end: the accumulator meets its bound."""
    structure = verified_topologies(profile)[name]
    full = images(structure, np.random.default_rng(0), 2)
    for layer in structure.weighted_layers:
        bound = accumulator_bounds(structure)[layer.name]
        reached = []
        for kind in ("minimum", "maximum"):
            tensors = dict(random_weights(structure, np.random.default_rng(0), kind="maximum").tensors)
            extreme = random_weights(structure, np.random.default_rng(0), kind=kind).tensors
            tensors |= {key: value for key, value in extreme.items() if key.startswith(f"{layer.name}.")}
            sums = raw_sums(structure, layer.name, WeightSet(structure, tensors), full)
            reached.append(int(sums.min() if kind == "minimum" else sums.max()))
        assert tuple(reached) == (bound.minimum, bound.maximum)
        assert bound.width == max((-bound.minimum - 1).bit_length(), bound.maximum.bit_length()) + 1


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NAMES)
def test_no_weight_set_leaves_the_bounds(name: str, profile: str) -> None:
    structure = verified_topologies(profile)[name]
    rng = np.random.default_rng(4)
    events = images(structure, rng, 40)
    for kind in ("uniform", "minimum", "maximum"):
        weights = random_weights(structure, rng, kind=kind)
        for layer, bound in accumulator_bounds(structure).items():
            sums = raw_sums(structure, layer, weights, events)
            assert bound.minimum <= sums.min()
            assert sums.max() <= bound.maximum


def changed(name: str, layer: str, **fields: Any) -> dict[str, Any]:
    data = verified_topologies("exact")[name].model_dump(mode="json")
    next(item for item in data["layers"] if item["name"] == layer).update(fields)
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed("pooled_encoder", "mean", pool_size=[3, 1]), "a mean over 3 values is no shift"),
        (changed("pooled_encoder", "mean", padding="same"), "needs padding 'valid'"),
        (changed("pooled_encoder", "mean", output=None), "average pooling needs an output format"),
        (changed("pooled_encoder", "largest", output={"width": 8, "fraction": 7, "signed": False}), "leave output out"),
        (changed("pooled_encoder", "largest", pool_size=[9, 9], padding="valid"), "larger than its input"),
        (changed("pooled_encoder", "border", padding=[-1, 0, 0, 0]), "greater than or equal to 0"),
        (changed("pooled_encoder", "cut", activation="relu"), "a ReLU output must be unsigned"),
        (changed("pooled_encoder", "cut", output={"width": 9, "fraction": 8, "signed": True}), "8 fraction bits"),
        (changed("strided_encoder", "conv", strides=[0, 1]), "greater than or equal to 1"),
        (changed("strided_encoder", "conv", kind="lstm"), "lstm"),
    ],
)  # fmt: skip
def test_bad_layers_are_refused_by_name(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Structure.model_validate(data)


def test_structures_that_end_or_begin_wrong_are_refused() -> None:
    data = verified_topologies("exact")["strided_encoder"].model_dump(mode="json")
    layers = data["layers"]
    with pytest.raises(ValueError, match="end with dense or flatten"):
        Structure.model_validate({**data, "layers": layers[:-1]})
    with pytest.raises(ValueError, match="at least one layer with weights"):
        Structure.model_validate({**data, "layers": layers[-1:]})


def test_native_can_be_required(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = random_weights(econ_t_structure(), np.random.default_rng(0))
    monkeypatch.setattr("asic_flow.emulator.load_library", lambda: None)
    with pytest.raises(FlowError, match="native engine is not available"):
        Emulator(weights, engine="native")
    assert Emulator(weights).engine == "reference"
