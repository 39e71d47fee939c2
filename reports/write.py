"""The whole way from a run folder to its report."""

from __future__ import annotations

import logging
from pathlib import Path

from reports.build import build_results
from reports.figures import draw_svg, figures_of, radiation_figure, tidy_svg
from reports.files import FIGURE_FOLDER, write_folder
from reports.model import FigureEntry, Results
from reports.reader import read_run
from reports.render import render_html, render_markdown

_log = logging.getLogger(__name__)


def write_report(run: Path, folder: Path, examples: int = 4) -> Results:
    """Read a run, draw its figures and write the three renderings.

    Args:
        run: run folder.
        folder: where report.html, report.md, results.json and figures/ go.
        examples: largest number of example modules to draw.

    Returns:
        The content of ``results.json``.

    Raises:
        ReportError: the run cannot be read; nothing is written then.
    """
    files = read_run(run)
    _log.info("read %d result files of %s", len(files.hashes), run)
    results = build_results(files, examples)
    figures = figures_of(results)
    svgs = {}
    for figure in figures:
        svgs[figure.caption.key] = draw_svg(figure)
        _log.info("drew %s", figure.caption.key)
    entries = [
        FigureEntry(
            key=figure.caption.key,
            section=figure.caption.section,
            group=figure.caption.group,
            file=f"{FIGURE_FOLDER}/{figure.caption.key}.svg",
            title=figure.caption.title,
            alt=figure.caption.alt,
            caption=figure.caption.text,
        )
        for figure in figures
    ]
    for stem, svg in files.radiation_figures.items():
        entry = radiation_figure(stem)
        svgs[entry.key] = tidy_svg(svg, entry.key)
        entries.append(entry)
    results = results.model_copy(update={"figures": entries})
    contents = {f"{FIGURE_FOLDER}/{key}.svg": _standalone(svg) for key, svg in svgs.items()}
    contents |= {
        "results.json": results.model_dump_json(indent=2) + "\n",
        "report.md": render_markdown(results),
        "report.html": render_html(results, svgs),
    }
    write_folder(folder, contents)
    return results


def _standalone(svg: str) -> str:
    """An SVG document of its own, white behind the drawing."""
    return '<?xml version="1.0" encoding="utf-8" standalone="no"?>\n' + svg
