"""Run folders for the report tests: one is written once and copied, so that each test may spoil its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from report_run import write_later_parts, write_run

from reports.model import Results
from reports.write import write_report


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "demo")


@pytest.fixture
def run(pristine: Path, tmp_path: Path) -> Path:
    """A complete run of part 1."""
    return Path(shutil.copytree(pristine, tmp_path / "demo"))


@pytest.fixture
def light_run(run: Path) -> Path:
    """A run without data and evaluation: one figure to draw."""
    shutil.rmtree(run / "data")
    shutil.rmtree(run / "evaluate")
    (run / "train/history.csv").write_text("epoch,loss,val_loss\n1,2.0,2.1\n2,1.0,1.2\n")
    return run


@pytest.fixture
def full_run(run: Path) -> Path:
    """The same with synthesis, latent statistics and radiation."""
    return write_later_parts(run)


@pytest.fixture(scope="session")
def written(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Results]:
    """The report of the complete run, drawn once for all tests that only look at it."""
    folder = tmp_path_factory.mktemp("report") / "report"
    return folder, write_report(pristine, folder, examples=2)
