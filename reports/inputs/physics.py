"""Budgets, data, training and evaluation."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from reports.inputs.base import Cells, Count, File, Input, Number


class Budgets(BaseModel):
    """``budgets`` section of ``config.yml``; the defaults are the published design goals of ECON-T."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    latency_ns: float = Field(default=50.0, gt=0, description="encoder block, input to latents")
    rate_mhz: float = Field(default=40.0, gt=0, description="events per microsecond")
    power_mw: float = Field(default=100.0, gt=0, description="encoder block")
    chip_power_mw: float = Field(default=500.0, gt=0, description="whole chip")
    energy_nj: float = Field(default=2.4, gt=0, description="per inference")
    area_mm2: float = Field(default=3.6, gt=0, description="converter, encoder and weight registers")
    dose_mrad: float = Field(default=200.0, gt=0, description="total ionising dose to survive")
    emd_half_pitches: dict[int, float] = Field(
        default_factory=dict,
        description="ceiling of the mean EMD per link count; without one the best reference is the mark",
    )


class SampleValues(Input):
    """Statistics of one sample of module readings; MIP_T is 35 counts."""

    occupancy_mean: Number = None
    occupancy_median: Number = None
    occupancy_1mip_mean: Number = None
    log10_sum_mip_mean: Number = None
    log10_sum_mip_std: Number = None
    sorted_fractions: list[Number] | None = None


class SampleStatistics(SampleValues):
    """The same of our data, with the published values beside."""

    name: str
    rows: Count
    dropped_zero_rows: Count = 0
    published: SampleValues | None = None


class DataStatistics(File):
    """``data/statistics.json``."""

    samples: list[SampleStatistics]


class Epoch(Input):
    """One row of ``train/history.csv``."""

    epoch: Count
    loss: Number
    val_loss: Number
    learning_rate: Number = None
    seconds: Number = None
    val_emd: Number = None
    phase: int | None = None


class TrainMetrics(File):
    """``train/metrics.json``."""

    model: str | None = None
    profile: str
    links: Annotated[int, Field(ge=1)]
    latent_bits: Annotated[int, Field(ge=1)]
    seed: int
    epochs: Count
    train_events: Count
    validation_events: Count
    seconds: Number = None
    parameters: Count
    weight_bits: Annotated[int, Field(ge=0, description="bits of all weights together")]
    best_epoch: Count | None = None
    best_val_loss: Number = None
    energy_uj: Number = None
    energy_uj_per_layer: dict[str, float] = Field(default_factory=dict)
    energy_model: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    data_sha256: str | None = None


class MixtureEntry(Input):
    """How the answers are mixed for modules with at least so many hit cells; shares in the order of ``answers``."""

    hits_from: Count
    shares: list[float]


class Decoding(File):
    """``train/decoding.json``: the decoding by synthesis as calibrated on validation rows."""

    answers: list[str]
    mixture: list[MixtureEntry]


class OccupancyEntry(Input):
    """EMD in one bin of the number of cells above 1 MIP_T, ``low <= cells < high``."""

    low: float
    high: Number = None
    events: Count
    emd_mean: Number = None


class AlgorithmEntry(Input):
    """One algorithm on one sample at one link count; EMD in half pitches (1.2084 cm)."""

    algorithm: str
    rule: str | None = None
    sample: str
    links: Annotated[int, Field(ge=1)]
    payload_bits: Annotated[float, Field(ge=0)]
    events: Count
    seeds: int | list[int] = 1
    emd_mean: Number = None
    emd_median: Number = None
    emd_q16: Number = None
    emd_q84: Number = None
    sum_relative_error_mean: Number = None
    empty_fraction: Number = None
    by_occupancy: list[OccupancyEntry] = Field(default_factory=list)


class LatentEntry(Input):
    """Spread of one latent over the evaluated events, in LSB of the transmitted code."""

    index: Count
    mean: Number
    std: Number = None
    zero_fraction: Number = None
    saturated_fraction: Number = None


class EvaluationMetrics(File):
    """``evaluate/metrics.json``: the best rule of every algorithm, and the others."""

    events_seed: int | list[int] | None = None
    results: list[AlgorithmEntry]
    other_decoders: list[AlgorithmEntry] = Field(default_factory=list)
    latents: list[LatentEntry] = Field(default_factory=list)


class ExampleEvent(Input):
    """One event of ``evaluate/examples.json``: 48 counts each, TC order."""

    sample: str
    true: Cells
    reconstructed: Cells
    latents: list[int] = Field(default_factory=list)
    emd: Number = None


class Examples(File):
    """``evaluate/examples.json``."""

    events: list[ExampleEvent]
