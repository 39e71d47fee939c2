"""Weights that change over I2C while events flow: each output word is of one set, and it is the right one."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asic_flow.emulator import Emulator
from asic_flow.formal.engine import edited
from asic_flow.generate import write_project
from asic_flow.hardware import HardwareConfig
from asic_flow.ir import Structure, econ_t_structure
from asic_flow.sim.rtl import chip_model
from asic_flow.sim.simulators import BenchOutcome, build_model, run_bench
from asic_flow.vectors import make_vectors, stress_charges
from asic_flow.weights import WeightSet, random_weights

sys.path.insert(0, str(Path(__file__).parent / "benches"))
from loading_phases import phases

TINY = econ_t_structure("econ_t", filters=1, units=1, weight_bits=4)
"""14 weight bytes, so that loads are short."""
TELLING = (100, 158)
"""Seeds of sets with outputs that depend on the event, by a mixture of the two as well."""
EVENTS = 8
SLOW_COMMIT = (
    ".load_i     (load),\n    .load_data_i(load_data),",
    ".load_i     (load | (late_q != '0)),\n"
    "    .load_data_i(late_q[3] ? load_data : {weights_o[WeightBits-1:20], load_data[19:0]}),",
)
"""Planted in econ_weight_store: a commit that takes twenty bits at once and the others four clocks later."""
LATE = """
  logic [3:0] late_q;
  always_ff @(posedge clk_tmr_i[0] or negedge rst_ni) begin
    if (!rst_ni) late_q <= '0;
    else         late_q <= {late_q[2:0], load};
  end

  econ_refresh_timer #("""


def make_project(folder: Path, sets: list[WeightSet], *, shadow: bool) -> Path:
    """A chip with two weight sets, and events whose outputs tell them apart."""
    charges = stress_charges(np.random.default_rng(6), 600)
    vectors = make_vectors(sets[0], charges)
    images = vectors.images.reshape(-1, 8, 8, 1)
    outputs = [np.column_stack([Emulator(weights).run(images), vectors.sum_codes]) for weights in sets]
    distinct = (outputs[0] != outputs[1]).any(axis=1) & (vectors.sum_codes > 0)
    chosen = np.flatnonzero(distinct)[:EVENTS]
    assert len(chosen) == EVENTS
    write_project(sets[0].structure, folder, vectors, hardware=HardwareConfig(shadow_bank=shadow))
    work = {
        "images": [weights.to_bytes().hex() for weights in sets],
        "charges": vectors.charges[chosen].tolist(),
        "outputs": [table[chosen].tolist() for table in outputs],
    }
    (folder / "swap.json").write_text(json.dumps(work))
    return folder


def two_sets(structure: Structure, *seeds: int) -> list[WeightSet]:
    return [random_weights(structure, np.random.default_rng(seed)) for seed in seeds]


@pytest.fixture
def swap(
    tmp_path: Path, model_cache: Path, run_bench_env: Callable[..., dict[str, str]]
) -> Callable[..., BenchOutcome]:
    """Run the bench; `edit` changes the RTL of the project first."""

    def run(
        sets: list[WeightSet],
        *,
        shadow: bool = True,
        loaded: bool = False,
        edit: Callable[[Path], None] = lambda _rtl: None,
    ) -> BenchOutcome:
        if shutil.which("iverilog") is None:
            pytest.skip("Icarus Verilog is not installed")
        project = make_project(tmp_path / "asic", sets, shadow=shadow)
        edit(project / "rtl")
        built = build_model("icarus", chip_model(project), model_cache)
        environment = run_bench_env(project=str(project), shadow=shadow, loaded=loaded)
        return run_bench(built, "bench_swap", tmp_path / "run", environment=environment)

    return run


def replace(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        text = edited(text, old, new)
    path.write_text(text)


def spread_the_commit(rtl: Path) -> None:
    replace(rtl / "econ_weight_store.sv", SLOW_COMMIT, ("\n  econ_refresh_timer #(", LATE))


def forget_stale(rtl: Path) -> None:
    replace(rtl / "econ_registers.sv", ("run_q & ~stale_q & ~hold", "run_q & ~hold"))


@pytest.mark.tools
def test_no_event_sees_two_sets(swap: Callable[..., BenchOutcome]) -> None:
    outcome = swap(two_sets(TINY, *TELLING))
    assert (outcome.tests, outcome.failures) == (1, ())


@pytest.mark.tools
@pytest.mark.parametrize(
    ("shadow", "edit"),
    [
        pytest.param(True, spread_the_commit, id="slow commit"),
        pytest.param(False, forget_stale, id="direct load", marks=pytest.mark.long),
    ],
)
def test_a_mixture_is_caught(swap: Callable[..., BenchOutcome], shadow: bool, edit: Callable[[Path], None]) -> None:
    """Negative controls: a commit over several clocks; a load into the weights in use with the output not held."""
    outcome = swap(two_sets(TINY, *TELLING), shadow=shadow, loaded=True, edit=edit)
    (failure,) = outcome.failures
    assert "mixed weights" in failure


def test_phases_find_a_mixture() -> None:
    expected = [((1, 2), (3, 4))] * 5
    assert phases([(1, 2), (1, 2), (0, 0), (3, 4), (3, 4)], expected) == (2, 1, 2)
    with pytest.raises(AssertionError, match="event 1: .* mixed weights"):
        phases([(1, 2), (3, 2), (3, 4), (3, 4), (3, 4)], expected)
    with pytest.raises(AssertionError, match="event 2 goes back"):
        phases([(1, 2), (3, 4), (0, 0), (3, 4), (3, 4)], expected)
