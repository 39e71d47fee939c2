"""Gate level: the mapped chip behind the chip bench, weights over I2C, every integer compared with the emulator."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from asic_flow.errors import FlowError
from asic_flow.ir import Structure
from asic_flow.packaging import BENCH_FILE, BENCH_TOP
from asic_flow.rtl import PACKAGE_FILE, TOP, render_rtl
from asic_flow.sim.rtl import BENCH_PORTS, SimResult, simulate_rtl
from asic_flow.sim.simulators import Model, SimulatorName
from asic_flow.synthesis.census import Row, census
from asic_flow.synthesis.flow import Synthesis, synthesise
from asic_flow.synthesis.liberty import Library, verilog_models
from asic_flow.vectors import make_vectors, stress_charges
from asic_flow.weights import random_weights

_LINT = (
    "UNUSEDSIGNAL", "UNDRIVEN", "UNOPTFLAT", "DECLFILENAME", "PINMISSING", "WIDTH", "VARHIDDEN", "MULTITOP", "COMBDLY",
    "LATCH", "SYNCASYNCNET", "UNUSEDPARAM", "IMPLICIT",
)  # fmt: skip
"""Style warnings that a netlist need not heed."""
_WAIVERS = "".join(f"/* verilator lint_off {name} */\n" for name in _LINT)
_INSTANCE = re.compile(r"^  (\w+) (\S+ )\($", re.MULTILINE)


def gate_netlist(synthesis: Synthesis) -> str:
    """Netlist of a mapped design with functional models of the cells that it uses, one file for a simulator."""
    return verilog_models(synthesis.library, synthesis.used_cells) + "\n" + synthesis.netlist()


def with_wrong_gate(netlist: str, library: Library, module: str = "econ_neuron") -> tuple[str, str]:
    """The netlist with one gate of a neuron replaced by another with the same pins (a planted fault), and which.

    Raises:
        FlowError: no gate of the module can be replaced so.
    """
    start = netlist.find(f"module {module}_")
    for match in _INSTANCE.finditer(netlist, start) if start >= 0 else ():
        cell = library.cells.get(match[1])
        if cell is None or cell.state is not None:
            continue
        for other in library.cells.values():
            same = other.inputs == cell.inputs and set(other.outputs) == set(cell.outputs) and not other.three_state
            if same and any(other.truth(pin) != cell.truth(pin) for pin in cell.outputs):
                text = netlist[: match.start(1)] + other.name + netlist[match.end(1) :]
                return _with_model(text, library, other.name), f"{match[2].strip()}: {cell.name} became {other.name}"
    raise FlowError(f"planting a wrong gate: no cell of module {module} can be replaced by one with the same pins")


def _with_model(text: str, library: Library, name: str) -> str:
    return text if f"module {name} (" in text else text + verilog_models(library, frozenset({name}))


def verify_gates(
    structure: Structure, library: Library, *, events: int, simulator: SimulatorName = "verilator", seed: int = 1,
    cache: Path | None = None, progress: Callable[[str], None] = lambda _line: None,
) -> tuple[list[Row], SimResult, SimResult]:  # fmt: skip
    """Synthesise the chip of a structure, count its copies, and simulate its netlist with random weights over I2C.

    Args:
        structure: a small one: every gate is simulated.
        library: cells to map to.
        events: events streamed through the netlist, one per clock.
        simulator: ``verilator`` or ``icarus``.
        seed: seed of weights and charges.
        cache: folder of mapped modules.
        progress: called with one line before each step.

    Returns:
        The census, the result of the netlist, and that of a netlist with one wrong gate, which must differ.

    Raises:
        FlowError: a tool is missing or fails.
    """
    rtl = render_rtl(structure)
    synthesis = synthesise(rtl, TOP, library, cache=cache, progress=progress)
    netlist = gate_netlist(synthesis)
    wrong, _ = with_wrong_gate(netlist, library)
    rng = np.random.default_rng(seed)
    weights = random_weights(structure, rng)
    vectors = make_vectors(weights, stress_charges(rng, events))
    results = []
    with tempfile.TemporaryDirectory(prefix="econ_gates_") as scratch:
        folder = Path(scratch)
        (folder / "encoder.json").write_text(structure.to_json(), encoding="utf-8")
        (folder / "tb_data").mkdir()
        vectors.write(folder / "tb_data")
        for name, text in (("gates.v", netlist), ("wrong.v", wrong)):
            progress(f"simulating {name}")
            (folder / name).write_text(f"{_WAIVERS}{rtl[PACKAGE_FILE]}\n{text}", encoding="utf-8")
            model = Model((folder / name, BENCH_FILE), BENCH_TOP, public={BENCH_TOP: BENCH_PORTS})
            results.append(
                simulate_rtl(folder, folder / "tb_data", simulator=simulator, model=model, work_dir=folder / name[:-2])
            )
    return census(synthesis, structure), results[0], results[1]
