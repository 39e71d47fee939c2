"""Hierarchical synthesis: every distinct module is mapped once, and cached by the hash of all it depends on."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from asic_flow.sim.simulators import default_cache
from asic_flow.synthesis.hierarchy import Hierarchy, Module, elaborate
from asic_flow.synthesis.liberty import Library
from asic_flow.synthesis.mapping import techmap_text
from asic_flow.synthesis.yosys import run_yosys, yosys_version
from hgcal_data.files import atomic_write_text

FLATTENED = ("econ_cast",)
"""Modules that become part of their parents, because their logic merges with what drives it."""

_STAT = re.compile(r"^ {5}(\S+) +(\d+)$", re.MULTILINE)
_TIMEOUT_S = 1800
_COMMANDS = (
    "proc", "flatten", "opt -nodffe -nosdff", "wreduce", "peepopt", "opt_clean", "alumacc", "share", "opt -nodffe -nosdff",
    "memory", "opt -full -nodffe -nosdff", "maccmap", "opt_clean", "techmap -map adders.v", "techmap",
    "opt -full -nodffe -nosdff", "dfflibmap -liberty cells.lib",
    "techmap -map latches.v", "simplemap", "opt -nodffe -nosdff", "abc -liberty cells.lib", "opt_clean -purge",
)  # fmt: skip
"""Full adders are those that ``maccmap`` makes of sums. ``extract_fa``, which would look for more of them in the gates, is not
used: up to 2024 it forgets to invert the sum of a full adder when an odd number of inputs of its majority is inverted (issues
3879 and 4573 of Yosys, mended by its pull request 4691)."""


@dataclass(frozen=True)
class Mapped:
    """One module after mapping.

    Attributes:
        module: the elaborated module.
        cells: library cells and submodules by name.
        netlist: gate-level Verilog of this module alone.
    """

    module: Module
    cells: Counter[str]
    netlist: str


@dataclass(frozen=True)
class Synthesis:
    """A mapped design.

    Attributes:
        hierarchy: the elaborated design.
        library: what it is mapped to.
        mapped: mapped modules by name; those in `FLATTENED` are parts of others.
        fresh: how many modules were mapped now and not taken from the cache.
    """

    hierarchy: Hierarchy
    library: Library
    mapped: Mapping[str, Mapped]
    fresh: int

    def netlist(self) -> str:
        """Gate-level Verilog of the whole design."""
        return "\n".join(item.netlist for item in self.mapped.values())

    @cached_property
    def _totals(self) -> dict[str, Counter[str]]:
        totals: dict[str, Counter[str]] = {}

        def total(name: str) -> Counter[str]:
            if name not in totals:
                result: Counter[str] = Counter()
                for cell, count in self.mapped[name].cells.items():
                    parts = Counter({cell: 1}) if cell in self.library.cells else total(cell)
                    for part, times in parts.items():
                        result[part] += count * times
                totals[name] = result
            return totals[name]

        for name in self.mapped:
            total(name)
        return totals

    def cells(self, name: str | None = None) -> Counter[str]:
        """Library cells in and below a module (default: the whole design)."""
        return self._totals[name or self.hierarchy.top]

    def area(self, name: str | None = None) -> float:
        """Cell area in and below a module, in the library's unit."""
        return sum(self.library.cells[cell].area * count for cell, count in self.cells(name).items())

    def gate_equivalents(self, name: str | None = None) -> float:
        """Area in and below a module in two-input NANDs of the library."""
        return self.area(name) / self.library.nand2_area

    def flip_flops(self, name: str | None = None) -> int:
        """Flip-flops in and below a module."""
        return sum(count for cell, count in self.cells(name).items() if cell in self.library.flip_flops)


def synthesise(
    sources: Mapping[str, str], top: str, library: Library, *, inlined: Collection[str] = (), cache: Path | None = None,
    progress: Callable[[str], None] = lambda _line: None,
) -> Synthesis:  # fmt: skip
    """Map a design to library cells, module by module.

    Args:
        sources: SystemVerilog text by file name, the package first.
        top: top module.
        library: cells to map to.
        inlined: source names of modules that become part of their parents, beside `FLATTENED`. With flip-flop copies and
            voters among them, synthesis merges copies that share a clock: a negative control for the census, never for a chip.
        cache: folder of mapped modules; default ``$ECON_AE_CACHE`` or ``~/.cache/econ-ae``, in ``synthesis``.
        progress: called with one line per module that is mapped now.

    Raises:
        ToolNotFoundError: Yosys is not installed.
        ToolFailedError: Yosys failed.
        FlowError: the library lacks a cell that is needed.
    """
    hierarchy = elaborate(sources, top)
    parts = {*FLATTENED, *inlined}
    folder = cache or default_cache().parent / "synthesis"
    folder.mkdir(parents=True, exist_ok=True)
    mapped: dict[str, Mapped] = {}
    fresh = 0
    for name in _bottom_up(hierarchy):
        module = hierarchy.modules[name]
        if module.source in parts and name != top:
            continue
        text = _unit(hierarchy, module, parts)
        entry = folder / f"{_key(text, library)}.json"
        if not entry.is_file():
            progress(f"mapping {name}")
            fresh += 1
            atomic_write_text(entry, json.dumps(_map(text, name, library)))
        content = json.loads(entry.read_text(encoding="utf-8"))
        mapped[name] = Mapped(module, Counter(content["cells"]), content["netlist"])
    return Synthesis(hierarchy, library, mapped, fresh)


def _bottom_up(hierarchy: Hierarchy) -> list[str]:
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        for child in hierarchy.modules[name].children:
            if child in hierarchy.modules and child not in order:
                visit(child)
        order[name] = None

    visit(hierarchy.top)
    return list(order)


def _unit(hierarchy: Hierarchy, module: Module, inlined: set[str]) -> str:
    """RTLIL of one module with the children that become part of it, and black boxes for the others."""
    texts: dict[str, str] = {}

    def add(item: Module) -> None:
        texts[item.name] = item.text.replace("attribute \\keep_hierarchy", "attribute \\kept_hierarchy")
        for child in item.children:
            if child in hierarchy.modules and child not in texts:
                below = hierarchy.modules[child]
                if below.source in inlined:
                    add(below)
                else:
                    texts[child] = below.stub

    add(module)
    return "".join(texts.values())


def _key(text: str, library: Library) -> str:
    state = hashlib.sha256(repr([yosys_version(), _COMMANDS, techmap_text(library)]).encode())
    state.update(library.path.read_bytes() + text.encode())
    return state.hexdigest()[:32]


def _map(text: str, name: str, library: Library) -> dict[str, object]:
    adders, latches = techmap_text(library)
    with tempfile.TemporaryDirectory(prefix="econ_synthesis_") as scratch:
        folder = Path(scratch)
        (folder / "unit.il").write_text(text, encoding="utf-8")
        (folder / "adders.v").write_text(adders, encoding="utf-8")
        (folder / "latches.v").write_text(latches, encoding="utf-8")
        (folder / "cells.lib").write_bytes(library.path.read_bytes())
        script = [
            "read_rtlil unit.il", f"hierarchy -top {name}", *_COMMANDS, f"tee -o stat.txt stat -top {name}",
            f"select {name}", "write_verilog -noattr -simple-lhs -selected netlist.v",
        ]  # fmt: skip
        run_yosys("\n".join(script) + "\n", folder, purpose=f"synthesising {name}", timeout_s=_TIMEOUT_S)
        statistics = (folder / "stat.txt").read_text(encoding="utf-8")
        cells = {cell.lstrip("\\"): int(count) for cell, count in _STAT.findall(statistics)}
        return {"module": name, "cells": cells, "netlist": (folder / "netlist.v").read_text(encoding="utf-8")}
