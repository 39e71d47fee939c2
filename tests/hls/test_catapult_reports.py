"""Report parsers against texts in the documented layouts; stale, partial and foreign reports are refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hls_support import report

from asic_flow.catapult import CatapultConfig
from asic_flow.catapult.report_text import ReportError, integer, number
from asic_flow.catapult.reports import (
    newest_solution,
    read_cycle_report,
    read_power_report,
    read_rtl_report,
    read_solution_values,
)
from asic_flow.catapult.results import violations
from asic_flow.ir import econ_t_structure

SOLUTION = "econ_encoder.v1"
STARTED = datetime(2026, 11, 22, 16, 30, 0)
STRUCTURE = econ_t_structure("exact")
READERS = {"cycle.rpt": read_cycle_report, "rtl.rpt": read_rtl_report, "power.rpt": read_power_report}
Place = Callable[..., Path]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    def write(name: str, *, solution: str = SOLUTION, replace: tuple[str, str] = ("", ""), **fields: str) -> Path:
        text = report(name, solution=solution, **fields)
        assert replace[0] in text
        path = tmp_path / name
        path.write_text(text.replace(*replace) if replace[0] else text)
        return path

    return write


def test_cycle_report(place: Place) -> None:
    cycle = read_cycle_report(place("cycle.rpt"), solution=SOLUTION, not_before=STARTED)
    assert cycle.header.generated == STARTED
    assert cycle.header.version.startswith("2024.2")
    assert [process.name for process in cycle.processes] == ["/econ_encoder/core"]
    assert cycle.total is not None
    assert (cycle.total.operations, cycle.total.latency, cycle.total.throughput) == (9123, 2, 1)
    assert (cycle.clock_period_ns, cycle.clock_uncertainty_ns) == (25.0, 3.125)
    widths = {port.name: (port.mode, port.width) for port in cycle.ports}
    assert widths["dense_kernel"] == ("IN", 12288)
    assert widths["latents:rsc.dat"] == ("OUT", 144)
    resources = {item.name: item for item in cycle.resources}
    assert len(resources) == 5
    kernel = resources["/econ_encoder/dense_kernel:rsc"]
    assert (kernel.component, kernel.words, kernel.width, kernel.bits, kernel.external) == (
        "[DirectInput]", 2048, 6, 12288, True,
    )  # fmt: skip


def test_rtl_report(place: Place) -> None:
    rtl = read_rtl_report(place("rtl.rpt"), solution=SOLUTION, not_before=STARTED)
    area = rtl.total_area
    assert (area.score, area.combinational, area.sequential) == (501481.793, 326776.0, 174705.5)
    assert rtl.area_by_class == {
        "MUX": 358.0, "FUNC": 326192.7, "LOGIC": 170.3, "BUFFER": 0.0, "MEM": 0.0, "ROM": 0.0, "REG": 174760.8,
        "FSM": 23.5, "FSM-REG": 21.0, "FSM-COMB": 2.5,
    }  # fmt: skip
    assert rtl.registers == {"bank.copy_a(0).sva": 8, "latents:rsci.idat": 144}
    assert rtl.register_bits == 39840
    assert (rtl.max_delay_ns, rtl.slack_ns) == (17.78278, 4.09222)


def test_power_report(place: Place) -> None:
    power = read_power_report(place("power.rpt"), solution=SOLUTION, not_before=STARTED)
    assert power.activity_percent == (100.0, 100.0)
    assert (power.static.total, power.dynamic.total, power.total.total) == (12.70, 614.37, 627.07)
    assert (power.dynamic.register, power.dynamic.combinational, power.dynamic.clock_network) == (370.47, 59.54, 184.36)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("replace", "message"),
    [
        (("Nov 22 16:30:00", "Nov 22 16:29:59"), "stale, generated 2026-11-22 16:29:59"),
        (("End of Report", ""), "cut short"),
        (
            ("Solution Settings: econ_encoder.v1", "Solution Settings: econ_encoder.v2"),
            "describes solution 'econ_encoder.v2'",
        ),
        (("Solution Settings:", "Settings:"), "header line 'Solution Settings:' is missing"),
        (("Sun Nov 22", "Sun Foo 22"), "cannot read the date"),
    ],
)
def test_refused_reports(place: Place, name: str, replace: tuple[str, str], message: str) -> None:
    with pytest.raises(ReportError, match=message):
        READERS[name](place(name, replace=replace), solution=SOLUTION, not_before=STARTED)


@pytest.mark.parametrize(
    ("name", "replace", "message"),
    [
        ("cycle.rpt", ("Current state: schedule", "Current state: assembly"), "state 'assembly', expected 'schedule'"),
        ("rtl.rpt", ("Current state: extract", "Current state: schedule"), "state 'schedule', expected 'extract'"),
        ("rtl.rpt", ("TOTAL AREA (After", "TOTAL AREA (Before"), "found no figures like"),
        ("rtl.rpt", ("Slack:      4.09222", "Slack:      "), "found no figures like"),
        ("rtl.rpt", ("Size(bits)", "Bits      "), "has no column 'Size\\(bits\\)'"),
        ("cycle.rpt", ("Processes/Blocks in Design", "Blocks"), "no section 'Processes/Blocks in Design'"),
        ("power.rpt", ("100.00         100.00", " 37.50         100.00"), "switching activity covers"),
        ("power.rpt", ("184.36  614.37", "184.36    0.00"), "simulation ran nothing"),
        ("power.rpt", ("184.36  614.37", "184.36        "), "expected five"),
    ],
)
def test_other_layouts_and_empty_runs(place: Place, name: str, replace: tuple[str, str], message: str) -> None:
    with pytest.raises(ReportError, match=message):
        READERS[name](place(name, replace=replace), solution=SOLUTION)


def test_missing_report(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="the tool did not write it"):
        read_cycle_report(tmp_path / "cycle.rpt", solution=SOLUTION)


def test_structural_top_has_no_totals(place: Place) -> None:
    lines = "\n".join(report("cycle.rpt").splitlines()[18:20])
    cycle = read_cycle_report(place("cycle.rpt", replace=(lines, "  ")), solution=SOLUTION)
    assert (cycle.processes, cycle.total) == ((), None)


@pytest.mark.parametrize(
    ("text", "value"), [("?", None), ("", None), ("-1", -1.0), ("  627.07 (3%)", 627.07), ("1e3", 1000.0)]
)
def test_numbers(text: str, value: float | None) -> None:
    assert number(text) == value
    assert integer(text) == (None if value is None else int(value))


def test_negative_and_unknown_latency(place: Place) -> None:
    text = "9123       2          1            0  1          "
    cycle = read_cycle_report(
        place("cycle.rpt", replace=(text, "9123      -1          ?            0  1          ")), solution=SOLUTION
    )
    assert cycle.total is not None
    assert (cycle.total.latency, cycle.total.throughput) == (-1, None)


def test_newest_solution_is_chosen_by_number(tmp_path: Path) -> None:
    for name in (
        "econ_encoder.v1",
        "econ_encoder.v2",
        "econ_encoder.v9",
        "econ_encoder.v10",
        "econ_encoder_datapath.v11",
    ):
        (tmp_path / name).mkdir()
    (tmp_path / "econ_encoder.v12").write_text("a file")
    assert newest_solution(tmp_path, "econ_encoder").name == "econ_encoder.v10"
    assert newest_solution(tmp_path, "econ_encoder_datapath").name == "econ_encoder_datapath.v11"
    with pytest.raises(ReportError, match="looking for solutions of other"):
        newest_solution(tmp_path, "other")


def test_solution_values(tmp_path: Path) -> None:
    path = tmp_path / "values.txt"
    path.write_text("run_id abc\nlatency_cycles 2\nlatency_ns 50.0\nslack_ns unavailable\narea_score 123.5\n")
    values = read_solution_values(path, run_id="abc")
    assert (values.latency_cycles, values.latency_ns, values.slack_ns, values.area_score) == (2.0, 50.0, None, 123.5)
    assert values.throughput_cycles is None
    with pytest.raises(ReportError, match="written by run 'abc', expected 'other'"):
        read_solution_values(path, run_id="other")
    with pytest.raises(ReportError, match="No such file"):
        read_solution_values(tmp_path / "none.txt", run_id="abc")


MEM_ROW = "MEM:                 0.0            0.0             0.0  "


@pytest.mark.parametrize(
    ("name", "replace", "message"),
    [
        ("cycle.rpt", ("9123       2  ", "9123       3  "), "latency is 3 clocks"),
        ("cycle.rpt", ("2          1            0", "2          4            0"), "one event per 4 clocks"),
        ("rtl.rpt", ("Slack:      4.09222", "Slack:      -0.5"), "slack is -0.5 ns"),
        ("rtl.rpt", (MEM_ROW, MEM_ROW.replace("  0.0  ", "812.0  ")), "memories take an area score of 812.0"),
        (
            "rtl.rpt",
            ("Total:                          39840", "Total:                          13000"),
            "copies were merged",
        ),
    ],
)
def test_design_rules(place: Place, name: str, replace: tuple[str, str], message: str) -> None:
    def found(damaged: str | None) -> list[str]:
        change = {damaged: replace}
        cycle = read_cycle_report(place("cycle.rpt", replace=change.get("cycle.rpt", ("", ""))), solution=SOLUTION)
        rtl = read_rtl_report(place("rtl.rpt", replace=change.get("rtl.rpt", ("", ""))), solution=SOLUTION)
        return violations(STRUCTURE, CatapultConfig(), cycle, rtl)

    assert found(None) == []
    assert [message in line for line in found(name)] == [True]


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        (
            ("Size:      2048 x 6", "Size:      2048 x 5"),
            "dense_kernel is [DirectInput] of 10240 bits, expected [DirectInput] of 12288",
        ),
        (
            ("[DirectInput]                Size:        72", "ccs_in                       Size:        72"),
            "conv_kernel is ccs_in of 432",
        ),
        (("conv_bias:rsc", "conv_beta:rsc"), "weight port conv_bias is missing"),
    ],
)
def test_weight_ports(place: Place, replace: tuple[str, str], message: str) -> None:
    solution = "econ_encoder_datapath.v1"
    config = CatapultConfig(design="datapath")
    rtl = read_rtl_report(place("rtl.rpt", solution=solution), solution=solution)
    good = read_cycle_report(place("cycle.rpt", solution=solution), solution=solution)
    assert violations(STRUCTURE, config, good, rtl) == []
    bad = read_cycle_report(place("cycle.rpt", solution=solution, replace=replace), solution=solution)
    assert [message in line for line in violations(STRUCTURE, config, bad, rtl)] == [True]
