"""The main job: every step of the flow in order, each as its own process, with a closing table.

Each step is a command that a user can repeat alone on the run folder. The pipeline only starts them, times them and
reads one line of result from the files they wrote.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from asic_flow.errors import FlowError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """One step: its name, its command (without the interpreter), and how to read its result line."""

    name: str
    command: tuple[str, ...]
    summary: Callable[[Path], str]


@dataclass(frozen=True)
class StepOutcome:
    """What a step did."""

    name: str
    seconds: float
    exit_code: int
    result: str


def run_name(config: Path) -> Path:
    """Run folder that a configuration file names (``output``, default ``runs/NAME``).

    Raises:
        FlowError: the file is missing or not a mapping.
    """
    try:
        content = yaml.safe_load(config.read_text())
    except OSError as error:
        raise FlowError(f"reading configuration {config}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise FlowError(f"reading configuration {config}: not valid YAML ({error})") from error
    if not isinstance(content, dict) or "name" not in content:
        raise FlowError(f"reading configuration {config}: key 'name' is missing")
    return Path(content.get("output") or Path("runs") / str(content["name"]))


def steps(config: Path, run: Path) -> list[Step]:
    """The steps of the main job."""
    folder = str(run)
    return [
        Step("train", ("econ_ae.train", "--config", str(config)), _training),
        Step("evaluate", ("econ_ae.evaluate", folder), _evaluation),
        Step("generate", ("asic_flow", "generate", folder), _generated),
        Step("verify", ("asic_flow", "verify", folder), _verified),
        Step("report", ("reports", folder), lambda path: str(path / "report" / "report.html")),
    ]


def run_steps(config: Path, run: Path, started: Callable[[Step], None]) -> list[StepOutcome]:
    """Run the steps in order and stop at the first that does not succeed.

    The report is written even after a failed verification, because then it matters most.
    """
    outcomes: list[StepOutcome] = []
    for step in steps(config, run):
        if outcomes and outcomes[-1].exit_code == 2:
            break
        if outcomes and outcomes[-1].exit_code and step.name != "report":
            continue
        started(step)
        begin = time.monotonic()
        code = subprocess.run([sys.executable, "-m", *step.command], check=False).returncode
        result = step.summary(run) if code in {0, 1} else f"stopped with exit code {code}"
        outcomes.append(StepOutcome(step.name, time.monotonic() - begin, code, result))
    return outcomes


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        logger.warning("reading %s: %s", path, error)
        return {}
    return content if isinstance(content, dict) else {}


def _training(run: Path) -> str:
    metrics = _json(run / "train" / "metrics.json")
    if not metrics:
        return "no metrics written"
    return (
        f"{metrics.get('train_events')} modules, {metrics.get('epochs')} epochs, {metrics.get('links')} links, "
        f"{metrics.get('weight_bits')} weight bits"
    )


def _evaluation(run: Path) -> str:
    results = _json(run / "evaluate" / "metrics.json").get("results", [])
    sample = (
        "all" if any(row.get("sample") == "all" for row in results) else (results[0].get("sample") if results else None)
    )
    rows = [row for row in results if row.get("sample") == sample and row.get("emd_mean") is not None]
    return ", ".join(f"{row['algorithm']} EMD {row['emd_mean']:.3f}" for row in rows[:3]) or "no result rows"


def _generated(run: Path) -> str:
    manifest = _json(run / "asic" / "manifest.json")
    return f"{len(manifest.get('files', []))} files, structure {str(manifest.get('structure_sha256'))[:12]}"


def _verified(run: Path) -> str:
    results = _json(run / "verify" / "results.json")
    checks = results.get("checks", [])
    controls = results.get("negative_controls", [])
    values = sum(check["values"] for check in checks)
    wrong = sum(check["mismatches"] for check in checks)
    caught = sum(control["caught"] for control in controls)
    return (
        f"{results.get('verdict', 'no result')}: {values:,} values compared, {wrong} differ, "
        f"{caught}/{len(controls)} planted faults caught, latency {results.get('latency_clocks')} clocks"
    )
