"""``asic_flow weights``: what a user types, what he sees, and the exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from asic_flow import cli
from asic_flow.host import FakeChip
from asic_flow.images import ImageFormat, read_image, write_image
from asic_flow.ir import econ_t_structure
from asic_flow.registers import register_layout
from asic_flow.weights import WeightSet, random_weights

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run ``asic_flow weights ARGS`` in this process, in a fresh folder; gives (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["asic_flow", "weights", *args])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else 0), captured.out, captured.err

    return call


@pytest.fixture
def weights(tmp_path: Path) -> WeightSet:
    structure = econ_t_structure()
    (tmp_path / "encoder.json").write_text(structure.to_json())
    (tmp_path / "weights").mkdir()
    made = random_weights(structure, np.random.default_rng(2))
    write_image(made, tmp_path / "weights" / "links5.json")
    return made


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> FakeChip:
    """A chip that lives from one command to the next, as ``--bus stand:bus``."""
    chip = FakeChip(register_layout(econ_t_structure()))
    module = ModuleType("stand")
    vars(module)["bus"] = lambda: chip
    monkeypatch.setitem(sys.modules, "stand", module)
    return chip


def test_pack_diff_unpack(run: Run, weights: WeightSet) -> None:
    source = "weights/links5.json"
    for name in ("w.yaml", "w.hex", "w.raw", "w.c", "w.lpgbt"):
        code, out, _ = run("pack", source, "-o", name)
        assert code == 0
        assert f"{weights.crc32:#010x}" in out
        assert run("diff", source, name) == (0, "2144 weights, no difference\n", "")
    assert run("pack", source, "-o", "p1.yaml", "-f", "p1")[0] == 0
    assert "AUTOENCODER_11INPUT" in Path("p1.yaml").read_text()
    assert run("unpack", "p1.yaml", "-o", "back.json")[0] == 0
    assert read_image(Path("back.json"), weights.structure).crc32 == weights.crc32


def test_diff_shows_the_weight_and_exits_1(run: Run, weights: WeightSet) -> None:
    write_image(weights.flip_bit(80 * 6), Path("other.hex"))  # lowest bit of the first dense weight
    code, out, err = run("diff", "weights/links5.json", "other.hex")
    assert code == 1
    assert "dense.kernel" in out
    assert "1 of 2144 weights differ" in err
    code, out, _ = run("diff", "weights/links5.json", "other.hex", "--json")
    value = int(weights.tensors["dense.kernel"][0, 0])
    expected = {"tensor": "dense.kernel", "index": [0, 0], "first": value, "second": value ^ 1}
    assert (code, json.loads(out)["differences"]) == (1, [expected])


def test_load_verify_dump(run: Run, weights: WeightSet, device: FakeChip) -> None:
    code, out, err = run("load", "weights/links5.json", "--bus", "stand:bus")
    assert (code, err) == (0, "")
    assert "1608 bytes equal" in out
    assert "equal to the chip's" in out
    assert device.bank == weights.to_bytes()
    code, out, _ = run("verify", "weights/links5.json", "--bus", "stand:bus")
    assert code == 0
    assert "1608 bytes, no difference" in out
    assert run("dump", "-o", "dump.hex", "--bus", "stand:bus")[0] == 0
    assert read_image(Path("dump.hex"), weights.structure).crc32 == weights.crc32
    device.stream[0] ^= 1
    code, out, err = run("verify", "weights/links5.json", "--bus", "stand:bus")
    assert code == 1
    assert "0x0538: expected" in out
    assert "1 of 1608 bytes differ" in err
    code, out, _ = run("verify", "weights/links5.json", "--bus", "stand:bus", "--json")
    assert code == 1
    assert len(json.loads(out)["differences"]) == 1
    code, out, _ = run("load", "weights/links5.json", "--bus", "stand:bus", "--resume", "--json")
    assert (code, json.loads(out)["registers_skipped"]) == (0, 107)


def test_load_verify_dump_with_a_shadow_bank(run: Run, weights: WeightSet, device: FakeChip) -> None:
    source = ("weights/links5.json", "--bus", "stand:bus")
    assert "active bank, output held" in run("load", *source)[1]
    device.shadow = True
    code, out, _ = run("load", *source, "--version", "7", "--bx", "3563")
    assert code == 0
    assert "shadow bank, committed as version 7" in out
    report = json.loads(run("load", *source, "--json", "--resume")[1])
    assert (report["path"], report["version"], report["bytes_written"]) == ("shadow", 8, 0)
    device.shadow_stream[5] ^= 2
    assert "no difference in the active bank" in run("verify", *source)[1]
    code, out, err = run("verify", *source, "--shadow", "--json")
    assert (code, json.loads(out)["bank"]) == (1, "shadow bank")
    assert "1 of 1608 bytes differ in the chip's shadow bank" in err
    assert json.loads(out)["status"]["bank"]["version"] == 8
    code, _, err = run("dump", "-o", "shadow.hex", "--bus", "stand:bus", "--shadow")
    assert (code, "shadow bank" in err) == (0, True)
    assert read_image(Path("shadow.hex"), weights.structure).to_bytes() == bytes(device.shadow_stream)
    code, _, err = run("load", *source, "--bx", "3564")
    assert (code, "outside 0..3563" in err) == (2, True)
    device.shadow = False
    for args in (("load", *source, "--version", "1"), ("verify", *source, "--shadow")):
        code, _, err = run(*args)
        assert (code, "shadow bank" in err) == (2, True)


def test_links_of_a_load(run: Run, weights: WeightSet, device: FakeChip) -> None:
    source = ("weights/links5.json", "--bus", "stand:bus", "--max-data", "134")
    assert (
        "links      0: the transmitter is off, no packet leaves; send on some with --links N" in run("load", *source)[1]
    )
    assert "links      3\n" in run("load", *source, "--links", "3")[1]
    assert json.loads(run("load", *source, "--json")[1])["links"] == 3
    assert json.loads(run("load", *source, "--json", "--links", "0")[1])["links"] == 0
    for wrong in ("6", "-1"):
        code, out, err = run("load", *source, "--links", wrong)
        assert (code, out, f"{wrong} links are outside 0..5" in err) == (2, "", True)
    code, _, err = run("load", *source, "--links", "2", "--monitor", "ignore")
    assert (code, "no monitor registers" in err) == (2, True)
    device.monitor = False
    assert "links      set by other registers of the chip" in run("load", *source)[1]
    assert json.loads(run("load", *source, "--json")[1])["links"] is None
    assert weights.crc32


def test_failures_are_one_message_and_exit_2(run: Run, weights: WeightSet, device: FakeChip) -> None:
    Path("broken.hex").write_text("0538: 00\n")
    other = econ_t_structure(filters=4, units=7, weight_bits=5)
    Path("other.json").write_text(other.to_json())
    device.dead_from = 40
    source = "weights/links5.json"
    for args, message in [
        (("pack", "none.json", "-o", "w.hex"), "No such file"),
        (("pack", source, "-o", "w.txt"), "unknown suffix '.txt'"),
        (("pack", source, "-o", "w.hex", "-s", "other.json"), "made for structure"),
        (("pack", source, "-o", "w.hex", "-s", "missing.json"), "missing.json"),
        (("unpack", "broken.hex", "-o", "w.json"), "1607 of 1608 bytes are missing"),
        (("unpack", source, "-o", "w.hex"), "must end in .json"),
        (("load", source, "--bus", "smbus:x"), "expected smbus:N"),
        (("load", source, "--bus", "stand:bus", "--device", "0x99"), "7-bit address"),
        (("load", source, "--bus", "stand:bus"), "an interrupted load goes on with --resume"),
        (("load", source, "--bus", "stand:bus", "--max-data", "0"), "max-data"),
    ]:
        code, _, err = run(*args)
        assert code == 2, args
        assert message in err, (args, err)
        assert "Traceback" not in err
    assert not list(Path().glob("w.*")), "nothing half-written is left"
    assert weights.structure.n_weights == 2144


def test_a_stuck_bit_exits_1(run: Run, weights: WeightSet, device: FakeChip) -> None:
    device.stuck = {0}
    code, _, err = run("load", "weights/links5.json", "--bus", "stand:bus")
    assert code == 1
    assert "held at zero" in err
    assert device.misc == 0
    assert weights.crc32


def test_dry_run(run: Run, weights: WeightSet) -> None:
    code, out, err = run("load", "weights/links5.json", "--bus", "fake", "--max-data", "14")
    assert code == 0
    assert "18.0 ms" in out
    assert "dry run" in err
    assert "committed as version 1" in run("load", "weights/links5.json", "--bus", "fake:shadow")[1]
    assert weights.crc32


def test_without_a_structure_the_chips_own_is_taken_and_said(run: Run) -> None:
    write_image(random_weights(econ_t_structure(), np.random.default_rng(2)), Path("w.hex"), ImageFormat.HEX)
    code, _, err = run("pack", "w.hex", "-o", "w.raw")
    assert code == 0
    assert "taking the ECON-T encoder" in err
