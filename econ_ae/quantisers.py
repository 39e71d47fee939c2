"""QKeras quantisers read as fixed-point formats; what integers would not reproduce exactly is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qkeras import quantized_bits, quantized_relu

from asic_flow.formats import Format, Integers, Rounding
from asic_flow.ir import Activation
from econ_ae.errors import LoweringError

_CHUNK = 1 << 20


def weight_format(quantiser: Any, where: str) -> Format:
    """Format of a kernel or bias quantiser.

    Args:
        quantiser: what QKeras holds after construction of the layer (``kernel_quantizer_internal``).
        where: words for the message, such as ``layer 'conv', kernel``.

    Raises:
        LoweringError: no quantiser, or one that is not a plain two's-complement grid.
    """
    if quantiser is None:
        raise LoweringError(f"{where}: no quantiser; give it quantized_bits(bits, integer, alpha=1)")
    _require_type(quantiser, (quantized_bits,), where)
    _refuse_common(quantiser, where)
    if not quantiser.keep_negative:
        raise LoweringError(
            f"{where}: {_text(quantiser)} has keep_negative=False, but weight registers hold signed words"
        )
    return _format(int(quantiser.bits), int(quantiser.bits) - 1 - int(quantiser.integer), True, quantiser, where)


def output_format(quantiser: Any, where: str) -> tuple[Activation, Format]:
    """Activation and output format of an activation quantiser (rounding half to even, saturating, as QKeras does).

    Raises:
        LoweringError: a quantiser whose values integers would not reproduce exactly.
    """
    _require_type(quantiser, (quantized_bits, quantized_relu), where)
    _refuse_common(quantiser, where)
    bits, integer = int(quantiser.bits), int(quantiser.integer)
    if isinstance(quantiser, quantized_relu):
        _refuse_relu(quantiser, where)
        return Activation.RELU, _format(bits, bits - integer, False, quantiser, where)
    if not quantiser.keep_negative:
        return Activation.RELU, _format(bits, bits - integer, False, quantiser, where)
    if quantiser.symmetric:
        raise LoweringError(
            f"{where}: {_text(quantiser)} is symmetric; hardware saturates at the two's-complement minimum"
        )
    return Activation.LINEAR, _format(bits, bits - 1 - integer, True, quantiser, where)


def integers_of(quantiser: Any, values: NDArray[np.float32], fmt: Format, where: str) -> Integers:
    """Quantised weights as integers of `fmt`.

    Raises:
        LoweringError: a value that is not finite, not on the grid, or outside the range.
    """
    if not np.isfinite(values).all():
        raise LoweringError(f"{where}: holds NaN or infinity; the training diverged or the file is damaged")
    scaled = np.asarray(quantiser(values), dtype=np.float64) * (1 << fmt.fraction)
    integers = np.rint(scaled).astype(np.int64)
    if np.any(integers != scaled) or not fmt.contains(integers):
        raise LoweringError(
            f"{where}: {_text(quantiser)} gives values off the grid of {fmt.width} bits, {fmt.fraction} fraction"
        )
    return integers


def prove_cast(
    quantiser: Any, activation: Activation, fmt: Format, fraction: int, minimum: int, maximum: int, where: str
) -> None:
    """Compare a quantiser with the integer cast on **every** accumulator value from `minimum` to `maximum`.

    Raises:
        LoweringError: the first accumulator value on which they differ, with both results.
    """
    for start in range(minimum, maximum + 1, _CHUNK):
        accumulators = np.arange(start, min(start + _CHUNK, maximum + 1), dtype=np.int64)
        real = (accumulators / float(1 << fraction)).astype(np.float32)
        found = np.asarray(quantiser(real), dtype=np.float64) * (1 << fmt.fraction)
        activated = np.maximum(accumulators, 0) if activation is Activation.RELU else accumulators
        wrong = np.flatnonzero(found != fmt.cast(activated, fraction))
        if wrong.size:
            first = int(wrong[0])
            raise LoweringError(
                f"{where}: {_text(quantiser)} turns accumulator {int(accumulators[first])} / 2**{fraction} into "
                f"{found[first]:g} / 2**{fmt.fraction}, integers give {int(fmt.cast(activated, fraction)[first])}"
            )


def _format(bits: int, fraction: int, signed: bool, quantiser: Any, where: str) -> Format:
    if bits < 2 or fraction < 0 or bits > 32 or fraction > 32:
        raise LoweringError(
            f"{where}: {_text(quantiser)} means {bits} bits, {fraction} fraction; supported: 2..32 and 0..32"
        )
    return Format(width=bits, fraction=fraction, signed=signed, rounding=Rounding.HALF_EVEN)


def _require_type(quantiser: Any, allowed: tuple[type, ...], where: str) -> None:
    if type(quantiser) not in allowed:
        names = " or ".join(item.__name__ for item in allowed)
        raise LoweringError(f"{where}: quantiser {_text(quantiser)} is not supported; supported: {names}")


def _refuse_common(quantiser: Any, where: str) -> None:
    alpha = getattr(quantiser, "alpha", None)
    if isinstance(alpha, str):
        raise LoweringError(
            f"{where}: {_text(quantiser)} has alpha={alpha!r}: a scale computed from the data. QKeras chooses "
            "'auto_po2' for a kernel whose alpha is not given; set alpha=1 and train again"
        )
    if alpha is not None and np.any(np.asarray(alpha) != 1):
        raise LoweringError(f"{where}: {_text(quantiser)} has alpha={alpha}: only alpha=1 is exact")
    if quantiser.use_stochastic_rounding:
        raise LoweringError(f"{where}: {_text(quantiser)} uses stochastic rounding: its values are not reproducible")
    if float(np.asarray(quantiser.qnoise_factor)) != 1.0:
        raise LoweringError(
            f"{where}: {_text(quantiser)} has qnoise_factor={quantiser.qnoise_factor}: not fully quantised"
        )


def _refuse_relu(quantiser: Any, where: str) -> None:
    if quantiser.negative_slope:
        raise LoweringError(
            f"{where}: {_text(quantiser)} has negative_slope={quantiser.negative_slope}: leaky ReLU is not supported"
        )
    if quantiser.use_sigmoid:
        raise LoweringError(f"{where}: {_text(quantiser)} has use_sigmoid: a sigmoid is not supported")
    if quantiser.relu_upper_bound is not None and not quantiser.is_quantized_clip:
        raise LoweringError(
            f"{where}: {_text(quantiser)} has relu_upper_bound={quantiser.relu_upper_bound}: not supported"
        )


def _text(quantiser: Any) -> str:
    name = getattr(quantiser, "__name__", type(quantiser).__name__)
    return str(quantiser) if isinstance(quantiser, quantized_bits | quantized_relu) else str(name)
