"""Files of ``simulate --validate -o FOLDER``: table, JSON, and figures of our statistics beside the published ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hgcal_data.errors import DataError
from hgcal_data.files import atomic_path, atomic_write_text
from hgcal_data.simulate.validate import TOLERANCE, Line, markdown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OURS: dict[str, Any] = {"marker": "o", "linestyle": "none", "fillstyle": "none", "label": "ours"}
_PUBLISHED: dict[str, Any] = {
    "marker": "_",
    "linestyle": "none",
    "color": "black",
    "markersize": 14,
    "label": "published",
}


def document(lines: list[Line], seed: int) -> dict[str, object]:
    """Content of validation.json: counts and every line."""
    good = sum(line.good for line in lines)
    return {
        "schema_version": 1,
        "seed": seed,
        "targets": len(lines),
        "within": good,
        "tolerance": TOLERANCE,
        "lines": [asdict(line) | {"good": line.good} for line in lines],
    }


def _pair(axes: Axes, x: list[float], lines: list[Line], x_label: str, y_label: str) -> None:
    axes.plot(x, [line.published for line in lines], **_PUBLISHED)
    axes.plot(x, [line.ours for line in lines], **_OURS)
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.legend()


def _occupancy(axes: list[Axes], lines: list[Line]) -> None:
    rings = [line for line in lines if line.quantity.startswith("mean at r = ")]
    _pair(
        axes[0], [float(line.quantity.split()[4]) for line in rings], rings, "r [cm]", "mean cells above 1.35 MIP$_T$"
    )
    axes[0].set(title="layer 9, ttbar, 200 collisions", yscale="log")
    layers = [line for line in lines if line.group == "mean cells per module"]
    numbers = [float(line.quantity.split()[1]) for line in layers]
    _pair(axes[1], numbers, layers, "layer", "mean cells above 1.35 MIP$_T$")
    axes[1].set(title="all modules of a layer")


def _named(axes: Axes, lines: list[Line], title: str) -> None:
    _pair(axes, [float(i) for i in range(len(lines))], lines, "", "")
    axes.set_xticks(range(len(lines)), [_short(line) for line in lines], rotation=60, ha="right", fontsize=7)
    axes.set(title=title)


def _short(line: Line) -> str:
    name = line.quantity.removeprefix("charge fraction of ").removeprefix("log-charge correlation, ")
    return f"{line.group.split()[0]} {name}" if "(" in line.group else name


def _shapes(axes: list[Axes], lines: list[Line]) -> None:
    _named(axes[0], [x for x in lines if x.quantity.startswith("charge fraction")], "mean sorted charge fractions")
    _named(axes[1], [x for x in lines if "correlation" in x.quantity], "correlation of log charges")


def _charges(axes: list[Axes], lines: list[Line]) -> None:
    sums = [x for x in lines if x.quantity.startswith("log10(sum")]
    _named(axes[0], sums, "log$_{10}$(module sum / MIP$_T$): mean and std")
    cells = [x for x in lines if x.group.startswith("busy, charge") or "occupied cells" in x.quantity]
    cells += [x for x in lines if x.quantity.startswith("cells above 1 MIP_T") or "variance/mean" in x.quantity]
    _named(axes[1], cells, "cells per module and charge per cell")
    axes[1].set(yscale="log")


def _deviations(axes: list[Axes], lines: list[Line]) -> None:
    ordered = sorted(lines, key=lambda line: line.deviation)
    values = [100 * min(line.deviation, 1.0) for line in ordered]
    axes[0].plot(values, range(1, len(values) + 1), drawstyle="steps-post")
    axes[0].axvline(100 * TOLERANCE, color="black", linestyle="--", label=f"{100 * TOLERANCE:.0f} %")
    axes[0].set(xlabel="deviation [%] (100 and above in the last)", ylabel="targets up to it", title="all targets")
    axes[0].legend()
    worst = ordered[-12:]
    axes[1].barh(range(len(worst)), [100 * min(line.deviation, 1.0) for line in worst])
    axes[1].set_yticks(range(len(worst)), [_short(line) for line in worst], fontsize=7)
    axes[1].axvline(100 * TOLERANCE, color="black", linestyle="--")
    axes[1].set(xlabel="deviation [%]", title="largest deviations")


_FIGURES: dict[str, Callable[[list[Axes], list[Line]], None]] = {
    "occupancy": _occupancy,
    "charges": _charges,
    "shapes": _shapes,
    "deviations": _deviations,
}


def write_validation(lines: list[Line], folder: Path, seed: int) -> list[Path]:
    """Write validation.md, validation.json and four PNG figures into ``folder``; returns the paths.

    Raises DataError where ``folder`` is a file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if folder.exists() and not folder.is_dir():
        raise DataError(f"writing the validation: {folder} is a file, expected a folder; name another with --output")
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "validation.md", folder / "validation.json"]
    atomic_write_text(written[0], markdown(lines))
    atomic_write_text(written[1], json.dumps(document(lines, seed), indent=1) + "\n")
    for name, draw in _FIGURES.items():
        figure = Figure(figsize=(12, 5), layout="constrained")
        FigureCanvasAgg(figure)
        draw(list(figure.subplots(1, 2)), lines)
        path = folder / f"validation_{name}.png"
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=110)
        written.append(path)
    return written
