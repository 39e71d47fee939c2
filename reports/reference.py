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

EMD_OF_A_LOST_MODULE: Final = 6.2
"""Half pitches charged for a module whose reconstruction is empty when algorithms are ranked, so that losing modules
never pays: a uniform guess on the sparsest public sample costs this much (facts/baselines.md 10)."""

PUBLIC_FILES: Final = (
    ("CALQ_output (busy, 200 PU-like)", 6050, 18.4, 15, 7.5, 1.17, 0.54, (0.33, 0.16, 0.10, 0.07, 0.05, 0.04)),
    ("ttbar_0PU", 38382, 2.5, 1, 0.58, -0.23, 0.70, (0.80, 0.13, 0.04, 0.015)),
    ("jet_pt20_eta15-30_0PU", 40054, 1.75, 1, 0.24, -0.72, 0.61, (0.86, 0.11, 0.02)),
    ("electron_pt20_eta15-30_0PU", 17382, 1.73, 1, 0.27, -0.81, 0.64, (0.86, 0.11, 0.02)),
)
"""Public CMS-simulated readings: name, rows, cells with charge (mean, median), cells above 1 MIP_T, log10(sum / MIP_T)
(mean, standard deviation), charge shares of the largest cells (facts/data.md section 1)."""
PUBLIC_FILES_SOURCE: Final = "public CMS simulation, Ecoder repositories, tag Jul24_keras"

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
