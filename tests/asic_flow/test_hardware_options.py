"""Options of the chip: read from the run's configuration, honoured by generate, no part of the structure."""

from __future__ import annotations

from pathlib import Path

import pytest

from asic_flow.config import read_asic_section
from asic_flow.errors import FlowError
from asic_flow.generate import render_design, stale_files, write_project
from asic_flow.hardware import HardwareConfig
from asic_flow.ir import econ_t_structure

SHADOW = HardwareConfig(shadow_bank=True)


def test_the_section_is_read_and_checked(tmp_path: Path) -> None:
    assert read_asic_section(tmp_path).hardware == HardwareConfig()
    (tmp_path / "config.yml").write_text("asic:\n  hardware:\n    shadow_bank: true\n")
    assert read_asic_section(tmp_path).hardware == SHADOW
    (tmp_path / "config.yml").write_text("asic:\n  hardware:\n    shadow: true\n")
    with pytest.raises(FlowError, match=r"asic\.hardware\.shadow"):
        read_asic_section(tmp_path)


def test_an_option_changes_the_package_and_nothing_else(tmp_path: Path) -> None:
    structure = econ_t_structure(filters=1, units=2)
    without, with_shadow = render_design(structure), render_design(structure, hardware=SHADOW)
    assert {path for path in without if without[path] != with_shadow[path]} == {"rtl/econ_pkg.sv"}
    write_project(structure, tmp_path / "asic", hardware=SHADOW)
    assert stale_files(structure, tmp_path / "asic", hardware=SHADOW) == []
    assert stale_files(structure, tmp_path / "asic") == ["rtl/econ_pkg.sv"]
