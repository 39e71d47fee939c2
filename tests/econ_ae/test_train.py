from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from training_support import stop_after_first_epoch
from typer.testing import CliRunner

from asic_flow.emulator import Emulator
from asic_flow.ir import econ_t_structure, read_structure
from asic_flow.run_folder import RunFolder
from asic_flow.weights import read_weights
from econ_ae import evaluate as evaluate_module
from econ_ae import train as train_module
from econ_ae.config import load_config
from econ_ae.errors import TrainingError
from econ_ae.evaluate import evaluate_run
from econ_ae.model import IntegerModel
from econ_ae.shipped import shipped_run
from econ_ae.trace import trace
from econ_ae.train import train

ROOT = Path(__file__).resolve().parents[2]
runner = CliRunner()


def test_a_run_holds_everything_later_steps_read(tiny_run: Path) -> None:
    structure = read_structure(tiny_run / "encoder.json")
    assert structure.sha256 == econ_t_structure("econ_t").sha256
    weights = read_weights(tiny_run / "weights" / "links2.json", structure)
    assert {"seed", "data_sha256", "versions", "config"} <= set(weights.provenance)
    assert str(tiny_run.parent) not in json.dumps(weights.provenance), (
        "the file goes elsewhere: no folder of this machine"
    )
    metrics = json.loads((tiny_run / "train" / "metrics.json").read_text())
    assert metrics["schema_version"] == 1
    assert (metrics["links"], metrics["latent_bits"], metrics["epochs"]) == (2, 3, 2)
    assert (metrics["parameters"], metrics["weight_bits"]) == (2144, 12864)
    history = list(csv.DictReader((tiny_run / "train" / "history.csv").open()))
    assert [row["epoch"] for row in history] == ["1", "2"]
    assert {"loss", "val_loss", "learning_rate", "seconds"} <= set(history[0])
    statistics = json.loads((tiny_run / "data" / "statistics.json").read_text())
    assert [s["name"] for s in statistics["samples"]] == ["busy", "quiet"]
    with h5py.File(tiny_run / "data" / "readings.h5") as handle:
        assert set(np.unique(handle["split"])) == {0, 1, 2}
    assert load_config(tiny_run / "config.yml").name == "tiny"
    assert len(RunFolder(tiny_run).test_charges(50, 1)) == 50


@pytest.mark.parametrize("links", range(1, 6))
def test_shipped_weights_name_files_without_their_folders(links: int) -> None:
    weights = read_weights(shipped_run(links, "a test") / "weights" / f"links{links}.json", econ_t_structure("econ_t"))
    files = [source["file"] for source in weights.provenance["config"]["data"]["sources"]]
    assert len(files) == 4
    assert all(Path(name).name == name for name in files)


def test_model_file_traces_to_the_emulator(tiny_run: Path) -> None:
    structure = read_structure(tiny_run / "encoder.json")
    weights = read_weights(tiny_run / "weights" / "links2.json", structure)
    images = np.random.default_rng(0).integers(0, 256, (300, 64))
    layers = trace(tiny_run, images)
    expected = Emulator(weights).trace(images.reshape(-1, 8, 8, 1))
    assert set(layers) == {"conv", "dense"}
    for name, values in expected.items():
        assert np.array_equal(layers[name].reshape(values.shape), values)
    with pytest.raises(TrainingError, match="images have shape"):
        trace(tiny_run, images[:, :63])


def test_evaluation_writes_the_agreed_files(tiny_run: Path, tmp_path: Path) -> None:
    result = runner.invoke(evaluate_module.app, [str(tiny_run), "--json", str(tmp_path / "out.json")])
    assert result.exit_code == 0, result.output
    metrics = json.loads((tiny_run / "evaluate" / "metrics.json").read_text())
    rows = metrics["results"]
    assert json.loads((tmp_path / "out.json").read_text())["results"] == rows
    assert {"autoencoder", "best_choice", "super_trigger_cell", "threshold_sum"} == {row["algorithm"] for row in rows}
    assert {row["sample"] for row in rows} == {"busy", "quiet", "all"}
    for row in rows:
        assert row["payload_bits"] <= 64
        assert sum(part["events"] for part in row["by_occupancy"]) == row["events"]
        assert row["emd_q16"] <= row["emd_median"] <= row["emd_q84"]
    everything = next(row for row in rows if row["algorithm"] == "autoencoder" and row["sample"] == "all")
    parts = [row for row in rows if row["algorithm"] == "autoencoder" and row["sample"] != "all"]
    assert everything["events"] == sum(row["events"] for row in parts)
    events = json.loads((tiny_run / "evaluate" / "examples.json").read_text())["events"]
    assert len(events) == 4
    assert {len(event["true"]) for event in events} == {48}
    assert {len(event["latents"]) for event in events} == {16}


def test_reconstruction_keeps_the_transmitted_sum(tiny_run: Path) -> None:
    model = IntegerModel.load(tiny_run)
    charges = np.zeros((3, 48), dtype=np.int64)
    charges[0, 5], charges[1, :] = 7, 1000
    result = model.reconstruct(charges)
    assert np.allclose(result.charges.sum(axis=1), result.module_sum)
    assert result.module_sum[0] == 7
    assert result.charges[2].sum() == 0  # an empty module stays empty


def test_training_is_reproducible_and_resumes(tiny_config: Path, tiny_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    config = load_config(tiny_config, [f"output={folder}"])
    train(config)
    first = (tiny_run / "weights" / "links2.json").read_text()

    def words(text: str) -> object:
        return json.loads(text)["tensors"]

    assert words((folder / "weights" / "links2.json").read_text()) == words(first)
    # killed after the first epoch: the second start continues and ends in the same weights
    killed = tmp_path / "killed"
    other = load_config(tiny_config, [f"output={killed}"])
    stop_after_first_epoch(other)
    assert (killed / "train" / "checkpoint.npz").is_file()
    assert not (killed / "encoder.json").exists()
    train(other)
    assert words((killed / "weights" / "links2.json").read_text()) == words(first)
    changed = load_config(tiny_config, [f"output={killed}", "train.learning_rate=0.1"])
    with pytest.raises(TrainingError, match="another configuration"):
        train(changed)


def test_refit_replaces_the_decoder_and_keeps_the_encoder(tiny_config: Path, tiny_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "refit"
    refit = "train.refit={epochs: 1, decoder: {width: 24, depth: 1}, augment: {overlay: 0.5}}"
    train(load_config(tiny_config, [f"output={folder}", refit]))
    assert IntegerModel.load(folder).decoder.get_layer("hidden0").units == 24
    before, after = (json.loads((run / "weights" / "links2.json").read_text()) for run in (tiny_run, folder))
    assert before["tensors"] == after["tensors"]
    rows, _ = evaluate_run(folder)
    assert rows


def cli(app: object, *arguments: str) -> tuple[int, str]:
    result = runner.invoke(app, list(arguments))  # type: ignore[arg-type]
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["train.linkz=2"], "key train.linkz: unknown key"),
        (["data.sources.0={file: /nowhere.csv}"], "/nowhere.csv"),
        (["train.sample_shares={nobody: 0.5}"], "unknown samples"),
    ],
)
def test_bad_input_ends_with_exit_code_2(tiny_config: Path, tmp_path: Path, settings: list[str], words: str) -> None:
    arguments = ["--config", str(tiny_config), "--set", f"output={tmp_path / 'run'}"]
    code, output = cli(train_module.app, *arguments, *[part for s in settings for part in ("--set", s)])
    assert code == 2
    assert words in output.replace("\n", " ")


@pytest.mark.parametrize(
    ("text", "words"),
    [("1,2,3\n", "48"), (",".join(["1"] * 47 + ["nan"]) + "\n", "nan"), ("", "")],
)
def test_bad_csv_ends_with_exit_code_2(tiny_config: Path, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    settings = ["--set", f"output={tmp_path / 'run'}", "--set", f"data.sources.0={{file: {path}}}"]
    code, output = cli(train_module.app, "--config", str(tiny_config), *settings)
    assert code == 2
    assert "bad.csv" in output.replace("\n", "")
    assert words in output.lower()


def test_evaluating_nothing_or_half_a_run_ends_with_exit_code_2(tiny_run: Path, tmp_path: Path) -> None:
    assert cli(evaluate_module.app, str(tmp_path / "none"))[0] == 2
    (tmp_path / "half").mkdir()
    code, output = cli(evaluate_module.app, str(tmp_path / "half"))
    assert (code, "choosing weights" in output or "encoder.json" in output) == (2, True)
    code, output = cli(evaluate_module.app, str(tiny_run), "--links", "3")
    assert (code, "links3.json" in output.replace("\n", "")) == (2, True)


def test_command_line_is_quiet_and_clear_in_a_pipe() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "ECON_AE_DATA"}
    command = [sys.executable, "-m", "econ_ae.train", "--config", "configs/real.yml"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "ECON_AE_DATA" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 4
