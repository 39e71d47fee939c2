"""Figure of a plan: what harm remains when the first bits of each ranking are triplicated."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from rad_tolerance.heat_maps import STYLE, save

_LINES: Final = ("-", "--", "-.", ":", (0, (1, 3)))


def draw_plan(content: dict[str, Any], folder: Path) -> list[str]:
    """Write ``plan.png`` and ``plan.svg``; returns their names."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style: Any = STYLE
    with mpl.rc_context(style):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        for row, line in zip(content["rankings"], _LINES, strict=True):
            points = [(x, y) for x, y in zip(row["curve_bits"], row["curve_remaining"], strict=True) if y > 0]
            axes.plot(*zip(*points, strict=True), linestyle=line, label=row["ranking"])
        axes.axhline(content["budget_emd_half_pitches"], color="0.6", linewidth=0.8)
        axes.set(yscale="log", xlabel="triplicated bits", ylabel="expected change of the mean EMD [half pitches]")
        axes.legend(frameon=False)
        return save(figure, folder / "plan.png")
