"""The C++ of every topology is bit-exact, and its own test bench fails on a changed latent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hls_support import write_files

from asic_flow.hls import CompiledBench, render_hls, run_csim
from asic_flow.hls.compiler import Toolchain
from asic_flow.ir import Structure
from asic_flow.topologies import verified_topologies
from asic_flow.vectors import PREDICTIONS, make_vectors, stress_charges
from asic_flow.weights import random_weights

pytestmark = pytest.mark.tools
FAST = [("pooled_encoder", "exact"), ("deep_4x4x3_encoder", "econ_t")]
SLOW = [
    ("pooled_encoder", "econ_t"),
    ("deep_4x4x3_encoder", "exact"),
    ("strided_encoder", "econ_t"),
    ("strided_encoder", "exact"),
]


def project(structure: Structure, folder: Path, kind: str) -> Path:
    write_files(folder, render_hls(structure))
    (folder / "tb_data").mkdir()
    rng = np.random.default_rng(21)
    make_vectors(random_weights(structure, rng, kind=kind), stress_charges(rng, 300)).write(folder / "tb_data")
    return folder


@pytest.mark.parametrize(("name", "profile"), [*FAST, *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW)])
def test_topology_in_cpp(name: str, profile: str, tmp_path: Path, toolchain: Toolchain) -> None:
    structure = verified_topologies(profile)[name]
    folder = project(structure, tmp_path / "asic", "uniform")
    bench = CompiledBench.build(folder, ac_types=toolchain.ac_types)
    result = run_csim(bench)
    assert result.passed, result.summary
    counts = {stream.name: stream.values for stream in result.streams}
    assert counts["latents"] == 300 * structure.n_latents
    latents = np.loadtxt(folder / "tb_data" / PREDICTIONS, dtype=np.int64, ndmin=2)
    assert len(np.unique(latents)) > 5, "the vectors hardly exercise the latents"
    latents[123, -1] ^= 1
    np.savetxt(folder / "tb_data" / PREDICTIONS, latents, fmt="%d")
    result = run_csim(bench)
    assert (result.exit_code, result.mismatches) == (1, 1)
    assert result.first_mismatch is not None
    assert result.first_mismatch[:3] == (123, "latents", structure.n_latents - 1)


def test_unused_words_do_not_appear() -> None:
    """Flattening is no kernel call, and padding and pooling have no weights."""
    text = render_hls(verified_topologies("exact")["pooled_encoder"])["firmware/pooled_encoder.cpp"]
    calls = [
        line.strip().split("(")[0]
        for line in text.splitlines()
        if line.strip().startswith("ae::") and "_config>" in line
    ]
    assert calls == [
        "ae::convert<converter_config>", "ae::zero_pad2d<border_config>", "ae::conv2d<conv_config>",
        "ae::max_pool2d<largest_config>", "ae::average_pool2d<mean_config>", "ae::dense<dense_config>",
        "ae::activate_all<cut_config>",
    ]  # fmt: skip
