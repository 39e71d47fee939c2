"""The three renderings and the figures."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_run import edit

from reports.build import build_results
from reports.figures import draw_svg, figures_of
from reports.figures.specs import Caption, HexFigure, HexKind, Line, LineFigure, Role
from reports.files import write_folder
from reports.model import Results
from reports.reader import read_run
from reports.render import render_html, render_markdown
from reports.render.document import Table
from reports.render.page import inline_code, markdown_cell, markdown_text
from reports.render.text import file_size, number, plain, seconds
from reports.write import write_report

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Identifiers, links and unbalanced tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.open: list[str] = []
        self.images = self.named_images = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.ids.append(values["id"] or "")
        for key in ("href", "xlink:href", "src"):
            if values.get(key):
                self.targets.append(values[key] or "")
        if values.get("role") == "img":
            self.images += 1
            self.named_images += bool(values.get("aria-labelledby"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="session")
def html(written: tuple[Path, Results]) -> str:
    return (written[0] / "report.html").read_text()


def test_files_written(written: tuple[Path, Results]) -> None:
    folder, results = written
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {"report.html", "report.md", "results.json"} | {figure.file for figure in results.figures}
    assert Results.model_validate_json((folder / "results.json").read_text()) == results


def test_page_is_well_formed_and_self_contained(html: str, written: tuple[Path, Results]) -> None:
    page = Page(html)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids)), "an identifier occurs twice"
    inner = [target[1:] for target in page.targets if target.startswith("#")]
    assert set(inner) <= set(page.ids)
    assert {t for t in page.targets if not t.startswith(("#", "data:"))} == {"report.md", "results.json"}
    assert "://" not in html.replace("http://www.w3.org", "")
    assert "<script" not in html
    assert page.images == page.named_images == len(written[1].figures)


def test_page_answers_first(html: str) -> None:
    first_screen = html[: html.index('<section id="data">')]
    for words in (
        "Behind the reference",
        "0 differences in 3,232,000 values",
        "50 ns",
        "at most 100 mW",
        "at least 200 Mrad",
    ):
        assert words in first_screen
    assert first_screen.count("not known yet: comes with") == 3


def test_every_section_is_there(html: str, written: tuple[Path, Results]) -> None:
    markdown = (written[0] / "report.md").read_text()
    for title in (
        "Input data", "Reconstruction quality", "Example modules", "Latents", "Training", "Generated design",
        "Verification", "Budgets", "Radiation", "Provenance", "Limits",
    ):  # fmt: skip
        assert f"<h2>{title}</h2>" in html
        assert f"## {title}\n" in markdown
    for line in ("| dense | 0.75 |", "| **all layers** | **1.25** |", "| from 17 | 50.0 % | 50.0 % | 0.0 % |"):
        assert line in markdown
    for words in ("0x0538 + 143 i", "✓ caught", "flipped weight bit", "2,432", "weights/links2.json"):
        assert words in html
        assert words in markdown


def test_markdown_tables_are_rectangular(written: tuple[Path, Results]) -> None:
    text = (written[0] / "report.md").read_text()
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block
    for link in re.findall(r"\]\((figures/[^)]+)\)", text):
        assert (written[0] / link).is_file()


def test_hostile_names_stay_text(run: Path) -> None:
    edit(run / "train/metrics.json", model="<script>alert(1)</script>|x_y*z", versions={"a<b>": "1|2"})
    results = build_results(read_run(run), examples=0)
    page = render_html(results, {})
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert r"\<script\>alert(1)\</script\>\|x\_y\*z" in render_markdown(results)


@pytest.mark.parametrize(
    "keep", [["train/metrics.json"], ["verify/results.json"], ["data/statistics.json"], ["encoder.json"]]
)
def test_reports_on_a_single_file(run: Path, keep: list[str], tmp_path: Path) -> None:
    for path in [p for p in run.rglob("*") if p.is_file()]:
        if path.relative_to(run).as_posix() not in keep:
            path.unlink()
    results = write_report(run, tmp_path / "out")
    page = (tmp_path / "out/report.html").read_text()
    assert len(results.gaps) >= 7
    assert page.count("<strong>Gap:</strong>") == len(results.gaps)
    assert Page(page).open == []


def test_later_parts_render(full_run: Path, tmp_path: Path) -> None:
    results = write_report(full_run, tmp_path / "out", examples=0)
    page = (tmp_path / "out/report.html").read_text()
    for words in (
        "71.4 mW",
        "3.90 mm²",
        "Single bit flips",
        "◐ incomplete",
        "Latents that are always zero: 15",
        "leakage",
    ):
        assert words in page
    assert "latents" in {figure.key for figure in results.figures}
    assert "? Not known yet" not in page


def test_figures_scale_and_repeat(run: Path) -> None:
    figures = figures_of(build_results(read_run(run), examples=1))
    assert [f.caption.key for f in figures if isinstance(f, HexFigure)] == [
        "example_1_true", "example_1_reconstructed", "example_1_difference",
    ]  # fmt: skip
    chosen = [next(f for f in figures if f.caption.key == key) for key in ("emd_by_occupancy", "example_1_difference")]
    for figure in chosen:
        first, second = draw_svg(figure), draw_svg(figure)
        assert first == second
        root = ET.fromstring(first)  # noqa: S314 (drawn by us)
        assert "viewBox" in root.attrib
        assert "width" not in root.attrib


def test_lines_differ_without_colour() -> None:
    from reports.figures.style import LINE_STYLES

    together = (Role.OURS, Role.BEST_CHOICE, Role.SUPER_TRIGGER_CELL, Role.THRESHOLD_SUM, Role.OTHER)
    assert len({LINE_STYLES[role].marker for role in together}) == len(together)
    assert len({str(LINE_STYLES[role].line) for role in together}) == len(together)


@pytest.mark.parametrize("values", [[0.0] * 48, [1e-6] * 48, [-3.0, *[0.0] * 47], [1e6, *[0.0] * 47]])
@pytest.mark.parametrize("kind", list(HexKind))
def test_edge_values_can_be_drawn(values: list[float], kind: HexKind) -> None:
    caption = Caption("key", "examples", "group", "title", "alt", "text")
    limit = max(*map(abs, values), 1e-9)
    assert "<svg" in draw_svg(HexFigure(caption, tuple(values), limit, "MIP$_T$", kind))


def test_lines_with_gaps_and_no_values() -> None:
    caption = Caption("key", "physics", "group", "title", "alt", "text")
    for y in ((None, None), (0.0, 0.0), (None, 2.0)):
        line = Line("a", Role.OURS, (0.0, 1.0), y)
        assert "<svg" in draw_svg(LineFigure(caption, "x", "y", (line,), x_ticks=((0.0, "0"), (1.0, "≥ 1"))))


def test_writing_replaces_old_figures_only(tmp_path: Path) -> None:
    write_folder(tmp_path, {"report.md": "a", "figures/old.svg": "x", "figures/kept.svg": "x"})
    (tmp_path / "printed.pdf").write_text("mine")
    (tmp_path / "figures/notes.txt").write_text("mine")
    write_folder(tmp_path, {"report.md": "b", "figures/kept.svg": "y"})
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {"report.md", "printed.pdf", "figures/kept.svg", "figures/notes.txt"}
    assert (tmp_path / "report.md").read_text() == "b"


def test_table_refuses_ragged_rows() -> None:
    with pytest.raises(ValueError, match="does not have 2 cells"):
        Table("t", ("a", "b"), (("1",),))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (12864, "12,864"),
        (0.5922, "0.592"),
        (-0.0028, "-0.00280"),
        (2e-7, "2.00e-07"),
        (1.25, "1.25"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


def test_other_words() -> None:
    assert (plain(3.6), plain(None), plain(500.0)) == ("3.6", "–", "500")
    assert (seconds(74.0), seconds(171.3), seconds(None)) == ("74.0 s", "2.9 min", "–")
    assert (file_size(12), file_size(18400), file_size(3 * 10**12)) == ("12 B", "18.4 kB", "3000.0 GB")
    assert inline_code("a <b> `c`") == "a &lt;b&gt; <code>c</code>"
    assert markdown_text("a_b `c_d`") == r"a\_b `c_d`"
    assert markdown_cell("a|b\nc") == r"a\|b c"
