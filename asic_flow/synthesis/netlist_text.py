"""Reading gate-level Verilog as Yosys writes it: one module with nets bit by bit, cells, instances and aliases."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from asic_flow.errors import FlowError

ZERO, ONE = 0, 1
"""Local (and global) numbers of the constant nets; bits of wires follow from `FIRST` on."""
FIRST = 2

_HEADER = re.compile(r"^(module \S+ ?)\(.*?\);$", re.MULTILINE | re.DOTALL)
_WIRE = re.compile(r"^  (input|output|wire) (?:\[(\d+):(\d+)\] )?(\S+?)\s*;$")
_INSTANCE = re.compile(r"^  (\S+) (\S+) +\($")
_PIN = re.compile(r"^    \.(\S+?) ?\((.*)\),?$")
_ASSIGN = re.compile(r"^  assign (.*) = (.*);$")
_TERM = re.compile(
    r"(?P<name>\\\S+|[A-Za-z_$][\w$]*)\s*(?:\[(?P<high>\d+)(?::(?P<low>\d+))?\])?"
    r"|(?P<width>\d+)'(?P<base>[hbdo])(?P<digits>[0-9a-fA-FxzXZ]+)"
)
_BASES = {"h": 16, "b": 2, "d": 10, "o": 8}


@dataclass(frozen=True)
class Instance:
    """A cell or a submodule inside a module.

    Attributes:
        kind: library cell or module.
        name: instance name.
        pins: local net numbers by pin, least significant bit first; pins left open are absent.
    """

    kind: str
    name: str
    pins: dict[str, list[int]]


@dataclass
class ModuleText:
    """One module of a netlist.

    Attributes:
        name: module name.
        ports: local net numbers by port, least significant bit first.
        inputs: names of the ports that are inputs.
        instances: cells and submodules.
        aliases: pairs of local nets that are one net.
        size: local nets, constants included.
    """

    name: str
    ports: dict[str, list[int]] = field(default_factory=dict)
    inputs: set[str] = field(default_factory=set)
    instances: list[Instance] = field(default_factory=list)
    aliases: list[tuple[int, int]] = field(default_factory=list)
    size: int = FIRST
    _wires: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    _bases: list[int] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)

    def net_name(self, local: int) -> str:
        """Name of a local net: that of its wire, with the bit if the wire has several."""
        if local < FIRST:
            return f"1'b{local}"
        name = self._names[bisect_right(self._bases, local) - 1]
        base, low, width = self._wires[name]
        return name if width == 1 else f"{name}[{local - base + low}]"

    def local(self, name: str) -> int | None:
        """Local number of ``wire`` or ``wire[bit]``; None: there is no such net."""
        stem, _, bit = name.removesuffix("]").rpartition("[")
        if name in self._wires:
            base, _, width = self._wires[name]
            return base if width == 1 else None
        if name.endswith("]") and bit.isdigit() and stem in self._wires:
            base, low, width = self._wires[stem]
            return base + int(bit) - low if 0 <= int(bit) - low < width else None
        return None

    def declare(self, kind: str, high: str | None, low: str | None, name: str) -> None:
        """Take in one declaration; a port is declared twice, as a port and as a wire."""
        if name not in self._wires:
            width, lowest = (int(high) - int(low) + 1, int(low)) if high is not None and low is not None else (1, 0)
            self._wires[name] = (self.size, lowest, width)
            self._bases.append(self.size)
            self._names.append(name)
            self.size += width
        if kind != "wire":
            base, _, width = self._wires[name]
            self.ports[name] = list(range(base, base + width))
            if kind == "input":
                self.inputs.add(name)

    def bits(self, expression: str) -> list[int]:
        """Local nets of an expression of names, slices, constants and concatenations, least significant bit first.

        Unknown bits (x) of constants read as 0, as in every 2-state simulation.
        """
        found: list[int] = []
        for term in reversed(list(_TERM.finditer(expression))):
            if term["name"]:
                base, low, width = self._wires[term["name"].lstrip("\\")]
                first = int(term["low"] or term["high"]) - low if term["high"] else 0
                last = int(term["high"]) - low if term["high"] else width - 1
                found.extend(range(base + first, base + last + 1))
            else:
                value = int(re.sub("[xzXZ]", "0", term["digits"]), _BASES[term["base"]])
                found.extend(value >> bit & 1 for bit in range(int(term["width"])))
        return found


def read_module(text: str) -> ModuleText:
    """Read the text of one module (see `asic_flow.synthesis.flow.Mapped.netlist`).

    Raises:
        FlowError: a line is not in the notation that ``write_verilog -noattr -simple-lhs`` uses for netlists.
    """
    module: ModuleText | None = None
    cell: Instance | None = None
    for line in _HEADER.sub(r"\1", text).splitlines():
        try:
            if line.startswith("    .") and cell is not None and module is not None and (pin := _PIN.match(line)):
                if pin[2]:
                    cell.pins[pin[1].lstrip("\\")] = module.bits(pin[2])
            elif line == "  );":
                cell = None
            elif line.startswith("module "):
                module = ModuleText(line.removeprefix("module ").strip().lstrip("\\"))
            elif module is not None and (wire := _WIRE.match(line)):
                module.declare(wire[1], wire[2], wire[3], wire[4].lstrip("\\"))
            elif module is not None and (assign := _ASSIGN.match(line)):
                module.aliases.extend(zip(module.bits(assign[1]), module.bits(assign[2]), strict=True))
            elif module is not None and (instance := _INSTANCE.match(line)):
                cell = Instance(instance[1].lstrip("\\"), instance[2].lstrip("\\"), {})
                module.instances.append(cell)
            elif line.strip() and not line.startswith(("/*", "endmodule")):
                raise ValueError(line)
        except (KeyError, ValueError) as error:
            raise FlowError(f"reading a netlist: line {line.strip()!r} is not in the notation of Yosys") from error
    if module is None:
        raise FlowError("reading a netlist: the text holds no module")
    return module
