"""Heat maps of the damage that single flips do (matplotlib is imported only here)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hgcal_data.files import atomic_path
from rad_tolerance.faults import KERNEL
from rad_tolerance.sensitivity import Sensitivity, measures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

FloatArray = NDArray[np.float64]

_MEASURE: Final = "sent_mean_abs_change_lsb"
_LABEL: Final = "mean |change| of a sent latent [LSB]"
_MAP: Final = "YlGnBu"
"""Lightness falls evenly from almost white: small damage looks small, also without colour."""
STYLE: Final[dict[str, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["TeX Gyre Heros", "Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 10.0,
    "mathtext.default": "regular",
    "svg.hashsalt": "rad_tolerance",
    "xtick.direction": "in",
    "ytick.direction": "in",
}
_DPI: Final = 130


def draw(result: Sensitivity, folder: Path) -> list[str]:
    """Write the figures into `folder`; returns their names.

    ``kernels.png``: every weight, mean over its bits. ``bits.png``: filter or unit by bit position, mean over the other
    indices. ``values.png``: bits of the values between the layers.
    """
    import matplotlib as mpl

    names = []
    style: Any = STYLE
    with mpl.rc_context(style):
        for name, panels in (
            ("kernels.png", _kernel_panels(result)),
            ("bits.png", _bit_panels(result)),
            ("values.png", _value_panels(result)),
        ):
            names += save(_figure(panels), folder / name)
    return names


def save(figure: Figure, path: Path) -> list[str]:
    """Write a figure as PNG, and as SVG for the report; returns the names."""
    paths = [path, path.with_suffix(".svg")]
    for target in paths:
        with atomic_path(target) as temporary:
            metadata = {"Date": None} if target.suffix == ".svg" else None
            figure.savefig(temporary, dpi=_DPI, metadata=metadata, format=target.suffix[1:])
    return [target.name for target in paths]


Panel = tuple[str, str, str, FloatArray]
"""Title, label of x, label of y, values[y, x]."""


def _table(rows: Any, columns: Any, values: FloatArray) -> FloatArray:
    """Mean of the values that share row and column, float64[rows, columns]; NaN where there is none."""
    shape = (int(rows.max()) + 1, int(columns.max()) + 1)
    total, count = np.zeros(shape), np.zeros(shape)
    np.add.at(total, (rows, columns), values)
    np.add.at(count, (rows, columns), 1.0)
    return np.asarray(np.divide(total, count, out=np.full(shape, np.nan), where=count > 0), dtype=np.float64)


def _kernel_panels(result: Sensitivity) -> list[Panel]:
    words, flips = result.words, result.flips
    damage = measures(result.damage, result.weights.structure.n_latents)[_MEASURE]
    panels = []
    for tensor, name in enumerate(words.tensors):
        chosen = (words.tensor[flips.words] == tensor) & (words.kind[flips.words] == KERNEL)
        if chosen.any():
            own = flips.words[chosen]
            table = _table(words.tap[own], words.output[own], damage[chosen])
            panels.append((name, "filter or unit", "input tap", table))
    return panels


def _bit_panels(result: Sensitivity) -> list[Panel]:
    words, flips = result.words, result.flips
    damage = measures(result.damage, result.weights.structure.n_latents)[_MEASURE]
    panels = []
    for tensor, name in enumerate(words.tensors):
        chosen = words.tensor[flips.words] == tensor
        own = flips.words[chosen]
        table = _table(words.output[own], flips.bit[chosen], damage[chosen])
        panels.append((name, "bit (0 = lowest)", "filter or unit", table))
    return panels


def _value_panels(result: Sensitivity) -> list[Panel]:
    flips = result.value_flips
    damage = measures(result.value_damage, result.weights.structure.n_latents)[_MEASURE]
    panels = []
    for tensor, name in enumerate(flips.tensors):
        chosen = flips.tensor == tensor
        table = _table(flips.index[chosen], flips.bit[chosen], damage[chosen])
        title = "image" if tensor == 0 else f"output of {name}"
        panels.append((title, "bit (0 = lowest)", "value (row, column, filter)", table))
    return panels


def _figure(panels: list[Panel]) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.0 + 3.2 * len(panels), 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, panel in zip(axes, panels, strict=True):
        bar = figure.colorbar(_panel(ax, panel), ax=ax, shrink=0.9)
    bar.set_label(_LABEL)
    return figure


def _panel(axes: Axes, panel: Panel) -> AxesImage:
    from matplotlib.ticker import MaxNLocator

    title, x_label, y_label, values = panel
    axes.set_facecolor("#d9d9d9")  # no register there
    image = axes.imshow(values, aspect="auto", cmap=_MAP, vmin=0.0, interpolation="nearest")
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    return image
