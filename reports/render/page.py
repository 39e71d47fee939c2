"""HTML and Markdown from the same sections."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from reports.model import FigureEntry, Results
from reports.render import text
from reports.render.sections import build_sections

_CODE = re.compile(r"`([^`]+)`")
_SVG_OPEN = re.compile(r"<svg\b")


def render_html(results: Results, svgs: dict[str, str]) -> str:
    """The self-contained page.

    Args:
        results: content of ``results.json``, with its figures.
        svgs: SVG text of every figure, by figure key.
    """
    css = Markup(files("reports").joinpath("templates/report.css").read_text(encoding="utf-8"))  # noqa: S704 (our own file)
    template = _environment().get_template("report.html.j2")
    return template.render(results=results, sections=build_sections(results), css=css, svgs=svgs)


def render_markdown(results: Results) -> str:
    """The same content as GitHub-flavoured Markdown, figures linked as files."""
    return _environment().get_template("report.md.j2").render(results=results, sections=build_sections(results))


def inline_svg(svg: str, figure: FigureEntry) -> Markup:
    """An SVG ready to stand in the page, with its text alternative."""
    title = f'<title id="{figure.key}-alt">{escape(figure.alt)}</title>'
    opened = _SVG_OPEN.sub(f'<svg role="img" aria-labelledby="{figure.key}-alt"', svg, count=1)
    head, tail = opened.split(">", 1)
    return Markup(f"{head}>{title}{tail}")  # noqa: S704 (drawn by us, the title is escaped)


def inline_code(content: str) -> Markup:
    """Escape a sentence and turn `backticks` into code elements."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(content))))  # noqa: S704 (escaped first)


def markdown_text(content: str) -> str:
    """A sentence that Markdown shows as it stands, code in backticks kept."""
    parts = re.split(r"(`[^`]+`)", content)
    return "".join(part if part.startswith("`") else _markdown_escape(part) for part in parts)


def markdown_cell(content: str) -> str:
    """A table cell."""
    return markdown_text(content).replace("|", "\\|").replace("\n", " ")


def _markdown_escape(content: str) -> str:
    return re.sub(r"([\\*_<>\[\]#])", r"\\\1", content)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html.j2",)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "inline": inline_code,
        "md": markdown_text,
        "cell": markdown_cell,
        "symbol": text.symbol,
        "answer": text.answer,
        "verdict_value": text.verdict_value,
        "verdict_label": text.verdict_label,
        "verdict_budget": text.verdict_budget,
        "verdict_comment": text.verdict_comment,
        "svg": inline_svg,
    }
    return environment
