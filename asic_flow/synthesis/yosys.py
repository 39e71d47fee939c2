"""Running Yosys as a subprocess: a script and source files in a scratch folder, the log back."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from asic_flow.errors import ToolFailedError, ToolNotFoundError
from asic_flow.rtl import PACKAGE_FILE

_IMPORT = re.compile(r"^\s*import econ_pkg::\*;", re.MULTILINE)
_PARAMETER = re.compile(r"^\s*parameter (?P<rest>[^;]*;)", re.MULTILINE)
_INVERTED_CAST = re.compile(r"~(\w+'\(\w+\))")
_SCRIPT, _LOG = "script.ys", "yosys.log"


def run_yosys(script: str, folder: Path, *, purpose: str, timeout_s: int = 600) -> str:
    """Run a Yosys script in a folder; its files are read and written there.

    Args:
        script: Yosys commands, one per line.
        folder: working folder; ``script.ys`` and ``yosys.log`` are left in it.
        purpose: what is being done, for messages ("proving ...", "synthesising ...").
        timeout_s: seconds after which Yosys is stopped.

    Returns:
        The log.

    Raises:
        ToolNotFoundError: Yosys is not installed.
        ToolFailedError: it failed or took too long; the message ends with its error lines.
    """
    executable = yosys_executable(purpose)
    (folder / _SCRIPT).write_text(script, encoding="utf-8")
    command = [executable, "-q", "-q", "-l", _LOG, "-s", _SCRIPT]
    log = folder / _LOG
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise ToolFailedError(f"{purpose}: Yosys did not end within {timeout_s} s") from error
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else done.stdout
    if done.returncode:
        lines = [line for line in (text + done.stderr).splitlines() if "ERROR" in line] or text.splitlines()[-5:]
        raise ToolFailedError(f"{purpose}: Yosys ended with status {done.returncode}: {' '.join(lines[:3])}")
    return text


def yosys_executable(purpose: str) -> str:
    """Path of Yosys.

    Raises:
        ToolNotFoundError: it is not installed.
    """
    found = shutil.which("yosys")
    if found is None:
        raise ToolNotFoundError(f"{purpose}: Yosys is not installed (Debian package yosys; run: bash .ci/system-tools)")
    return found


@functools.cache
def yosys_version() -> str:
    """The line that ``yosys -V`` prints."""
    command = [yosys_executable("asking for Yosys' version"), "-V"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def yosys_sources(sources: Mapping[str, str]) -> dict[str, str]:
    """The RTL in the part of SystemVerilog that Yosys 0.23 reads; the meaning stays the same.

    Three constructs are rewritten: ``import econ_pkg::*`` becomes a copy of the package's parameters, the cast ``int'(x)``
    becomes ``32'(x)``, and ``~Width'(x)``, whose size Yosys takes to be ``~Width``, becomes ``~(Width'(x))``.

    Args:
        sources: text by file name, with the package if a module imports it.
    """
    package = sources.get(PACKAGE_FILE, "")
    copied = "\n".join(f"  localparam {match['rest']}" for match in _PARAMETER.finditer(package))
    return {
        name: _INVERTED_CAST.sub(r"~(\1)", _IMPORT.sub(lambda _match: copied, text).replace("int'(", "32'("))
        for name, text in sources.items()
    }


def write_sources(sources: Mapping[str, str], folder: Path) -> str:
    """Write files for Yosys into a folder; returns their names for ``read_verilog``, the package first."""
    for name, text in yosys_sources(sources).items():
        (folder / name).write_text(text, encoding="utf-8")
    return " ".join(sorted(sources, key=lambda name: (name != PACKAGE_FILE, list(sources).index(name))))
