"""A mapped design as arrays of gates: the hierarchy flattened, every net and register bit still found by its name.

Names are those of the RTL where synthesis kept them: instances joined by dots, then wire and bit, for example
``u_registers.u_store.u_bank.gen_block[3].u_bits.u_copy_a.q_o[17]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from asic_flow.errors import FlowError
from asic_flow.formats import Integers
from asic_flow.synthesis.flow import Synthesis
from asic_flow.synthesis.liberty import Cell
from asic_flow.synthesis.netlist_text import FIRST, ONE, ZERO, ModuleText, read_module

Nets = NDArray[np.int32]
OPEN = -1
"""Net number of a pin that is not connected."""


@dataclass(frozen=True)
class Template:
    """One module, ready to be placed many times.

    Attributes:
        text: the module as read.
        kinds: int32[n], position of every cell's library cell in `GateNetlist.kinds`.
        inputs: int32[n, pins], local nets of input pins in the library's order; -1: open or no such pin.
        outputs: int32[n, pins], the same of output pins.
        cell_names: names of the cells.
        children: instance name, module name, and int32[2, m] pairs (net here, net in the child).
    """

    text: ModuleText
    kinds: Nets
    inputs: Nets
    outputs: Nets
    cell_names: tuple[str, ...]
    children: tuple[tuple[str, str, Nets], ...]


@dataclass(frozen=True)
class Placed:
    """One instance of a module: path (``""`` is the top), template, and first raw net number minus `FIRST`."""

    path: str
    template: Template
    offset: int


@dataclass(frozen=True)
class GateNetlist:
    """A flat netlist.

    Attributes:
        kinds: the library cells that occur.
        kind: int32[cells], position in `kinds`.
        inputs: int32[cells, pins], nets of input pins in the order of ``Cell.inputs``; -1: no such pin, or open.
        outputs: int32[cells, pins], nets of output pins in the order of ``Cell.outputs``.
        block: int32[cells], position in `blocks`.
        blocks: path of every instance of a module; ``""`` is the top.
        ports: nets of every port of the top, least significant bit first.
        input_ports: which of them are inputs.
        n_nets: number of nets; net 0 is constant 0, net 1 constant 1.
        placed: the instances, for names.
        net_of: int32[raw nets], net that a name leads to.
        raw_of: int64[nets], the outermost name of a net.
    """

    kinds: tuple[Cell, ...]
    kind: Nets
    inputs: Nets
    outputs: Nets
    block: Nets
    blocks: tuple[str, ...]
    ports: Mapping[str, Nets]
    input_ports: frozenset[str]
    n_nets: int
    placed: tuple[Placed, ...]
    net_of: Nets
    raw_of: Integers

    @cached_property
    def driver(self) -> Nets:
        """int32[nets], cell that drives a net; -1: constant, input or undriven.

        Raises:
            FlowError: two outputs drive one net, or an output drives a constant.
        """
        cells, pins = np.nonzero(self.outputs != OPEN)
        nets = self.outputs[cells, pins]
        if len(twice := np.flatnonzero(np.bincount(nets, minlength=FIRST) > 1)) or np.any(nets < FIRST):
            name = self.net_name(int(twice[0] if len(twice) else nets.min()))
            raise FlowError(f"flattening a netlist: net {name} is driven more than once")
        result = np.full(self.n_nets, OPEN, dtype=np.int32)
        result[nets] = cells
        return result

    @cached_property
    def states(self) -> Nets:
        """int32[states], the cells that store something: flip-flops and latches, in order of the hierarchy."""
        stores = np.array([cell.state is not None for cell in self.kinds], dtype=bool)
        return np.flatnonzero(stores[self.kind]).astype(np.int32)

    @cached_property
    def state_names(self) -> tuple[str, ...]:
        """Name of every stored bit: its block, and the name there of the net at the cell's first connected output."""
        ends = np.searchsorted(self.block, np.arange(len(self.blocks) + 1))
        names = []
        for cell in self.states.tolist():
            place = self.placed[self.block[cell]]
            local = place.template.outputs[cell - ends[self.block[cell]]]
            names.append(_join(place.path, place.template.text.net_name(int(local[local != OPEN][0]))))
        return tuple(names)

    @cached_property
    def state_index(self) -> dict[str, int]:
        """Position in `states` by name."""
        return {name: index for index, name in enumerate(self.state_names)}

    @cached_property
    def _paths(self) -> dict[str, Placed]:
        return {place.path: place for place in self.placed}

    def net(self, name: str) -> int:
        """Net of a hierarchical name; bits of vectors are written ``name[bit]``.

        Raises:
            FlowError: there is no such net.
        """
        dots = [at for at, letter in enumerate(name) if letter == "."]
        for path, local in [*((name[:at], name[at + 1 :]) for at in reversed(dots)), ("", name)]:
            place = self._paths.get(path)
            if place is not None and (found := place.template.text.local(local)) is not None:
                return int(self.net_of[found + place.offset])
        raise FlowError(f"looking for net {name!r} in the netlist: there is none of that name")

    def net_name(self, net: int) -> str:
        """The outermost hierarchical name of a net."""
        raw = int(self.raw_of[net])
        if raw < FIRST:
            return f"1'b{raw}"
        place = self.placed[int(np.searchsorted(self._offsets, raw - FIRST, side="right")) - 1]
        return _join(place.path, place.template.text.net_name(raw - place.offset))

    @cached_property
    def _offsets(self) -> Integers:
        return np.array([place.offset for place in self.placed], dtype=np.int64)

    def cell_name(self, cell: int) -> str:
        """Hierarchical name of a cell."""
        block = int(self.block[cell])
        first = int(np.searchsorted(self.block, block))
        return _join(self.blocks[block], self.placed[block].template.cell_names[cell - first])


def flatten(synthesis: Synthesis, top: str | None = None) -> GateNetlist:
    """Flatten a mapped design.

    Args:
        synthesis: from `asic_flow.synthesis.flow.synthesise`.
        top: module to start from (name in the netlist or in the source); default: the design's top.

    Raises:
        FlowError: there is no such module, a netlist line cannot be read, or two outputs drive one net.
    """
    name = _find(synthesis, top or synthesis.hierarchy.top)
    used = sorted({cell for module in _reachable(synthesis, name) for cell in synthesis.mapped[module].cells})
    kinds = tuple(synthesis.library.cells[cell] for cell in used if cell in synthesis.library.cells)
    templates = _templates(synthesis, name, kinds)
    placed, pairs = _place(templates, name)
    raw = placed[-1].offset + placed[-1].template.text.size
    net_of, raw_of = _merge(pairs, raw)

    def globally(local: Nets, place: Placed) -> Nets:
        return np.where(local == OPEN, OPEN, net_of[_raw(local, place.offset)]).astype(np.int32)

    first = placed[0]
    return GateNetlist(
        kinds=kinds,
        kind=np.concatenate([place.template.kinds for place in placed]),
        inputs=np.concatenate([globally(place.template.inputs, place) for place in placed]),
        outputs=np.concatenate([globally(place.template.outputs, place) for place in placed]),
        block=np.repeat(np.arange(len(placed)), [len(place.template.kinds) for place in placed]).astype(np.int32),
        blocks=tuple(place.path for place in placed),
        ports={
            port: globally(np.array(bits, dtype=np.int32), first) for port, bits in first.template.text.ports.items()
        },
        input_ports=frozenset(first.template.text.inputs),
        n_nets=len(raw_of),
        placed=placed,
        net_of=net_of,
        raw_of=raw_of,
    )


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _raw(local: Nets, offset: int) -> Integers:
    """Raw net numbers of local ones; the constants are the same everywhere."""
    return np.where(local < FIRST, np.maximum(local, 0), local.astype(np.int64) + offset)


def _find(synthesis: Synthesis, name: str) -> str:
    found = [key for key, item in synthesis.mapped.items() if name in {key, item.module.source}]
    if len(found) != 1:
        raise FlowError(f"flattening {name}: the mapped design holds {len(found)} modules of that name, expected one")
    return found[0]


def _reachable(synthesis: Synthesis, name: str) -> dict[str, None]:
    """Modules from the top downwards."""
    found = {name: None}
    for child in synthesis.mapped[name].cells:
        if child in synthesis.mapped and child not in found:
            found.update(_reachable(synthesis, child))
    return found


def _templates(synthesis: Synthesis, top: str, kinds: tuple[Cell, ...]) -> dict[str, Template]:
    texts = {name: read_module(synthesis.mapped[name].netlist) for name in _reachable(synthesis, top)}
    index = {cell.name: position for position, cell in enumerate(kinds)}
    widest = max((max(len(cell.inputs), len(cell.outputs)) for cell in kinds), default=1)
    result = {}
    for name, text in texts.items():
        cells = [item for item in text.instances if item.kind in index]
        inputs = np.full((len(cells), widest), OPEN, dtype=np.int32)
        outputs = inputs.copy()
        for row, item in enumerate(cells):
            cell = kinds[index[item.kind]]
            for target, pins in ((inputs, cell.inputs), (outputs, tuple(cell.outputs))):
                for column, pin in enumerate(pins):
                    if pin in item.pins:
                        target[row, column] = item.pins[pin][0]
        children = []
        for item in text.instances:
            if item.kind not in index:
                if item.kind not in texts:
                    raise FlowError(f"flattening {top}: {item.name} in {name} is of unknown kind {item.kind}")
                children.append((item.name, item.kind, _connections(item.pins, texts[item.kind], name)))
        kinds_here = np.array([index[item.kind] for item in cells], dtype=np.int32)
        result[name] = Template(text, kinds_here, inputs, outputs, tuple(item.name for item in cells), tuple(children))
    return result


def _connections(pins: Mapping[str, list[int]], child: ModuleText, parent: str) -> Nets:
    pairs: list[tuple[int, int]] = []
    for pin, bits in pins.items():
        if pin not in child.ports or len(child.ports[pin]) != len(bits):
            raise FlowError(f"flattening {parent}: port {pin} of {child.name} is missing or has another width")
        pairs.extend(zip(bits, child.ports[pin], strict=True))
    return np.array(pairs, dtype=np.int32).reshape(-1, 2).T


def _place(templates: Mapping[str, Template], top: str) -> tuple[tuple[Placed, ...], Integers]:
    """All instances, parents first, and int64[2, n] pairs of raw nets that are one."""
    placed: list[Placed] = []
    pairs: list[Integers] = []
    used = 0

    def visit(name: str, path: str) -> None:
        nonlocal used
        template = templates[name]
        here = Placed(path, template, used)
        placed.append(here)
        used += template.text.size - FIRST
        pairs.append(_raw(np.array(template.text.aliases, dtype=np.int32).reshape(-1, 2).T, here.offset))
        for instance, module, links in template.children:
            pairs.append(np.stack([_raw(links[0], here.offset), _raw(links[1], used)]))
            visit(module, _join(path, instance))

    visit(top, "")
    return tuple(placed), np.concatenate(pairs, axis=1)


def _merge(pairs: Integers, raw: int) -> tuple[Nets, Integers]:
    """Net of every raw net, and the first raw net of every net; constants stay 0 and 1."""
    graph = coo_array((np.ones(pairs.shape[1], dtype=np.int8), (pairs[0], pairs[1])), shape=(raw, raw))
    _, labels = connected_components(graph, directed=False)
    first, inverse = np.unique(labels, return_index=True, return_inverse=True)[1:]
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    if labels[ZERO] == labels[ONE]:
        raise FlowError("flattening a netlist: constants 0 and 1 are connected")
    return rank[inverse].astype(np.int32), first[order].astype(np.int64)
