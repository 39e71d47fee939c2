"""``report/results.json``: the one typed model that every renderer reads.

Numbers are plain, with their unit in the key, in a ``unit`` field, or in the field description; None is a value that is
not known.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from reports.inputs import (
    Accumulator,
    Budgets,
    Check,
    Decoding,
    Epoch,
    I2cLoad,
    LatentEntry,
    NegativeControl,
    SampleStatistics,
    SynthesisEstimate,
    TrainMetrics,
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Status(StrEnum):
    """Answer to one question of the first screen."""

    MET = "met"
    MISSED = "missed"
    BEHIND = "behind"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown"


class Verdict(_Part):
    """One question, its number, its budget and where both come from."""

    key: Literal["physics", "bits", "latency", "power", "area", "radiation"]
    question: str
    status: Status
    value: float | None
    unit: str
    budget: float | None
    budget_label: str = Field(description="what the budget is, for example 'budget' or 'Best Choice at 2 links'")
    relation: Literal["at most", "at least", "exactly"]
    source: str
    comment: str


class Gap(_Part):
    """A result that is not there, and the command that makes it."""

    section: str
    file: str
    message: str
    command: str


class OccupancyBin(_Part):
    """Mean EMD of the modules with ``low <= cells above 1 MIP_T < high`` (high None: no upper edge)."""

    low: int
    high: int | None
    events: int
    emd_half_pitches: float | None


class AlgorithmResult(_Part):
    """One algorithm with one reconstruction rule on one sample at one link count."""

    algorithm: str
    label: str
    short_label: str
    rule: str | None
    sample: str
    links: int
    payload_bits: float
    events: int
    seeds: int
    emd_mean: float | None
    emd_median: float | None
    emd_q16: float | None
    emd_q84: float | None
    sum_relative_error_mean: float | None
    empty_fraction: float | None
    by_occupancy: list[OccupancyBin]

    @property
    def full_label(self) -> str:
        """Algorithm and rule."""
        return f"{self.label}, {self.rule}" if self.rule else self.label


class Physics(_Part):
    """Reconstruction quality; EMD in half pitches (1.2084 cm)."""

    links: int
    headline_sample: str
    samples: list[str]
    autoencoder: AlgorithmResult
    best_reference: AlgorithmResult | None
    results: list[AlgorithmResult]


class Example(_Part):
    """One module reading: 48 charges each in MIP_T, TC order, and the 16 latents as sent."""

    sample: str
    true_mipt: list[float]
    reconstructed_mipt: list[float]
    latents: list[int]
    emd_half_pitches: float | None


class FileGroup(_Part):
    """Generated files of one folder."""

    folder: str
    files: list[str]
    total_bytes: int


class LayerSummary(_Part):
    """One layer of the encoder, in words."""

    name: str
    kind: str
    weights: str
    products: str
    output: str


class RegisterBlockSummary(_Part):
    """One block of the register map; ``copies`` of it lie ``stride`` bytes apart."""

    name: str
    address: int
    copies: int
    stride: int | None
    registers: int = Field(description="per copy")
    size_bytes: int = Field(description="per copy")


class WeightSummary(_Part):
    """One weight file."""

    file: str
    crc32: int
    provenance: dict[str, str]


class Design(_Part):
    """The generated design."""

    name: str
    profile: str
    register_profile: str
    input: str
    layers: list[LayerSummary]
    weights: list[WeightSummary]
    generator: str | None
    structure_sha256: str | None
    n_weights: int | None
    weight_bits: int | None
    accumulators: list[Accumulator]
    files: list[FileGroup]
    registers: list[RegisterBlockSummary]


class VerificationSummary(_Part):
    """The verification ladder."""

    profile: str
    status: Status
    checks: list[Check]
    events: int = Field(description="largest number of events in one check that ran")
    values: int = Field(description="values compared in all checks that ran")
    mismatches: int
    negative_controls: list[NegativeControl]
    latency_clocks: int | None
    clock_ns: float
    i2c: I2cLoad | None


class BudgetRow(_Part):
    """One budget: asked for, published for ECON-T, known so far."""

    quantity: str
    unit: str
    relation: Literal["at most", "at least"]
    budget: float | None
    published: float | None
    value: float | None
    status: Status
    source: str


class RadiationTable(_Part):
    """A table of a radiation study, formatted; the first column names the row."""

    caption: str
    columns: list[str]
    rows: list[list[str]]


class RadiationSummary(_Part):
    """One file of the radiation studies: its tables, and what else it says flattened to names and values."""

    file: str
    title: str
    status: Status
    values: dict[str, str]
    tables: list[RadiationTable] = Field(default_factory=list)


class Provenance(_Part):
    """What the numbers were made with and from."""

    config_text: str | None
    seeds: dict[str, str]
    versions: dict[str, str]
    file_sha256: dict[str, str]
    structure_sha256: str | None
    data_sha256: str | None


class FigureEntry(_Part):
    """One drawn figure."""

    key: str
    section: str
    group: str
    file: str
    title: str
    alt: str
    caption: str


class Results(_Part):
    """Everything a report says."""

    schema_version: Literal[1] = 1
    run: str
    run_path: str
    created_utc: str
    budgets_asked: Budgets
    verdicts: list[Verdict]
    gaps: list[Gap]
    warnings: list[str]
    data: list[SampleStatistics]
    simulated: bool | None
    physics: Physics | None
    latents: list[LatentEntry]
    examples: list[Example]
    training: TrainMetrics | None
    history: list[Epoch]
    decoding: Decoding | None = None
    design: Design | None
    verification: VerificationSummary | None
    budgets: list[BudgetRow]
    estimate: SynthesisEstimate | None = None
    radiation: list[RadiationSummary]
    provenance: Provenance
    limits: list[str]
    figures: list[FigureEntry] = Field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether any question of the first screen is answered with no."""
        return any(verdict.status is Status.MISSED for verdict in self.verdicts)
