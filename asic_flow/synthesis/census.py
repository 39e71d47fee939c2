"""Census of the triplicated registers behind synthesis: every copy and every voter must still be there.

Common synthesis merges three equal registers into one, and the chip would look the same in every simulation without upsets.
So the flip-flops and voters of the netlist are counted against the elaborated RTL and against the structure.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from asic_flow.errors import MismatchError
from asic_flow.hardware import HardwareConfig
from asic_flow.ir import Structure
from asic_flow.registers.model import register_layout
from asic_flow.synthesis.flow import Synthesis
from asic_flow.synthesis.hierarchy import VOTER

BANK = "econ_weight_bank"


@dataclass(frozen=True)
class Row:
    """One counted quantity.

    Attributes:
        what: what is counted.
        expected: number in RTL or structure.
        found: number in the netlist.
    """

    what: str
    expected: int
    found: int

    @property
    def good(self) -> bool:
        """Whether the numbers agree."""
        return self.expected == self.found


def census(synthesis: Synthesis, structure: Structure, hardware: HardwareConfig | None = None) -> list[Row]:
    """Count flip-flops and voters of every triplicated register, and those of the weight bank against the structure.

    Args:
        synthesis: a mapped design that contains the weight bank.
        structure: gives the number of weight bits.
        hardware: options of the chip; default: those of `HardwareConfig`, with which every weight bit is triplicated.
    """
    hierarchy = synthesis.hierarchy
    rows = []
    for name, item in synthesis.mapped.items():
        module = hierarchy.modules[name]
        if any(hierarchy.modules[child].register_bits for child in module.children if child in hierarchy.modules):
            rows.append(Row(f"flip-flops in {name}", hierarchy.triplicated_bits(name), synthesis.flip_flops(name)))
            rows.append(Row(f"voters in {name}", _voters(synthesis, module.children), _voters(synthesis, item.cells)))
        if expected := hierarchy.triplicated_bits(name):
            missing = max(0, expected - synthesis.flip_flops(name))
            rows.append(Row(f"flip-flops missing in and below {name}", 0, missing))
    mask = hardware.triplicated if hardware is not None else None
    bits = register_layout(structure).weight_bits if mask is None else int(mask, 16).bit_count()
    for item in synthesis.mapped.values():
        if item.module.source == BANK:
            words = [
                child for child, count in item.module.children.items()
                if child in hierarchy.modules and hierarchy.modules[child].source == "econ_tmr_reg" for _ in range(count)
            ]  # fmt: skip
            rows.append(
                Row("flip-flops of the triplicated weight bits", 3 * bits, sum(map(synthesis.flip_flops, words)))
            )
    return rows


def check_census(rows: list[Row]) -> None:
    """Refuse a netlist with missing copies.

    Raises:
        MismatchError: a number differs, or no triplicated register was counted.
    """
    if wrong := [row for row in rows if not row.good]:
        first = wrong[0]
        raise MismatchError(
            f"census of the netlist: {len(wrong)} of {len(rows)} counts differ; first: {first.what}: expected "
            f"{first.expected}, found {first.found}; synthesis merged copies of triplicated registers"
        )
    if not rows:
        raise MismatchError("census of the netlist: the design holds no triplicated register, so nothing was counted")


def _voters(synthesis: Synthesis, cells: Counter[str]) -> int:
    """Voters among the parts of a module."""
    modules = synthesis.hierarchy.modules
    return sum(count for cell, count in cells.items() if cell in modules and modules[cell].source == VOTER)
