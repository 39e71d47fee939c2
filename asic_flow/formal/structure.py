"""That the weight bank is made of nothing but the triplicated registers whose word is proven, counted in the elaborated RTL."""

from __future__ import annotations

import re
import time

from asic_flow.ir import Structure
from asic_flow.registers.model import register_layout
from asic_flow.results import Check
from asic_flow.rtl import MODULES, render_rtl
from asic_flow.synthesis.census import BANK
from asic_flow.synthesis.hierarchy import COPY, Hierarchy, elaborate

_STORAGE = re.compile(r"^  cell \$\w*(?:dff|ff|latch|mem)\w* ", re.MULTILINE)
_WORD = "econ_tmr_reg"
_REGISTERS = "econ_registers"


def bank_check(structure: Structure) -> Check:
    """Count the flip-flops of the weight bank of a structure.

    Returns:
        A check that passes if the copies of the bank's words hold three bits per weight bit, and no other module in or
        below the bank, but the copies themselves and the clock gates, stores anything.

    Raises:
        ToolNotFoundError: Yosys is not installed.
        ToolFailedError: Yosys does not accept the RTL.
    """
    begin = time.monotonic()
    rtl = render_rtl(structure)
    needed = MODULES[: MODULES.index(f"{_REGISTERS}.sv") + 1]
    hierarchy = elaborate(
        {name: text for name, text in rtl.items() if name in needed or name not in MODULES}, _REGISTERS
    )
    bits = register_layout(structure).weight_bits
    copies, elsewhere = count_bank(hierarchy)
    wrong = (copies != 3 * bits) + len(elsewhere)
    return Check(
        "formal: the weight bank is made of triplicated words", "structure", "rtl", 0, copies, wrong,
        "fail" if wrong else "pass", time.monotonic() - begin,
        f"{copies} flip-flops in copies for {bits} weight bits; storage elsewhere: {', '.join(elsewhere) or 'none'}",
    )  # fmt: skip


def count_bank(hierarchy: Hierarchy) -> tuple[int, list[str]]:
    """Flip-flops in the copies of the bank's words, and modules in or below the bank that store anything else."""
    bank = next(module for module in hierarchy.modules.values() if module.source == BANK)
    copies = sum(
        count * hierarchy.triplicated_bits(child)
        for child, count in bank.children.items()
        if child in hierarchy.modules and hierarchy.modules[child].source == _WORD
    )
    below, elsewhere = [bank.name], []
    for name in below:
        module = hierarchy.modules[name]
        below += [child for child in module.children if child in hierarchy.modules and child not in below]
        if _STORAGE.search(module.text) and module.source not in {COPY, "econ_clock_gate"}:
            elsewhere.append(name)
    return copies, elsewhere
