"""How to draw: a figure description in, one SVG out. Neither pyplot nor the caller's settings are touched."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Polygon
from matplotlib.ticker import AutoMinorLocator, MaxNLocator

from hgcal_data.geometry import XY_CM, hexagon_vertices
from reports.figures import style
from reports.figures.specs import BarFigure, Figure, HexFigure, HexKind, Line, LineFigure

_HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_SIZE = re.compile(r'(<svg[^>]*?) width="[^"]*"')
_HEIGHT = re.compile(r'(<svg[^>]*?) height="[^"]*"')
_IDENTIFIER = re.compile(r'(\bid="|\bhref="#|url\(#)')


def draw_svg(figure: Figure) -> str:
    """Draw one figure.

    Args:
        figure: what to draw.

    Returns:
        A complete SVG document that scales to its container; identifiers start with the figure's key, so that
        many of them can stand in one page. The same description always gives the same text.
    """
    key = figure.caption.key
    settings: Any = style.RC | {"svg.hashsalt": key}
    with mpl.rc_context(settings):
        if isinstance(figure, BarFigure):
            canvas = _bars(figure)
        else:
            canvas = _lines(figure) if isinstance(figure, LineFigure) else _hexagons(figure)
        buffer = io.StringIO()
        canvas.savefig(buffer, format="svg", metadata={"Date": None})
    return tidy_svg(buffer.getvalue(), key)


def tidy_svg(svg: str, key: str) -> str:
    """Make an SVG embeddable: no prologue, no metadata, no fixed size, identifiers prefixed with ``key``."""
    body = _METADATA.sub("", _HEAD.sub("", svg))
    body = _HEIGHT.sub(r"\1", _SIZE.sub(r"\1", body, count=1), count=1)
    return _IDENTIFIER.sub(rf"\g<1>{key}-", body).strip() + "\n"


def _lines(figure: LineFigure) -> Canvas:
    legend = len(figure.lines) + len(figure.marks) > 1
    canvas = Canvas(figsize=style.LINE_SIZE if legend else style.PLAIN_SIZE)
    axes = canvas.add_axes(style.LINE_AXES if legend else style.PLAIN_AXES)
    for line in figure.lines:
        _draw_line(axes, line)
    axes.set_xlabel(figure.x_label)
    axes.set_ylabel(figure.y_label)
    axes.yaxis.set_label_coords(*style.Y_LABEL)
    if figure.log_y:
        axes.set_yscale("log")
    else:
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.yaxis.set_minor_locator(AutoMinorLocator(2))
        if figure.y_from_zero:
            axes.set_ylim(bottom=0.0, top=1.08 * _top(figure))
    if figure.x_ticks is None:
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    else:
        positions = [position for position, _ in figure.x_ticks]
        axes.set_xticks(positions, [label for _, label in figure.x_ticks])
        axes.set_xlim(min(positions) - 0.4, max(positions) + 0.4)
    named: set[str] = set()
    for mark in figure.marks:
        look = style.STRONG_MARK if mark.strong else style.WEAK_MARK
        axes.axvline(mark.x, label=None if mark.label in named else mark.label, zorder=1, **look)
        named.add(mark.label)
    axes.set_title(style.LABEL, loc="left", fontsize=10, fontstyle="italic")
    if legend:
        canvas.legend(loc="upper center", bbox_to_anchor=style.LEGEND_ANCHOR, ncols=2)
    return canvas


def _bars(figure: BarFigure) -> Canvas:
    """Stacked bars, told apart by hatching as well as by colour."""
    canvas = Canvas(figsize=style.LINE_SIZE)
    axes = canvas.add_axes(style.STACK_AXES)
    places = np.arange(len(figure.names))
    left = np.zeros(len(figure.names))
    for number, (label, values) in enumerate(figure.parts):
        look = style.STACK_STYLES[number % len(style.STACK_STYLES)]
        axes.barh(places, values, left=left, height=0.7, label=label, edgecolor=style.INK, linewidth=0.6, **look)
        left += np.array(values)
    axes.set_yticks(places, figure.names)
    axes.invert_yaxis()
    axes.tick_params(axis="y", which="both", length=0)
    axes.minorticks_off()
    axes.set_xlim(0.0, 1.05 * max(float(left.max(initial=0.0)), 1e-12))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.set_xlabel(figure.x_label)
    if len(figure.parts) > 1:
        canvas.legend(loc="upper center", bbox_to_anchor=style.LEGEND_ANCHOR, ncols=3)
    return canvas


def _draw_line(axes: Axes, line: Line) -> None:
    look = style.LINE_STYLES[line.role]
    y = np.array([np.nan if value is None else value for value in line.y])
    axes.errorbar(
        np.array(line.x),
        y,
        yerr=None if line.error is None else np.array(line.error),
        label=line.label,
        color=look.color,
        marker=look.marker,
        linestyle=look.line if line.join else "none",
        linewidth=look.width,
        markerfacecolor=look.color if look.filled else "white",
        markeredgewidth=1.4,
        capsize=2.5,
        markevery=max(1, len(line.x) // 15),
        zorder=3 if look.filled else 2,
    )


def _top(figure: LineFigure) -> float:
    """Largest value with its error bar; 1 when there is none above zero."""
    tops = [
        value + (0.0 if line.error is None else line.error[i])
        for line in figure.lines
        for i, value in enumerate(line.y)
        if value is not None
    ]
    return max((top for top in tops if top > 0), default=1.0)


def _hexagons(figure: HexFigure) -> Canvas:
    """Cells coloured by value; cells of no charge stay white, differences carry their sign."""
    canvas = Canvas(figsize=style.HEX_SIZE)
    axes = canvas.add_axes(style.HEX_AXES)
    values = np.array(figure.values)
    signed = figure.kind is HexKind.DIFFERENCE
    centres = XY_CM - XY_CM.mean(axis=0)
    shapes = centres[:, None] + style.HEX_SHRINK * (hexagon_vertices() - XY_CM[:, None])
    cells = [Polygon(corners, closed=True) for corners in shapes]
    shown = PatchCollection(
        cells,
        cmap=mpl.colormaps[style.DIFFERENCE_MAP if signed else style.CHARGE_MAP].with_extremes(bad="white"),
        norm=Normalize(-figure.limit if signed else 0.0, figure.limit),
        edgecolor=style.EDGE_COLOR,
        linewidth=0.6,
    )
    shown.set_array(np.ma.masked_where((values == 0) & (not signed), values))
    axes.add_collection(shown)
    if signed:
        _mark_signs(axes, centres, values / figure.limit)
    axes.set_aspect("equal")
    axes.set(xlim=style.HEX_X_CM, ylim=style.HEX_Y_CM, xticks=style.HEX_TICKS_CM, yticks=style.HEX_TICKS_CM)
    axes.set_xlabel("x (cm)", labelpad=1)
    axes.set_ylabel("y (cm)", labelpad=-4)
    bar = canvas.colorbar(
        shown, cax=canvas.add_axes(style.BAR_AXES), orientation="horizontal", ticks=MaxNLocator(5, steps=[1, 2, 5, 10])
    )
    quantity = "Reconstructed − true" if signed else "Charge"
    bar.set_label(f"{quantity} ({figure.unit})")
    return canvas


def _mark_signs(axes: Axes, centres: npt.NDArray[np.float64], relative: npt.NDArray[np.float64]) -> None:
    """Write + or − into the cells that differ visibly, so that the sign survives without colour."""
    for (x, y), value in zip(centres, relative, strict=True):
        if abs(value) >= style.SIGN_FROM:
            color = "white" if abs(value) > style.SIGN_WHITE_FROM else style.INK
            axes.text(x, y, "+" if value > 0 else "−", color=color, ha="center", va="center", fontsize=13)
