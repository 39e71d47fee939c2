"""The I2C target with our bus master: transfers, corner cases, coverage of the bus conditions, and the monitor's own checks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from asic_flow.rtl import RTL_FOLDER
from asic_flow.sim.simulators import BenchOutcome, Model, build_model, run_bench
from asic_flow.tb.coverage import I2C, Coverage
from asic_flow.tb.i2c_monitor import CONDITIONS, I2cMonitor
from asic_flow.tb.i2c_timing import MODES, I2cLimits, I2cTimingError

BENCH = "econ_i2c_bench"
MODULES = ("econ_voter", "econ_tmr_ff", "econ_tmr_reg", "econ_i2c_filter", "econ_i2c_target")
DEVICE = 0x20


@pytest.fixture
def run_i2c(
    model_cache: Path, tmp_path: Path, run_bench_env: Callable[..., dict[str, str]]
) -> Callable[..., BenchOutcome]:
    """Run a bench on the target alone."""
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")

    def run(bench: str, testcase: str | None = None, **parameters: int) -> BenchOutcome:
        wrapper = Path(__file__).parent / "benches" / f"{BENCH}.sv"
        sources = (*(RTL_FOLDER / f"{name}.sv" for name in MODULES), wrapper)
        built = build_model("icarus", Model(sources=sources, top=BENCH, parameters=parameters), model_cache)
        environment = run_bench_env(coverage=str(tmp_path / f"{bench}.json"))
        return run_bench(built, bench, tmp_path / bench, environment=environment, testcase=testcase)

    return run


@pytest.mark.tools
def test_target_covers_every_condition(run_i2c: Callable[..., BenchOutcome], tmp_path: Path) -> None:
    coverage = Coverage({I2C: CONDITIONS})
    for bench, tests in (("bench_i2c", 9), ("bench_i2c_corners", 13)):
        outcome = run_i2c(bench)
        assert (outcome.failures, outcome.tests) == ((), tests)
        coverage.merge(Coverage.read(tmp_path / f"{bench}.json"))
    coverage.check()


@pytest.mark.tools
def test_a_slow_target_is_noticed(run_i2c: Callable[..., BenchOutcome]) -> None:
    """Negative control: with a long filter the target answers later than Fast-mode Plus allows."""
    outcome = run_i2c("bench_i2c", "pointer_survives_stop_and_goes_on", FilterLength=16)
    assert len(outcome.failures) == 1
    assert "the target changed SDA" in outcome.failures[0]
    assert "allowed 450" in outcome.failures[0]


class Wires:
    """Levels over time, for a monitor; every step waits what Standard mode asks for unless told otherwise."""

    def __init__(self, limits: I2cLimits = MODES[0]) -> None:
        self.seen: list[str] = []
        self.accesses: list[tuple[int, bool]] = []
        self.monitor = I2cMonitor(DEVICE, limits)
        self.monitor.on_condition = self.seen.append
        self.monitor.on_access = lambda address, write: self.accesses.append((address, write))
        self.limits, self.time, self.scl, self.sda = limits, 10_000.0, 1, 1

    def go(self, scl: int, sda: int, wait: float, *, by_target: bool = False) -> None:
        """Wait, then change the wires."""
        self.time += wait
        self.scl, self.sda = scl, sda
        self.monitor.see(self.time, scl, sda, by_target=by_target)

    def start(self, **waits: float) -> None:
        if not self.scl:
            self.go(0, 1, 10)
            self.go(1, 1, self.limits.low)
        self.go(1, 0, waits.get("setup", max(self.limits.bus_free, self.limits.start_setup)))
        self.go(0, 0, waits.get("hold", self.limits.start_hold))

    def bit(self, value: int, **waits: float) -> None:
        data_setup = waits.get("data_setup", self.limits.data_setup)
        self.go(0, value, waits.get("low", self.limits.low) - data_setup, by_target=bool(waits.get("by_target")))
        self.go(1, value, data_setup)
        self.go(0, value, waits.get("high", self.limits.high))

    def byte(self, value: int, ack: int = 0) -> None:
        for position in range(7, -1, -1):
            self.bit((value >> position) & 1)
        self.bit(ack)

    def stop(self, **waits: float) -> None:
        self.go(0, 0, 10)
        self.go(1, 0, self.limits.low)
        self.go(1, 1, waits.get("setup", self.limits.stop_setup))


@pytest.mark.parametrize("limits", MODES, ids=lambda mode: mode.mode)
def test_monitor_accepts_the_limits_and_decodes(limits: I2cLimits) -> None:
    wires = Wires(limits)
    wires.monitor.end = 0x1235
    wires.start()
    for byte in (DEVICE << 1, 0x12, 0x33, 0xAA):
        wires.byte(byte)
    wires.stop()
    wires.start()
    wires.byte(DEVICE << 1 | 1)
    wires.byte(0x01)
    wires.byte(0x02, ack=1)
    wires.stop()
    assert wires.accesses == [(0x1233, True), (0x1234, False), (0x1235, False)]
    assert wires.seen.count(limits.mode) == 2
    assert {"START", "STOP", "write", "read", "pointer kept over STOP", "read past the end"} < set(wires.seen)
    assert not {"repeated START", "foreign address", "STOP inside a byte"} & set(wires.seen)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda w: w.bit(1, low=4699), "SCL low: 4699"),
        (lambda w: w.bit(1, high=3999), "SCL high: 3999"),
        (lambda w: w.bit(1, data_setup=249), "data set-up"),
        (lambda w: w.bit(1, data_setup=1000, by_target=True, low=4451), "changed SDA 3451 ns after SCL fell"),
        (lambda w: w.start(setup=4699), "repeated START set-up: 4699"),
        (lambda w: w.start(hold=3999), "START hold: 3999"),
        (lambda w: w.stop(setup=3999), "STOP set-up: 3999"),
        (lambda w: (w.stop(), w.start(setup=4699)), "bus free: 4699"),
        (lambda w: (w.go(0, 1, 3000), w.go(1, 1, 5000), w.go(1, 0, 100, by_target=True)), "while SCL was high"),
        (lambda w: w.monitor.spike("SCL", 50), "no spike"),
    ],
)
def test_monitor_refuses_a_time_outside_the_limits(break_it: Callable[[Wires], None], message: str) -> None:
    wires = Wires()
    wires.start()
    wires.bit(0)
    with pytest.raises(I2cTimingError, match=message):
        break_it(wires)


def test_limits_by_speed() -> None:
    assert [I2cLimits.for_speed(khz).mode for khz in (1, 100, 101, 400, 401, 1000)] == [
        "Standard mode", "Standard mode", "Fast mode", "Fast mode", "Fast-mode Plus", "Fast-mode Plus",
    ]  # fmt: skip
    for khz in (0, 1001):
        with pytest.raises(ValueError, match="kHz"):
            I2cLimits.for_speed(khz)
