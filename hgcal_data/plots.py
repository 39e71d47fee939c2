"""Figures of module readings (matplotlib is imported only here)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hgcal_data.emd import occupancy
from hgcal_data.files import atomic_path
from hgcal_data.geometry import COUNTS_PER_MIPT, XY_CM, hexagon_vertices
from hgcal_data.readings import ModuleReadings
from hgcal_data.summary import FRACTIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = npt.NDArray[np.float64]


def draw_module(axes: Axes, charges: npt.ArrayLike) -> None:
    """One module as 48 coloured hexagons; charges [48] in TC order."""
    from matplotlib.collections import PolyCollection

    cells = PolyCollection(list(hexagon_vertices()), cmap="viridis", edgecolors="0.6", linewidths=0.4)
    cells.set_array(np.asarray(charges, dtype=np.float64))
    axes.add_collection(cells)
    low, high = XY_CM.min(axis=0) - 2.0, XY_CM.max(axis=0) + 2.0
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", xlabel="x [cm]", ylabel="y [cm]")


def inspection_figure(readings: ModuleReadings, path: str | os.PathLike[str]) -> None:
    """Occupancy, module sum, cell charge, sorted fractions, mean map and one busy module.

    As PNG (or the suffix of path).
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    q = readings.charges[readings.charges.sum(axis=1) > 0]
    total = q.sum(axis=1)
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(12, 7), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(2, 3)
        bins = np.arange(50) - 0.5
        axes[0, 0].hist((q > 0).sum(axis=1), bins=bins, histtype="step", label="> 0 counts")
        axes[0, 0].hist(occupancy(q), bins=bins, histtype="step", label=f"> {COUNTS_PER_MIPT} counts (1 MIP$_T$)")
        axes[0, 0].set(xlabel="cells per module", ylabel="modules", yscale="log")
        axes[0, 0].legend()
        axes[0, 1].hist(np.log10(total / COUNTS_PER_MIPT), bins=60, histtype="step")
        axes[0, 1].set(xlabel="log$_{10}$(module sum / MIP$_T$)", ylabel="modules")
        axes[0, 2].hist(np.log10(q[q > 0] / COUNTS_PER_MIPT), bins=60, histtype="step")
        axes[0, 2].set(xlabel="log$_{10}$(cell charge / MIP$_T$)", ylabel="cells", yscale="log")
        shares = (-np.sort(-q, axis=1)[:, :FRACTIONS] / total[:, None]).mean(axis=0)
        axes[1, 0].bar(np.arange(1, FRACTIONS + 1), shares)
        axes[1, 0].set(xlabel="rank of the cell", ylabel="mean share of the module sum")
        draw_module(axes[1, 1], q.mean(axis=0))
        axes[1, 1].set_title("mean charge [counts]")
        draw_module(axes[1, 2], q[int(np.argsort(total)[int(0.95 * (len(total) - 1))])])
        axes[1, 2].set_title("one module at the 95 % quantile of the sum")
        figure.suptitle(f"{readings.sample}: {len(q)} modules")
        with atomic_path(Path(path)) as temporary:
            figure.savefig(temporary, dpi=110)
