"""Every command in the tutorials runs, in their order, in one folder, as a reader would type it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("train", "weights", "encoder", "catapult", "load", "radiation", "extend")
_FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: a file to save, or commands to type."""

    file: str
    text: str

    @property
    def commands(self) -> list[str]:
        return [] if self.file else [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]


def blocks(page: str) -> list[Block]:
    text = (ROOT / "docs" / "tutorials" / f"{page}.md").read_text()
    found = [Block(title, body) for language, title, body in _FENCE.findall(text) if title or language == "console"]
    assert text.count("```") == 2 * len(_FENCE.findall(text)), f"{page}.md: a fence that is not closed, or not read"
    return found


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(folder)}
    program = sys.executable if program == "python" else str(programs / program)
    return subprocess.run(
        [program, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if f": {page}\n" not in navigation} == set()
    assert {Path(page).stem for page in pages if page.startswith("tutorials/")} == set(PAGES)


@pytest.mark.slow
def test_every_command_of_the_tutorials_works(tmp_path: Path) -> None:
    typed = 0
    for page in PAGES:
        for block in blocks(page):
            if block.file:
                (tmp_path / block.file).write_text(block.text)
            for command in block.commands:
                ended = run(command, tmp_path)
                assert ended.returncode == 0, f"{page}.md: {command}\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
                typed += 1
    assert typed > 20
    wrong = run("asic_flow weights diff chip.yaml runs/mine2/weights/links2.json", tmp_path)
    assert wrong.returncode == 1, "other weights must differ, or the comparisons above show nothing"
