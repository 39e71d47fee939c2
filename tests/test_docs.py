"""Generated documents are current, and every local link in the documents leads somewhere."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from econ_ae.reference import documents

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", sorted(documents()))
def test_generated_documents_are_current(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == documents()[name], "run: python -m econ_ae.reference docs"


def test_the_reference_of_commands_is_current() -> None:
    written = runpy.run_path(str(ROOT / "docs" / "cli_reference.py"))["text"]()
    assert (ROOT / "docs" / "cli.md").read_text() == written, "run: python docs/cli_reference.py"
    assert "## `asic_flow weights load`" in written


def build(documents_folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the web page; warnings are errors."""
    config = (ROOT / "mkdocs.yml").read_text().replace("docs_dir: docs", f"docs_dir: {documents_folder}")
    (site.parent / "mkdocs.yml").write_text(config)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(site)]
    command += ["-f", str(site.parent / "mkdocs.yml")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


def test_the_documents_build_without_a_warning(tmp_path: Path) -> None:
    ended = build(ROOT / "docs", tmp_path / "site")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Emulator" in (tmp_path / "site" / "api" / "index.html").read_text()


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    with (tmp_path / "docs" / "limits.md").open("a") as page:
        page.write("\n[nowhere](nowhere.md)\n")
    ended = build(tmp_path / "docs", tmp_path / "site")
    assert ended.returncode != 0
    assert "nowhere.md" in ended.stdout + ended.stderr


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/index.md"])
def test_local_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    links = [target for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()) if "://" not in target]
    assert links
    assert [target for target in links if not (path.parent / target).exists()] == []


def test_every_key_is_explained() -> None:
    rows = [line.split("|") for line in documents()["configuration.md"].splitlines() if line.startswith("| `")]
    unexplained = [row[1].strip() for row in rows if not row[4].strip()]
    assert unexplained == []
