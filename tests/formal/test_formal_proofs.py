"""Formal proofs of the RTL: claims hold, planted faults give counter-examples, and the library can fail in every way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from asic_flow.cli import run_cli
from asic_flow.errors import FlowError, ToolFailedError, ToolNotFoundError
from asic_flow.formal import memory, suite
from asic_flow.formal.arithmetic import neuron_controls
from asic_flow.formal.bus import bus_proofs
from asic_flow.formal.engine import Proof, edited, prove, rtl_modules
from asic_flow.formal.structure import bank_check, count_bank
from asic_flow.formal.suite import as_check, as_control
from asic_flow.ir import econ_t_structure
from asic_flow.rtl import render_rtl
from asic_flow.synthesis.hierarchy import elaborate

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(shutil.which("yosys") is None, reason="Yosys is not installed"),
]

COUNTER = """
module harness #(parameter int Limit = 5, parameter bit Wrap = 1'b1) (input logic clk);
  logic [2:0] count = '0;
  always_ff @(posedge clk) count <= (Wrap && count == 3'd3) ? '0 : count + 3'd1;
  always @(*) assert (count < Limit);
endmodule
"""

PLAIN_REGISTER = """
  logic plain_q;
  always_ff @(posedge clk_tmr_i[0]) plain_q <= |counter_error;
  assign error_o = plain_q;
"""


@pytest.mark.parametrize(
    ("parameters", "depth", "outcome", "steps"),
    [
        ({}, None, "proved", None), ({"Wrap": 0}, None, "refuted", 5), ({"Wrap": 0}, 4, "bounded", 4),
        ({"Wrap": 0}, 9, "refuted", 5),
    ],
)  # fmt: skip
def test_outcomes_of_a_counter(parameters: dict[str, int], depth: int | None, outcome: str, steps: int | None) -> None:
    result = prove(Proof("counter", "stays below five", {}, COUNTER, parameters, depth=depth))
    assert result.outcome == outcome
    assert result.holds == (outcome in {"proved", "bounded"})
    assert result.assertions == 1
    assert steps is None or result.steps == steps


def test_a_bound_that_induction_cannot_reach_is_unknown() -> None:
    harness = COUNTER.replace("count == 3'd3", "count == 3'd3 || count == 3'd7")
    result = prove(Proof("counter", "", {}, harness, {"Limit": 5}, longest_induction=1))
    assert (result.outcome, result.holds) == ("unknown", False)
    assert as_check(result).status == "fail"


def test_a_harness_without_assertion_proves_nothing() -> None:
    with pytest.raises(FlowError, match="no assertion"):
        prove(Proof("empty", "", {}, COUNTER.replace("assert (count < Limit)", "assume (count < Limit)")))


def test_errors_of_the_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ToolFailedError, match="proving broken: Yosys ended with status 1"):
        prove(Proof("broken", "", {}, "module harness (input logic clk); nonsense; endmodule"))
    with pytest.raises(FlowError, match="occurs 2 times"):
        edited("a a", "a", "b")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolNotFoundError, match="Yosys is not installed"):
        prove(Proof("counter", "", {}, COUNTER))


def test_triplicated_words_and_their_planted_faults() -> None:
    proofs, planted = list(memory.word_proofs()), list(memory.word_controls())
    assert all(prove(proof).outcome == "proved" for proof in proofs)
    assert [as_control(prove(proof)).caught for proof in planted] == [True] * 4


def test_refresh_counters_and_commit() -> None:
    for proof in (*memory.refresh_proofs(), *memory.counter_proofs(), *memory.commit_proofs()):
        assert prove(proof).outcome == "proved", proof.name
    commit = memory.commit_proofs(planted=" && (crc_i == expected_crc_i)", name="no CRC")
    for proof in (*memory.refresh_controls(), *commit):
        assert prove(proof).outcome == "refuted", proof.name


def test_output_and_bus() -> None:
    for proof in (*memory.output_proofs(), *bus_proofs()):
        assert prove(proof).outcome == "proved", proof.name
    for proof in (*memory.output_proofs(planted=True), *neuron_controls()):
        assert prove(proof).outcome == "refuted", proof.name


@pytest.mark.slow
def test_the_whole_suite() -> None:
    checks, controls = suite.run_suite(econ_t_structure(), full=True)
    assert [check.name for check in checks if check.status != "pass"] == []
    assert [control.name for control in controls if not control.caught] == []


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Results are written; a planted fault that goes unseen decides the exit code."""
    (tmp_path / "encoder.json").write_text(econ_t_structure().to_json())
    good = Proof("counter", "stays below five", {}, COUNTER)
    monkeypatch.setattr(suite, "proofs", lambda full: [good])
    monkeypatch.setattr(suite, "controls", lambda full: [Proof("counts on", "", {}, COUNTER, {"Wrap": 0})])
    assert run_cli(["prove", str(tmp_path)]) == 0
    written = json.loads((tmp_path / "verify" / "formal" / "results.json").read_text())
    assert (written["verdict"], written["checks"][1]["name"]) == ("pass", "formal: counter")
    assert "for all time" in written["checks"][1]["detail"]
    monkeypatch.setattr(suite, "controls", lambda full: [good])
    assert run_cli(["prove", str(tmp_path)]) == 1
    assert "formal: counter" in capsys.readouterr().err
    assert run_cli(["prove", str(tmp_path / "none")]) == 2


def test_the_bank_holds_nothing_but_triplicated_words() -> None:
    structure = memory.tiny_structure()
    check = bank_check(structure)
    assert (check.status, check.values) == ("pass", 3 * structure.weight_bits)
    rtl = render_rtl(structure)
    bank = edited(rtl["econ_weight_bank.sv"], "assign error_o = |counter_error;", PLAIN_REGISTER)
    hierarchy = elaborate({**rtl, "econ_weight_bank.sv": bank}, "econ_registers")
    copies, elsewhere = count_bank(hierarchy)
    assert copies == 3 * structure.weight_bits
    assert [name.rsplit("_", 1)[0] for name in elsewhere] == ["econ_weight_bank"]


def test_modules_with_upsets_replace_the_flip_flop_only() -> None:
    plain, upset = rtl_modules("econ_voter", "econ_tmr_reg"), rtl_modules("econ_voter", "econ_tmr_reg", upsets=True)
    assert set(upset) - set(plain) == {"econ_tmr_ff.sv"}
    assert all(upset[name] == text for name, text in plain.items())
