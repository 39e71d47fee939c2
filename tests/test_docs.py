"""Generated documents are current, and every local link in the documents leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from econ_ae.reference import documents

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", sorted(documents()))
def test_generated_documents_are_current(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == documents()[name], "run: python -m econ_ae.reference docs"


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_local_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    links = [target for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()) if "://" not in target]
    assert links
    assert [target for target in links if not (path.parent / target).exists()] == []


def test_every_key_is_explained() -> None:
    rows = [line.split("|") for line in documents()["configuration.md"].splitlines() if line.startswith("| `")]
    unexplained = [row[1].strip() for row in rows if not row[4].strip()]
    assert unexplained == []
