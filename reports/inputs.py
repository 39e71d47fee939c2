"""The result files of a run, as pydantic models: only the keys a report uses; other keys are allowed and ignored.

Units stand in the key names or in the field descriptions. A value that does not exist (an empty bin) is null or NaN in
the files and None here.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

N_CELLS = 48


def _none_if_not_finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_none_if_not_finite)]
"""A finite number, or None where the file holds null, NaN or infinity."""
Count = Annotated[int, Field(ge=0)]
Cells = Annotated[list[float], Field(min_length=N_CELLS, max_length=N_CELLS)]


class _Input(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, protected_namespaces=())


class _File(_Input):
    schema_version: Literal[1]


class Budgets(BaseModel):
    """``budgets`` section of ``config.yml``; the defaults are the published design goals of ECON-T."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    latency_ns: float = Field(default=50.0, gt=0, description="encoder block, input to latents")
    rate_mhz: float = Field(
        default=40.0, gt=0, validation_alias=AliasChoices("rate_mhz", "clock_mhz"), description="events per microsecond"
    )
    power_mw: float = Field(default=100.0, gt=0, description="encoder block")
    chip_power_mw: float = Field(default=500.0, gt=0, description="whole chip")
    energy_nj: float = Field(default=2.4, gt=0, description="per inference")
    area_mm2: float = Field(default=3.6, gt=0, description="converter, encoder and weight registers")
    dose_mrad: float = Field(default=200.0, gt=0, description="total ionising dose to survive")
    emd_half_pitches: dict[int, float] = Field(
        default_factory=dict,
        description="ceiling of the mean EMD per link count; without one the best reference is the mark",
    )


class SampleValues(_Input):
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


class DataStatistics(_File):
    """``data/statistics.json``."""

    samples: list[SampleStatistics]


class Epoch(_Input):
    """One row of ``train/history.csv``."""

    epoch: Count
    loss: Number
    val_loss: Number
    learning_rate: Number = None
    seconds: Number = None
    val_emd: Number = None
    phase: int | None = None


class TrainMetrics(_File):
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
    versions: dict[str, str] = Field(default_factory=dict)
    data_sha256: str | None = None


class FixedPoint(_Input):
    """A fixed-point format of ``encoder.json``."""

    width: int
    fraction: int
    signed: bool
    rounding: str = "floor"
    overflow: str = "saturate"


class EncoderInput(_Input):
    """Input image of the encoder."""

    height: int
    width: int
    channels: int
    format: FixedPoint


class EncoderLayer(_Input):
    """One layer of ``encoder.json``."""

    name: str
    kind: str
    kernel: FixedPoint
    output: FixedPoint
    product_fraction: int | None = None
    activation: str = "linear"
    filters: int | None = None
    kernel_size: tuple[int, int] | None = None
    strides: tuple[int, int] | None = None
    units: int | None = None


class Encoder(_File):
    """``encoder.json``."""

    name: str
    profile: str
    register_profile: str
    input: EncoderInput
    layers: list[EncoderLayer]


class WeightFile(_File):
    """``weights/*.json`` without the weights."""

    structure_sha256: str
    crc32: int
    provenance: dict[str, Any] = Field(default_factory=dict)


class OccupancyEntry(_Input):
    """EMD in one bin of the number of cells above 1 MIP_T, ``low <= cells < high``."""

    low: float
    high: Number = None
    events: Count
    emd_mean: Number = None


class AlgorithmEntry(_Input):
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


class LatentEntry(_Input):
    """Spread of one latent over the evaluated events, in LSB of the transmitted code."""

    index: Count
    mean: Number
    std: Number = None
    zero_fraction: Number = None
    saturated_fraction: Number = None


class EvaluationMetrics(_File):
    """``evaluate/metrics.json``; ``latents`` is optional."""

    events_seed: int | list[int] | None = None
    results: list[AlgorithmEntry]
    latents: list[LatentEntry] = Field(default_factory=list)


class ExampleEvent(_Input):
    """One event of ``evaluate/examples.json``: 48 counts each, TC order."""

    sample: str
    true: Cells
    reconstructed: Cells
    latents: list[int] = Field(default_factory=list)
    emd: Number = None


class Examples(_File):
    """``evaluate/examples.json``."""

    events: list[ExampleEvent]


class ManifestFile(_Input):
    """One generated file."""

    path: str
    sha256: str
    bytes: Count


class Accumulator(_Input):
    """Bounds of one layer's accumulator over every possible weight set."""

    layer: str
    minimum: int
    maximum: int
    width: Annotated[int, Field(ge=1)]
    products: Count
    live_products: Count


class ManifestParameters(_Input):
    """Sizes of the generated design."""

    n_weights: Count
    weight_bits: Count
    latent_bits: Count | None = None
    accumulators: list[Accumulator] = Field(default_factory=list)


class Manifest(_File):
    """``asic/manifest.json``."""

    generator: str
    version: str
    structure_sha256: str
    files: list[ManifestFile]
    parameters: ManifestParameters


class Mismatch(_Input):
    """First difference of a failed check."""

    event: int
    layer: str
    index: int | list[int]
    expected: int
    found: int


class Check(_Input):
    """One rung of the verification ladder."""

    name: str
    level_a: str
    level_b: str
    events: Count
    values: Count
    mismatches: Count
    status: Literal["pass", "fail", "skipped"]
    seconds: Number = None
    detail: str | None = None
    first_mismatch: Mismatch | None = None


class NegativeControl(_Input):
    """A fault put in on purpose, and whether the verification noticed."""

    name: str
    caught: bool
    detail: str | None = None


class I2cLoad(_Input):
    """How the weights were written."""

    bytes_written: Count | None = None
    readback_ok: bool | None = None
    bus_khz: Number = None


class Verification(_File):
    """``verify/results.json``."""

    profile: str
    verdict: Literal["pass", "fail", "incomplete"]
    checks: list[Check]
    latency_clocks: Count | None = None
    clock_ns: float = Field(default=25.0, gt=0)
    i2c: I2cLoad | None = None
    negative_controls: list[NegativeControl] = Field(default_factory=list)
    structure_sha256: str | None = None


class EstimateRow(_Input):
    """One quantity of ``estimate/budgets.json``."""

    quantity: str
    unit: str
    budget: Number = None
    value: Number = None
    source: str | None = None
    margin: Number = None
    status: str | None = None


class Estimate(_File):
    """``estimate/budgets.json``."""

    rows: list[EstimateRow]


class Register(_Input):
    """One register, or an array of them, of the test stand's YAML layout."""

    addr_offset: int
    size_byte: Annotated[int, Field(ge=1)]
    n_iterations: Annotated[int, Field(ge=1)] = 1


class RegisterBlock(_Input):
    """One block; ``block_shift`` means that it is repeated at that stride, once per input of the chip."""

    addr_base: int
    block_shift: int | None = None
    registers: dict[str, Register]


class RadiationFile(_File):
    """``rad/*.json``: a verdict and any number of named values."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=True)

    verdict: Literal["pass", "fail", "incomplete"] | None = None
    title: str | None = None
