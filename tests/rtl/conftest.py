"""Fixtures of the RTL tests: build a module once, run a cocotb bench on it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asic_flow.rtl import RTL_FOLDER
from asic_flow.sim.simulators import BenchOutcome, Model, build_model, run_bench

BENCHES = Path(__file__).parent / "benches"
RunModule = Callable[..., BenchOutcome]


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the models built in this session."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def need_icarus() -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")


@pytest.fixture
def run_bench_env(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """Make ``benches/`` importable inside the simulation, and pass options to the bench."""
    monkeypatch.setattr(sys, "path", [str(BENCHES), *sys.path])
    return lambda **options: {"BENCH_OPTIONS": json.dumps(options)}


@pytest.fixture
def run_module(model_cache: Path, tmp_path: Path, run_bench_env: Callable[..., dict[str, str]]) -> RunModule:
    """Run ``benches/NAME.py`` on hand-written modules under Icarus; the last source is the top."""
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")

    def run(bench: str, *modules: str, parameters: dict[str, int] | None = None, **options: Any) -> BenchOutcome:
        sources = tuple(RTL_FOLDER / f"{name}.sv" for name in modules)
        model = Model(sources=sources, top=modules[-1], parameters=parameters or {})
        built = build_model("icarus", model, model_cache)
        return run_bench(
            built,
            bench,
            tmp_path / "run",
            environment={"BENCH_OPTIONS": json.dumps({**options, "parameters": parameters})},
        )

    return run
