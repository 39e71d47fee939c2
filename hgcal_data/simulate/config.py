"""What to simulate."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hgcal_data.simulate.layout import TRIGGER_LAYERS

Sample = Literal["pileup", "ttbar", "jets", "electrons", "minbias", "vbf_higgs", "photons", "pions"]
SAMPLES: Final[tuple[Sample, ...]] = ("pileup", "ttbar", "jets", "electrons")
"""Samples of the parametrised source."""
PYTHIA_SAMPLES: Final[tuple[Sample, ...]] = ("minbias", "ttbar", "vbf_higgs", "electrons", "photons", "pions")
"""Samples of Pythia 8."""


class SimulationConfig(BaseModel):
    """One simulated sample. Rows are modules of one endcap in one event, those without charge left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample: Sample = Field(default="ttbar", description="what the proton collision of interest makes")
    generator: Literal["parametrised", "pythia"] = Field(
        default="parametrised",
        description="where the particles come from; pythia needs the extra 'generators' and does not make the pile-up",
    )
    readings: int = Field(default=20_000, ge=1, description="number of module readings (rows) to make")
    pileup: float = Field(default=200.0, ge=0.0, le=300.0, description="mean number of other collisions per crossing")
    pt_min: float = Field(default=20.0, gt=0.0, description="lowest pT of jets or single particles, GeV")
    pt_max: float = Field(default=20.0, gt=0.0, description="highest pT of jets or single particles, GeV")
    layers: tuple[int, ...] = Field(default=TRIGGER_LAYERS, description="trigger layers of CE-E that are read out")
    r_min: float = Field(default=0.0, ge=0.0, description="smallest radius of a module's centre, cm")
    r_max: float = Field(default=200.0, gt=0.0, description="largest radius of a module's centre, cm")
    noise: Literal["begin", "end", "none"] = Field(
        default="begin", description="sensors at begin or end of life, or ideal"
    )
    signal_only: bool = Field(default=False, description="keep only modules in which the signal left energy")
    signal_cone: float | None = Field(
        default=None,
        gt=0.0,
        description="keep only modules within this distance in (eta, phi) of a signal particle above 1 GeV pT",
    )
    keep_empty: bool = Field(default=False, description="keep modules without charge (for occupancy studies)")
    max_rows_per_event: int = Field(
        default=2500,
        ge=1,
        description="rows taken (at random) from one event: fewer make more varied samples, more make them faster",
    )

    @model_validator(mode="after")
    def _consistent(self) -> SimulationConfig:
        unknown = sorted(set(self.layers) - set(TRIGGER_LAYERS))
        if unknown or not self.layers:
            raise ValueError(f"layers {unknown or '()'}: expected some of the trigger layers {TRIGGER_LAYERS}")
        known = PYTHIA_SAMPLES if self.generator == "pythia" else SAMPLES
        if self.sample not in known:
            raise ValueError(f"sample '{self.sample}' with generator '{self.generator}': expected {', '.join(known)}")
        if self.pt_min > self.pt_max:
            raise ValueError(f"pt_min {self.pt_min} is above pt_max {self.pt_max}")
        if self.r_min >= self.r_max:
            raise ValueError(f"r_min {self.r_min} is not below r_max {self.r_max}")
        if (self.signal_only or self.signal_cone is not None) and self.sample == "pileup":
            raise ValueError("signal_only and signal_cone have no meaning for the sample 'pileup'")
        return self
