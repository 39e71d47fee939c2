"""Proofs that a neuron computes what the intermediate representation says, for all inputs and weights at once.

A neuron with short words stands for the long ones: every width is a parameter of the same module, and a proof over a
whole 128-input neuron is out of reach of SAT (facts/open-eda.md).
"""

from __future__ import annotations

from collections.abc import Iterator

from asic_flow.formal.engine import Proof, harness_text, rtl_modules

_NEURONS: dict[str, dict[str, int]] = {
    "8 x 6 bits as in the chip's convolution, one input": {
        "NumInputs": 1, "InputWidth": 8, "WeightWidth": 6, "ProductShift": 5, "BiasShift": 2, "OutputWidth": 8,
    },
    "two inputs, floored products": {},
    "two inputs, exact products, half to even": {"ProductShift": 0, "BiasShift": 2, "OutputShift": 2, "Rounding": 2},
    "two signed inputs, linear, half up, wrapping": {
        "InputSigned": 1, "Relu": 0, "OutputSigned": 1, "ProductShift": 0, "OutputShift": 2, "Saturate": 0, "Rounding": 1,
    },
}  # fmt: skip


def neuron_proofs() -> Iterator[Proof]:
    """Neurons of both profiles against plain signed arithmetic."""
    for name, parameters in _NEURONS.items():
        yield _neuron(f"neuron, {name}", parameters)


def neuron_controls() -> Iterator[Proof]:
    """A sum that is wrong by one must be seen."""
    yield _neuron("neuron with a sum wrong by one", {"Offset": 1})


def _neuron(name: str, parameters: dict[str, int]) -> Proof:
    claim = "the arithmetic of the intermediate representation, for all inputs and weights"
    return Proof(name, claim, rtl_modules("econ_neuron", "econ_cast"), harness_text("neuron"), parameters)
