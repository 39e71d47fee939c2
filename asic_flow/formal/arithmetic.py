"""Proofs that a neuron computes what the intermediate representation says, for all inputs and weights at once.

A neuron with short words stands for the long ones: every width is a parameter of the same module, and a proof over a
whole 128-input neuron is out of reach of SAT (facts/open-eda.md).
"""

from __future__ import annotations

from collections.abc import Iterator

from asic_flow.formal.engine import Proof, edited, harness_text, rtl_modules

_COMPACT_FILE = "econ_compact_neuron.sv"
_WRONG_DIGIT = (
    "| (triple_i[k*TripleWidth +: TripleWidth] & {TripleWidth{one & two}})",
    "| ((x << 1) & {TripleWidth{one & two}})",
)
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
_COMPACT: dict[str, dict[str, int]] = {
    "8 x 6 bits as in the chip's convolution, one input": {
        "NumInputs": 1, "InputWidth": 8, "WeightWidth": 6, "ProductShift": 5, "BiasShift": 2, "OutputWidth": 8,
    },
    "two inputs, floored products": {},
    "three inputs, one bit floored, half up, wrapping": {
        "NumInputs": 3, "InputWidth": 2, "Relu": 0, "OutputSigned": 1, "ProductShift": 1, "OutputShift": 1, "Saturate": 0,
        "Rounding": 1,
    },
    "two inputs, exact products, half to even": {
        "InputWidth": 3, "ProductShift": 0, "BiasShift": 2, "OutputShift": 2, "Rounding": 2,
    },
    "one live and two static inputs, floored products": {
        "NumInputs": 3, "InputWidth": 3, "Statics": 2, "StaticShift": 1, "StaticWidth": 2,
    },
    "one live and two static inputs, exact products": {
        "NumInputs": 3, "InputWidth": 3, "ProductShift": 0, "BiasShift": 2, "Statics": 2, "StaticShift": 1, "StaticWidth": 2,
    },
}  # fmt: skip


def neuron_proofs() -> Iterator[Proof]:
    """Neurons of both profiles against plain signed arithmetic."""
    for name, parameters in _NEURONS.items():
        yield _neuron(f"neuron, {name}", parameters)
    for name, parameters in _COMPACT.items():
        yield _neuron(f"compact neuron, {name}", {**parameters, "Compact": 1})


def neuron_controls() -> Iterator[Proof]:
    """A sum that is wrong by one must be seen."""
    yield _neuron("neuron with a sum wrong by one", {"Offset": 1})
    yield _neuron("compact neuron that takes 2x for 3x", {"Compact": 1}, _WRONG_DIGIT)


def _neuron(name: str, parameters: dict[str, int], fault: tuple[str, str] | None = None) -> Proof:
    claim = "the arithmetic of the intermediate representation, for all inputs and weights"
    modules = rtl_modules("econ_cast", "econ_neuron", "econ_compact_neuron", "econ_dense_layer")
    if fault is not None:
        modules[_COMPACT_FILE] = edited(modules[_COMPACT_FILE], *fault)
    return Proof(name, claim, modules, harness_text("neuron"), parameters)
