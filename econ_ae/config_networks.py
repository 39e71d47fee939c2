"""The networks in a run's configuration: encoder on the chip, decoder off the detector."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

ConditionName = Literal["sum", "eta", "layer", "wafer_type", "position"]
Pair = tuple[int, int]


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PoolConfig(Section):
    """Pooling behind a convolution."""

    mode: Literal["max", "average"] = Field(default="max", description="largest value, or mean (rounded half to even)")
    size: Pair = Field(default=(2, 2), description="rows and columns of the window; for a mean a power of two in all")
    stride: Pair | None = Field(default=None, description="step in rows and columns; default: the window")


class ConvolutionConfig(Section):
    """One convolution of the encoder, with ReLU."""

    filters: int = Field(default=8, ge=1, le=256, description="filters")
    kernel: Pair = Field(default=(3, 3), description="rows and columns of the kernel")
    stride: Pair = Field(default=(2, 2), description="step in rows and columns")
    padding: Literal["same", "valid"] = Field(
        default="same", description="'same' adds zeros at the edge, as Keras does"
    )
    weight_bits: int | None = Field(
        default=None, ge=2, le=12, description="bits of every weight and bias; default: encoder.weight_bits"
    )
    bits: int | None = Field(
        default=None, ge=2, le=12, description="bits of every output; default: encoder.activation_bits"
    )
    gain_bits: int = Field(
        default=0, ge=0, le=8, description="integer bits of its weights beside the sign: weights reach 2**gain_bits"
    )
    pool: PoolConfig | None = Field(default=None, description="pooling of the outputs")

    @model_validator(mode="after")
    def _positive(self) -> ConvolutionConfig:
        if min(*self.kernel, *self.stride) < 1:
            raise ValueError(f"kernel and stride must be at least 1, found {self.kernel} and {self.stride}")
        return self


class HiddenDenseConfig(Section):
    """One hidden dense layer of the encoder, with ReLU."""

    units: int = Field(ge=1, le=1024, description="outputs")
    weight_bits: int | None = Field(
        default=None, ge=2, le=12, description="bits of every weight and bias; default: encoder.weight_bits"
    )
    bits: int | None = Field(
        default=None, ge=2, le=12, description="bits of every output; default: encoder.activation_bits"
    )
    gain_bits: int = Field(
        default=0, ge=0, le=8, description="integer bits of its weights beside the sign: weights reach 2**gain_bits"
    )


class EncoderConfig(Section):
    """The network on the chip. The defaults are ECON-T's own encoder (facts/econ-t.md 1.4)."""

    profile: Literal["econ_t", "exact"] = Field(
        default="econ_t",
        description="arithmetic: 'econ_t' floors every product, as the chip does; 'exact' rounds once, after the sum",
    )
    input: Literal["8x8", "4x4x3"] = Field(
        default="8x8",
        description="image of the 48 cells: '8x8' with 16 empty places (the chip), '4x4x3' one plane a rhombus",
    )
    filters: int = Field(default=8, ge=1, le=64, description="filters of the convolution")
    kernel: Pair = Field(default=(3, 3), description="rows and columns of its kernel")
    stride: Pair = Field(default=(2, 2), description="its step in rows and columns")
    padding: Literal["same", "valid"] = Field(default="same", description="its padding")
    convolutions: tuple[ConvolutionConfig, ...] | None = Field(
        default=None, description="several convolutions, or none; replaces filters, kernel, stride and padding"
    )
    dense: tuple[HiddenDenseConfig, ...] = Field(default=(), description="hidden dense layers before the latents")
    latents: int = Field(default=16, ge=1, le=64, description="latents, that is outputs of the last dense layer")
    weight_bits: int = Field(default=6, ge=2, le=12, description="bits of every weight and bias, one of them the sign")
    latent_weight_bits: int | None = Field(
        default=None, ge=2, le=12, description="bits of the weights and biases of the latents; default: weight_bits"
    )
    latent_gain_bits: int = Field(
        default=0,
        ge=0,
        le=8,
        description="integer bits of the latents' weights beside the sign: weights reach 2**latent_gain_bits, so that few counts "
        "fill a latent",
    )
    activation_bits: int = Field(default=8, ge=2, le=12, description="bits of every hidden value, one of them integer")
    latent_width: int = Field(default=9, ge=2, le=12, description="bits of every latent, one of them integer")

    @property
    def convolution_layers(self) -> tuple[ConvolutionConfig, ...]:
        """The convolutions in order."""
        if self.convolutions is not None:
            return self.convolutions
        return (ConvolutionConfig(filters=self.filters, kernel=self.kernel, stride=self.stride, padding=self.padding),)


class DecoderConfig(Section):
    """The network off the detector: latents and module sum in, distribution over the 48 cells out."""

    kind: Literal["distribution", "convolution"] = Field(
        default="distribution",
        description="'distribution' residual dense layers with softmax; 'convolution' the published transposed convolutions, "
        "normalised so that the module sum is kept",
    )
    width: int = Field(default=256, ge=8, le=4096, description="units of every hidden layer ('distribution')")
    depth: int = Field(
        default=3, ge=1, le=12, description="hidden layers, residual from the second on ('distribution')"
    )
    level_inputs: bool = Field(
        default=True, description="give every latent also as one-hot of its level (up to 3 bits), not only as a number"
    )
    conditions: tuple[ConditionName, ...] = Field(
        default=("sum",),
        description="what the decoder is told besides the latents: transmitted 'sum', 'eta', 'layer', 'wafer_type', "
        "'position' (wafer u, v); the data must have these columns",
    )

    @model_validator(mode="after")
    def _once(self) -> DecoderConfig:
        if len(set(self.conditions)) != len(self.conditions):
            raise ValueError(f"conditions: each may be given once, found {list(self.conditions)}")
        return self
