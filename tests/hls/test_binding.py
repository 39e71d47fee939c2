"""The batch library equals the emulator for any weights, inputs and structure, and refuses wrong input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hls_support import write_files

from asic_flow.emulator import Emulator
from asic_flow.errors import FlowError, WeightError
from asic_flow.formats import Format, Overflow, Rounding
from asic_flow.hls import CompiledBench, CompiledEncoder, render_hls, run_csim
from asic_flow.hls.compiler import Toolchain
from asic_flow.ir import Activation, Conv2D, Dense, InputSpec, Structure, econ_t_structure
from asic_flow.vectors import make_vectors, stress_charges, to_images
from asic_flow.weights import WeightSet, random_weights
from hgcal_data.frontend import module_sum_code, normalise

pytestmark = pytest.mark.tools


@pytest.fixture(scope="session")
def encoder(project: Path, toolchain: Toolchain) -> CompiledEncoder:
    return CompiledEncoder(project, ac_types=toolchain.ac_types)


def full_range_images(structure: Structure, rng: np.random.Generator, events: int) -> np.ndarray[Any, Any]:
    spec = structure.input
    images = np.zeros((events, int(np.prod(spec.shape))), dtype=np.int64)
    live = list(spec.cell_positions)
    filled = rng.random((events, len(live))) < rng.random((events, 1))
    images[:, live] = (
        rng.integers(spec.format.minimum, spec.format.maximum, (events, len(live)), endpoint=True) * filled
    )
    images[0] = 0
    images[1, live] = spec.format.maximum
    images[2, live] = spec.format.minimum
    return images.reshape(events, *spec.shape)


@pytest.mark.parametrize("kind", ["uniform", "minimum", "maximum"])
def test_equal_to_the_emulator(encoder: CompiledEncoder, structure: Structure, kind: str) -> None:
    rng = np.random.default_rng(21)
    weights = random_weights(structure, rng, kind=kind)
    charges = stress_charges(rng, 3000)
    latents, codes = encoder.run_charges(charges, weights, threads=2)
    np.testing.assert_array_equal(latents, Emulator(weights).run(to_images(weights, charges)))
    np.testing.assert_array_equal(codes, module_sum_code(charges))
    np.testing.assert_array_equal(encoder.run(charges, weights), latents)
    cells, codes = encoder.run_converter(charges)
    np.testing.assert_array_equal(cells, normalise(charges))
    np.testing.assert_array_equal(codes, module_sum_code(charges))
    images = full_range_images(structure, rng, 3000)
    np.testing.assert_array_equal(encoder.run(images[..., 0], weights), Emulator(weights).run(images))


def test_weights_change_without_recompiling(encoder: CompiledEncoder, weights: WeightSet) -> None:
    charges = stress_charges(np.random.default_rng(3), 300)
    before = encoder.run(charges, weights)
    changed = weights.flip_bit(6 * (weights.structure.n_weights - 1) + 4)
    after = encoder.run(charges, changed)
    assert (before != after).any()
    np.testing.assert_array_equal(after, Emulator(changed).run(to_images(changed, charges)))
    np.testing.assert_array_equal(encoder.run(charges, weights), before)


def test_wrong_input_is_refused(encoder: CompiledEncoder, structure: Structure, weights: WeightSet) -> None:
    good = np.zeros((2, 48), dtype=np.int64)
    for bad, message in (
        (good.astype(float), "must be integers"),
        (good[:, :47], "expected"),
        (good - 1, "outside 22 bits"),
        (good + (1 << 22), "outside 22 bits"),
        (good + (1 << 40), "beyond 32 bits"),
        (np.full((1, 8, 8), 1), "no trigger cell reaches"),
        (np.zeros((1, 8, 7), dtype=int), "the structure expects"),
    ):
        with pytest.raises(FlowError, match=message):
            encoder.run(bad, weights)
    image = np.zeros((1, 8, 8), dtype=np.int64)
    image[0, 0, 0] = 256
    with pytest.raises(FlowError, match="leaves the input format"):
        encoder.run(image, weights)
    other = econ_t_structure("exact" if structure.profile == "econ_t" else "econ_t")
    with pytest.raises(WeightError, match="the weights fit structure"):
        encoder.run(good, random_weights(other, np.random.default_rng(0)))
    assert encoder.run(good[:0], weights).shape == (0, 16)


def fmt(width: int, fraction: int, *, signed: bool = False, rounding: str = "floor", wrap: bool = False) -> Format:
    overflow = Overflow.WRAP if wrap else Overflow.SATURATE
    return Format(width=width, fraction=fraction, signed=signed, rounding=Rounding(rounding), overflow=overflow)


def two_convolutions() -> Structure:
    """Valid and same padding, half-up and wrap, a signed linear hidden layer, 4- and 7-bit weights."""
    return Structure(
        name="other_encoder",
        profile="exact",
        register_profile="generic",
        layers=(
            Conv2D(
                name="first", filters=3, kernel_size=(2, 3), strides=(1, 2), padding="valid",
                kernel=fmt(4, 3, signed=True), bias=fmt(4, 3, signed=True), activation=Activation.LINEAR,
                output=fmt(6, 3, signed=True, rounding="half_up", wrap=True),
            ),
            Conv2D(
                name="second", filters=5, kernel_size=(3, 3), strides=(2, 2), kernel=fmt(7, 6, signed=True),
                bias=fmt(7, 5, signed=True), product_fraction=7, output=fmt(7, 5, rounding="half_even"),
            ),
            Dense(
                name="last", units=6, kernel=fmt(5, 4, signed=True), bias=fmt(5, 2, signed=True),
                activation=Activation.LINEAR, output=fmt(10, 4, signed=True, rounding="half_even"),
            ),
        ),
    )  # fmt: skip


def dense_only() -> Structure:
    """No convolution, a wide input format, 12 cells on a 3x4x2 image, unsigned output that clips a negative sum."""
    return Structure(
        name="small",
        profile="econ_t",
        register_profile="generic",
        input=InputSpec(height=3, width=4, channels=2, format=fmt(11, 10), cell_positions=tuple(range(1, 24, 2))),
        layers=(
            Dense(
                name="only", units=4, kernel=fmt(3, 1, signed=True), bias=fmt(3, 2, signed=True), product_fraction=4,
                activation=Activation.LINEAR, output=fmt(4, 3, rounding="half_up"),
            ),
        ),
    )  # fmt: skip


@pytest.mark.parametrize("make", [two_convolutions, dense_only])
def test_other_structures(make: Any, tmp_path: Path, toolchain: Toolchain) -> None:
    structure = make()
    encoder = CompiledEncoder(write_files(tmp_path, render_hls(structure)), ac_types=toolchain.ac_types)
    rng = np.random.default_rng(5)
    for kind in ("uniform", "minimum", "maximum"):
        weights = random_weights(structure, rng, kind=kind)
        images = full_range_images(structure, rng, 1000)
        latents = encoder.run(images, weights)
        np.testing.assert_array_equal(latents, Emulator(weights).run(images))
        assert len(np.unique(latents)) > 2 or kind != "uniform"


def test_bench_of_another_structure(tmp_path: Path, toolchain: Toolchain) -> None:
    """Words of 4, 7 and 5 bits lie across byte edges of the weight bank; outputs are signed."""
    structure = two_convolutions()
    project = write_files(tmp_path, render_hls(structure))
    rng = np.random.default_rng(6)
    (project / "tb_data").mkdir()
    make_vectors(random_weights(structure, rng), stress_charges(rng, 200)).write(project / "tb_data")
    result = run_csim(CompiledBench.build(project, ac_types=toolchain.ac_types))
    assert result.passed, result.summary
    assert {stream.name: stream.values for stream in result.streams}["latents"] == 200 * 6
