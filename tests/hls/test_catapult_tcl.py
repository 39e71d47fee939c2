"""build_prj.tcl executed by a real Tcl interpreter: which tool commands, in which order, and what on a failure."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hls_support import STUB, tcl_interpreters, write_files

from asic_flow.catapult import CatapultConfig, Stage, render_build_prj
from asic_flow.ir import Structure, econ_t_structure

INTERPRETERS = tcl_interpreters()
STRUCTURE = econ_t_structure("exact")


@pytest.fixture(params=["tclsh", "tkinter"])
def interpreter(request: pytest.FixtureRequest) -> list[str]:
    if request.param not in INTERPRETERS:
        pytest.skip(f"no Tcl interpreter {request.param}")
    return INTERPRETERS[request.param]


def run_script(
    interpreter: list[str], tmp_path: Path, config: CatapultConfig, structure: Structure = STRUCTURE, **environment: str
) -> tuple[int, str, list[str]]:
    """Exit code, output and recorded commands of a script lying in ``tmp_path/project``."""
    write_files(tmp_path / "project", {"build_prj.tcl": render_build_prj(structure, config)})
    work, record = tmp_path / "work", tmp_path / "record.txt"
    work.mkdir(exist_ok=True)
    done = subprocess.run(
        [*interpreter, str(STUB / "record.tcl"), str(tmp_path / "project" / "build_prj.tcl"), str(record)],
        cwd=work, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr, record.read_text().splitlines()


def in_order(commands: list[str], *wanted: str) -> None:
    """Each wanted prefix occurs, in this order."""
    position = 0
    for prefix in wanted:
        found = next((i for i in range(position, len(commands)) if commands[i].startswith(prefix)), None)
        assert found is not None, f"{prefix!r} missing after {commands[max(position - 1, 0)]!r}"
        position = found + 1


def test_commands_and_their_order(interpreter: list[str], tmp_path: Path) -> None:
    code, output, commands = run_script(interpreter, tmp_path, CatapultConfig(last_stage=Stage.POWER))
    assert (code, output.splitlines()[-1]) == (0, "AE_DONE")
    project = tmp_path / "project"
    in_order(
        commands,
        "options defaults",
        "options set Input/CppStandard c++11",
        f"options set Input/SearchPath {project} -append",
        "project new -name Catapult",
        "flow package require /SCVerify",
        "flow package option set /SCVerify/USE_CCS_BLOCK true",
        f"flow package option set /SCVerify/INVOKE_ARGS {project}/tb_data",
        f"solution file add {project}/firmware/econ_encoder.cpp -type C++",
        f"solution file add {project}/econ_encoder_test.cpp -type C++ -exclude true",
        "directive set -REGISTER_THRESHOLD 4097",  # above the largest array, 2048 weights
        "directive set -MEM_MAP_THRESHOLD 4097",
        "go analyze",
        "solution design set econ_encoder -top",
        "go compile",
        "flow run /SCVerify/launch_make ./scverify/Verify_orig_cxx_osci.mk {} SIMTOOL=osci sim",
        "solution library add nangate-45nm_beh -- -rtlsyntool OasysRTL",
        "solution library add ccs_sample_mem",
        "go libraries",
        "directive set -CLOCKS {clk {-CLOCK_PERIOD 25.0 -CLOCK_EDGE rising -CLOCK_HIGH_TIME 12.5",
        "go assembly",
        "directive set /econ_encoder/charges:rsc -MAP_TO_MODULE ccs_ioport.ccs_in",
        "directive set /econ_encoder/latents:rsc -MAP_TO_MODULE ccs_ioport.ccs_out",
        "directive set /econ_encoder/core -MAX_LATENCY 2",
        "directive set /econ_encoder/core/main -PIPELINE_INIT_INTERVAL 1",
        "go architect",
        "go allocate",
        "go schedule",
        "go dpfsm",
        "go extract",
        "solution get /DATUM/FIELDS/timing/COLUMNS/tm_latency_cycles/VALUE",
        "flow run /SCVerify/launch_make ./scverify/Verify_rtl_v_msim.mk",
        "options set Flows/LowPower/SWITCHING_ACTIVITY_TYPE saif",
        "go switching",
        "flow run /PowerAnalysis/report_pre_pwropt_Verilog",
        "project save",
    )
    assert commands.count("project save") == len(Stage)
    assert not any("DirectInput" in command for command in commands)  # the top has no weight ports
    clocks = next(command for command in commands if "-CLOCKS" in command)
    assert "-CLOCK_UNCERTAINTY 3.125 -RESET_KIND async" in clocks
    values = (tmp_path / "work" / "asic_flow_values.txt").read_text().splitlines()
    assert "latency_cycles 2" in values
    assert "slack_ns unavailable" in values


def test_datapath_has_its_weights_as_direct_inputs(interpreter: list[str], tmp_path: Path) -> None:
    config = CatapultConfig(design="datapath", csim=False)
    _, _, commands = run_script(interpreter, tmp_path, config)
    in_order(
        commands,
        "options set Input/CompilerFlags -DAE_DESIGN_DATAPATH",
        "solution design set econ_encoder_datapath -top",
    )
    for tensor in ("conv_kernel", "conv_bias", "dense_kernel", "dense_bias"):
        assert f"directive set /econ_encoder_datapath/{tensor}:rsc -MAP_TO_MODULE {{[DirectInput]}}" in commands
    assert not any("orig_cxx" in command for command in commands)


def test_technology_block(interpreter: list[str], tmp_path: Path) -> None:
    config = CatapultConfig.model_validate(
        {
            "technology": {
                "libraries": ["my65_beh", "my65_hvt_beh"], "rtl_tool": "RTLCompiler", "vendor": "Nangate",
                "node": "045nm", "memory_libraries": [], "search_paths": ["/libs/my 65"],
            },
            "clock": {"period_ns": 12.5, "uncertainty_ns": 1.0},
            "reset": {"kind": "sync", "clears_all_registers": False},
            "goal": "latency", "effort": "high", "safe_fsm": False, "last_stage": "architect",
        }
    )  # fmt: skip
    _, _, commands = run_script(interpreter, tmp_path, config)
    in_order(
        commands,
        "options set ComponentLibs/SearchPath {/libs/my 65} -append",
        "options set ComponentLibs/TechLibSearchPath {/libs/my 65} -append",
        "directive set -RESET_CLEARS_ALL_REGS no",
        "directive set -SAFE_FSM false",
        "solution library add my65_beh -- -rtlsyntool RTLCompiler -vendor Nangate -technology 045nm",
        "solution library add my65_hvt_beh -- -rtlsyntool RTLCompiler",
        "go libraries",
        "directive set -CLOCKS {clk {-CLOCK_PERIOD 12.5",
        "directive set /econ_encoder/core -DESIGN_GOAL latency",
        "directive set -GATE_EFFORT high",
        "go architect",
    )
    assert not any(command.startswith(("go allocate", "solution library add ccs")) for command in commands)


def test_hooks_run_before_their_stage(interpreter: list[str], tmp_path: Path) -> None:
    write_files(
        tmp_path / "project", {"hooks/architect.tcl": "my_directive $ae_design\n", "hooks/analyze.tcl": "first\n"}
    )
    _, output, commands = run_script(interpreter, tmp_path, CatapultConfig())
    in_order(commands, "first", "go analyze", "go assembly", "my_directive econ_encoder", "go architect")
    assert output.count("AE_HOOK") == 2
    other = write_files(tmp_path / "my hooks", {"extract.tcl": "mine\n"})
    _, _, commands = run_script(interpreter, tmp_path, CatapultConfig(hooks=other))
    in_order(commands, "go dpfsm", "mine", "go extract")
    assert "first" not in commands


def test_continuing_loads_the_project(interpreter: list[str], tmp_path: Path) -> None:
    _, output, commands = run_script(
        interpreter, tmp_path, CatapultConfig(), AE_STAGES="schedule dpfsm", AE_RUN_ID="r1"
    )
    assert commands == ["project load Catapult.ccs", "go schedule", "project save", "go dpfsm", "project save"]
    assert output.splitlines()[-1] == "AE_DONE"


def test_failure_ends_with_status_and_error_line(interpreter: list[str], tmp_path: Path) -> None:
    code, output, commands = run_script(interpreter, tmp_path, CatapultConfig(), RECORD_FAIL="go allocate")
    assert code == 1
    assert "# Error: build_prj.tcl: planted failure of 'go allocate'" in output
    assert "AE_DONE" not in output
    assert commands[-1] == "go allocate"


def test_unknown_stage_is_refused(interpreter: list[str], tmp_path: Path) -> None:
    code, output, commands = run_script(interpreter, tmp_path, CatapultConfig(), AE_STAGES="analyze explode")
    assert (code, commands) == (1, [])
    assert "unknown stage 'explode'" in output


def test_script_is_deterministic_and_follows_the_structure() -> None:
    config = CatapultConfig()
    assert render_build_prj(STRUCTURE, config) == render_build_prj(STRUCTURE, config)
    small = econ_t_structure("exact", filters=2, units=4)
    assert "-REGISTER_THRESHOLD 257" in render_build_prj(small, config)  # 2 * 128 + 1
