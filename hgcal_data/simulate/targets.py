"""Published statistics that the simulation is compared with (facts/data.md sections 1 and 6; numbers only)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class SampleTarget:
    """Statistics of one public file (order as in :class:`hgcal_data.summary.Summary`)."""

    file: str
    occupied: tuple[float, float, float, float]
    """Cells above 0: 16 %, median, 84 %, mean."""
    above_mip: float
    log_sum: tuple[float, float]
    fractions: tuple[float, ...]
    correlation: tuple[float, float]


SAMPLE_TARGETS: Final[dict[str, SampleTarget]] = {
    "busy": SampleTarget(
        "CALQ_output.csv", (5, 15, 35, 18.4), 7.5, (1.17, 0.54), (0.33, 0.16, 0.10, 0.07, 0.05, 0.04), (0.435, 0.317)
    ),
    "ttbar": SampleTarget(
        "ttbar_0PU.csv", (1, 1, 4, 2.5), 0.58, (-0.23, 0.70), (0.80, 0.13, 0.04, 0.015), (0.264, 0.068)
    ),
    "jets": SampleTarget(
        "jet_pt20_eta15-30_0PU.csv", (1, 1, 2, 1.75), 0.24, (-0.72, 0.61), (0.86, 0.11, 0.02), (0.271, 0.060)
    ),
    "electrons": SampleTarget(
        "electron_pt20_eta15-30_0PU.csv", (1, 1, 2, 1.73), 0.27, (-0.81, 0.64), (0.86, 0.11, 0.02), (0.441, 0.082)
    ),
}

MODULE_TARGETS: Final[dict[str, SampleTarget]] = {
    "econ-t": SampleTarget(
        "econt_test-vectors", (0, 48, 0, 48), 46, (2.70, 0.10), (0.10, 0.07, 0.06, 0.05), (0.143, 0.030)
    ),
    "tdr": SampleTarget(
        "TDR 200 PU ROOT", (0, 7, 0, 9.3), 3.25, (0.80, 0.60), (0.48, 0.18, 0.10, 0.06), (0.240, 0.149)
    ),
}
"""The two other rows of the table of section 1; their 16 and 84 % are not published (0 here, not compared)."""
CELL_CHARGE: Final = {"median": 0.74, "95 %": 5.0}
"""Charge spectrum: transverse MIP of the occupied cells at 200 collisions (section 6, pile-up sketch)."""
RADIUS_OCCUPANCY: Final = (
    (44.0, 21.0),
    (60.0, 9.0),
    (73.0, 5.5),
    (77.0, 4.9),
    (87.0, 3.5),
    (105.0, 2.2),
    (116.0, 1.7),
    (125.0, 1.4),
    (135.0, 1.1),
    (150.0, 0.6),
)
"""Layer 9, ttbar at 200 collisions: radius in cm, mean cells above 1.35 transverse MIP per module (section 6 i)."""
LAYER9: Final = {"mean": 3.89, "std": 5.76, "P(0)": 0.27, "q16": 0.0, "q50": 2.0, "q84": 7.0, "q97.5": 22.0}
VARIANCE_OVER_MEAN: Final = (1.5, 1.7)
"""At fixed radius in layer 9."""
LAYER_OCCUPANCY: Final = {1: 3.61, 5: 6.34, 9: 3.89, 13: 2.08, 21: 0.90, 27: 0.63}
"""Mean over the modules of a layer (section 6 ii)."""
SIGNAL_OVER_PILEUP: Final = {1: 1.06, 17: 1.10}
"""Mean cells in ttbar over pure pile-up (section 6 iii)."""
ENERGY_140_OVER_200: Final = 0.7
