"""Structure, weights, generated design, verification, estimates and radiation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from reports.inputs.base import Count, File, Input, Number


class FixedPoint(Input):
    """A fixed-point format of ``encoder.json``."""

    width: int
    fraction: int
    signed: bool
    rounding: str = "floor"
    overflow: str = "saturate"


class EncoderInput(Input):
    """Input image of the encoder."""

    height: int
    width: int
    channels: int
    format: FixedPoint


class EncoderLayer(Input):
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


class Encoder(File):
    """``encoder.json``."""

    name: str
    profile: str
    register_profile: str
    input: EncoderInput
    layers: list[EncoderLayer]


class WeightFile(File):
    """``weights/*.json`` without the weights."""

    structure_sha256: str
    crc32: int
    provenance: dict[str, Any] = Field(default_factory=dict)


class ManifestFile(Input):
    """One generated file."""

    path: str
    sha256: str
    bytes: Count


class Accumulator(Input):
    """Bounds of one layer's accumulator over every possible weight set."""

    layer: str
    minimum: int
    maximum: int
    width: Annotated[int, Field(ge=1)]
    products: Count
    live_products: Count


class ManifestParameters(Input):
    """Sizes of the generated design."""

    n_weights: Count
    weight_bits: Count
    latent_bits: Count | None = None
    accumulators: list[Accumulator] = Field(default_factory=list)


class Manifest(File):
    """``asic/manifest.json``."""

    generator: str
    version: str
    structure_sha256: str
    files: list[ManifestFile]
    parameters: ManifestParameters


class Mismatch(Input):
    """First difference of a failed check."""

    event: int
    layer: str
    index: int | list[int]
    expected: int
    found: int


class Check(Input):
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


class NegativeControl(Input):
    """A fault put in on purpose, and whether the verification noticed."""

    name: str
    caught: bool
    detail: str | None = None


class I2cLoad(Input):
    """How the weights were written."""

    bytes_written: Count | None = None
    readback_ok: bool | None = None
    bus_khz: Number = None


class Verification(File):
    """``verify/results.json``."""

    profile: str
    verdict: Literal["pass", "fail", "incomplete"]
    checks: list[Check]
    latency_clocks: Count | None = None
    clock_ns: float = Field(default=25.0, gt=0)
    i2c: I2cLoad | None = None
    negative_controls: list[NegativeControl] = Field(default_factory=list)
    structure_sha256: str | None = None


class Register(Input):
    """One register, or an array of them, of the test stand's YAML layout."""

    addr_offset: int
    size_byte: Annotated[int, Field(ge=1)]
    n_iterations: Annotated[int, Field(ge=1)] = 1


class RegisterBlock(Input):
    """One block; ``block_shift`` means that it is repeated at that stride, once per input of the chip."""

    addr_base: int
    block_shift: int | None = None
    registers: dict[str, Register]
