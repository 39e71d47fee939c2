"""Elaborated design: every distinct module with distinct parameters as RTLIL text, and who instantiates whom."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from asic_flow.errors import ToolFailedError
from asic_flow.synthesis.yosys import run_yosys, write_sources

_PARAMOD = re.compile(r"\\?\$paramod\S+")
_MODULE = re.compile(r"^((?:attribute [^\n]*\n)*)module \\(\S+)\n(.*?)^end$", re.MULTILINE | re.DOTALL)
_CELL = re.compile(r"^  cell \\(\S+) ", re.MULTILINE)
_PORT = re.compile(r"^  wire (?:\S+ )*?(?:input|output|inout) .*$", re.MULTILINE)
_OUTPUT_WIDTH = re.compile(r"^  wire (?:width (\d+) )?output \d+ \\q_o$", re.MULTILINE)
_SOURCE = re.compile(r"^\s*attribute \\(?:src|hdlname) .*\n", re.MULTILINE)
COPY = "econ_tmr_ff"
VOTER = "econ_voter"


@dataclass(frozen=True)
class Module:
    """One elaborated module.

    Attributes:
        name: unique name: that of the source, and eight hexadecimal digits if it has parameters.
        source: name in the source.
        text: RTLIL without source locations.
    """

    name: str
    source: str
    text: str

    @cached_property
    def children(self) -> Counter[str]:
        """Instances by module name."""
        return Counter(_CELL.findall(self.text))

    @cached_property
    def stub(self) -> str:
        """The module as a black box."""
        ports = "\n".join(_PORT.findall(self.text))
        return f"attribute \\blackbox 1\nmodule \\{self.name}\n{ports}\nend\n"

    @property
    def register_bits(self) -> int:
        """Width of a copy of a triplicated register; 0 for any other module."""
        match = _OUTPUT_WIDTH.search(self.text) if self.source == COPY else None
        return int(match[1] or 1) if match else 0


@dataclass(frozen=True)
class Hierarchy:
    """An elaborated design.

    Attributes:
        top: name of the top module.
        modules: modules by name.
    """

    top: str
    modules: Mapping[str, Module]

    @cached_property
    def counts(self) -> Counter[str]:
        """Instances of every module in the whole design."""
        total: Counter[str] = Counter()

        def add(name: str, times: int) -> None:
            total[name] += times
            for child, count in self.modules[name].children.items():
                if child in self.modules:
                    add(child, times * count)

        add(self.top, 1)
        return total

    def triplicated_bits(self, name: str) -> int:
        """Flip-flops in copies of triplicated registers in and below a module: three per register bit."""
        module = self.modules[name]
        below = sum(
            count * self.triplicated_bits(child) for child, count in module.children.items() if child in self.modules
        )
        return module.register_bits + below


def elaborate(sources: Mapping[str, str], top: str, *, timeout_s: int = 900) -> Hierarchy:
    """Elaborate RTL.

    Args:
        sources: SystemVerilog text by file name.
        top: top module.
        timeout_s: seconds.

    Raises:
        ToolNotFoundError: Yosys is not installed.
        ToolFailedError: Yosys does not accept the sources.
    """
    with tempfile.TemporaryDirectory(prefix="econ_elaborate_") as scratch:
        folder = Path(scratch)
        names = write_sources(sources, folder)
        script = f"read_verilog -sv -DSYNTHESIS {names}\nhierarchy -check -top {top}\nproc\nopt_clean\nwrite_rtlil design.il\n"
        run_yosys(script, folder, purpose=f"elaborating {top}", timeout_s=timeout_s)
        text = (folder / "design.il").read_text(encoding="utf-8")
    text = _SOURCE.sub("", _PARAMOD.sub(lambda match: "\\" + _short(match[0]), text))
    modules = {}
    for attributes, name, body in _MODULE.findall(text):
        source = re.sub(r"_[0-9a-f]{8}$", "", name)
        modules[name] = Module(name, source, f"{attributes}module \\{name}\n{body}end\n")
    if top not in modules:
        raise ToolFailedError(f"elaborating {top}: Yosys wrote no module of that name")
    return Hierarchy(top, modules)


def _short(name: str) -> str:
    """A readable unique name for a module with parameters."""
    source = re.sub(r"^\\?\$paramod(?:\$[0-9a-f]+)?\\", "", name).split("\\")[0]
    return f"{source}_{hashlib.sha256(name.lstrip(chr(92)).encode()).hexdigest()[:8]}"
