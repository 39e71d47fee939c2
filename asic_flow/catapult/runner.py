"""Run Catapult on a generated project: one process, its output in a log, every way to fail checked."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import secrets
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from asic_flow.catapult.config import STAGES, CatapultConfig, Stage
from asic_flow.catapult.environment import check_environment
from asic_flow.catapult.report_text import ReportError
from asic_flow.catapult.reports import newest_solution
from asic_flow.catapult.results import BuildResult, collect_results
from asic_flow.catapult.tcl import PROJECT, design_name, render_build_prj
from asic_flow.catapult.wrapper import render_wrapper
from asic_flow.errors import FlowError, ToolFailedError
from asic_flow.ir import Structure, read_structure
from hgcal_data.files import atomic_write_text

logger = logging.getLogger(__name__)

SCRIPT, LOG, STATE, RESULTS = "build_prj.tcl", "asic_flow_catapult.log", "asic_flow_state.json", "build_results.json"
_ERROR_LINE = re.compile(r"^(?:#\s*)?Error:?\s+\S", re.IGNORECASE)
_MARK = re.compile(r"^AE_STAGE_(BEGIN|END) (\w+)$")
_REQUIRED_LINE = {
    Stage.CSIM: re.compile(r"^(?:#\s*)?RESULT PASS events=[1-9]"),
    Stage.RTL_CHECK: re.compile(r"Simulation PASSED"),
}
_OUTPUTS = {Stage.EXTRACT: ("concat_rtl.v", "cycle.rpt", "rtl.rpt"), Stage.POWER: ("power.rpt",)}


@dataclass(frozen=True)
class BuildPlan:
    """What a build will do; nothing is started yet.

    Attributes:
        stages: stages to run now.
        done: stages of an earlier run that are kept (resume).
        started: local time the first of all runs started.
        run_id: identifier of that first run.
    """

    project: Path
    work: Path
    structure: Structure
    config: CatapultConfig
    stages: tuple[Stage, ...]
    done: tuple[Stage, ...]
    started: datetime
    run_id: str


@dataclass
class _Transcript:
    """What the tool's output said."""

    current: str = ""
    finished: list[Stage] = field(default_factory=list)
    errors: list[tuple[int, str]] = field(default_factory=list)
    passed: set[Stage] = field(default_factory=set)
    complete: bool = False

    def read(self, number: int, line: str) -> str | None:
        """Take one line; returns the stage that begins with it, if any."""
        if mark := _MARK.match(line):
            self.current = mark[2]
            if mark[1] == "END":
                self.finished.append(Stage(mark[2]))
                return None
            return mark[2]
        if _ERROR_LINE.match(line):
            self.errors.append((number, line))
        for stage, pattern in _REQUIRED_LINE.items():
            if self.current == stage and pattern.search(line):
                self.passed.add(stage)
        self.complete |= line == "AE_DONE"
        return None


def catapult_command(executable: Path, script: Path) -> list[str]:
    """Command line of a batch run."""
    return [str(executable), "-shell", "-f", str(script)]


def catapult_environment(base: Mapping[str, str], plan: BuildPlan) -> dict[str, str]:
    """Environment of a batch run: the caller's, and the three variables that build_prj.tcl reads."""
    return {
        **base,
        "AE_PROJECT": str(plan.project),
        "AE_RUN_ID": plan.run_id,
        "AE_STAGES": " ".join(plan.stages),
    }


def plan_build(project: Path, config: CatapultConfig, *, work: Path | None = None, resume: bool = False) -> BuildPlan:
    """Decide what to run. Starts and writes nothing.

    Args:
        project: generated project (with ``encoder.json``).
        config: technology, stages, effort.
        work: working folder; default ``<project>/build/catapult``.
        resume: continue after the last finished stage of an earlier run.

    Raises:
        FlowError: no project; or resume is impossible (no earlier run, or sources or configuration changed since).
    """
    project = project.resolve()
    structure = read_structure(project / "encoder.json")
    work = (work or project / "build" / "catapult").resolve()
    fresh = BuildPlan(
        project, work, structure, config, config.stages, (), datetime.now().replace(microsecond=0), secrets.token_hex(8)
    )
    if not resume:
        return fresh
    try:
        state = json.loads((work / STATE).read_text())
        done = tuple(Stage(name) for name in state["finished"])
        started, run_id = datetime.fromisoformat(state["started"]), str(state["run_id"])
        same = state["fingerprint"] == _fingerprint(fresh)
    except (OSError, ValueError, KeyError) as error:
        raise FlowError(
            f"resuming the build in {work}: no usable state of an earlier run ({error}); start without --resume"
        ) from error
    if not same:
        raise FlowError(f"resuming the build in {work}: sources or configuration changed since; start without --resume")
    last = max((STAGES.index(stage) for stage in done), default=-1)
    rest = tuple(stage for stage in config.stages if STAGES.index(stage) > last)
    return BuildPlan(project, work, structure, config, rest, done, started, run_id)


def run_build(
    plan: BuildPlan, *, environment: Mapping[str, str] | None = None, progress: Callable[[str], None] | None = None
) -> BuildResult | None:
    """Run the planned stages and read the reports.

    Args:
        plan: from `plan_build`.
        environment: process environment; default the caller's.
        progress: called with the name of each stage as it begins.

    Returns:
        Typed results; None when the last stage lies before extract, where there are no reports yet.

    Raises:
        ToolNotFoundError: Catapult or its licence setting is missing.
        ToolFailedError: it ended with an error, printed one, left out an expected file, or ran out of time.
    """
    base = dict(os.environ if environment is None else environment)
    if plan.stages:
        tool = check_environment(plan.config, base)
        plan.work.mkdir(parents=True, exist_ok=True)
        script = plan.work / SCRIPT
        atomic_write_text(script, render_build_prj(plan.structure, plan.config))
        transcript, status = _run_tool(
            catapult_command(tool.executable, script), catapult_environment(base, plan), plan, progress or logger.info
        )
        _write_state(plan, transcript)
        _check(plan, transcript, status)
    if Stage.EXTRACT not in plan.config.stages:
        return None
    result = collect_results(plan.work, plan.structure, plan.config, started=plan.started, run_id=plan.run_id)
    if plan.config.design == "datapath":
        latency = result.cycle.total.latency if result.cycle.total else None
        for name, text in render_wrapper(plan.structure, plan.config, latency=latency).items():
            atomic_write_text(plan.work / name, text)
    result.write(plan.work / RESULTS)
    return result


def _run_tool(
    command: Sequence[str], environment: Mapping[str, str], plan: BuildPlan, progress: Callable[[str], None]
) -> tuple[_Transcript, int]:
    """Start the tool, stream its output into the log, stop it with all its children when the time is up."""
    transcript = _Transcript()
    log = plan.work / LOG
    logger.info("running %s in %s, output in %s", " ".join(command), plan.work, log)
    limit = plan.config.timeout_hours * 3600
    expired = threading.Event()
    with log.open("a" if plan.done else "w", encoding="utf-8") as sink:
        process = subprocess.Popen(
            command, cwd=plan.work, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip

        def stop() -> None:
            expired.set()
            _kill_group(process)

        watchdog = threading.Timer(limit, stop)
        watchdog.start()
        try:
            for number, line in enumerate(process.stdout or (), start=1):
                sink.write(line)
                sink.flush()
                if stage := transcript.read(number, line.rstrip()):
                    progress(stage)
            status = process.wait()
        finally:
            watchdog.cancel()
            _kill_group(process)
    if expired.is_set():
        _write_state(plan, transcript)
        raise ToolFailedError(
            f"running Catapult: stopped in stage {transcript.current or 'start-up'!r} after {limit:.0f} s "
            f"(asic.catapult.timeout_hours); log: {log}"
        )
    return transcript, status


def _kill_group(process: subprocess.Popen[str]) -> None:
    """Stop the tool and everything it started, if any of it is left."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        logger.debug("process group %d has ended", process.pid)
    process.wait()


def _check(plan: BuildPlan, transcript: _Transcript, status: int) -> None:
    """Exit status, error lines, markers, pass lines and expected files: all must be right."""
    where = f"log: {plan.work / LOG}"
    stage = transcript.current or "start-up"
    if transcript.errors:
        number, line = transcript.errors[0]
        raise ToolFailedError(
            f"running Catapult: stage {stage!r} failed (status {status}): {line!r} (line {number}); {where}"
        )
    if status:
        raise ToolFailedError(
            f"running Catapult: ended with status {status} in stage {stage!r}, without an error line; {where}"
        )
    missing = [name.value for name in plan.stages if name not in transcript.finished]
    if missing or not transcript.complete:
        raise ToolFailedError(
            f"running Catapult: ended with status 0 but did not finish stage {(missing or [stage])[0]!r}; {where}"
        )
    for name, pattern in _REQUIRED_LINE.items():
        if name in plan.stages and name not in transcript.passed:
            raise ToolFailedError(
                f"running Catapult: stage {name.value!r} printed no line like {pattern.pattern!r}; {where}"
            )
    names = [file for name in plan.stages for file in _OUTPUTS.get(name, ())]
    if names:
        try:
            solution = newest_solution(plan.work / PROJECT, design_name(plan.structure.name, plan.config))
        except ReportError as error:
            raise ToolFailedError(f"running Catapult: {error}; {where}") from error
        absent = [file for file in names if not (solution / file).is_file() or (solution / file).stat().st_size == 0]
        if absent:
            raise ToolFailedError(f"running Catapult: {solution / absent[0]} was not written; {where}")


def _write_state(plan: BuildPlan, transcript: _Transcript) -> None:
    payload = {
        "schema_version": 1,
        "run_id": plan.run_id,
        "started": plan.started.isoformat(),
        "fingerprint": _fingerprint(plan),
        "finished": [*plan.done, *transcript.finished],
    }
    atomic_write_text(plan.work / STATE, json.dumps(payload, indent=2) + "\n")


def _fingerprint(plan: BuildPlan) -> str:
    """Hash of sources and configuration, without what may change between a run and its continuation."""
    neutral = plan.config.model_copy(
        update={"last_stage": Stage.POWER, "csim": True, "executable": None, "timeout_hours": 1.0}
    )
    digest = hashlib.sha256(render_build_prj(plan.structure, neutral).encode())
    for path in sorted([*plan.project.glob("*_test.cpp"), *(plan.project / "firmware").rglob("*.[ch]*")]):
        digest.update(path.relative_to(plan.project).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
