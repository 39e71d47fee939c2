"""Unit tests of the SystemVerilog modules, each with a cocotb bench under Icarus Verilog."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.tools

TMR = ("econ_voter", "econ_tmr_ff", "econ_tmr_reg")
STORE = (
    "econ_error_counter", "econ_clock_gate", "econ_refresh_timer", "econ_weight_bank", "econ_bank_crc", "econ_bank_port",
    "econ_shadow_bank", "econ_commit", "econ_weight_store",
)  # fmt: skip
CONV_ECON_T = {
    "NumInputs": 9, "InputWidth": 8, "InputSigned": 0, "WeightWidth": 6, "ProductShift": 5, "BiasShift": 2, "Relu": 1,
    "OutputShift": 0, "OutputWidth": 8, "OutputSigned": 0, "Rounding": 0, "Saturate": 1,
}  # fmt: skip
CONV_EXACT = {**CONV_ECON_T, "ProductShift": 0, "BiasShift": 7, "OutputShift": 5, "Rounding": 2}
DENSE_ECON_T = {**CONV_ECON_T, "NumInputs": 128, "ProductShift": 4, "BiasShift": 3, "OutputWidth": 9}
DENSE_EXACT = {**DENSE_ECON_T, "ProductShift": 0, "BiasShift": 7, "OutputShift": 4, "Rounding": 2}
NEURONS: dict[str, dict[str, int]] = {
    "conv econ_t": CONV_ECON_T,
    "conv exact": CONV_EXACT,
    "dense econ_t": DENSE_ECON_T,
    "dense exact": DENSE_EXACT,
    "half up": {**CONV_EXACT, "Rounding": 1},
    "floor": {**CONV_EXACT, "Rounding": 0},
    "wrap": {**CONV_EXACT, "Saturate": 0},
    "shift beyond the magnitude bits": {**CONV_ECON_T, "ProductShift": 7, "BiasShift": 0, "OutputWidth": 5},
    "signed input, linear signed output": {**CONV_EXACT, "InputSigned": 1, "Relu": 0, "OutputSigned": 1},
    "linear unsigned output": {**CONV_EXACT, "Relu": 0},
    "4-bit weights, one input": {**CONV_ECON_T, "NumInputs": 1, "WeightWidth": 4, "ProductShift": 1},
}


def test_voter_exhaustively(run_module: Any) -> None:
    outcome = run_module("bench_voter", "econ_voter", parameters={"Width": 3})
    assert outcome.tests == 1
    assert outcome.failures == ()


def test_triple_register(run_module: Any) -> None:
    outcome = run_module("bench_tmr", *TMR, parameters={"Width": 6})
    assert outcome.tests == 7
    assert outcome.failures == ()


def test_clock_gate(run_module: Any) -> None:
    outcome = run_module("bench_clock_gate", "econ_clock_gate")
    assert outcome.tests == 1
    assert outcome.failures == ()


@pytest.mark.parametrize(("bits", "block_bytes", "parallel"), [(96, 4, 0), (101, 4, 0), (30, 8, 0), (101, 4, 1)])
def test_weight_bank(run_module: Any, bits: int, block_bytes: int, parallel: int) -> None:
    outcome = run_module(
        "bench_bank", *TMR, "econ_error_counter", "econ_clock_gate", "econ_weight_bank",
        parameters={"WeightBits": bits, "BlockBytes": block_bytes, "CounterWidth": 4, "ParallelLoad": parallel},
        bits=bits, block_bytes=block_bytes, counter=4, parallel=parallel,
    )  # fmt: skip
    assert outcome.tests == 7
    assert outcome.failures == ()


@pytest.mark.parametrize(
    ("bits", "block_bytes", "hold", "shadow", "pace"),
    [(93, 4, 1, 0, 16), (93, 4, 1, 1, 16), (30, 8, 0, 1, 3), (64, 4, 2, 1, 1)],
)
def test_weight_store(run_module: Any, bits: int, block_bytes: int, hold: int, shadow: int, pace: int) -> None:
    outcome = run_module(
        "bench_store", *TMR, *STORE,
        parameters={
            "WeightBits": bits, "BlockBytes": block_bytes, "ShadowBank": shadow, "HoldClocks": hold, "CrcPace": pace,
        },
        bits=bits, block_bytes=block_bytes, shadow=shadow, hold=hold, pace=pace,
    )  # fmt: skip
    assert outcome.tests == 15
    assert outcome.failures == ()


@pytest.mark.parametrize("shadow", [0, 1])
def test_control(run_module: Any, shadow: int) -> None:
    outcome = run_module("bench_control", *TMR, "econ_control", parameters={"ShadowBank": shadow}, shadow=shadow)
    assert outcome.tests == 1
    assert outcome.failures == ()


def test_converter(run_module: Any) -> None:
    outcome = run_module("bench_converter", "econ_converter")
    assert outcome.tests == 1
    assert outcome.failures == ()


def test_converter_bench_can_fail(run_module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_FAULT", "1")
    assert len(run_module("bench_converter", "econ_converter").failures) == 1


@pytest.mark.parametrize("name", NEURONS)
def test_neuron(run_module: Any, name: str) -> None:
    outcome = _neuron(run_module, NEURONS[name])
    assert outcome.tests == 1
    assert outcome.failures == ()


def test_neuron_bench_can_fail(run_module: Any) -> None:
    outcome = _neuron(run_module, CONV_ECON_T, fault=True)
    assert len(outcome.failures) == 1
    assert "expected" in outcome.failures[0]


def _neuron(run_module: Any, parameters: dict[str, int], **options: Any) -> Any:
    count = 300 if parameters["NumInputs"] > 20 else 1500
    return run_module(
        "bench_neuron", "econ_cast", "econ_neuron", parameters=parameters, seed=10, count=count, **options
    )
