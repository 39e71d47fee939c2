"""Liberty, mapping and census: a tiny design counted by hand, merged copies refused, the cache used."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from asic_flow.errors import FlowError, MismatchError
from asic_flow.formal.memory import tiny_structure
from asic_flow.rtl import module_sources
from asic_flow.synthesis.census import census, check_census
from asic_flow.synthesis.flow import synthesise
from asic_flow.synthesis.functions import evaluate, parse, pins_of
from asic_flow.synthesis.liberty import DEFAULT_LIBRARY, Library, read_liberty

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(
        shutil.which("yosys") is None or not DEFAULT_LIBRARY.is_file(), reason="Yosys or its library is not installed"
    ),
]

WORD = """
module one_clock (input logic clk_i, input logic rst_ni, input logic [5:0] mask_i, input logic [5:0] d_i,
                  output logic [5:0] q_o, output logic error_o);
  econ_tmr_reg #(.Width(6)) u_word (
    .clk_tmr_i({3{clk_i}}), .rst_ni, .refresh_i(1'b1), .wmask_i(mask_i), .d_i, .q_o, .error_o
  );
endmodule
"""
WORD_MODULES = ("econ_tmr_ff", "econ_voter", "econ_tmr_reg")


@pytest.fixture(scope="module")
def library() -> Library:
    return read_liberty(DEFAULT_LIBRARY)


def word_sources() -> dict[str, str]:
    sources = module_sources()
    return {**{f"{name}.sv": sources[f"{name}.sv"] for name in WORD_MODULES}, "one_clock.sv": WORD}


@pytest.mark.parametrize(
    ("function", "tree", "table"),
    [
        ("(!(A B))", ("!", ("&", ("A",), ("B",))), [1, 1, 1, 0]), ("A+B", ("|", ("A",), ("B",)), [0, 1, 1, 1]),
        ("A'*B", ("&", ("!", ("A",)), ("B",)), [0, 0, 1, 0]), ("A^B", ("^", ("A",), ("B",)), [0, 1, 1, 0]),
        ("!A + A B", ("|", ("!", ("A",)), ("&", ("A",), ("B",))), [1, 0, 1, 1]), ("A | 0", ("|", ("A",), ("0",)), [0, 1, 0, 1]),
    ],
)  # fmt: skip
def test_functions(function: str, tree: tuple[object, ...], table: list[int]) -> None:
    assert parse(function) == tree
    assert pins_of(function) == {pin for pin in "AB" if pin in function}
    assert [evaluate(function, {"A": i & 1, "B": i >> 1}) for i in range(4)] == table


@pytest.mark.parametrize("function", ["", "A $ B", "(A", "A)", "A +"])
def test_malformed_functions(function: str) -> None:
    with pytest.raises(FlowError, match="reading the function"):
        parse(function)


def test_the_default_library(library: Library) -> None:
    assert library.nand2_area == 24.0
    full, half = library.adder(3), library.adder(2)
    assert full is not None
    assert half is not None
    assert (full[0].name, full[1:], half[0].name) == ("FAX1", ("YS", "YC"), "HAX1")
    assert library.flip_flops == {"DFFPOSX1", "DFFNEGX1", "DFFSR"}
    assert library.latch is not None


def test_files_that_are_no_library(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="No such file"):
        read_liberty(tmp_path / "none.lib")
    for text in ("", "hello", "library(a) { cell(b) {", "library(a) { }"):
        (tmp_path / "bad.lib").write_text(text)
        with pytest.raises(FlowError, match=r"bad\.lib"):
            read_liberty(tmp_path / "bad.lib")


def test_a_word_keeps_its_copies_and_the_cache_is_used(library: Library, tmp_path: Path) -> None:
    structure = tiny_structure()
    first = synthesise(word_sources(), "one_clock", library, cache=tmp_path)
    rows = census(first, structure)
    check_census(rows)
    assert first.flip_flops() == 18
    assert {row.what.split(" in ")[0]: row.found for row in rows if row.expected} == {"flip-flops": 18, "voters": 3}
    assert first.gate_equivalents() == first.area() / 24.0
    again = synthesise(word_sources(), "one_clock", library, cache=tmp_path)
    assert (first.fresh, again.fresh) == (len(first.mapped), 0)
    assert again.netlist() == first.netlist()


def test_merged_copies_fail_the_census(library: Library, tmp_path: Path) -> None:
    """Negative control: without the kept hierarchy, synthesis leaves one copy of three."""
    merged = synthesise(word_sources(), "one_clock", library, cache=tmp_path, inlined=WORD_MODULES)
    assert merged.flip_flops() == 6
    with pytest.raises(MismatchError, match="merged copies"):
        check_census(census(merged, tiny_structure()))
    with pytest.raises(MismatchError, match="no triplicated register"):
        check_census([])
