"""Helpers of the tests of the C++ and Catapult parts."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path

STUB = Path(__file__).parent / "catapult_stub"


def write_files(folder: Path, files: dict[str, str]) -> Path:
    for relative, text in files.items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def tcl_interpreters() -> dict[str, list[str]]:
    """Commands that run a Tcl script with arguments: tclsh (apt install tcl), and Python's tkinter."""
    found = {}
    if tclsh := shutil.which("tclsh"):
        found["tclsh"] = [tclsh]
    if importlib.util.find_spec("_tkinter"):
        found["tkinter"] = [sys.executable, "-c", _TKINTER]
    return found


_TKINTER = """
import os, sys, tkinter

def leave(code=0):  # tkinter takes Tcl's own exit away
    tcl.eval("flush stdout")
    os._exit(int(code))

tcl = tkinter.Tcl()
tcl.createcommand("exit", leave)
tcl.setvar("argv", tuple(sys.argv[2:]))
tcl.evalfile(sys.argv[1])
leave()
"""


def template(name: str, top: str) -> str:
    """Report text in Catapult's layout (figures invented for the tests, no tool output); columns stay aligned."""

    def fill(match: re.Match[str]) -> str:
        return (top + match[1]).ljust(len(match[0]) if match[2] else 0)

    return re.sub(r"@TOP@(\S*)( *)", fill, (STUB / name).read_text())


def report(name: str, *, solution: str = "econ_encoder.v1", date: str = "Sun Nov 22 16:30:00 UTC 2026") -> str:
    """A finished report of a solution."""
    text = template(name, solution.rsplit(".", 1)[0])
    return text.replace("@SOLUTION@", solution).replace("@DATE@", date)
