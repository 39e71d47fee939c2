"""The wheel holds every file the packages need, and works away from the sources."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from asic_flow.ir import econ_t_structure

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("econ_ae", "hgcal_data", "asic_flow", "rad_tolerance", "reports")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the working tree, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in tracked("pyproject.toml", "README.md", "LICENSE", *PACKAGES):
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    command = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source)]
    subprocess.run([sys.executable, *command], check=True, timeout=300)
    (found,) = folder.glob("*.whl")
    return found


def tracked(*paths: str) -> list[str]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *paths]
    files = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [name for name in files if (ROOT / name).is_file()]


def test_the_wheel_has_every_file_of_the_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        missing = set(tracked(*PACKAGES)) - set(archive.namelist())
    assert missing == set(), "add their suffix to package-data in pyproject.toml"


def test_a_design_is_made_and_compared_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run([sys.executable, *install], check=True, timeout=300)
    (tmp_path / "encoder.json").write_text(econ_t_structure("econ_t").to_json())
    environment = os.environ | {"PYTHONPATH": str(site)}

    def python(*arguments: str) -> str:
        ended = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    for package in PACKAGES:
        where = python("-c", f"import {package}; print({package}.__file__)").strip()
        assert Path(where).is_relative_to(site), f"{package} comes from {where}"
    assert "design files" in python("-m", "asic_flow", "generate", "--structure", "encoder.json", "-o", "chip")
    weights = site / "econ_ae" / "pretrained" / "links2" / "weights" / "links2.json"
    assert "equal" in python("-m", "asic_flow", "weights", "load", str(weights), "--bus", "fake")
    python("-m", "hgcal_data", "simulate", "-o", "few.h5", "--readings", "200")
    python("-m", "econ_ae.evaluate", "--pretrained", "--links", "2", "--data", "few.h5", "--json", "judged.json")
    assert (tmp_path / "judged.json").is_file()
