"""Running OpenSTA as a subprocess, and reading what it prints."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from asic_flow.errors import ToolFailedError, ToolNotFoundError

_NUMBER = r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
_END = re.compile(rf"^(\S+) \(\S+\)\s+(\S+) \(\S+\)\s+{_NUMBER}\s*$", re.MULTILINE)
_POWER = re.compile(rf"^Total\s+{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}", re.MULTILINE)
_SCRIPT = "script.tcl"


@dataclass(frozen=True)
class TimingEnd:
    """The worst path of one endpoint: pins or ports where it starts and ends, and its slack in nanoseconds."""

    startpoint: str
    endpoint: str
    slack_ns: float


@dataclass(frozen=True)
class PowerSums:
    """Total line of ``report_power``, in watt."""

    internal_w: float
    switching_w: float
    leakage_w: float
    total_w: float


def opensta_executable(purpose: str) -> str:
    """Path of OpenSTA.

    Raises:
        ToolNotFoundError: it is not installed.
    """
    found = shutil.which("sta")
    if found is None:
        raise ToolNotFoundError(
            f"{purpose}: OpenSTA is not installed (Debian package opensta; run: bash .ci/system-tools)"
        )
    return found


def run_opensta(script: str, folder: Path, *, purpose: str, timeout_s: int = 900) -> str:
    """Run a Tcl script in a folder; its files are read there.

    Args:
        script: commands.
        folder: working folder; the script is left in it.
        purpose: what is being done, for messages.
        timeout_s: seconds after which it is stopped.

    Returns:
        What it printed.

    Raises:
        ToolNotFoundError: OpenSTA is not installed.
        ToolFailedError: it reported an error or took too long.
    """
    executable = opensta_executable(purpose)
    (folder / _SCRIPT).write_text(script + "\nexit\n", encoding="utf-8")
    command = [executable, "-no_init", "-no_splash", "-exit", _SCRIPT]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise ToolFailedError(f"{purpose}: OpenSTA did not end within {timeout_s} s") from error
    text = done.stdout + done.stderr
    wrong = [line for line in text.splitlines() if line.startswith("Error")]
    if done.returncode or wrong:
        raise ToolFailedError(
            f"{purpose}: OpenSTA ended with status {done.returncode}: {' '.join(wrong[:3]) or text[-300:]}"
        )
    return text


def parse_ends(text: str) -> list[TimingEnd]:
    """The lines of ``report_checks -format summary``.

    Raises:
        ToolFailedError: there is none.
    """
    found = [TimingEnd(start, end, float(slack)) for start, end, slack in _END.findall(text)]
    if not found:
        raise ToolFailedError(f"reading OpenSTA's report: no path in {text.strip()[:200]!r}")
    return found


def parse_power(text: str) -> PowerSums:
    """The total of ``report_power``.

    Raises:
        ToolFailedError: there is none.
    """
    match = _POWER.search(text)
    if match is None:
        raise ToolFailedError(f"reading OpenSTA's report: no total power in {text.strip()[:200]!r}")
    return PowerSums(*(float(match[i]) for i in range(1, 5)))
