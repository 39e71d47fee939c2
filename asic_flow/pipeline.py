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

_RADIATION = "rad_tolerance"


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
        content = yaml.safe_load(config.read_bytes())
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
        Step("sensitivity", (_RADIATION, "sensitivity", folder, "--events", "2000", "--emd-events", "0"), _sensitivity),
        Step("rates", (_RADIATION, "rates", folder), _rates),
        Step(
            "campaign",
            (_RADIATION, "campaign", folder, "--chip", "small", "--random", "2000", "--control", "100", "--no-cocotb"),
            _campaign,
        ),
        Step("estimate", ("asic_flow", "estimate", folder, "--fast", "--keep"), _estimated),
        Step("check", ("asic_flow", "check", folder, "--allow-missing"), _checked),
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


def _sensitivity(run: Path) -> str:
    flips = _json(run / "rad" / "sensitivity.json").get("single_flips")
    return (
        "no result"
        if not flips
        else f"{flips['flips']:,} single flips, {flips['sent_harmless_flips']:,} harmless as sent"
    )


def _rates(run: Path) -> str:
    cases = _json(run / "rad" / "rates.json").get("cases")
    if not cases:
        return "no result"
    wrong = {row["scheme"]: row["wrong_bits_per_fill"] for row in cases[0]["storage"]}
    return ", ".join(f"{name.replace('_', ' ')} {wrong[name]:.2g}" for name in list(wrong)[:3]) + " wrong bits per fill"


def _campaign(run: Path) -> str:
    content = _json(run / "rad" / "campaign.json")
    single = content.get("single_upsets_of_triplicated_storage")
    if not single:
        return "no result"
    return (
        f"{content['injections']:,} injections, {single['visible'] + single['stuck']} of {single['injections']:,} single upsets "
        f"of triplicated storage wrong, {content['negative_controls_caught']}/{content['negative_controls']} controls caught"
    )


def _estimated(run: Path) -> str:
    content = _json(run / "estimate" / "estimate.json")
    numbers = {name: item["value"] for name, item in content.get("result", {}).items() if item}
    if not numbers:
        return "no result"
    return f"{content['method']}: {numbers['area_mm2']:.2f} mm² and {numbers['power_mw']:.0f} mW in 65 nm, scaled"


def _checked(run: Path) -> str:
    content = _json(run / "estimate" / "budgets.json")
    found = [row["status"] for row in content.get("rows", [])]
    return f"{content.get('verdict', 'no result')}: " + ", ".join(
        f"{found.count(status)} {status}" for status in ("pass", "fail", "not measured")
    )
