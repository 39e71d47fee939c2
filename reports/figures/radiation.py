"""Captions of the heat maps that the radiation studies draw themselves (``rad/figures/*.svg``)."""

from __future__ import annotations

from reports.files import FIGURE_FOLDER
from reports.model import FigureEntry

_TEXTS = {
    "kernels": "Damage of single flips by weight: mean |change| of a sent latent, mean over the bits of the word.",
    "bits": "Damage of single flips by filter or unit and bit position (0 = lowest): mean |change| of a sent latent.",
    "values": "Damage of flips of image, hidden values and latents, which last one event, by value and bit.",
    "plan": "Expected change of the mean EMD that remains when the first bits of each ranking are triplicated.",
}


def radiation_figure(stem: str) -> FigureEntry:
    """Entry of one drawing."""
    text = _TEXTS.get(stem, f"rad/figures/{stem}")
    return FigureEntry(
        key=f"rad_{stem}", section="radiation", group=f"rad_{stem}", file=f"{FIGURE_FOLDER}/rad_{stem}.svg",
        title=f"Radiation: {stem}", alt=text, caption=text,
    )  # fmt: skip
