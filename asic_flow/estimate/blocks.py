"""Area of a mapped design by block and by class of cell."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from asic_flow.synthesis.flow import Synthesis
from asic_flow.synthesis.hierarchy import VOTER

BLOCKS: Mapping[str, str] = {
    "econ_converter": "converter",
    "econ_conv_layer": "convolution",
    "econ_dense_layer": "dense",
    "econ_pool_layer": "other layers",
    "econ_pad_layer": "other layers",
    "econ_activation_layer": "other layers",
    "econ_encoder": "stage registers",
    "econ_weight_bank": "weight bank",
    "econ_shadow_bank": "shadow bank",
    "econ_registers": "registers and control",
    "econ_i2c_target": "I2C target",
    "econ_formatter": "formatter",
}
"""Block of every module, by source name; anything below belongs to the nearest module above that is named here."""
OUTSIDE = "top"
"""Block of what stands in none of `BLOCKS`."""
CLOCK_GATE = "econ_clock_gate"
CLASSES = ("flip-flops", "clock gates", "voters", "adders", "other logic")
NOT_PUBLISHED = frozenset({"formatter", OUTSIDE})
"""Blocks that the published 3.6 mm2 and 95 mW (converter, encoder, I2C peripheral with the weights) do not contain."""


@dataclass(frozen=True)
class Part:
    """A mapped module at one kind of place.

    Attributes:
        module: name of the mapped module.
        block: block it belongs to.
        instances: how many of them.
    """

    module: str
    block: str
    instances: int


def parts_of(synthesis: Synthesis) -> list[Part]:
    """Every mapped module with its block; a module that occurs in two blocks gives two parts."""
    found: Counter[tuple[str, str]] = Counter()

    def visit(name: str, block: str, times: int) -> None:
        block = BLOCKS.get(synthesis.mapped[name].module.source, block)
        found[name, block] += times
        for child, count in synthesis.mapped[name].cells.items():
            if child in synthesis.mapped:
                visit(child, block, times * count)

    visit(synthesis.hierarchy.top, OUTSIDE, 1)
    return [Part(module, block, count) for (module, block), count in found.items()]


def area_table(synthesis: Synthesis) -> dict[str, dict[str, float]]:
    """Gate equivalents (two-input NANDs of the library) by block and class of cell."""
    table: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(CLASSES, 0.0))
    for part in parts_of(synthesis):
        for cell_class, area in _own_areas(synthesis, part.module):
            table[part.block][cell_class] += part.instances * area / synthesis.library.nand2_area
    return {block: classes for block, classes in table.items() if any(classes.values())}


def total(table: Mapping[str, Mapping[str, float]], *, published: bool = False) -> float:
    """Sum over all blocks, or over those that the published figures contain."""
    return sum(sum(classes.values()) for block, classes in table.items() if not published or block not in NOT_PUBLISHED)


def _own_areas(synthesis: Synthesis, name: str) -> Iterator[tuple[str, float]]:
    """Class and area of the library cells that stand directly in a module."""
    library, item = synthesis.library, synthesis.mapped[name]
    adders = {found[0].name for found in (library.adder(2), library.adder(3)) if found is not None}
    for cell, count in item.cells.items():
        if cell not in library.cells:
            continue
        if item.module.source == CLOCK_GATE:
            cell_class = "clock gates"
        elif cell in library.flip_flops:
            cell_class = "flip-flops"
        elif item.module.source == VOTER:
            cell_class = "voters"
        else:
            cell_class = "adders" if cell in adders else "other logic"
        yield cell_class, library.cells[cell].area * count
