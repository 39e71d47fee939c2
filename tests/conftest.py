"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def public_data() -> Path:
    """Folder with the public development data; tests that need it skip, with the reason, where it is absent."""
    folder = os.environ.get("ECON_AE_DATA")
    if not folder:
        pytest.skip("ECON_AE_DATA is unset: the public data files are not redistributed with this project")
    path = Path(folder).resolve()
    assert path.is_dir(), f"ECON_AE_DATA points to {path}, which is not a folder"
    return path
