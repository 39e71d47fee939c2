"""The same loader that talks to hardware loads a simulated chip through its I2C pins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asic_flow.errors import ToolNotFoundError
from asic_flow.hardware import HardwareConfig
from asic_flow.ir import Structure, econ_t_structure
from asic_flow.registers import register_layout

SMALL = econ_t_structure(filters=1, units=2)
pytestmark = [pytest.mark.tools, pytest.mark.slow]


@pytest.mark.parametrize(
    ("structure", "shadow"),
    [(SMALL, True), (SMALL, False), (econ_t_structure(), False)],
    ids=["small-shadow", "small", "chip"],
)
def test_loader_drives_the_simulated_chip(
    structure: Structure, shadow: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One load of the smallest chip is 150,000 clocks: seconds with Verilator, minutes with Icarus."""
    pytest.importorskip("cocotb")
    from asic_flow.rtl import render_rtl
    from asic_flow.sim.rtl import chip_model
    from asic_flow.sim.simulators import build_model, run_bench

    (tmp_path / "encoder.json").write_text(structure.to_json())
    for name, text in render_rtl(structure, HardwareConfig(shadow_bank=shadow)).items():
        path = tmp_path / "rtl" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    try:
        model = build_model("verilator", chip_model(tmp_path))
    except ToolNotFoundError as error:
        pytest.skip(str(error))
    outcome = run_bench(model, "host_bench", tmp_path / "sim", environment={"HOST_BENCH_FOLDER": str(tmp_path)})
    assert outcome.failures == ()
    assert outcome.passed
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["report"]["bytes_written"] == register_layout(structure).n_bytes
    assert result["report"]["path"] == ("shadow" if shadow else "direct")
    assert result["wrong_device"].startswith("BusError: ")
    assert "was not acknowledged" in result["wrong_device"]
