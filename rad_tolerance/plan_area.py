"""Area of a weight bit stored once and three times, from synthesis of a word of each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

from asic_flow.rtl import RTL_FOLDER
from asic_flow.synthesis.flow import synthesise
from asic_flow.synthesis.liberty import DEFAULT_LIBRARY, read_liberty

_WIDTH: Final = 32
_PORTS: Final = (
    "input logic clk_i, input logic rst_ni, input logic [{top}:0] wmask_i, input logic [{top}:0] d_i, "
    "output logic [{top}:0] q_o"
)
_TRIPLED: Final = """
module plan_tripled ({ports}, output logic error_o);
  econ_tmr_reg #(.Width({width})) u_bits (.clk_tmr_i({{3{{clk_i}}}}), .rst_ni, .refresh_i(1'b1), .wmask_i, .d_i, .q_o, .error_o);
endmodule
"""
_SINGLE: Final = """
module plan_single ({ports});
  econ_tmr_ff #(.Width({width})) u_bits (.clk_i, .rst_ni, .d_i((d_i & wmask_i) | (q_o & ~wmask_i)), .q_o);
endmodule
"""


@dataclass(frozen=True)
class AreaPerBit:
    """Two-input NANDs of the library per weight bit, write multiplexer included.

    Attributes:
        single: one flip-flop.
        tripled: three flip-flops, three voters and the comparison.
        library: name of the cell library.
    """

    single: float
    tripled: float
    library: str

    @classmethod
    def synthesised(cls) -> Self:
        """Map one word of each kind (cached).

        Raises:
            ToolNotFoundError: Yosys is not installed.
            FlowError: the library cannot be read.
        """
        library = read_liberty(DEFAULT_LIBRARY)
        names = ("econ_voter.sv", "econ_tmr_ff.sv", "econ_tmr_reg.sv")
        modules = {name: (RTL_FOLDER / name).read_text(encoding="utf-8") for name in names}
        ports = _PORTS.format(top=_WIDTH - 1)
        areas = []
        for top, text in (("plan_single", _SINGLE), ("plan_tripled", _TRIPLED)):
            sources = {**modules, f"{top}.sv": text.format(ports=ports, width=_WIDTH)}
            areas.append(synthesise(sources, top, library).gate_equivalents() / _WIDTH)
        return cls(areas[0], areas[1], DEFAULT_LIBRARY.stem)

    def table(self, bits: int, protected: int) -> dict[str, Any]:
        """Area of a bank of `bits` bits, all or `protected` of them in three copies."""
        full, selective = bits * self.tripled, protected * self.tripled + (bits - protected) * self.single
        return {
            "library": self.library, "single_bit_nand2": self.single, "triplicated_bit_nand2": self.tripled,
            "all_triplicated_nand2": full, "selective_nand2": selective, "unprotected_nand2": bits * self.single,
            "saved_fraction": 1.0 - selective / full,
        }  # fmt: skip
