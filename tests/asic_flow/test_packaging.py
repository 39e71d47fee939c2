"""File lists, package descriptions and constraints of a generated project: complete, well formed, executable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from asic_flow.generate import write_project
from asic_flow.ir import econ_t_structure
from asic_flow.packaging import SDC, TRIPLICATED, render_packaging
from asic_flow.rtl import MODULES, PACKAGE_FILE, TOP
from asic_flow.sim.tools import verilator_executable

TCL = Path(__file__).resolve().parent.parent / "hls"
RTL = [f"rtl/{name}" for name in (PACKAGE_FILE, *MODULES)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packaging") / "asic"
    write_project(econ_t_structure(), folder)
    return folder


def listed(project: Path) -> dict[str, list[str]]:
    """RTL files named by each of the three lists, in order."""
    bender = yaml.safe_load((project / "Bender.yml").read_text())
    core = yaml.safe_load((project / "econ_ae.core").read_text().removeprefix("CAPI=2:\n"))
    return {
        "files.f": (project / "files.f").read_text().split(),
        "Bender.yml": [item for item in bender["sources"] if isinstance(item, str)],
        "econ_ae.core": core["filesets"]["rtl"]["files"],
    }


def test_every_list_names_every_rtl_file_in_compile_order(project: Path) -> None:
    assert sorted(RTL) == sorted(str(path.relative_to(project)) for path in (project / "rtl").iterdir())
    assert listed(project) == dict.fromkeys(("files.f", "Bender.yml", "econ_ae.core"), RTL)


def test_further_files_exist_and_descriptions_are_complete(project: Path) -> None:
    bender = yaml.safe_load((project / "Bender.yml").read_text())
    text = (project / "econ_ae.core").read_text()
    assert text.startswith("CAPI=2:\n")
    core = yaml.safe_load(text)
    groups = [item["files"] for item in bender["sources"] if not isinstance(item, str)]
    named = [file for group in groups for file in group]
    named += [file for fileset in core["filesets"].values() for file in fileset["files"]]
    assert all((project / file).is_file() for file in named)
    assert {"tb/econ_bench.sv", SDC} < set(named)
    for target in core["targets"].values():
        assert set(target["filesets"]) <= set(core["filesets"])
    assert core["targets"]["default"]["toplevel"] == TOP


@pytest.mark.tools
def test_file_list_lints(project: Path) -> None:
    command = [str(verilator_executable()), "--lint-only", "-Wall", "--quiet", "--top-module", TOP, "-f", "files.f"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def run_sdc(tmp_path: Path, text: str, prelude: str = "") -> list[str]:
    """Tool commands that the constraints issue, in order."""
    sys.path.insert(0, str(TCL))
    from hls_support import STUB, tcl_interpreters

    interpreters = tcl_interpreters()
    if not interpreters:
        pytest.skip("no Tcl interpreter")
    script, record = tmp_path / SDC, tmp_path / "record.txt"
    script.write_text(prelude + text)
    command = [*next(iter(interpreters.values())), str(STUB / "record.tcl"), str(script), str(record)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return record.read_text().splitlines()


def test_constraints_run(tmp_path: Path) -> None:
    commands = run_sdc(tmp_path, render_packaging(econ_t_structure())[SDC])
    ports = [line.split(" ", 1)[1] for line in commands if line.startswith("get_ports")]
    assert ports[:4] == ["clk_i", "{clk_tmr_i[0]}", "{clk_tmr_i[1]}", "{clk_tmr_i[2]}"]
    clocks = [line for line in commands if line.startswith("create_clock")]
    assert [line.split()[2] for line in clocks] == ["clk", "clk_tmr_0", "clk_tmr_1", "clk_tmr_2"]
    assert all("-period 25.0" in line for line in clocks)
    assert any(line.startswith("set_clock_uncertainty 3.125") for line in commands)
    for prefix, wanted in (
        ("set_input_delay -clock clk -max 10.000", 1),
        ("set_output_delay -clock clk -max 10.000", 1),
    ):
        assert sum(line.startswith(prefix) for line in commands) == wanted
    assert [line.split()[1] for line in commands if line.startswith("set_false_path")] == ["-from", "-to"]
    kept = [line for line in commands if line.startswith("get_cells")]
    assert [any(module in line for line in kept) for module in TRIPLICATED] == [True] * len(TRIPLICATED)
    assert not any(line.startswith("set_dont_touch") for line in commands), "only behind mapping"


def test_every_pin_is_constrained(tmp_path: Path, project: Path) -> None:
    """A pin without a clock, a delay or a false path is a hole in the timing."""
    commands = run_sdc(tmp_path, (project / SDC).read_text())
    named = " ".join(line for line in commands if line.startswith("get_ports"))
    found = {word.strip("{}*").split("[")[0] for word in named.split()} - {"get_ports"}
    header = (project / "rtl" / f"{TOP}.sv").read_text().split(") (", 1)[1].split(");", 1)[0]
    lines = [line.split("//")[0].strip().rstrip(",") for line in header.splitlines()]
    pins = {line.split()[-1] for line in lines if line.startswith(("input", "output"))}
    assert len(pins) > 10
    assert found == pins


def test_copies_are_kept_with_the_tools_own_commands(tmp_path: Path) -> None:
    prelude = (
        'set econ_mapped 1\nforeach c {set_ungroup set_register_merging} { proc $c args "unknown $c {*}\\$args" }\n'
    )
    commands = run_sdc(tmp_path, render_packaging(econ_t_structure())[SDC], prelude)
    for command in ("set_ungroup", "set_register_merging", "set_dont_touch"):
        assert sum(line.startswith(command) for line in commands) == len(TRIPLICATED), command
    assert not any(line.startswith("set_boundary_optimization") for line in commands)
