"""The trained weights that ship with the package: one run folder per link count, without its data."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from econ_ae.errors import TrainingError

PRETRAINED = Path(__file__).resolve().parent / "pretrained"
"""Folder of the shipped runs, ``linksN`` inside."""

SHIPPED: Final = Path("pretrained")
"""What ``train.start_from`` says for the shipped run of its link count."""


def shipped_run(links: int | None, doing: str) -> Path:
    """Run folder of the shipped weights for a link count.

    Args:
        links: link count.
        doing: what needs them, for the message.

    Raises:
        TrainingError: no link count was given, or none ships for it.
    """
    found = sorted(int(path.name.removeprefix("links")) for path in PRETRAINED.glob("links*") if path.is_dir())
    words = ", ".join(str(number) for number in found) or "none"
    if links is None:
        raise TrainingError(f"{doing}: say which weights with --links N; weights ship for links {words}")
    if links not in found:
        raise TrainingError(
            f"{doing}: no weights ship for {links} links, only for links {words}; train your own: "
            "python -m econ_ae.train --config ..."
        )
    return PRETRAINED / f"links{links}"
