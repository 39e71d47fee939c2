"""A tiny design: two registered inputs, one NAND2, one registered output."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from asic_flow.synthesis.flow import Synthesis, synthesise
from asic_flow.synthesis.liberty import DEFAULT_LIBRARY, read_liberty

TINY = """
module tiny (input logic clk_i, input logic a_i, input logic b_i, output logic y_o);
  logic a_q, b_q, y_q;
  always_ff @(posedge clk_i) begin
    a_q <= a_i;
    b_q <= b_i;
    y_q <= ~(a_q & b_q);
  end
  assign y_o = y_q;
endmodule
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    if shutil.which("yosys") is None or not DEFAULT_LIBRARY.is_file():
        pytest.skip("Yosys or its library is not installed")
    cache: Path = tmp_path_factory.mktemp("mapped")
    return synthesise({"tiny.sv": TINY}, "tiny", read_liberty(DEFAULT_LIBRARY), cache=cache)
