"""Fast estimate and its calibration; the whole estimate of a small chip through the command line."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from asic_flow.cli import run_cli
from asic_flow.errors import FlowError
from asic_flow.estimate import fast
from asic_flow.estimate.calibrate import calibration
from asic_flow.estimate.derates import Assumptions
from asic_flow.estimate.fast import drivers, estimate_fast, fit
from asic_flow.hardware import HardwareConfig
from asic_flow.ir import Structure, econ_t_structure
from asic_flow.synthesis.liberty import DEFAULT_LIBRARY
from asic_flow.weights import random_weights, write_weights
from hgcal_data.readings import ModuleReadings, save_hdf5

SMALL = econ_t_structure("econ_t", filters=1, units=2)


def synthetic(structure: Structure) -> dict[str, Any]:
    """A synthesised estimate in which every driver costs its position plus one."""
    nand2 = {block: float(np.dot(amount, range(1, len(amount) + 1))) for block, amount in drivers(structure).items()}
    nand2.pop("shadow bank")
    power = {
        block: {"dynamic_mw": value / 50, "clock_mw": value / 100, "leakage_mw": 0.0} for block, value in nand2.items()
    }
    return {
        "method": "synthesised", "hardware": HardwareConfig().model_dump(mode="json"),
        "library": {"name": "x", "node_nm": 180, "voltage_v": 1.8},
        "area": {"by_block_nand2": {b: {"other logic": v} for b, v in nand2.items()}, "total_nand2": sum(nand2.values())},
        "timing": {"clock_ns": 25.0},
        "power": {"library_by_block": power, "library_energy_pj": 25.0 * 0.03 * sum(nand2.values())},
    }  # fmt: skip


def designs() -> dict[str, tuple[Structure, dict[str, Any]]]:
    found = {
        "small": SMALL,
        "chip": econ_t_structure("econ_t"),
        "wide": econ_t_structure("econ_t", filters=4, units=20),
    }
    return {name: (structure, synthetic(structure)) for name, structure in found.items()}


def test_drivers_by_hand() -> None:
    """8 filters on 680 live products of 8 x 6 bits; 128 x 16 products of 8 x 6 bits; 12,864 weight bits."""
    found = drivers(econ_t_structure("econ_t"))
    assert found["convolution"] == (680 * 48, 128)
    assert found["dense"] == (2048 * 48, 16)
    assert (found["weight bank"], found["stage registers"], found["formatter"]) == (
        (12864,),
        (128 * 8 + 16 * 9,),
        (144,),
    )
    assert found["registers and control"] == (1, 1608)


def test_fit_recovers_costs() -> None:
    found = fit(designs())
    assert found["neurons"].nand2 == pytest.approx((1.0, 2.0))
    assert found["weight bank"].nand2 == pytest.approx((1.0,))
    assert found["registers and control"].dynamic_pj == pytest.approx((0.5, 1.0))
    assert found["neurons"].clock_pj == pytest.approx((0.25, 0.5))


def test_calibration_states_its_error() -> None:
    good = calibration(designs())
    assert [abs(d["area_error"]) < 1e-9 and abs(d["power_error"]) < 1e-9 for d in good["designs"]] == [True] * 3
    changed = copy.deepcopy(designs())
    content = changed["chip"][1]
    content["area"]["by_block_nand2"]["weight bank"]["other logic"] *= 2
    content["area"]["total_nand2"] += 12864
    errors = {d["design"]: d["area_error"] for d in calibration(changed)["designs"]}
    assert errors["chip"] == pytest.approx(-12864 / content["area"]["total_nand2"])
    with pytest.raises(FlowError, match="expected at least one design"):
        calibration({})
    alone = calibration({"chip": designs()["chip"]})
    assert alone["designs"][0]["area_error"] is None
    without = designs()
    without["chip"][1]["power"] = None
    with pytest.raises(FlowError, match="not a synthesised one with power"):
        calibration(without)


def test_fast_estimate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "calibration.json"
    monkeypatch.setattr(fast, "CALIBRATION", path)
    with pytest.raises(FlowError, match=r"asic_flow\.estimate\.calibrate"):
        estimate_fast(SMALL, HardwareConfig(), Assumptions())
    path.write_text(json.dumps(calibration(designs())))
    found = estimate_fast(SMALL, HardwareConfig(), Assumptions())
    expected = synthetic(SMALL)["area"]
    assert found["area"]["total_nand2"] == pytest.approx(expected["total_nand2"])
    published = found["area"]["total_nand2"] - found["area"]["by_block_nand2"]["formatter"]["all"]
    assert found["result"]["area_mm2"]["value"] == pytest.approx(published * 1.44e-6 / 0.7)
    assert found["result"]["slack_ns"] is None
    assert "off by at most 0 %" in found["error"]
    assert "changed since" not in found["error"]
    assert "these hardware options" not in found["error"]
    assert "these hardware options" in estimate_fast(SMALL, HardwareConfig(shadow_bank=True), Assumptions())["error"]
    path.write_text(json.dumps(calibration({"chip": designs()["chip"]})))
    assert "has not been measured" in estimate_fast(SMALL, HardwareConfig(), Assumptions())["error"]
    monkeypatch.setattr(fast, "rtl_sha256", lambda: "other")
    assert "changed since" in estimate_fast(SMALL, HardwareConfig(), Assumptions())["error"]


def test_shipped_calibration() -> None:
    """It belongs to the default library, and its error is small enough to be of use."""
    content = fast.read_calibration()
    assert (content["library"], content["node_nm"]) == ("osu018_stdcells", 180)
    assert content["designs"]
    found = estimate_fast(econ_t_structure("econ_t"), HardwareConfig(), Assumptions())
    assert 0.5 < found["result"]["area_mm2"]["value"] < 5.0
    assert found["result"]["power_mw"]["value"] > 1.0


def test_two_estimates_in_one_table(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "encoder.json").write_text(SMALL.to_json())
    assert run_cli(["estimate", str(run), "--fast"]) == 0
    path = run / "estimate" / "estimate.json"
    half = json.loads(path.read_text())
    for parts in half["area"]["by_block_nand2"].values():
        parts["all"] *= 2
    other = tmp_path / "other.json"
    other.write_text(json.dumps(half))
    capfd.readouterr()
    assert run_cli(["estimate", str(run), "--fast", "--beside", str(other)]) == 0
    lines = [
        line.split("│")[1:-1] for line in capfd.readouterr().out.split("Beside")[1].splitlines() if line.startswith("│")
    ]
    assert {line[0].strip() for line in lines} >= {"dense", "weight bank", "all"}
    assert {line[3].strip() for line in lines} == {"0.50"}
    assert run_cli(["estimate", str(run), "--fast", "--beside", str(tmp_path / "none.json")]) == 2
    assert "this is no estimate.json" in capfd.readouterr().err


def small_run(folder: Path) -> Path:
    folder.mkdir()
    (folder / "weights").mkdir()
    (folder / "encoder.json").write_text(SMALL.to_json())
    write_weights(random_weights(SMALL, np.random.default_rng(2)), folder / "weights" / "links2.json")
    charges = np.random.default_rng(3).integers(0, 2000, size=(300, 48)) * (
        np.random.default_rng(4).random((300, 48)) < 0.3
    )
    (folder / "data").mkdir()
    save_hdf5(ModuleReadings(charges=charges, sample="test"), folder / "data" / "readings.h5")
    with h5py.File(folder / "data" / "readings.h5", "a") as handle:
        handle["split"] = np.full(300, 2)
    return folder


@pytest.mark.long
@pytest.mark.tools
@pytest.mark.skipif(
    not all(map(shutil.which, ("yosys", "sta", "g++"))) or not DEFAULT_LIBRARY.is_file(),
    reason="a tool is not installed",
)
def test_estimate_of_a_small_chip(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Synthesis, OpenSTA and toggles; a refresh once in 1,000 clocks takes less power; check reads the result."""
    run = small_run(tmp_path / "run")
    assert run_cli(["generate", str(run)]) == 0
    assert run_cli(["estimate", str(run), "--events", "128"]) == 0
    out = capfd.readouterr().out
    assert "Area by block" in out
    content = json.loads((run / "estimate" / "estimate.json").read_text())
    assert all(row["expected"] == row["found"] for row in content["census"])
    assert sum(sum(parts.values()) for parts in content["area"]["by_block_nand2"].values()) == pytest.approx(
        content["area"]["total_nand2"]
    )
    assert content["power"]["glitch_factor_unit_delay"] > content["power"]["glitch_factor"] > 1.0
    assert {"ports to stage registers", "stage registers to stage registers"} <= {
        g["group"] for g in content["timing"]["groups"]
    }
    result = content["result"]
    assert all(item["low"] <= item["value"] <= item["high"] and item["detail"] for item in result.values() if item)
    assert run_cli(["estimate", str(run), "--events", "128", "--no-timing", "--refresh-period", "999", "--json"]) == 0
    rested = json.loads(capfd.readouterr().out)
    assert rested["seconds"]["modules_mapped_now"] == 0
    assert (
        rested["power"]["library_by_block"]["weight bank"]["clock_mw"]
        < 0.2 * content["power"]["library_by_block"]["weight bank"]["clock_mw"]
    )
    assert rested["result"]["power_mw"]["value"] < result["power_mw"]["value"]
    budgets = tmp_path / "budgets.yml"
    budgets.write_text("area_mm2: 10\npower_mw: 1000\n")
    assert run_cli(["check", str(run), "--budgets", str(budgets)]) == 0
    assert run_cli(["estimate", str(run), "--fast", "--keep"]) == 0
    assert json.loads((run / "estimate" / "estimate.json").read_text())["method"] == "synthesised"
    assert run_cli(["estimate", str(run), "--fast"]) == 0
    assert json.loads((run / "estimate" / "estimate.json").read_text())["method"] == "fast"
    assert run_cli(["estimate", str(run), "--library", str(tmp_path / "none.lib")]) == 2
