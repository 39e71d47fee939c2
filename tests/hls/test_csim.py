"""The g++ bench is bit-exact against the emulator, and fails on every planted fault."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asic_flow.errors import FlowError, ToolFailedError, ToolNotFoundError
from asic_flow.hls import CompiledBench, find_ac_types, run_csim
from asic_flow.hls.compiler import Toolchain
from asic_flow.hls.csim import parse_output
from asic_flow.ir import Structure
from asic_flow.weights import WeightSet

pytestmark = pytest.mark.tools
EVENTS, LATENTS, CELLS = 400, 16, 64
Damage = Callable[[Path], None]
one_profile = pytest.mark.parametrize("structure", ["exact"], indirect=True)


def test_bench_passes_and_counts(bench: CompiledBench, structure: Structure) -> None:
    result = run_csim(bench)
    assert result.passed
    assert result.exit_code == 0
    counts = {stream.name: stream.values for stream in result.streams}
    assert counts["latents"] == EVENTS * LATENTS
    assert counts["images"] == EVENTS * CELLS
    assert counts["sum_codes"] == counts["error_flag"] == EVENTS
    assert counts["weight_readback"] == 2 * -(-structure.weight_bits // 8)
    assert counts["upsets"] == 1608 * 2 * (LATENTS + 2)
    assert result.values == sum(counts.values())
    assert (result.mismatches, result.first_mismatch) == (0, None)


def edit_line(name: str, line: int, change: Callable[[str], str]) -> Damage:
    def damage(folder: Path) -> None:
        lines = (folder / name).read_text().splitlines()
        lines[line] = change(lines[line])
        (folder / name).write_text("\n".join(lines) + "\n")

    return damage


def last_plus_one(text: str) -> str:
    head, _, last = text.rpartition(" ")
    return f"{head} {int(last) + 1}".strip()


@one_profile
@pytest.mark.parametrize(
    ("damage", "first"),
    [
        (edit_line("tb_output_predictions.dat", 399, last_plus_one), (399, "latents", 15)),
        (edit_line("tb_output_predictions.dat", 0, last_plus_one), (0, "latents", 15)),
        (edit_line("tb_sum_codes.dat", 200, last_plus_one), (200, "sum_codes", 0)),
        (edit_line("tb_input_features.dat", 7, last_plus_one), (7, "images", 63)),
    ],
)
def test_one_edited_value_is_found(
    bench: CompiledBench, edited: Callable[[], Path], damage: Damage, first: tuple[int, str, int]
) -> None:
    folder = edited()
    damage(folder)
    result = run_csim(bench, folder)
    assert result.exit_code == 1
    assert not result.passed
    assert result.mismatches >= 1
    assert result.first_mismatch is not None
    assert result.first_mismatch[:3] == first


@one_profile
def test_a_flipped_weight_bit_is_found(bench: CompiledBench, edited: Callable[[], Path], weights: WeightSet) -> None:
    folder = edited()
    bit = 6 * (weights.structure.n_weights - 1) + 4  # second-highest bit of the last dense bias
    np.savetxt(folder / "tb_weights.dat", weights.flip_bit(bit).words(), fmt="%d")
    result = run_csim(bench, folder)
    assert not result.passed
    assert {stream.name for stream in result.streams if stream.mismatches} == {"latents", "upsets"}


@one_profile
@pytest.mark.parametrize("name", ["charges", "input_features", "output_predictions", "sum_codes", "weights"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_text(""), "holds no values"),
        (lambda path: path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n"), "rows, expected"),
        (lambda path: path.write_text(path.read_text() + "7 7 7\n"), "expected"),
        (lambda path: path.write_text(path.read_text().replace("\n", " x\n", 1)), "not a decimal integer"),
        (lambda path: path.write_text("1.5\n" + path.read_text()), "not a decimal integer"),
    ],
)
def test_unusable_vectors(
    bench: CompiledBench, edited: Callable[[], Path], name: str, damage: Damage, message: str
) -> None:
    folder = edited()
    damage(folder / f"tb_{name}.dat")
    with pytest.raises(FlowError, match=message):
        run_csim(bench, folder)
    result = run_csim(bench, folder, allow_failure=True)
    assert (result.exit_code, result.passed, result.values) == (2, False, 0)
    assert "tb_" in result.summary


@one_profile
def test_out_of_range_values(bench: CompiledBench, edited: Callable[[], Path]) -> None:
    folder = edited()
    edit_line("tb_charges.dat", 3, lambda text: " ".join([str(1 << 22), *text.split()[1:]]))(folder)
    with pytest.raises(FlowError, match=r"tb_charges.dat:4: found 4194304, expected 0..4194303"):
        run_csim(bench, folder)
    folder = Path(shutil.copytree(bench.project / "tb_data", folder.parent / "again"))
    edit_line("tb_weights.dat", 2143, lambda _: "32")(folder)
    with pytest.raises(FlowError, match="weight word 2143: found 32, outside its format"):
        run_csim(bench, folder)


@one_profile
def test_missing_folder(bench: CompiledBench, tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="cannot be read"):
        run_csim(bench, tmp_path / "nowhere")


@one_profile
def test_second_build_is_cached_and_a_changed_source_is_not(
    bench: CompiledBench, project: Path, tmp_path: Path
) -> None:
    again = CompiledBench.build(project)
    assert (again.program, again.compile_seconds) == (bench.program, 0.0)
    copy = Path(shutil.copytree(project, tmp_path / "copy"))
    kernel = copy / "firmware" / "nnet_utils" / "ae_weight_bank.h"
    text = kernel.read_text()
    assert "(a & b) | (a & c) | (b & c)" in text
    kernel.write_text(text.replace("(a & b) | (a & c) | (b & c)", "a"))  # remove the voter
    result = run_csim(copy)
    assert result.compile_seconds > 0
    assert not result.passed
    assert {stream.name for stream in result.streams if stream.mismatches} <= {"upsets"}


@one_profile
def test_refresh_switched_off_is_found(project: Path, tmp_path: Path, toolchain: Toolchain) -> None:
    copy = Path(shutil.copytree(project, tmp_path / "copy"))
    kernel = copy / "firmware" / "nnet_utils" / "ae_weight_bank.h"
    text = kernel.read_text()
    assert "copy_b_[i] = isolate<1>(next);" in text
    kernel.write_text(
        text.replace(
            "copy_b_[i] = isolate<1>(next);", "if (write_enable && is_addressed) copy_b_[i] = isolate<1>(next);"
        )
    )
    result = run_csim(copy, ac_types=toolchain.ac_types)
    assert {stream.name for stream in result.streams if stream.mismatches} == {"upsets"}


@one_profile
def test_compile_error_is_quoted(project: Path, tmp_path: Path, toolchain: Toolchain) -> None:
    copy = Path(shutil.copytree(project, tmp_path / "copy", ignore=shutil.ignore_patterns("build")))
    source = copy / "firmware" / "econ_encoder.cpp"
    source.write_text(source.read_text() + "\nint broken = undeclared_name;\n")
    with pytest.raises(ToolFailedError, match="undeclared_name"):
        CompiledBench.build(copy, ac_types=toolchain.ac_types)
    assert not list(copy.rglob("*.o"))
    assert not list((copy / "build").rglob("econ_encoder_test"))


@one_profile
def test_build_lib_script(project: Path, tmp_path: Path, toolchain: Toolchain) -> None:
    script = ["sh", str(project / "build_lib.sh"), str(tmp_path / "out")]
    environment = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "AC_TYPES" in done.stderr
    done = subprocess.run(
        script, env={**environment, "AC_TYPES": str(toolchain.ac_types)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    program = tmp_path / "out" / "econ_encoder_test"
    done = subprocess.run([program, project / "tb_data"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "RESULT PASS events=400" in done.stdout


def test_headers_given_by_the_user(tmp_path: Path) -> None:
    with pytest.raises(ToolNotFoundError, match="no ac_int.h"):
        find_ac_types(tmp_path)
    shutil.copytree(find_ac_types(), tmp_path / "include")
    assert find_ac_types(tmp_path) == tmp_path / "include"


@pytest.mark.parametrize(
    ("stdout", "code"),
    [
        ("", 0),
        ("RESULT PASS events=1 values=1 mismatches=0", 1),
        ("RESULT FAIL events=1 values=1 mismatches=1", 0),
        ("COMPARED latents values=1 mismatches=0\nRESULT PASS events=1 values=2 mismatches=0", 0),
        ("RESULT PASS events=1 values=0 mismatches=0", -11),
    ],
)
def test_text_and_status_must_agree(stdout: str, code: int) -> None:
    with pytest.raises(ToolFailedError):
        parse_output(stdout, "", code)


def test_nothing_compared_is_not_a_pass() -> None:
    assert not parse_output("RESULT PASS events=0 values=0 mismatches=0", "", 0).passed
