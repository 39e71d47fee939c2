"""The sensitivity command on a shipped encoder with simulated modules: files, rankings, EMD, failures."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from asic_flow.run_folder import RunFolder
from econ_ae.dataset import RunData, save_data
from econ_ae.shipped import PRETRAINED
from hgcal_data.simulate import SimulationConfig, simulate
from rad_tolerance.cli import app, main
from rad_tolerance.emd_damage import emd_damage
from rad_tolerance.engine import Damage
from rad_tolerance.faults import WeightWords
from rad_tolerance.sensitivity import Sensitivity, SensitivityOptions, analyse, flip_bits
from reports.inputs import RadiationFile

EVENTS = 150
LINKS = 2


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rad") / "run"
    shutil.copytree(PRETRAINED / f"links{LINKS}", folder)
    readings = simulate(SimulationConfig(sample="electrons", readings=240, pileup=0.0), 1)
    split = (np.arange(len(readings)) % 2 * 2).astype(np.int8)
    save_data(
        RunData(readings, split, np.zeros(len(readings), dtype=np.int16), ("electrons",)),
        folder / "data" / "readings.h5",
    )
    return folder


@pytest.fixture(scope="module")
def result(run: Path) -> Sensitivity:
    return analyse(RunFolder(run), SensitivityOptions(events=EVENTS, patterns=2, checked=6))


def test_every_single_flip_is_ranked(result: Sensitivity) -> None:
    summary, structure = result.summary, result.weights.structure
    assert summary["verdict"] == "pass"
    assert summary["brute_force"] == {"flips": 6, "equal": 6, "latents_equal": True, "negative_control_caught": True}
    assert len(result.damage.changed) == structure.weight_bits == summary["single_flips"]["flips"] == 12_864
    for ranking in ("by_layer", "by_bit", "by_filter"):
        assert sum(row["flips"] for row in summary[ranking]) == structure.weight_bits
        averages = [row["sent_mean_abs_change_lsb_average"] for row in summary[ranking]]
        assert averages == sorted(averages, reverse=True)
    assert {(row["kind"], row["bits"]) for row in summary["patterns"]} >= {
        ("random places", 32),
        ("neighbouring bits", 4),
    }
    assert summary["double_flips_in_a_word"]["flips"] == 15 * structure.n_weights
    assert {row["values"] for row in summary["value_flips"]} == {"input", "conv", "dense"}


def test_worst_flips_name_their_weight(result: Sensitivity) -> None:
    assert len(result.summary["worst_flips"]) == 50
    for row in result.summary["worst_flips"]:
        assert result.weights.tensors[row["tensor"]][tuple(row["index"])] == row["stored"]
        flipped = result.weights.flip_bit(row["stream_bit"])
        changed = [name for name, values in flipped.tensors.items() if (values != result.weights.tensors[name]).any()]
        assert changed == [row["tensor"]]
        assert abs(flipped.tensors[row["tensor"]][tuple(row["index"])] - row["stored"]) == 1 << row["bit"]


def test_latent_register_flips_are_known_exactly(result: Sensitivity) -> None:
    """Bit b of one of 16 latents: 2^b LSB in every event; only the top three bits leave on two links."""
    rows = {row["bit"]: row for row in result.summary["value_flips"] if row["values"] == "dense"}
    for bit in range(9):
        assert rows[bit]["mean_abs_change_lsb_average"] == pytest.approx(2.0**bit / 16, rel=1e-6)
        assert rows[bit]["sent_changed_event_fraction_worst"] == (1.0 if bit >= 6 else 0.0)


def test_patterns_are_repeated_flips(result: Sensitivity) -> None:
    bits = np.array([3, 4, 12_863])
    once = flip_bits(result.weights, bits)
    one_by_one = result.weights.flip_bit(3).flip_bit(4).flip_bit(12_863)
    assert once.to_bytes() == one_by_one.to_bytes() != result.weights.to_bytes()


def test_emd_of_harmless_and_of_damaging_flips(run: Path, result: Sensitivity) -> None:
    worst = emd_damage(RunFolder(run), result, 60, result.order[:2], 1)
    assert worst["events"] == 60
    assert all(row["sent_changed_events"] > 0 for row in worst["flips"])
    assert all(row["emd_change_mean_half_pitches"] > 0 for row in worst["flips"])
    assert all(row["energy_distance_change_mean_half_pitches"] > 0 for row in worst["flips"])
    turned = Damage(
        result.damage.events,
        *(-getattr(result.damage, k) for k in ("changed", "changed_sent", "total", "total_sent", "largest")),
    )
    harmless = emd_damage(RunFolder(run), result, 60, replace(result, damage=turned).order[:2], 1)
    for change in ("emd_change_mean_half_pitches", "energy_distance_change_mean_half_pitches"):
        assert [row[change] for row in harmless["flips"]] == [0.0, 0.0]
    assert harmless["emd_mean_half_pitches"] == worst["emd_mean_half_pitches"] > 0


def test_command_writes_complete_files(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    shutil.rmtree(folder / "train")  # no decoder: no EMD
    options = ["--events", "40", "--patterns", "1", "--checked", "2", "--json"]
    found = CliRunner().invoke(app, ["sensitivity", str(folder), *options])
    assert found.exit_code == 0, found.output
    content = json.loads((folder / "rad" / "sensitivity.json").read_text(), parse_constant=pytest.fail)
    assert content == json.loads(found.stdout)
    assert content["emd"] is None
    assert RadiationFile.model_validate(content).verdict == "pass"
    written = sorted(str(path.relative_to(folder / "rad")) for path in (folder / "rad").rglob("*") if path.is_file())
    assert written == sorted([*content["figures"], "flips.npz", "sensitivity.json"])
    assert len(content["figures"]) == 6
    with np.load(folder / "rad" / "flips.npz") as flips:
        assert len(flips["changed_event_fraction"]) == 12_864
        mean = flips["sent_mean_abs_change_lsb"].mean()
    assert content["single_flips"]["sent_mean_abs_change_lsb_average"] == pytest.approx(mean, rel=1e-6)


def test_a_wrong_engine_fails_the_command(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: masks that are one bit off give exit code 1 and the verdict fail."""
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    right = WeightWords.faults
    monkeypatch.setattr(WeightWords, "faults", lambda self, words, masks: right(self, words, masks ^ 1))
    options = ["--events", "40", "--patterns", "0", "--checked", "4", "--emd-events", "0", "--no-figures"]
    assert CliRunner().invoke(app, ["sensitivity", str(folder), *options]).exit_code == 1
    assert json.loads((folder / "rad" / "sensitivity.json").read_text())["verdict"] == "fail"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sensitivity", "{tmp}/none"], "no such folder"),
        (["sensitivity", "{run}", "--links", "5"], "links5.json"),
        (["rates", "{tmp}/none"], "no such folder"),
        (["rates", "--set", "flux=1"], "key flux"),
    ],
)
def test_bad_input_is_one_message(
    arguments: list[str],
    message: str,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    filled = [text.format(run=run, tmp=tmp_path) for text in arguments]
    monkeypatch.setattr("sys.argv", ["rad_tolerance", *filled])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    captured = capsys.readouterr()
    assert message in captured.err + captured.out
    assert not (run / "rad").exists()
