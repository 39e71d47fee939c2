"""C++ simulation: the generated test bench under g++, its counts as a typed result."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from asic_flow.errors import FlowError, ToolFailedError
from asic_flow.hls.compiler import build

_EXIT_DIFFERENT, _EXIT_BAD_VECTORS = 1, 2
_COMPARED = re.compile(r"^COMPARED (\w+) values=(\d+) mismatches=(\d+)$", re.MULTILINE)
_FIRST = re.compile(r"^FIRST (\w+) event=(-?\d+) index=(-?\d+) expected=(-?\d+) found=(-?\d+)$", re.MULTILINE)
_RESULT = re.compile(r"^RESULT (PASS|FAIL) events=(\d+) values=(\d+) mismatches=(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class StreamCount:
    """What the bench compared in one stream (``images``, ``sum_codes``, ``latents``, ``weight_readback``, ...)."""

    name: str
    values: int
    mismatches: int


@dataclass(frozen=True)
class CompiledBench:
    """A compiled test bench.

    Attributes:
        project: the project it belongs to.
        program: executable.
        compile_seconds: time spent compiling; 0 if an identical build was there.
    """

    project: Path
    program: Path
    compile_seconds: float

    @classmethod
    def build(cls, project: Path, *, ac_types: Path | None = None) -> CompiledBench:
        """Compile the bench of a project. Errors as in `asic_flow.hls.compiler.build`."""
        program, seconds = build(project, "test", ac_types)
        return cls(project.resolve(), program, seconds)


@dataclass(frozen=True)
class CsimResult:
    """Counts of one run of the bench.

    Attributes:
        exit_code: 0 all equal, 1 a value differs, 2 vectors missing, empty, short or malformed.
        events: events streamed.
        values: integers compared, all streams.
        mismatches: integers that differ.
        streams: counts by stream.
        first_mismatch: (event, stream, index, expected, found) of the earliest difference in a data stream, or None.
        message: the bench's complaint about its vectors; empty otherwise.
        compile_seconds: time the compiler took (0 if cached).
        run_seconds: time the bench took.
    """

    exit_code: int
    events: int
    values: int
    mismatches: int
    streams: tuple[StreamCount, ...]
    first_mismatch: tuple[int, str, int, int, int] | None
    message: str
    compile_seconds: float
    run_seconds: float

    @property
    def passed(self) -> bool:
        """Whether something was compared and nothing differed."""
        return self.exit_code == 0 and self.mismatches == 0 and self.events > 0 and self.values > 0

    @property
    def summary(self) -> str:
        """One line for a person."""
        if self.message:
            return self.message
        text = f"{self.events} events, {self.values} values compared, {self.mismatches} differ"
        if self.first_mismatch is not None:
            event, stream, index, expected, found = self.first_mismatch
            text += f"; first: event {event}, {stream}[{index}]: expected {expected}, found {found}"
        return text


def run_csim(
    bench: CompiledBench | Path, data: Path | None = None, *, ac_types: Path | None = None, allow_failure: bool = False,
    timeout_s: float = 1800.0,
) -> CsimResult:  # fmt: skip
    """Run the C++ test bench of a project.

    Args:
        bench: a compiled bench, or a project folder (compiled first).
        data: folder with the vectors; default ``tb_data`` of the project.
        ac_types: headers for compiling a project folder.
        allow_failure: report unusable vectors as a result (exit code 2) and do not raise; for negative controls.
        timeout_s: wall-clock limit of the bench.

    Returns:
        Counts; differing values are part of the result, never an exception.

    Raises:
        FlowError: the vectors are missing or malformed (and not `allow_failure`); compiler or headers missing.
        ToolFailedError: the bench crashed, timed out, or printed no result.
    """
    if isinstance(bench, Path):
        bench = CompiledBench.build(bench, ac_types=ac_types)
    folder = (data or bench.project / "tb_data").resolve()
    begin = time.monotonic()
    try:
        done = subprocess.run(
            [str(bench.program), str(folder)], cwd=bench.program.parent, capture_output=True, text=True, check=False,
            timeout=timeout_s,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ToolFailedError(f"C++ simulation of {bench.project}: no end within {timeout_s:.0f} s") from error
    result = parse_output(
        done.stdout,
        done.stderr,
        done.returncode,
        compile_seconds=bench.compile_seconds,
        run_seconds=time.monotonic() - begin,
    )
    if result.exit_code == _EXIT_BAD_VECTORS and not allow_failure:
        raise FlowError(f"C++ simulation of {bench.project}: {result.message}")
    return result


def parse_output(
    stdout: str, stderr: str, exit_code: int, *, compile_seconds: float = 0.0, run_seconds: float = 0.0
) -> CsimResult:
    """Typed result of what the bench printed.

    Raises:
        ToolFailedError: status and text do not fit together, as after a crash.
    """
    complaint = next((line.removeprefix("ERROR ") for line in stderr.splitlines() if line.startswith("ERROR ")), "")
    final = _RESULT.search(stdout)
    if exit_code == _EXIT_BAD_VECTORS and complaint:
        return CsimResult(exit_code, 0, 0, 0, (), None, complaint, compile_seconds, run_seconds)
    if final is None or exit_code not in {0, _EXIT_DIFFERENT} or (exit_code == 0) != (final[1] == "PASS"):
        tail = (stderr.strip() or stdout.strip())[-300:]
        raise ToolFailedError(
            f"C++ simulation: the bench ended with status {exit_code} and no matching RESULT line: {tail!r}"
        )
    streams = tuple(StreamCount(name, int(values), int(wrong)) for name, values, wrong in _COMPARED.findall(stdout))
    events, values, mismatches = (int(final[i]) for i in (2, 3, 4))
    if (sum(s.values for s in streams), sum(s.mismatches for s in streams)) != (values, mismatches):
        raise ToolFailedError("C++ simulation: the counts of the streams do not add up to the RESULT line")
    first = None
    if found := _FIRST.findall(stdout):
        in_data = [item for item in found if item[0] in {"images", "sum_codes", "latents"}]
        stream, *numbers = min(in_data, key=lambda item: int(item[1])) if in_data else found[0]
        event, index, expected, value = (int(number) for number in numbers)
        first = (event, stream, index, expected, value)
    return CsimResult(exit_code, events, values, mismatches, streams, first, "", compile_seconds, run_seconds)
