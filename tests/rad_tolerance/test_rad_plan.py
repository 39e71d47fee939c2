"""Selective triplication: rankings and budgets by hand, the mask in the RTL, and the campaign that confirms it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import ValidationError
from typer.testing import CliRunner

from asic_flow.config import read_asic_section
from asic_flow.errors import StructureError
from asic_flow.hardware import BankOrder, HardwareConfig
from asic_flow.ir import econ_t_structure
from asic_flow.registers.model import register_layout
from asic_flow.rtl import PACKAGE_FILE, render_rtl
from econ_ae.dataset import RunData, save_data
from econ_ae.shipped import PRETRAINED
from hgcal_data.simulate import SimulationConfig, simulate
from rad_tolerance.campaign.experiments import (
    SMALL,
    CampaignOptions,
    experiments,
    small_structure,
    small_weights,
)
from rad_tolerance.campaign.machine import WEIGHTS, Machine
from rad_tolerance.campaign.outcomes import summarise
from rad_tolerance.campaign.runner import chunks_of, run_chunk
from rad_tolerance.cli import app
from rad_tolerance.errors import RadiationError
from rad_tolerance.plan import bits_needed, monotone, protected, sample, write_mask

SMALL_LAYOUT = register_layout(small_structure(econ_t_structure()))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan") / "run"
    shutil.copytree(PRETRAINED / "links2", folder)
    readings = simulate(SimulationConfig(sample="electrons", readings=240, pileup=0.0), 1)
    split = (np.arange(len(readings)) % 2 * 2).astype(np.int8)
    data = RunData(readings, split, np.zeros(len(readings), dtype=np.int16), ("electrons",))
    save_data(data, folder / "data" / "readings.h5")
    (folder / "config.yml").write_text("name: plan\nasic:\n  verify: {events: 500, rtl_events: 100}\n")
    return folder


def test_a_plan_meets_its_budget_with_the_fewest_bits(run: Path) -> None:
    options = ["--events", "60", "--emd-events", "40", "--emd-flips", "8", "--keep", "0.05", "--no-area", "--apply"]
    done = CliRunner().invoke(app, ["plan", str(run), *options])
    assert done.exit_code == 0, done.output
    content = json.loads((run / "rad" / "plan.json").read_text())
    assert content["remaining_emd_half_pitches"] <= content["budget_emd_half_pitches"]
    assert content["budget_emd_half_pitches"] == pytest.approx(0.05 * content["unprotected_emd_half_pitches"])
    needed = {row["ranking"]: row["bits_for_budget"] for row in content["rankings"]}
    assert needed["expected harm"] == min(needed.values()) < needed["random"]
    assert int(content["triplicated"], 16).bit_count() == content["protected_bits"] < content["weight_bits"] == 12_864
    assert sum(row["protected"] for row in content["by_bit"]) == content["protected_bits"]
    for row in content["rankings"]:
        assert row["curve_remaining"] == sorted(row["curve_remaining"], reverse=True)
    hardware = read_asic_section(run).hardware
    assert hardware.triplicated == content["triplicated"]
    assert yaml.safe_load((run / "config.yml").read_text())["asic"]["verify"] == {"events": 500, "rtl_events": 100}
    package = render_rtl(econ_t_structure(), hardware)[PACKAGE_FILE]
    assert "Selective = 1'b1" in package
    assert {path.name for path in (run / "rad" / "figures").iterdir()} == {"plan.png", "plan.svg"}


def test_budgets_by_hand() -> None:
    harm = np.array([4.0, 1.0, 3.0, 2.0])
    order = np.argsort(-harm)
    assert [bits_needed(order, harm, budget) for budget in (10.0, 6.0, 5.9, 1.0, 0.0)] == [0, 1, 2, 3, 4]
    chosen = protected(order, np.pad(harm, (0, SMALL_LAYOUT.weight_bits - 4)), 3.0, SMALL_LAYOUT)
    assert np.flatnonzero(chosen).tolist() == [0, 2]
    nothing = protected(np.arange(SMALL_LAYOUT.weight_bits), np.zeros(SMALL_LAYOUT.weight_bits), 1.0, SMALL_LAYOUT)
    assert nothing.sum() == SMALL_LAYOUT.n_blocks, "every block keeps one"


def test_interpolation_is_monotone_and_starts_at_zero() -> None:
    x, y = np.array([3.0, 1.0, 2.0]), np.array([5.0, -1.0, 6.0])
    assert monotone(x, y, np.array([0.0, 1.0, 2.0, 2.5, 3.0, 9.0])).tolist() == [0.0, 0.0, 5.5, 5.5, 5.5, 5.5]
    change = np.array([0.0, 5.0, 0.0, 1.0, 3.0])
    assert change[sample(change, 2)].tolist() == [1.0, 5.0]
    with pytest.raises(RadiationError, match="no flip changes"):
        sample(np.zeros(3), 2)


def test_masks_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match="no bit of block 0"):
        BankOrder.of(0, SMALL_LAYOUT)
    with pytest.raises(StructureError, match="265 bits, the structure 264"):
        BankOrder.of(1 << 264, SMALL_LAYOUT)
    with pytest.raises(ValidationError, match="hexadecimal mask"):
        HardwareConfig(triplicated="all")
    with pytest.raises(RadiationError, match="writing the mask"):
        write_mask(tmp_path / "config.yml", "0x1")
    order = BankOrder.of(0b1010, SMALL_LAYOUT)
    assert order.tripled == (2,)
    assert order.places[:6] == (2, 0, 3, 1, 4, 5)
    assert sorted(order.places) == list(range(264))


@pytest.mark.slow
@pytest.mark.tools
def test_the_rtl_protects_what_the_mask_says(tmp_path: Path) -> None:
    """A campaign on a small chip with every third bit triplicated: those upsets are repaired, the others stay."""
    structure = small_structure(econ_t_structure())
    bits = structure.weight_bits
    mask = sum(1 << bit for bit in range(0, bits, 3))
    machine = Machine.build(structure, HardwareConfig(triplicated=hex(mask)), cache=tmp_path)
    stored = [item for item in machine.flip_flops() if item.part == WEIGHTS]
    assert sum(item.bits for item in stored) == bits + 2 * mask.bit_count()
    for item in stored:
        own = machine.stream_bits(item)
        assert own is not None
        assert all((mask >> int(bit) & 1) == bool(item.copy) for bit in own)
    charges = np.random.default_rng(5).integers(0, 4000, size=(40, 48))
    options = CampaignOptions(random=0, control=10, loaded_bytes=8, chunk=2000, window=100)
    first = next(experiments(SMALL, machine, small_weights(structure, 1), charges, options))
    row = summarise([run_chunk(chunk) for chunk in chunks_of(first, options.chunk, options.window)])
    parts = {part["storage"]: part for part in row["by_part"] if part["part"] == WEIGHTS}
    assert parts["triplicated"]["corrected"] == parts["triplicated"]["injections"] == 3 * mask.bit_count()
    assert parts["single"]["injections"] == bits - mask.bit_count()
    assert parts["single"]["stuck"] > 0.9 * parts["single"]["injections"]
