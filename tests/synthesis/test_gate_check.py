"""Netlists from synthesis: small encoder = emulator, upsets of a word, the rung of the ladder, Icarus as a witness."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import asic_flow.verify as ladder
from asic_flow.config import AsicConfig
from asic_flow.emulator import Emulator
from asic_flow.errors import FlowError
from asic_flow.exhaustive import reachable_charges, small_structure
from asic_flow.ir import Profile, econ_t_structure
from asic_flow.links import MAX_LINKS
from asic_flow.results import Check, NegativeControl, VerifyResults
from asic_flow.rtl import MODULES, PACKAGE_FILE, TOP, module_sources, render_rtl
from asic_flow.sim import simulate_rtl
from asic_flow.synthesis import flow
from asic_flow.synthesis.flow import Synthesis, synthesise
from asic_flow.synthesis.gate_check import bank_states, triplicated, verify_gates
from asic_flow.synthesis.gate_simulator import GateSimulator
from asic_flow.synthesis.gates import flatten
from asic_flow.synthesis.liberty import DEFAULT_LIBRARY, Library, read_liberty
from asic_flow.synthesis.yosys import yosys_version
from asic_flow.vectors import Vectors
from asic_flow.weights import WeightSet, from_bytes
from hgcal_data.frontend import module_sum_code

needs_tools = pytest.mark.skipif(
    shutil.which("yosys") is None or not DEFAULT_LIBRARY.is_file(), reason="Yosys or its library is not installed"
)
LIVELY = 0b00_01_01_00_01_01
"""Weights of the small encoder with which every product counts: all one half, no bias."""
WORD = ("econ_tmr_ff.sv", "econ_voter.sv", "econ_tmr_reg.sv")


@pytest.fixture(scope="module")
def library() -> Library:
    return read_liberty(DEFAULT_LIBRARY)


@pytest.fixture(scope="module")
def encoder(library: Library) -> Synthesis:
    return synthesise(render_rtl(small_structure(Profile.ECON_T)), "econ_encoder", library)


@needs_tools
@pytest.mark.tools
@pytest.mark.parametrize("delay", ["zero", "unit"])
def test_small_encoder_on_all_its_images(encoder: Synthesis, delay: Any) -> None:
    """Another weight set in every lane; with unit delay the same values settle, through more changes."""
    structure = small_structure(Profile.ECON_T)
    charges, images = reachable_charges(structure)
    chosen = [LIVELY, *np.random.default_rng(1).choice(1 << structure.weight_bits, 63, replace=False).tolist()]
    sets = [from_bytes(structure, value.to_bytes(2, "little")) for value in chosen]
    expected = np.stack([Emulator(weights).run(images.reshape(-1, 2, 2, 1))[:, 0] for weights in sets], axis=1)
    sim = GateSimulator(flatten(encoder), 64)
    sim.delay = delay
    for port in ("enable_i", "valid_i", "rst_ni"):
        sim.set(port, 1)
    sim.set("weights_i", [int.from_bytes(weights.to_bytes(), "little") for weights in sets])
    found, codes = [], []
    for event in range(len(charges) + structure.latency_clocks):
        sim.set("charges_i", np.tile(charges[min(event, len(charges) - 1)], (64, 1)))
        found.append(sim.peek("latents_o"))
        codes.append(sim.peek("sum_code_o")[0])
        sim.step()
    assert np.array_equal(np.array(found)[structure.latency_clocks :], expected)
    assert codes[structure.latency_clocks :] == module_sum_code(charges).tolist()
    assert set(np.unique(expected)) == {0, 1, 2}


NEURON = """
module lone_neuron (input logic [5:0] x_i, input logic [3:0] w_i, input logic [1:0] b_i, output logic [2:0] y_o);
  econ_neuron #(
    .NumInputs(2), .InputWidth(3), .WeightWidth(2), .ProductShift(1), .BiasShift(1), .OutputWidth(3), .Rounding(1)
  ) u_neuron (.x_i, .w_i, .b_i, .y_o);
endmodule
"""


@needs_tools
@pytest.mark.tools
def test_a_neuron_that_yosys_maps_wrongly(library: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All inputs, weights and biases. With its ``extract_fa`` older Yosys makes full adders with inverted sums of it."""
    sources = {name: module_sources()[name] for name in ("econ_neuron.sv", "econ_cast.sv")} | {"lone_neuron.sv": NEURON}
    x, w = np.arange(1024) & 63, np.arange(1024) >> 6
    wrong = {}
    for ours in (True, False):
        if not ours:
            others = [command for command in flow._COMMANDS if command != "techmap -map adders.v"]
            at = others.index("dfflibmap -liberty cells.lib")
            others[at:at] = ["extract_fa", "opt_clean", "techmap -map adders.v", "techmap"]
            monkeypatch.setattr(flow, "_COMMANDS", tuple(others))
        netlist = flatten(synthesise(sources, "lone_neuron", library, cache=tmp_path / str(ours)))
        sim = GateSimulator(netlist, 1024, clocks=())
        sim.set("x_i", x.tolist())
        sim.set("w_i", w.tolist())
        wrong[ours] = 0
        for bias in range(-2, 2):
            sim.set("b_i", bias & 3)
            signed = [((w >> 2 * tap & 3) ^ 2) - 2 for tap in range(2)]
            total = sum((x >> 3 * tap & 7) * signed[tap] >> 1 for tap in range(2)) + 2 * bias
            wrong[ours] += int(np.count_nonzero(np.array(sim.peek("y_o")) != np.clip(total, 0, 7)))
    assert wrong[True] == 0
    if yosys_version().startswith("Yosys 0.23 "):
        assert wrong[False] > 0


@needs_tools
@pytest.mark.tools
def test_an_upset_of_one_copy_is_outvoted_and_repaired(library: Library) -> None:
    sources = {name: module_sources()[name] for name in WORD}
    netlist = flatten(synthesise(sources, "econ_tmr_reg", library))
    sim = GateSimulator(netlist, 64)
    copies = [f"u_copy_{copy}.q_o" for copy in "abc"]
    for port, level in (("rst_ni", 1), ("refresh_i", 1), ("wmask_i", 0), ("d_i", 0)):
        sim.set(port, level)
    sim.load_state(copies, [1, 1, 1])
    sim.flip_state(copies, [0, 1, 2])  # one copy in three chips
    sim.flip_state([copies[0], copies[1]], [3, 3])  # two copies in one chip: the majority is wrong
    assert sim.peek("q_o")[:5] == [1, 1, 1, 0, 1]
    assert sim.peek("error_o")[:5] == [1, 1, 1, 1, 0]
    sim.step()
    assert sim.read_state(copies)[:5].tolist() == [[1, 1, 1]] * 3 + [[0, 0, 0], [1, 1, 1]]
    assert not any(sim.peek("error_o"))


def climbing(gate_events: int) -> Any:
    structure = econ_t_structure()
    config = AsicConfig.model_validate({"verify": {"gate_events": gate_events}})
    charges = np.zeros((1000, 48), dtype=np.int64)
    vectors = Vectors(charges, charges, charges[:, 0], charges[:, :16], charges[0])
    weights = SimpleNamespace(structure=structure)
    results = VerifyResults(structure.sha256, "econ_t", clock_ns=25.0)
    return ladder.Ladder(None, config, weights, vectors, results)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "caught", "verdict"), [("pass", True, "pass"), ("fail", True, "fail"), ("pass", False, "fail")]
)
def test_gate_rung(status: Any, caught: bool, verdict: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fake(_weights: Any, vectors: Vectors, *_args: Any, **options: Any) -> Any:
        assert (len(vectors.latents), options["links"]) == (700, MAX_LINKS)
        return [Check("gates", "a", "b", 700, 1, int(status == "fail"), status, 0.0)], [
            NegativeControl("wrong gate", caught, "")
        ]

    monkeypatch.setattr(ladder, "verify_gates", fake)
    monkeypatch.setattr(ladder, "read_liberty", lambda _path: None)
    climb = climbing(700)
    ladder._gates_rung(climb)
    assert climb.results.verdict == verdict


def test_a_rung_that_is_off_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off by configuration: skipped, with the reason; the verdict is that of the others."""
    check = ladder._skipped("gates", "asic.verify.gate_events is 0", optional=True)
    assert (check.status, check.name) == ("skipped", "emulator = gate netlist (Yosys)")
    passed = Check("others", "a", "b", 1, 1, 0, "pass", 0.0)
    verdicts = [
        VerifyResults("", "exact", 25.0, [passed, skipped]).verdict for skipped in (check, replace(check, optional=False))
    ]  # fmt: skip
    assert verdicts == ["pass", "incomplete"]
    with pytest.raises(ValueError, match="gate_events"):
        AsicConfig.model_validate({"verify": {"events": 200, "rtl_events": 100, "gate_events": 300}})


def chip_vectors(weights: WeightSet) -> Vectors:
    charges, images = reachable_charges(weights.structure)
    latents = Emulator(weights).run(images.reshape(-1, 2, 2, 1))
    return Vectors(charges, images, module_sum_code(charges), latents, weights.words())


@needs_tools
@pytest.mark.tools
@pytest.mark.long
def test_the_small_chip_at_gate_level(library: Library, tmp_path: Path) -> None:
    """Our simulator with weights in the flip-flops, and Icarus with the library's own models and weights over I2C."""
    structure = small_structure(Profile.EXACT)
    weights = from_bytes(structure, LIVELY.to_bytes(2, "little"))
    vectors, sources = chip_vectors(weights), render_rtl(structure)
    checks, controls = verify_gates(weights, vectors, library, links=2)
    assert [check.status for check in checks] == ["pass", "pass"]
    assert [control.caught for control in controls] == [True, True], controls
    assert checks[1].values == len(vectors.charges) * (1 + 1 + MAX_LINKS)

    synthesis = synthesise(sources, TOP, library)
    copies = bank_states(flatten(synthesis), structure.weight_bits)
    assert {len(holders) for holders in copies} == {3}
    assert set(triplicated("u_registers.u_misc", 1)) <= set(flatten(synthesis).state_names)
    with pytest.raises(FlowError, match="there is none"):
        bank_states(flatten(synthesis), structure.weight_bits + 1)

    models = library.path.with_suffix(".v").read_text(encoding="utf-8")
    result = simulate_netlist(tmp_path, models + synthesis.netlist(), sources[PACKAGE_FILE], weights, vectors)
    assert (result.passed, result.mismatches, result.link_mismatches) == (True, 0, 0), result.failures
    assert (result.events, result.readback_ok) == (len(vectors.charges), True)


def simulate_netlist(project: Path, netlist: str, package: str, weights: WeightSet, vectors: Vectors) -> Any:
    """The chip's bench on a project whose ``econ_top.sv`` is the netlist, and whose other modules are empty files."""
    (project / "rtl").mkdir(parents=True)
    (project / "tb_data").mkdir()
    (project / "encoder.json").write_text(weights.structure.to_json(), encoding="utf-8")
    for name in MODULES:
        (project / "rtl" / name).write_text(netlist if name == f"{TOP}.sv" else "", encoding="utf-8")
    (project / "rtl" / PACKAGE_FILE).write_text(package, encoding="utf-8")
    vectors.write(project / "tb_data")
    return simulate_rtl(project, project / "tb_data", simulator="icarus", cache=project / "cache")
