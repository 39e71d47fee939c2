"""Transients on the nets of a tiny chip's netlist."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest

from asic_flow.formal.memory import tiny_structure
from asic_flow.hardware import HardwareConfig
from asic_flow.synthesis.liberty import DEFAULT_LIBRARY
from asic_flow.weights import WeightSet
from rad_tolerance.errors import RadiationError
from rad_tolerance.gate_level import WIDTHS_NS, GateOptions, transients

pytestmark = [
    pytest.mark.long,
    pytest.mark.tools,
    pytest.mark.skipif(
        shutil.which("yosys") is None or not DEFAULT_LIBRARY.is_file(), reason="Yosys or its library is not installed"
    ),
]
OPTIONS = GateOptions(transients=3000, lanes=512, window=10)


def tiny(weight: int) -> WeightSet:
    structure = tiny_structure()
    tensors = {name: np.full(shape, weight, dtype=np.int64) for name, shape in structure.tensor_shapes().items()}
    return WeightSet(structure, tensors, {})


def study(weight: int, options: GateOptions = OPTIONS) -> dict[str, Any]:
    charges = np.random.default_rng(2).integers(0, 5000, size=(30, 2))
    return transients(tiny_structure(), HardwareConfig(), tiny(weight), charges, options)


def test_copies_are_behind_voters_and_arithmetic_is_not() -> None:
    content = study(1)
    assert content["verdict"] == "pass"
    parts = {row["part"]: row for row in content["parts"]}
    copies = parts["weight bank: flip-flops"]
    assert copies["visible"] == copies["stuck"] == 0
    assert copies["corrected"] + copies["masked"] == copies["transients"] > 0
    assert parts["pipeline and arithmetic"]["visible"] > 0, "nothing masks a wrong bit before a stage register"
    assert sum(row["transients"] for row in content["parts"]) == content["transients"] == OPTIONS.transients
    assert content["different_nets_hit"] == min(content["nets"], OPTIONS.transients)
    chances = content["wrong_per_transient"]
    assert list(chances) == [f"{width:g} ns" for width in WIDTHS_NS]
    assert chances["2 ns"] == pytest.approx(content["wrong_fraction"] * (2.0 + OPTIONS.edge_ns) / 25.0)
    again = study(1)
    assert again == content, "the same seed gives the same transients"


def test_a_chip_that_says_nothing_is_refused() -> None:
    with pytest.raises(RadiationError, match="all latents are zero"):
        study(-2)
