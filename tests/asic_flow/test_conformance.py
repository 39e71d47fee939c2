"""Replay of chip vectors: a self-made case that must fail when edited, and the public ones where they are at hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from asic_flow import conformance
from asic_flow.cli import run_cli
from asic_flow.conformance import KNOWN_FILES, case_weights, find_cases, input_of, run_conformance
from asic_flow.emulator import Emulator
from asic_flow.errors import FlowError
from asic_flow.formats import Integers
from asic_flow.ir import econ_t_structure, read_structure
from asic_flow.links import link_words
from asic_flow.tb.vectors import read_chip_vectors
from asic_flow.weights import random_weights
from hgcal_data.chip import run_chip
from hgcal_data.geometry import MUX_PRODUCTION
from hgcal_data.packets import keep_mask_for
from hgcal_data.registers import read_registers
from hgcal_data.vectors import read_input_words

PUBLIC_CASES = 10


def write_words(path: Path, prefix: str, words: np.ndarray) -> None:
    lines = [",".join(f"{prefix}_DATA_{i}" for i in range(words.shape[1]))]
    lines += [",".join(f"{word:08x}" for word in row) for row in words.tolist()]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """An autoencoder case on two links in production style, 200 crossings of random words."""
    rng = np.random.default_rng(5)
    stream = random_weights(econ_t_structure(), rng).to_bytes()
    blocks: dict[int, Any] = {}
    for block in range(12):
        part = stream[134 * block : 134 * (block + 1)]
        blocks[block] = {f"weights_byte{o}": int.from_bytes(part[o : o + 16], "little") for o in range(0, 134, 16)}
    registers = {
        "ConfigAlgo": {"Global": {"alg_type": 4, "alg_high_density": 0}},
        "Cal": {i: 1024 + i for i in range(48)},
        "Mux": {i: int(m) for i, m in enumerate(MUX_PRODUCTION)},
        "Encoder": blocks,
        "FormatterBuffer": {"Global": {"active_etxs": 3, "keep_auto_encoder_bits": (1 << 144) - 1}},
    }
    folder = tmp_path / "set" / "AE_random"
    folder.mkdir(parents=True)
    (folder / "init.yaml").write_text(yaml.safe_dump(registers))
    words = rng.integers(0, 1 << 28, size=(200, 12), dtype=np.uint32) | np.uint32(0xA << 28)
    write_words(folder.parent / "testInput.csv", "RX", words)
    config = read_registers(folder / "init.yaml")
    output = run_chip(read_input_words(folder.parent / "testInput.csv"), config, Emulator(case_weights(config)).run)
    write_words(folder / "testOutput.csv", "TX", output)
    return folder


def test_case_and_input_are_found(case: Path) -> None:
    assert find_cases(case.parent.parent) == [case]
    assert input_of(case, case.parent) == case.parent / "testInput.csv"


def test_exact_replay_exits_zero(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["conformance", "--vectors", str(case.parent)]) == 0
    assert "200/200" in capsys.readouterr().out


def test_cpp_level(case: Path) -> None:
    (result,) = run_conformance(case, set(), ("cpp",))
    assert (result.status, result.exact, result.total) == ("exact", 200, 200)


class FakeChip:
    """Stands in for the simulation of the RTL: what the formatter sends, and faults planted into it."""

    def __init__(self, fault: str = "") -> None:
        self.fault, self.calls = fault, []

    def __call__(self, project: Path, data: Path, *, work_dir: Path, links: int, bx: Integers) -> Any:
        self.calls.append((links, len(bx)))
        structure = read_structure(project / "encoder.json")
        vectors = read_chip_vectors(data, cells=48, latents=structure.n_latents)
        words = link_words(structure, vectors.latents, vectors.sum_codes, bx, links).astype(np.int64)
        if self.fault == "word":
            words[17, 1] ^= 1
        events = len(bx) - (self.fault == "short")
        return SimpleNamespace(
            events=events, mismatches=int(self.fault == "latent"), link_words=words[:events], first_mismatch="planted",
            failures=(),
        )  # fmt: skip


def set_mask(case: Path, mask: int) -> None:
    """Another keep mask, with the output of the emulator for it."""
    registers = yaml.safe_load((case / "init.yaml").read_text())
    registers["FormatterBuffer"]["Global"]["keep_auto_encoder_bits"] = mask
    (case / "init.yaml").write_text(yaml.safe_dump(registers))
    config = read_registers(case / "init.yaml")
    output = run_chip(read_input_words(case.parent / "testInput.csv"), config, Emulator(case_weights(config)).run)
    write_words(case / "testOutput.csv", "TX", output)


def test_words_on_the_links_are_compared(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packets of the RTL's formatter are taken as they are, for all crossings or as many as asked for."""
    set_mask(case, keep_mask_for(3))  # what the formatter sends on two links
    chip = FakeChip()
    monkeypatch.setattr(conformance, "simulate_rtl", chip)
    (result,) = run_conformance(case, set(), ("rtl",))
    assert (result.status, result.exact, result.total, result.detail) == ("exact", 200, 200, "")
    (result,) = run_conformance(case, set(), ("rtl",), rtl_events=60)
    assert (result.exact, result.total) == (60, 60)
    assert chip.calls == [(2, 200), (2, 60)]


@pytest.mark.parametrize(
    ("fault", "message"), [("word", "packet 17, link 1"), ("latent", "planted"), ("short", "RTL and emulator differ")]
)
def test_a_fault_in_the_rtl_is_found(case: Path, monkeypatch: pytest.MonkeyPatch, fault: str, message: str) -> None:
    set_mask(case, keep_mask_for(3))
    monkeypatch.setattr(conformance, "simulate_rtl", FakeChip(fault))
    (result,) = run_conformance(case, set(), ("rtl",))
    assert result.status == "differs"
    assert message in result.detail


def test_other_keep_masks_are_packed_in_software_and_said_so(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "simulate_rtl", FakeChip())
    (result,) = run_conformance(case, set(), ("rtl",))
    assert (result.status, result.exact) == ("exact", 200)
    assert "packed in software" in result.detail


def test_one_edited_word_is_named(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (case / "testOutput.csv").read_text().splitlines()
    fields = lines[1 + 17].split(",")
    fields[1] = f"{int(fields[1], 16) ^ 1:08x}"
    lines[1 + 17] = ",".join(fields)
    (case / "testOutput.csv").write_text("\n".join(lines) + "\n")
    assert run_cli(["conformance", "--vectors", str(case)]) == 1
    text = capsys.readouterr()
    assert "199/200" in text.out
    assert "packet 17, link 1" in text.err
    assert "latent 0" in text.err


def test_wrong_calibration_is_seen(case: Path) -> None:
    content = yaml.safe_load((case / "init.yaml").read_text())
    content["Cal"][0] = 4095
    (case / "init.yaml").write_text(yaml.safe_dump(content))
    (result,) = run_conformance(case, set(), ("emulator",))
    assert result.status == "differs"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda c: (c / "testOutput.csv").write_text(""), "testOutput.csv"),
        (lambda c: (c.parent / "testInput.csv").unlink(), "no testInput.csv"),
        (lambda c: (c / "init.yaml").write_text("ConfigAlgo: {Global: {alg_type: 4}}"), "no encoder weights"),
        (lambda c: (c / "init.yaml").write_text("]"), "init.yaml"),
    ],
)
def test_damaged_cases(case: Path, damage: Any, message: str) -> None:
    damage(case)
    with pytest.raises(FlowError, match=message):
        run_conformance(case, set(), ("emulator",))


def test_unknown_case_and_folder(case: Path) -> None:
    with pytest.raises(FlowError, match="there are AE_random"):
        run_conformance(case.parent, {"BC"}, ("emulator",))
    assert run_cli(["conformance", "--vectors", str(case / "nowhere")]) == 2


def test_public_vectors_in_the_emulator(public_data: Path) -> None:
    results = run_conformance(public_data / "econ_t_vectors", set(), ("emulator",))
    assert [(r.case, r.exact, r.status) for r in results] == [(r.case, 3564, "exact") for r in results]
    assert len(results) == PUBLIC_CASES


def test_public_autoencoder_case_in_cpp(public_data: Path) -> None:
    (result,) = run_conformance(public_data / "econ_t_vectors", {"AE"}, ("cpp",))
    assert (result.exact, result.total) == (3564, 3564)


@pytest.mark.slow
def test_public_autoencoder_case_in_rtl(public_data: Path) -> None:
    (result,) = run_conformance(public_data / "econ_t_vectors", {"AE"}, ("rtl",), rtl_events=500)
    assert (result.exact, result.total, result.status) == (500, 500, "exact")


def write_random_case(folder: Path, registers: dict[str, Any]) -> None:
    """A case whose output has nothing to do with its input."""
    rng = np.random.default_rng(9)
    folder.mkdir(parents=True)
    common = {"Cal": dict.fromkeys(range(48), 2048), "Mux": {i: int(m) for i, m in enumerate(MUX_PRODUCTION)}}
    (folder / "init.yaml").write_text(yaml.safe_dump({**common, **registers}))
    words = rng.integers(0, 1 << 28, size=(20, 12), dtype=np.uint32) | np.uint32(0xA << 28)
    write_words(folder.parent / "testInput.csv", "RX", words)
    write_words(folder / "testOutput.csv", "TX", rng.integers(0, 1 << 32, size=(20, 13), dtype=np.uint32))


@pytest.mark.parametrize(("t1", "status"), [(400, "differs"), (401, "known"), (505, "known")])
def test_long_output_buffers_are_known(tmp_path: Path, t1: int, status: str) -> None:
    """Five published threshold-sum files have T1 over 400, where the published emulator is not the chip."""
    write_random_case(
        tmp_path / "fillBuf" / "TS",
        {
            "ConfigAlgo": {"Global": {"alg_type": 0, "alg_high_density": 0}},
            "FormatterBuffer": {"Global": {"active_etxs": 10, "buff_t1": t1, "buff_t2": 375, "buff_t3": 25}},
        },
    )
    (result,) = run_conformance(tmp_path, set(), ("emulator",))
    assert result.status == status
    assert (f"T1 = {t1} exceeds 400" in result.detail) == (status == "known")


@pytest.mark.parametrize("name", sorted(KNOWN_FILES))
def test_wrong_published_files_are_named_with_the_reason(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A clone-like layout: the file of the public repository that does not belong to its registers."""
    folder = tmp_path / "clone" / name
    write_random_case(
        folder,
        {
            "ConfigAlgo": {"Global": {"alg_type": 2, "alg_high_density": 0}},
            "FormatterBuffer": {"Global": {"active_etxs": 9}},
        },
    )
    (result,) = run_conformance(tmp_path / "clone", set(), ("emulator",))
    assert result.status == "known"
    assert result.detail.startswith(f"{KNOWN_FILES[name]}; case {name}, packet 0, link 0")
    assert run_cli(["conformance", "--vectors", str(tmp_path / "clone")]) == 0
    assert KNOWN_FILES[name] in capsys.readouterr().out
    folder.rename(folder.with_name("other"))
    (result,) = run_conformance(tmp_path / "clone", set(), ("emulator",))
    assert result.status == "differs"
