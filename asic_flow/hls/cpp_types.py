"""Formats as C++ types of the open ac_types library."""

from __future__ import annotations

from asic_flow.formats import Format, Overflow, Rounding
from asic_flow.ir import Conv2D, Dense, LayerGeometry

ROUNDING_MODES = {Rounding.FLOOR: "AC_TRN", Rounding.HALF_UP: "AC_RND", Rounding.HALF_EVEN: "AC_RND_CONV"}
OVERFLOW_MODES = {Overflow.SATURATE: "AC_SAT", Overflow.WRAP: "AC_WRAP"}


def fixed_type(width: int, fraction: int, *, signed: bool, modes: str = "") -> str:
    """``ac_fixed<width, integer bits, signed>``; `modes` are appended as rounding and overflow arguments."""
    return f"ac_fixed<{width}, {width - fraction}, {'true' if signed else 'false'}{modes}>"


def format_type(fmt: Format, *, with_modes: bool) -> str:
    """C++ type of a format; `with_modes` for types that values are cast into."""
    modes = f", {ROUNDING_MODES[fmt.rounding]}, {OVERFLOW_MODES[fmt.overflow]}" if with_modes else ""
    return fixed_type(fmt.width, fmt.fraction, signed=fmt.signed, modes=modes)


def signed_width(minimum: int, maximum: int) -> int:
    """Bits of the smallest two's-complement integer that holds both bounds."""
    return max(maximum.bit_length(), (~minimum).bit_length() if minimum < 0 else 0) + 1


def product_type(layer: Conv2D | Dense, geometry: LayerGeometry) -> str:
    """Type every product is cast to: floored where the structure says so, tight over all inputs and weights.

    The extremes of a product lie at the extremes of its operands, because it is linear in each.
    """
    full = geometry.input_format.fraction + layer.kernel.fraction
    fraction = full if layer.product_fraction is None else layer.product_fraction
    corners = [
        (x * w) >> (full - fraction)
        for x in (geometry.input_format.minimum, geometry.input_format.maximum)
        for w in (layer.kernel.minimum, layer.kernel.maximum)
    ]
    return fixed_type(signed_width(min(corners), max(corners)), fraction, signed=True, modes=", AC_TRN, AC_WRAP")
