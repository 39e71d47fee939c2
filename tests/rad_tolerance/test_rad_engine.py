"""The incremental fault engine against brute force: invert the bit, run the emulator on everything."""

from __future__ import annotations

import numpy as np
import pytest

from asic_flow.emulator import Emulator
from asic_flow.formats import Format, Overflow, Rounding
from asic_flow.ir import Activation, Conv2D, Dense, Flatten, InputSpec, Structure, econ_t_structure
from asic_flow.topologies import verified_topologies
from asic_flow.weights import WeightSet, random_weights
from rad_tolerance.engine import BLOCK, Damage, FaultEngine
from rad_tolerance.errors import RadiationError
from rad_tolerance.faults import ValueFlips, WeightWords, WordFlips

PROFILES = ("econ_t", "exact")
EVENTS = 2 * BLOCK + 37  # two whole blocks and a part of one
SENT_BITS = 5


def images_of(structure: Structure, rng: np.random.Generator, events: int = EVENTS) -> np.ndarray:
    """Random images over the whole input range, an empty and a full one."""
    spec, cells = structure.input, list(structure.input.cell_positions)
    flat = np.zeros((events, int(np.prod(spec.shape))), dtype=np.int64)
    low, high = spec.format.minimum, spec.format.maximum
    filled = rng.random((events, len(cells))) < rng.random((events, 1))
    flat[:, cells] = rng.integers(low, high, size=(events, len(cells)), endpoint=True) * filled
    flat[0] = 0
    flat[1, cells] = high
    return flat.reshape(events, *spec.shape)


def small_weights(structure: Structure, rng: np.random.Generator) -> WeightSet:
    """Weights of a trained net's size, so that not every latent saturates; some at both ends of their range."""
    tensors = {}
    for name, shape in structure.tensor_shapes().items():
        fmt = structure.tensor_format(name)
        drawn = np.clip(np.rint(rng.normal(0.0, fmt.maximum / 8, size=shape)), fmt.minimum, fmt.maximum)
        ends = rng.random(shape)
        drawn[ends < 0.02] = fmt.minimum
        drawn[ends > 0.98] = fmt.maximum
        tensors[name] = drawn.astype(np.int64)
    return WeightSet(structure, tensors)


def dense_only(rng: np.random.Generator) -> Structure:
    """Two dense layers with signed, wrapping values, and words of two widths."""
    first, second = Format(width=5, fraction=4, signed=True), Format(width=7, fraction=6, signed=True)
    spec = InputSpec(
        height=3, width=2, channels=1, format=Format(width=6, fraction=5, signed=True), cell_positions=tuple(range(6))
    )
    rounding = list(Rounding)
    layers = (
        Flatten(name="flat"),
        Dense(
            name="hidden", units=7, kernel=first, bias=first, activation=Activation.LINEAR,
            output=Format(width=6, fraction=4, signed=True, rounding=rng.choice(rounding), overflow=Overflow.WRAP),
        ),
        Dense(
            name="middle", units=6, kernel=first, bias=first, product_fraction=7,
            output=Format(width=7, fraction=5, signed=False, rounding=rng.choice(rounding)),
        ),
        Dense(
            name="latents", units=3, kernel=second, bias=second, activation=Activation.LINEAR,
            output=Format(width=9, fraction=7, signed=True, rounding=rng.choice(rounding)),
        ),
    )  # fmt: skip
    return Structure(profile="exact", input=spec, layers=layers, register_profile="generic")


def two_convolutions(profile: str) -> Structure:
    base = econ_t_structure(profile, filters=3, units=4)
    conv, dense = base.layers
    second = conv.model_copy(update={"name": "second", "strides": (1, 1), "filters": 2, "padding": "valid"})
    hidden = Dense.model_validate({**dense.model_dump(), "name": "hidden", "units": 5})
    return Structure(profile=profile, layers=(conv, second, hidden, dense), register_profile="generic")


STRUCTURES = {
    "econ_t": lambda: econ_t_structure("econ_t"),
    "exact": lambda: econ_t_structure("exact"),
    "two_convolutions_econ_t": lambda: two_convolutions("econ_t"),
    "two_convolutions_exact": lambda: two_convolutions("exact"),
    "dense_only_1": lambda: dense_only(np.random.default_rng(1)),
    "dense_only_2": lambda: dense_only(np.random.default_rng(2)),
}


def brute_force(weights: WeightSet, images: np.ndarray, bits: np.ndarray) -> Damage:
    faulty = [Emulator(weights.flip_bit(int(bit))).run(images) for bit in bits]
    return Damage.between(Emulator(weights).run(images), faulty, weights.structure.latent_format.width - SENT_BITS)


def chosen_bits(weights: WeightSet, rng: np.random.Generator, count: int) -> np.ndarray:
    """Random bits, and of every tensor the lowest and the sign bit of its first and last word."""
    words = WeightWords.of(weights)
    edges = []
    for number in range(len(words.tensors)):
        own = np.flatnonzero(words.tensor == number)[[0, -1]]
        edges += [words.first_bit[own], words.first_bit[own] + words.width[own] - 1]
    return np.concatenate([rng.integers(weights.structure.weight_bits, size=count), *edges])


@pytest.mark.parametrize("kind", ["trained", "uniform", "maximum"])
@pytest.mark.parametrize("name", list(STRUCTURES))
def test_weight_flips_equal_brute_force(name: str, kind: str) -> None:
    rng = np.random.default_rng([7, len(kind)])
    structure = STRUCTURES[name]()
    weights = small_weights(structure, rng) if kind == "trained" else random_weights(structure, rng, kind=kind)
    images = images_of(structure, rng)
    words = WeightWords.of(weights)
    flips = WordFlips.of_count(words, 1)
    assert len(flips.words) == structure.weight_bits
    engine = FaultEngine(weights, SENT_BITS)
    bits = chosen_bits(weights, rng, 24)
    latents, damage = engine.run(images, words.faults(flips.words, flips.masks)[bits], threads=2)
    np.testing.assert_array_equal(latents, Emulator(weights).run(images))
    assert damage.equals(brute_force(weights, images, bits))


@pytest.mark.parametrize("profile", PROFILES)
def test_the_comparison_can_fail(profile: str) -> None:
    """Another bit, and the other profile's arithmetic, are told apart."""
    rng = np.random.default_rng(8)
    weights = small_weights(econ_t_structure(profile), rng)
    images = images_of(weights.structure, rng)
    words = WeightWords.of(weights)
    flips = WordFlips.of_count(words, 1)
    faults = words.faults(flips.words, flips.masks)
    bits = words.first_bit[rng.integers(len(words.value), size=20)]
    _, right = FaultEngine(weights, SENT_BITS).run(images, faults[bits])
    _, neighbours = FaultEngine(weights, SENT_BITS).run(images, faults[bits + 1])
    other = WeightSet(econ_t_structure("exact" if profile == "econ_t" else "econ_t"), weights.tensors)
    _, wrong_profile = FaultEngine(other, SENT_BITS).run(images, faults[bits])
    expected = brute_force(weights, images, bits)
    assert right.equals(expected)
    assert not neighbours.equals(expected)
    assert not wrong_profile.equals(expected)


def behind(weights: WeightSet, first: int) -> WeightSet:
    """The same network from its layer number `first` on; the values before it are the input."""
    structure = weights.structure
    names = [layer.name for layer in structure.weighted_layers[first:]]
    geometry = structure.geometry[names[0]]
    rows, columns, channels = geometry.input_image
    spec = InputSpec(
        height=rows, width=columns, channels=channels, format=geometry.input_format,
        cell_positions=tuple(range(rows * columns * channels)),
    )  # fmt: skip
    rest = Structure(
        profile=structure.profile, input=spec, layers=structure.weighted_layers[first:], register_profile="generic"
    )
    return WeightSet(rest, {key: value for key, value in weights.tensors.items() if key.split(".")[0] in names})


@pytest.mark.parametrize("name", ["econ_t", "exact", "two_convolutions_econ_t", "dense_only_1"])
def test_value_flips_equal_brute_force(name: str) -> None:
    """Inverting a value and running the rest of the network on it gives the same."""
    rng = np.random.default_rng(9)
    structure = STRUCTURES[name]()
    weights = small_weights(structure, rng)
    images = images_of(structure, rng)
    flips = ValueFlips.of(structure)
    latents, damage = FaultEngine(weights, SENT_BITS).run(images, flips.faults())
    trace = Emulator(weights).trace(images)
    sent_drop = structure.latent_format.width - SENT_BITS
    for tensor, label in enumerate(flips.tensors):
        own = np.flatnonzero(flips.tensor == tensor)
        rows = np.concatenate([own[:2], own[-2:], rng.choice(own, 10)])
        before = images if tensor == 0 else trace[label]
        fmt = structure.input.format if tensor == 0 else structure.geometry[label].output_format
        faulty = []
        for row in rows:
            raw = before.reshape(len(images), -1).copy()
            raw[:, flips.index[row]] ^= 1 << flips.bit[row]
            span = 1 << fmt.width
            raw = np.where(raw % span > fmt.maximum, raw % span - span, raw % span)
            shaped = raw.reshape(before.shape)
            last = tensor == len(structure.weighted_layers)
            if last:
                faulty.append(shaped)
            else:
                rest = behind(weights, tensor)
                faulty.append(Emulator(rest).run(shaped.reshape(len(images), *rest.structure.input.shape)))
        assert damage.take(rows).equals(Damage.between(latents, faulty, sent_drop)), label


def test_double_flips_equal_two_single_flips() -> None:
    rng = np.random.default_rng(10)
    weights = small_weights(econ_t_structure("econ_t"), rng)
    images = images_of(weights.structure, rng)
    words = WeightWords.of(weights)
    pairs = WordFlips.of_count(words, 2)
    assert len(pairs.words) == 15 * weights.structure.n_weights
    rows = rng.integers(len(pairs.words), size=15)
    _, damage = FaultEngine(weights, SENT_BITS).run(images, words.faults(pairs.words[rows], pairs.masks[rows]))
    faulty = []
    for word, mask in zip(pairs.words[rows], pairs.masks[rows], strict=True):
        low, high = (int(b) for b in range(6) if mask >> b & 1)
        first = int(words.first_bit[word])
        faulty.append(Emulator(weights.flip_bit(first + low).flip_bit(first + high)).run(images))
    assert damage.equals(Damage.between(Emulator(weights).run(images), faulty, 9 - SENT_BITS))


@pytest.mark.parametrize("events", [1, BLOCK, BLOCK + 1])
def test_number_of_threads_and_events_does_not_matter(events: int) -> None:
    rng = np.random.default_rng(11)
    weights = small_weights(econ_t_structure("exact"), rng)
    images = images_of(weights.structure, rng, max(events, 2))[:events]
    words = WeightWords.of(weights)
    flips = WordFlips.of_count(words, 1)
    faults = words.faults(flips.words, flips.masks)[::97]
    engine = FaultEngine(weights, SENT_BITS)
    results = [engine.run(images, faults, threads=count)[1] for count in (1, 3)]
    assert results[0].events == events
    assert results[0].equals(results[1])


@pytest.mark.parametrize(("name", "layer"), [("pooled_encoder", "border"), ("strided_encoder", "relu")])
def test_other_layers_are_refused_by_name(name: str, layer: str) -> None:
    structure = verified_topologies("econ_t")[name]
    weights = random_weights(structure, np.random.default_rng(0))
    with pytest.raises(RadiationError, match=f"'{layer}'"):
        FaultEngine(weights, 3)


def test_wide_numbers_are_refused_by_name() -> None:
    wide = Format(width=20, fraction=19, signed=True)
    conv, dense = econ_t_structure("exact").layers
    assert isinstance(conv, Conv2D)
    structure = Structure(
        profile="exact",
        layers=(conv, dense.model_copy(update={"kernel": wide, "bias": wide})),
        register_profile="generic",
    )
    with pytest.raises(RadiationError, match=r"'dense' has a \d+-bit accumulator"):
        FaultEngine(random_weights(structure, np.random.default_rng(0)), 3)
