"""A whole small network in RTL against the emulator: every weight set, every image that can reach it.

The network is the smallest with everything between charges and latents: converter, convolution, dense layer, both registers.
Its weights have 12 bits, so all 4,096 sets are tried. Its images are those that the converter can give: x_i is the charge
shifted so that the module sum lies in [1, 2), so most combinations of pixels never occur; `reachable_charges` finds all that do.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from asic_flow.emulator import Emulator
from asic_flow.formats import Format, Integers, Rounding
from asic_flow.ir import Conv2D, Dense, Flatten, InputSpec, Profile, Structure
from asic_flow.results import Check, FirstMismatch, NegativeControl, Status, compare
from asic_flow.rtl.render import CHARGE_WIDTH
from asic_flow.sim.stream import build_stream, run_stream_sets
from asic_flow.weights import WeightSet, from_bytes

_SETS_PER_RUN = 512
_PLANTED_STEP = 17


def small_structure(profile: Profile, rounding: Rounding = Rounding.HALF_EVEN) -> Structure:
    """2x2 trigger cells of 3 bits, one 2x1 filter with ReLU, one latent; 2-bit weights, 12 bits in all.

    Args:
        profile: arithmetic; in ``econ_t`` every product loses a bit.
        rounding: of the latent.
    """
    weight = Format(width=2, fraction=1, signed=True)
    floored = profile is Profile.ECON_T
    layers = (
        Conv2D(
            name="conv", filters=1, kernel_size=(2, 1), padding="valid", kernel=weight, bias=weight,
            product_fraction=2 if floored else None, output=Format(width=3, fraction=2, signed=False, rounding=Rounding.HALF_UP),
        ),
        Flatten(name="flat"),
        Dense(
            name="dense", units=1, kernel=weight, bias=weight, product_fraction=2 if floored else None,
            output=Format(width=3, fraction=1, signed=False, rounding=rounding),
        ),
    )  # fmt: skip
    image = InputSpec(
        height=2, width=2, format=Format(width=3, fraction=2, signed=False), cell_positions=(0, 1, 2, 3)
    )  # fmt: skip
    return Structure(name="small", profile=profile, register_profile="generic", input=image, layers=layers)


def reachable_charges(structure: Structure) -> tuple[Integers, Integers]:
    """Charges for every image that the converter can give, and those images.

    For a module sum S in [2^k, 2^(k+1)) a pixel with f fraction bits is x = floor(c 2^f / 2^k), so c = x 2^(k-f) + r with
    r < 2^(k-f). Image x occurs if some r bring S into that interval; k is taken as large as the converter's sum allows for
    every single charge, because a smaller k only takes values of r away.

    Returns:
        int64[n, cells] charges in encoder order, and int64[n, cells] pixels; the first row is the empty module.
    """
    fmt, cells = structure.input.format, len(structure.input.cell_positions)
    exponent = CHARGE_WIDTH - 1
    unit = 1 << (exponent - fmt.fraction)
    rows, images = [np.zeros(cells, dtype=np.int64)], [np.zeros(cells, dtype=np.int64)]
    for pixels in itertools.product(range(fmt.maximum + 1), repeat=cells):
        image = np.array(pixels, dtype=np.int64)
        missing = (1 << exponent) - int(image.sum()) * unit
        if not any(pixels) or image.sum() * unit >= 2 << exponent or missing > cells * (unit - 1):
            continue
        rest = np.full(cells, max(missing, 0) // cells, dtype=np.int64)
        rest[: max(missing, 0) % cells] += 1
        rows.append(image * unit + rest)
        images.append(image)
    return np.stack(rows), np.stack(images)


def all_weight_sets(structure: Structure, step: int = 1) -> list[WeightSet]:
    """Every weight set of a structure with few weight bits, or every so many of them (an odd `step` varies all weights)."""
    size = -(-structure.weight_bits // 8)
    return [
        from_bytes(structure, value.to_bytes(size, "little")) for value in range(0, 1 << structure.weight_bits, step)
    ]


def compare_all(
    program: Path, weight_sets: Sequence[WeightSet], charges: Integers, images: Integers
) -> tuple[int, int, FirstMismatch | None]:
    """Differing latents, latents compared, and the first difference (its event is counted over all sets).

    Args:
        program: RTL in Verilator, from `asic_flow.sim.stream.build_stream`.
        weight_sets: weight sets.
        charges: int64[n, cells].
        images: int64[n, cells], the images of these charges.
    """
    mismatches = values = 0
    first: FirstMismatch | None = None
    spec = weight_sets[0].structure.input
    shaped = images.reshape(-1, spec.height, spec.width, spec.channels)
    for start in range(0, len(weight_sets), _SETS_PER_RUN):
        part = weight_sets[start : start + _SETS_PER_RUN]
        expected = np.concatenate([Emulator(weights).run(shaped) for weights in part])
        count, where = compare(
            "latents", expected, run_stream_sets(program, part, charges).latents.reshape(expected.shape)
        )
        mismatches, values = mismatches + count, values + expected.size
        if where and not first:
            first = replace(where, event=start * len(charges) + where.event)
    return mismatches, values, first


def verify_exhaustively(profile: Profile) -> tuple[Check, NegativeControl]:
    """All weight sets and all reachable images, RTL against emulator; planted: RTL that rounds ties the other way.

    Raises:
        FlowError: a tool is missing or fails.
    """
    begin = time.monotonic()
    structure = small_structure(profile)
    charges, images = reachable_charges(structure)
    weight_sets = all_weight_sets(structure)
    mismatches, values, first = compare_all(build_stream(structure), weight_sets, charges, images)
    status: Status = "pass" if mismatches == 0 and values == len(weight_sets) * len(charges) else "fail"
    name = f"small encoder, {profile}: emulator = rtl, exhaustive"
    detail = f"all {len(weight_sets):,} weight sets, all {len(charges)} images that the converter can give"
    seconds = time.monotonic() - begin
    check = Check(name, "emulator", "rtl", values, values, mismatches, status, seconds, detail, first)
    other = build_stream(small_structure(profile, Rounding.HALF_UP))
    wrong, compared, _ = compare_all(other, all_weight_sets(structure, _PLANTED_STEP), charges, images)
    planted = f"small encoder, {profile}, exhaustive: RTL rounds ties of the latent up, not to even"
    return check, NegativeControl(planted, wrong > 0, f"{wrong} of {compared} latents differ")
