"""Writing a report folder so that a reader never sees a half-written file, and hashing what was read."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FIGURE_FOLDER: Final = "figures"
_FIGURE_SUFFIXES: Final = {".svg", ".png"}


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def write_folder(folder: Path, contents: Mapping[str, str]) -> None:
    """Write text files into ``folder``; each appears complete, and only after all of them could be written.

    Figures of an earlier report that this one does not have are removed; any other file in the folder is left alone.

    Args:
        folder: the report folder; created when absent.
        contents: text (UTF-8) by path relative to ``folder``; renamed into place in this order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".report.", suffix=".tmp", dir=folder))
    try:
        for name, text in contents.items():
            target = staging / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        for name in contents:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (staging / name).replace(target)
    finally:
        shutil.rmtree(staging)
    for old in sorted((folder / FIGURE_FOLDER).glob("*")):
        if old.suffix in _FIGURE_SUFFIXES and f"{FIGURE_FOLDER}/{old.name}" not in contents:
            old.unlink()
