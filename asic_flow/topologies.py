"""Encoders on which the flow itself is verified: between them they use every layer of `asic_flow.ir` in both profiles."""

from __future__ import annotations

from asic_flow.formats import Format, Rounding
from asic_flow.ir import (
    Activation,
    ActivationLayer,
    Conv2D,
    Dense,
    Flatten,
    Pool2D,
    Profile,
    Structure,
    ZeroPad2D,
    econ_t_structure,
    input_4x4x3,
)

_WEIGHT = Format(width=6, fraction=5, signed=True)
_SHORT = Format(width=4, fraction=3, signed=True)


def verified_topologies(profile: Profile | str) -> dict[str, Structure]:
    """Structures by name: the chip's own encoder, one with pooling, one on the 4x4x3 arrangement, one without dense layer."""
    profile = Profile(profile)
    return {
        "econ_t_encoder": econ_t_structure(profile),
        "pooled_encoder": _pooled(profile),
        "deep_4x4x3_encoder": _deep(profile),
        "strided_encoder": _strided(profile),
    }


def _floor(profile: Profile, fraction: int) -> int | None:
    """Fraction that products are floored to: none in the exact profile."""
    return fraction if profile is Profile.ECON_T else None


def _unsigned(width: int, fraction: int, rounding: Rounding = Rounding.HALF_EVEN) -> Format:
    return Format(width=width, fraction=fraction, signed=False, rounding=rounding)


def _signed(width: int, fraction: int, rounding: Rounding = Rounding.HALF_UP) -> Format:
    return Format(width=width, fraction=fraction, signed=True, rounding=rounding)


def _pooled(profile: Profile) -> Structure:
    """Padding, convolution, overlapping max pooling, mean, dense with signed latents, cut to seven bits: two clocks."""
    layers = (
        ZeroPad2D(name="border", padding=(1, 0, 0, 1)),
        Conv2D(
            name="conv", filters=3, kernel_size=(3, 3), padding="valid", kernel=_WEIGHT, bias=_WEIGHT,
            product_fraction=_floor(profile, 7), output=_unsigned(8, 7),
        ),
        Pool2D(name="largest", mode="max", pool_size=(3, 3), strides=(2, 2), padding="same"),
        Pool2D(
            name="mean", mode="average", pool_size=(2, 2), strides=(2, 2), output=_unsigned(7, 7, Rounding.HALF_UP)
        ),
        Flatten(name="flat"),
        Dense(
            name="dense", units=3, kernel=_SHORT, bias=_SHORT, product_fraction=_floor(profile, 8),
            activation=Activation.LINEAR, output=_signed(9, 7, Rounding.HALF_EVEN),
        ),
        ActivationLayer(name="cut", activation=Activation.LINEAR, output=_signed(7, 6)),
    )  # fmt: skip
    return Structure(name="pooled_encoder", profile=profile, register_profile="generic", layers=layers)


def _deep(profile: Profile) -> Structure:
    """Three channels, signed hidden values, signed max pooling, two convolutions and two dense layers: four clocks."""
    layers = (
        Conv2D(
            name="first", filters=2, kernel_size=(3, 3), kernel=_WEIGHT, bias=_WEIGHT, activation=Activation.LINEAR,
            product_fraction=_floor(profile, 8), output=_signed(8, 6),
        ),
        Pool2D(name="largest", mode="max", pool_size=(3, 2), strides=(2, 2), padding="same"),
        ZeroPad2D(name="ring", padding=(1, 1, 1, 1)),
        Conv2D(
            name="second", filters=2, kernel_size=(2, 2), strides=(2, 2), padding="valid", kernel=_SHORT, bias=_SHORT,
            product_fraction=_floor(profile, 6), output=_unsigned(8, 6),
        ),
        Dense(
            name="hidden", units=4, kernel=_WEIGHT, bias=_WEIGHT, product_fraction=_floor(profile, 7),
            output=_unsigned(8, 7),
        ),
        Dense(
            name="coded", units=2, kernel=_WEIGHT, bias=_WEIGHT, product_fraction=_floor(profile, 8),
            output=_unsigned(9, 8),
        ),
    )  # fmt: skip
    return Structure(
        name="deep_4x4x3_encoder", profile=profile, register_profile="generic", input=input_4x4x3(), layers=layers
    )


def _strided(profile: Profile) -> Structure:
    """No dense layer: large convolution, ReLU as a layer of its own, flattened image as latents: one clock."""
    layers = (
        Conv2D(
            name="conv", filters=2, kernel_size=(5, 5), strides=(4, 4), kernel=_WEIGHT, bias=_WEIGHT,
            activation=Activation.LINEAR, product_fraction=_floor(profile, 7), output=_signed(12, 7, Rounding.FLOOR),
        ),
        ActivationLayer(name="relu", output=_unsigned(8, 6)),
        Flatten(name="flat"),
    )  # fmt: skip
    return Structure(name="strided_encoder", profile=profile, register_profile="generic", layers=layers)
