"""What a scan leaves behind: ``results.json`` and the Pareto plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from econ_ae.scan.config import ScanConfig
from econ_ae.scan.costs import NAMES, UNITS
from econ_ae.scan.study import interrupted, point_of
from hgcal_data.files import atomic_path, atomic_write_text


def summary(scan: ScanConfig, study: optuna.Study) -> dict[str, Any]:
    """Content of ``results.json``: every trial with its numbers, the Pareto front, and the best by the single score."""
    rows = [_row(scan, trial) for trial in study.get_trials(deepcopy=False)]
    good = [row for row in rows if row["state"] == "complete" and row["same_as"] is None]
    scored = [row for row in good if row["score"] is not None]
    return {
        "schema_version": 1,
        "name": scan.name,
        "objectives": [{"name": name, "unit": UNITS[name], "direction": "minimize"} for name in scan.objectives],
        "score": None if scan.forgiving is None else {"name": "forgiving", **scan.forgiving.model_dump()},
        "trials": rows,
        "pareto": pareto(good, scan.objectives),
        "best": min(scored, key=lambda row: row["score"])["number"] if scored else None,
    }


def _row(scan: ScanConfig, trial: FrozenTrial) -> dict[str, Any]:
    complete = trial.state is TrialState.COMPLETE
    state = (
        "interrupted" if interrupted(trial) else {TrialState.FAIL: "failed"}.get(trial.state, trial.state.name.lower())
    )
    whole = set(trial.params) == set(scan.space)
    single = complete and trial.values is not None and scan.forgiving is not None
    return {
        "number": trial.number,
        "state": state,
        "point": point_of(scan, trial.params) if whole else {},
        "numbers": trial.user_attrs.get("numbers", {}),
        "score": trial.values[0] if single else None,
        "error": trial.user_attrs.get("error"),
        "same_as": trial.user_attrs.get("same_as"),
        "run": trial.user_attrs.get("run"),
        "seconds": trial.user_attrs.get("seconds"),
    }


def pareto(rows: list[dict[str, Any]], objectives: tuple[str, ...]) -> list[int]:
    """Numbers of the trials that no other trial beats in one objective without losing in another."""

    def beats(a: dict[str, Any], b: dict[str, Any]) -> bool:
        pairs = [(a["numbers"][name], b["numbers"][name]) for name in objectives]
        return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)

    front = [row for row in rows if not any(beats(other, row) for other in rows)]
    return [row["number"] for row in sorted(front, key=lambda row: row["numbers"][objectives[0]])]


def write_results(scan: ScanConfig, study: optuna.Study) -> dict[str, Any]:
    """Write ``results.json``, and ``pareto.png`` and ``pareto.svg`` once there is something to plot; returns the summary."""
    content = summary(scan, study)
    atomic_write_text(scan.output / "results.json", json.dumps(content, indent=2) + "\n")
    if any(row["state"] == "complete" for row in content["trials"]):
        plot(content, scan.output)
    return content


def plot(content: dict[str, Any], folder: Path) -> None:
    """Pareto plot: EMD (or the first objective) against each other objective; told apart by shape and fill, not by colour."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [item["name"] for item in content["objectives"]]
    others = names[1:] or ["weight_bits"]
    done = [row for row in content["trials"] if row["state"] == "complete" and row["same_as"] is None]
    figure = Figure(figsize=(5.2 * len(others), 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, other in zip(figure.subplots(1, len(others), squeeze=False)[0], others, strict=True):
        _panel(axis, content, done, other, names[0])
    for suffix in ("png", "svg"):
        with atomic_path(folder / f"pareto.{suffix}") as temporary:
            figure.savefig(temporary, dpi=150)


def _panel(axis: Any, content: dict[str, Any], done: list[dict[str, Any]], other: str, first: str) -> None:
    front = [row for row in done if row["number"] in content["pareto"]]
    rest = [row for row in done if row not in front]

    def draw(rows: list[dict[str, Any]], marker: str, **style: Any) -> None:
        axis.scatter([r["numbers"][other] for r in rows], [r["numbers"][first] for r in rows], marker=marker, **style)

    draw(rest, "o", facecolors="none", edgecolors="0.45", label="trial")
    draw(front, "s", color="black", label="Pareto front", zorder=3)
    line = sorted((row["numbers"][other], row["numbers"][first]) for row in front)
    axis.plot([x for x, _ in line], [y for _, y in line], color="black", linewidth=1, drawstyle="steps-post")
    for row in front:
        place = (row["numbers"][other], row["numbers"][first])
        axis.annotate(str(row["number"]), place, textcoords="offset points", xytext=(5, 4), fontsize=8)
    best = [row for row in done if row["number"] == content["best"]]
    if best:
        draw(best, "*", color="white", edgecolors="black", s=160, label="best score", zorder=4)
    axis.set_xlabel(f"{NAMES[other]} ({UNITS[other]})")
    axis.set_ylabel(f"{NAMES[first]} ({UNITS[first]})")
    axis.set_title(f"{content['name']}: {len(done)} trials")
    axis.grid(visible=True, color="0.9")
    axis.legend(frameon=False)
