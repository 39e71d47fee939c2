"""Published numbers the report shows beside ours, and the names of the algorithms."""

from __future__ import annotations

from typing import Final

COUNTS_PER_MIPT: Final = 35
"""CALQ counts of one transverse MIP in 200 um silicon (facts/data.md section 1)."""
LINK_BITS: Final = 32
"""Bits per e-link and event: 1.28 Gb/s at 40 MHz."""

PUBLISHED_ECONT: Final = {
    "latency": 50.0,  # ns
    "power": 95.0,  # mW
    "energy": 2.4,  # nJ per inference
    "area": 3.6,  # mm2
    "dose": 200.0,  # Mrad
}
"""ECON-T encoder in 65 nm LP CMOS, before silicon: arXiv:2105.01683 and its authors' gallery text."""
PUBLISHED_SOURCE: Final = "ECON-T, 65 nm, as designed: arXiv:2105.01683"

PUBLIC_MODEL_EMD: Final = (1.05, 1.44)
"""Mean EMD of the public reference autoencoders with 9-bit latents on the public files (facts/data.md 2.2)."""

AUTOENCODER: Final = "autoencoder"
_LABELS: Final = {
    AUTOENCODER: ("Autoencoder", "AE"),
    "best_choice": ("Best Choice", "BC"),
    "super_trigger_cell": ("Super Trigger Cell", "STC"),
    "threshold_sum": ("Threshold Sum", "TS"),
    "repeater": ("Repeater", "RPT"),
}


def algorithm_labels(algorithm: str) -> tuple[str, str]:
    """Long and short label of an algorithm; an unknown name is shown as it stands."""
    plain = algorithm.replace("_", " ")
    return _LABELS.get(algorithm, (plain[:1].upper() + plain[1:], plain))
