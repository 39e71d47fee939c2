"""What the result files of a run say about the quantities that have budgets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from asic_flow.config import AsicConfig
from asic_flow.errors import FlowError
from asic_flow.estimate.budgets import Known, SourceKind
from asic_flow.ir import Structure
from asic_flow.run_folder import RunFolder

ESTIMATE = Path("estimate") / "estimate.json"
_RATE_SCHEME = "triplicated_refreshed"


def known_values(run: RunFolder) -> dict[str, Known]:
    """Values by quantity (`asic_flow.estimate.budgets.UNITS`), without the EMD.

    Raises:
        FlowError: a result file is malformed.
    """
    structure = run.structure()
    found = {
        "memory_bits": Known(structure.weight_bits, "structure", "encoder.json; in hardware three flip-flops each")
    }
    found |= _simulated(run, structure) | _estimated(run, structure) | _sent(run) | _upsets(run)
    found["chip_power_mw"] = Known(None, None, "this flow makes only a part of the chip")
    return found


def known_emd(run: RunFolder) -> dict[int, Known]:
    """Mean EMD of the autoencoder by link count: over all samples together, else the worst sample.

    Raises:
        FlowError: ``evaluate/metrics.json`` is malformed.
    """
    rows = [
        row
        for row in _list(_read(run.path / "evaluate" / "metrics.json"), "results")
        if row.get("algorithm") == "autoencoder"
    ]
    found: dict[int, Known] = {}
    for links in sorted({int(row["links"]) for row in rows}):
        here = [row for row in rows if row["links"] == links and row.get("emd_mean") is not None]
        chosen = [row for row in here if row["sample"] == "all"] or here
        if chosen:
            worst = max(chosen, key=lambda row: float(row["emd_mean"]))
            detail = f"evaluate/metrics.json, sample {worst['sample']}, {worst['events']} modules"
            found[links] = Known(float(worst["emd_mean"]), "evaluated", detail)
    return found


def _simulated(run: RunFolder, structure: Structure) -> dict[str, Known]:
    """Latency and rate, known only from an RTL comparison that passed."""
    results = _read(run.path / "verify" / "results.json")
    absent = Known(None, None, "comes with asic_flow verify")
    if not results:
        return {"latency_ns": absent, "rate_mhz": absent}
    if results.get("structure_sha256") != structure.sha256:
        stale = Known(None, None, "verify/results.json belongs to another structure; run asic_flow verify")
        return {"latency_ns": stale, "rate_mhz": stale}
    passed = [
        c
        for c in _list(results, "checks")
        if c.get("level_b") == "rtl" and c.get("status") == "pass" and c.get("events")
    ]
    clocks, period = results.get("latency_clocks"), float(results.get("clock_ns", 25.0))
    if clocks is None or not passed:
        return {"latency_ns": absent, "rate_mhz": absent}
    detail = f"verify/results.json: RTL, {passed[0]['events']} events, {clocks} clocks of {period:g} ns"
    source: SourceKind = "measured in simulation"
    return {"latency_ns": Known(clocks * period, source, detail), "rate_mhz": Known(1000.0 / period, source, detail)}


def _estimated(run: RunFolder, structure: Structure) -> dict[str, Known]:
    """Area, power, energy, slack and dose from ``estimate/estimate.json``."""
    names = ("area_mm2", "power_mw", "energy_nj", "slack_ns", "dose_mrad")
    estimate = _read(run.path / ESTIMATE)
    if not estimate:
        return dict.fromkeys(names, Known(None, None, "comes with asic_flow estimate"))
    if estimate.get("structure_sha256") != structure.sha256:
        return dict.fromkeys(
            names, Known(None, None, f"{ESTIMATE} belongs to another structure; run asic_flow estimate")
        )
    method = str(estimate.get("method"))
    found: dict[str, Known] = {}
    for name in names:
        item = estimate.get("result", {}).get(name)
        if item is None:
            found[name] = Known(None, None, "the fast estimate tells it not; run asic_flow estimate")
        else:
            kind: SourceKind = "estimated" if method == "fast" or name == "dose_mrad" else "scaled"
            found[name] = Known(item["value"], kind, item["detail"], item.get("low"), item.get("high"))
    return found


def _sent(run: RunFolder) -> dict[str, Known]:
    """Links and bits of the evaluated autoencoder with the most links."""
    rows = [
        row
        for row in _list(_read(run.path / "evaluate" / "metrics.json"), "results")
        if row.get("algorithm") == "autoencoder"
    ]
    if not rows:
        absent = Known(None, None, "comes with python -m econ_ae.evaluate")
        return {"links": absent, "bits_per_event": absent}
    most = max(rows, key=lambda row: int(row["links"]))
    detail = "evaluate/metrics.json: packet format"
    return {
        "links": Known(int(most["links"]), "evaluated", detail),
        "bits_per_event": Known(float(most["payload_bits"]), "evaluated", detail),
    }


def _upsets(run: RunFolder) -> dict[str, Known]:
    """Failures of the refreshed triplicated bank in the worst environment, with the limits of common-mode terms."""
    rates = _read(run.path / "rad" / "rates.json")
    found = []
    for case in _list(rates, "cases"):
        for row in case.get("storage", []):
            if row.get("scheme") == _RATE_SCHEME and row.get("failures_per_s") is not None:
                limit = row.get("failure_limit_per_s")
                found.append(
                    (float(limit if limit is not None else row["failures_per_s"]), float(row["failures_per_s"]), case)
                )
    if not found:
        return {"seu_failures_per_s": Known(None, None, "comes with python -m rad_tolerance rates")}
    worst, expected, case = max(found, key=lambda item: item[0])
    name = case.get("name", "worst environment")
    detail = (
        f"rad/rates.json, {name}: upper limit with common-mode terms; {expected:.3g} expected from independent copies"
    )
    return {"seu_failures_per_s": Known(worst, "estimated", detail)}


def _read(path: Path) -> dict[str, Any]:
    """A result file; empty if it is absent.

    Raises:
        FlowError: it is not a JSON object.
    """
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise FlowError(f"reading {path}: not JSON ({error}); write it again with the command that made it") from error
    if not isinstance(content, dict):
        raise FlowError(f"reading {path}: found {type(content).__name__}, expected an object")
    return content


def _list(content: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = content.get(key, [])
    return found if isinstance(found, list) else []


def read_estimate(path: Path) -> dict[str, Any]:
    """An ``estimate.json`` by path.

    Raises:
        FlowError: it is missing or malformed.
    """
    found = _read(path)
    if not {"area", "assumptions"} <= set(found):
        raise FlowError(
            f"reading {path}: this is no estimate.json; asic_flow estimate RUN writes one into RUN/estimate"
        )
    return found


def synthesised_estimate(run: RunFolder, config: AsicConfig) -> dict[str, Any]:
    """The run's synthesised estimate if it belongs to its structure and hardware options; else empty.

    Raises:
        FlowError: ``estimate/estimate.json`` is malformed.
    """
    found = _read(run.path / ESTIMATE)
    hardware = config.hardware.model_dump(mode="json")
    same = found.get("structure_sha256") == run.structure().sha256 and found.get("hardware") == hardware
    return found if same and found.get("method") == "synthesised" else {}


def trained_links(run: RunFolder) -> set[int]:
    """Link counts that the run has weights for."""
    names = (path.stem.removeprefix("links") for path in (run.path / "weights").glob("links*.json"))
    return {int(name) for name in names if name.isdigit()}
