"""The runner with a stand-in for the tool: success, resume, and every way in which the tool can go wrong."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hls_support import STUB, tcl_interpreters, template, write_files

from asic_flow.catapult import CatapultConfig, Stage, catapult_command, parse_config, plan_build, run_build
from asic_flow.catapult.environment import check_environment
from asic_flow.catapult.runner import LOG, RESULTS, STATE
from asic_flow.errors import FlowError, ToolFailedError, ToolNotFoundError
from asic_flow.hls import render_hls
from asic_flow.ir import econ_t_structure

STRUCTURE = econ_t_structure("exact")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_files(tmp_path / "asic", {**render_hls(STRUCTURE), "encoder.json": STRUCTURE.to_json()})


@pytest.fixture
def tool(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Environment with a stand-in `catapult` on PATH that misbehaves as asked."""
    interpreters = tcl_interpreters()
    if not interpreters:
        pytest.skip("no Tcl interpreter (apt install tcl) for the stand-in of Catapult")
    command = " ".join(shlex.quote(part) for part in next(iter(interpreters.values())))
    program = tmp_path / "bin" / "catapult"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$1 $2" = "-shell -f" ] || exit 9\nexec {command} {STUB / "catapult.tcl"} "$3"\n')
    program.chmod(0o755)
    reports = {name: template(name, STRUCTURE.name) for name in ("cycle.rpt", "rtl.rpt", "power.rpt")}
    write_files(tmp_path / "reports", reports)

    def environment(mode: str) -> dict[str, str]:
        path = f"{program.parent}:{os.environ['PATH']}"
        return {
            **os.environ,
            "PATH": path,
            "MGLS_LICENSE_FILE": "1717@nowhere",
            "STUB_MODE": mode,
            "TZ": "UTC",
            "STUB_REPORTS": str(tmp_path / "reports"),
        }

    return environment


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def test_command_line() -> None:
    assert catapult_command(Path("/opt/bin/catapult"), Path("/p/build_prj.tcl")) == [
        "/opt/bin/catapult",
        "-shell",
        "-f",
        "/p/build_prj.tcl",
    ]


@pytest.mark.parametrize("mode", ["", "v10"])
def test_a_good_run(project: Path, tool: Callable[[str], dict[str, str]], mode: str) -> None:
    seen: list[str] = []
    plan = plan_build(project, CatapultConfig(last_stage=Stage.POWER))
    result = run_build(plan, environment=tool(mode), progress=seen.append)
    assert seen == [stage.value for stage in Stage]
    assert result is not None
    assert result.solution.name == ("econ_encoder.v10" if mode else "econ_encoder.v1")
    assert result.rtl.is_file()
    assert result.cycle.total is not None
    assert result.cycle.total.latency == 2
    assert result.power is not None
    assert result.power.total.total == 627.07
    assert result.values.latency_cycles == 2
    assert result.values.slack_ns is None
    assert result.violations == ()
    written = json.loads((plan.work / RESULTS).read_text())
    assert (written["schema_version"], written["registers"]["register_bits"]) == (1, 39840)
    log = (plan.work / LOG).read_text()
    assert "AE_DONE" in log
    assert log.index("go analyze") < log.index("go extract")


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("error_line", r"stage 'architect' failed|feedback path is too long \(SCHED-3\)"),
        ("tcl_error", "stage 'architect' failed .status 1.: '# Error: build_prj.tcl: schedule failed'"),
        ("crash", "ended with status 139 in stage 'architect', without an error line"),
        ("silent_end", "ended with status 0 but did not finish stage 'architect'"),
        ("no_reports", "concat_rtl.v was not written"),
        ("csim_fails", "stage 'csim' printed no line like"),
        ("stale", "stale, generated 2015-01-05"),
        ("partial", "the report is cut short"),
    ],
)
def test_failures_are_reported(project: Path, tool: Callable[[str], dict[str, str]], mode: str, message: str) -> None:
    plan = plan_build(project, CatapultConfig())
    with pytest.raises(ToolFailedError, match=message):
        run_build(plan, environment=tool(mode))
    assert not (plan.work / RESULTS).exists()


def test_error_line_is_quoted_even_when_the_tool_reports_success(
    project: Path, tool: Callable[[str], dict[str, str]]
) -> None:
    with pytest.raises(
        ToolFailedError, match=r"# Error: econ_encoder.cpp\(12\): feedback path is too long \(SCHED-3\)"
    ):
        run_build(plan_build(project, CatapultConfig()), environment=tool("error_line"))


def test_timeout_stops_the_tool_and_its_children(project: Path, tool: Callable[[str], dict[str, str]]) -> None:
    plan = plan_build(project, CatapultConfig(timeout_hours=3 / 3600))
    begin = time.monotonic()
    with pytest.raises(ToolFailedError, match="stopped in stage 'architect' after 3 s"):
        run_build(plan, environment=tool("hang"))
    assert time.monotonic() - begin < 30


def test_resume(project: Path, tool: Callable[[str], dict[str, str]]) -> None:
    config = CatapultConfig()
    with pytest.raises(FlowError, match="no usable state of an earlier run"):
        plan_build(project, config, resume=True)
    first = plan_build(project, config)
    with pytest.raises(ToolFailedError):
        run_build(first, environment=tool("tcl_error"))
    state = json.loads((first.work / STATE).read_text())
    assert state["finished"][-1] == "assembly"

    second = plan_build(project, config, resume=True)
    assert second.stages[0] is Stage.ARCHITECT
    assert (second.started, second.run_id) == (first.started, first.run_id)
    result = run_build(second, environment=tool(""))
    assert result is not None
    log = (second.work / LOG).read_text()
    assert "project load Catapult.ccs" in log
    assert log.count("go analyze") == 1

    third = plan_build(project, config, resume=True)
    assert third.stages == ()
    assert run_build(third, environment={}) is not None  # nothing to run: the reports are read again

    longer = plan_build(project, CatapultConfig(last_stage=Stage.POWER), resume=True)
    assert longer.stages == (Stage.RTL_CHECK, Stage.POWER)

    with pytest.raises(FlowError, match="sources or configuration changed"):
        plan_build(project, CatapultConfig(effort="high"), resume=True)
    source = project / "firmware" / "econ_encoder.cpp"
    source.write_text(source.read_text() + "\n")
    with pytest.raises(FlowError, match="sources or configuration changed"):
        plan_build(project, config, resume=True)


def test_no_results_before_extract(project: Path, tool: Callable[[str], dict[str, str]]) -> None:
    assert run_build(plan_build(project, CatapultConfig(last_stage=Stage.COMPILE)), environment=tool("")) is None


def test_missing_tool_and_licence(tmp_path: Path, project: Path) -> None:
    for environment in ({}, {"PATH": "/usr/bin"}, {"MGC_HOME": str(tmp_path)}):
        with pytest.raises(ToolNotFoundError, match=r"no program 'catapult'.*Install Siemens Catapult"):
            check_environment(CatapultConfig(), environment)
    program = tmp_path / "bin" / "catapult"
    program.parent.mkdir(exist_ok=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    with pytest.raises(ToolNotFoundError, match="no licence"):
        check_environment(CatapultConfig(), {"MGC_HOME": str(tmp_path)})
    for name in ("MGC_HOME", "CATAPULT_HOME"):
        found = check_environment(CatapultConfig(), {name: str(tmp_path), "LM_LICENSE_FILE": "x"})
        assert (found.executable, found.licence_variable) == (program, "LM_LICENSE_FILE")
    with pytest.raises(ToolNotFoundError, match="is not an executable file"):
        check_environment(CatapultConfig(executable=tmp_path / "nothing"), {})
    with pytest.raises(ToolNotFoundError):
        run_build(plan_build(project, CatapultConfig()), environment={"PATH": "/nowhere"})
    assert not (project / "build").exists()


def test_plan_needs_a_project(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="encoder.json"):
        plan_build(tmp_path, CatapultConfig())


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"technology": {"libaries": ["x"]}}, "key asic.catapult.technology.libaries: Extra inputs"),
        ({"technology": {"libraries": ["{['a','b']}"]}}, "key asic.catapult.technology.libraries.0"),
        ({"technology": {"libraries": []}}, "at least 1 item"),
        ({"technology": {"rtl_tool": "ASIC"}}, "'OasysRTL', 'DesignCompiler' or 'RTLCompiler'"),
        ({"clock": {"uncertainty_ns": 25.0}}, "must be smaller than period_ns"),
        ({"hooks": "a}b"}, "holds a character that Tcl interprets"),
        ({"last_stage": "synth"}, "key asic.catapult.last_stage"),
    ],
)
def test_wrong_configuration_is_named(section: dict[str, object], message: str) -> None:
    with pytest.raises(FlowError, match="reading the Catapult configuration") as caught:
        parse_config(section)
    assert message in str(caught.value)
