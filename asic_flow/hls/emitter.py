"""Catapult C++ project of an encoder, as text: a pure function of the structure.

Weights are no part of it: they enter through ports and registers, so two weight sets of one structure give identical
bytes. File names follow hls4ml (``firmware/<top>.cpp``, ``defines.h``, ``parameters.h``, ``<top>_test.cpp``, ...).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import jinja2

from asic_flow import __version__
from asic_flow.catapult.config import CatapultConfig
from asic_flow.catapult.tcl import render_build_prj
from asic_flow.errors import StructureError
from asic_flow.formats import Rounding
from asic_flow.hls.cpp_types import format_type
from asic_flow.hls.layers import layer_contexts
from asic_flow.ir import Structure

CHARGE_BITS = 22
"""Width of a calibrated charge, unsigned (facts/econ-t.md 1.4 d)."""
EXPONENT_BITS, MANTISSA_BITS = 5, 4
"""Module sum code 5E4M (facts/econ-t.md 1.4 e)."""
CXX_FLAGS = (
    "-std=c++11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Wno-unknown-pragmas",
    "-Wno-unused-label",
    "-Wno-ignored-attributes",
)
"""Flags for g++; the pragmas are Catapult's, the loop labels name its directives."""
KERNELS = (
    "ae_activation.h", "ae_conv2d.h", "ae_converter.h", "ae_dense.h", "ae_pool2d.h", "ae_scverify.h", "ae_weight_bank.h",
    "ae_zero_pad2d.h",
)  # fmt: skip

_TEMPLATES = {
    "firmware/defines.h": "defines.h.j2",
    "firmware/parameters.h": "parameters.h.j2",
    "firmware/{top}.h": "top.h.j2",
    "firmware/{top}.cpp": "top.cpp.j2",
    "{top}_bridge.cpp": "bridge.cpp.j2",
    "{top}_test.cpp": "test.cpp.j2",
    "build_lib.sh": "build_lib.sh.j2",
}
_RESERVED = frozenset(
    """
    alignas alignof and asm auto bitand bitor bool break case catch char class compl const constexpr continue decltype
    default delete do double else enum explicit export extern false float for friend goto if inline int long mutable
    namespace new noexcept not nullptr operator or private protected public register return short signed sizeof static
    struct switch template this throw true try typedef typename union unsigned using virtual void volatile while xor
    ae bank cells charges code converter defines encoded error image input latents main parameters stream std
    """.split()  # noqa: SIM905 (prose order reads better)
)
"""Words that a structure or layer may not be called: C++ keywords and names of the generated code."""


def render_hls(structure: Structure, catapult: CatapultConfig | None = None) -> dict[str, str]:
    """All files of the C++ project by relative path.

    Args:
        structure: the encoder.
        catapult: technology and effort written into ``build_prj.tcl``; defaults where absent.

    Returns:
        Text by POSIX path relative to the project folder; equal structures give equal bytes.

    Raises:
        StructureError: the structure needs something the C++ cannot express (named in the message).
    """
    _check(structure)
    context = _context(structure)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("asic_flow.hls"), undefined=jinja2.StrictUndefined, keep_trailing_newline=True,
        trim_blocks=True, lstrip_blocks=True, autoescape=False,
    )  # fmt: skip
    result = {
        path.format(top=structure.name): environment.get_template(template).render(context)
        for path, template in _TEMPLATES.items()
    }
    kernels = files("asic_flow.hls") / "kernels"
    for name in KERNELS:
        result[f"firmware/nnet_utils/{name}"] = (kernels / name).read_text(encoding="utf-8")
    result["build_prj.tcl"] = render_build_prj(structure, catapult or CatapultConfig())
    return dict(sorted(result.items()))


def _check(structure: Structure) -> None:
    """Refuse what the kernels do not implement, by name."""
    fmt = structure.input.format
    if fmt.rounding is not Rounding.FLOOR:
        raise StructureError(
            f"generating C++: the converter truncates, but input.format asks for rounding {fmt.rounding.value!r}"
        )
    if fmt.width < fmt.fraction + 1 + fmt.signed:
        raise StructureError(
            f"generating C++: normalised charges lie in [0, 2) and need {fmt.fraction + 1 + fmt.signed} bits at "
            f"{fmt.fraction} fraction bits, but input.format has {fmt.width}"
        )
    words = {structure.name, *(layer.name for layer in structure.layers)}
    if clash := sorted(words & _RESERVED):
        raise StructureError(f"generating C++: {clash[0]!r} is a reserved word; rename the layer or structure")
    if any(layer.name == structure.name for layer in structure.layers):
        raise StructureError(f"generating C++: a layer has the structure's name {structure.name!r}; rename one of them")


def _context(structure: Structure) -> dict[str, Any]:
    top = structure.name
    n_bytes = -(-structure.weight_bits // 8)
    tensors = _tensors(structure)
    names = ", ".join(tensor["name"] for tensor in tensors)
    header = (
        f"generated by asic_flow {__version__}; structure sha256 {structure.sha256}; do not edit",
        "Copyright the project contributors. SPDX-License-Identifier: Apache-2.0",
    )
    cells = structure.input.cell_positions
    return {
        "top": top,
        "header": "\n".join(f"// {line}" for line in header),
        "shell_header": "\n".join(f"# {line}" for line in header),
        "structure_sha256": structure.sha256,
        "cxx_flags": " ".join(CXX_FLAGS),
        "n_cells": len(cells),
        "n_latents": structure.n_latents,
        "n_weights": structure.n_weights,
        "n_weight_bytes": n_bytes,
        "address_bits": max((n_bytes - 1).bit_length(), 1),
        "charge_bits": CHARGE_BITS,
        "sum_bits": CHARGE_BITS + (len(cells) - 1).bit_length(),
        "exponent_bits": EXPONENT_BITS,
        "mantissa_bits": MANTISSA_BITS,
        "input_type": format_type(structure.input.format, with_modes=False),
        "input_fraction": structure.input.format.fraction,
        "image_size": math.prod(structure.input.shape),
        "cell_rows": _rows(cells),
        "layers": layer_contexts(structure),
        "tensors": tensors,
        "tensor_names": names,
        "weight_members": ", ".join(f"w.{tensor['name']}" for tensor in tensors),
        "indent_network": " " * len(f"void {top}_network("),
        "indent_datapath": " " * len(f"void {top}_datapath("),
        "indent_bank": " " * len(f"void {top}_weight_bank("),
        "indent_top": " " * len(f"void {top}("),
    }


def _rows(cells: Sequence[int], per_row: int = 12) -> list[str]:
    texts = [f"{cell}," for cell in cells]
    return [" ".join(texts[start : start + per_row]) for start in range(0, len(texts), per_row)]


def _tensors(structure: Structure) -> list[dict[str, Any]]:
    """Weight tensors in register order, with their place in the stream."""
    result: list[dict[str, Any]] = []
    bit = word = 0
    for tensor, shape in structure.tensor_shapes().items():
        name, size, width = tensor.replace(".", "_"), math.prod(shape), structure.tensor_format(tensor).width
        result.append(
            {"name": name, "upper": name.upper(), "size": size, "width": width, "first_bit": bit, "first_word": word}
        )
        bit += size * width
        word += size
    return result
