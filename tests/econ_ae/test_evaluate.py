"""The contract of `econ_ae.evaluate`: one row per algorithm, the same bits, spread over seeds, shipped weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from asic_flow.ir import read_structure
from asic_flow.weights import WeightSet, random_weights, read_weights, write_weights
from econ_ae import evaluate as evaluate_module
from econ_ae import shipped
from econ_ae.assembly import build_models
from econ_ae.config import RunConfig
from econ_ae.dataset import TRAIN, load_data
from econ_ae.evaluate import evaluate_run, evaluation_of
from econ_ae.model import load_keras
from econ_ae.references import references
from econ_ae.shower_shape import centroid_and_width, shifts
from hgcal_data.emd import emd
from hgcal_data.geometry import NEIGHBOUR_PAIRS, distance_matrix

runner = CliRunner()

KEYS = {
    "algorithm", "rule", "sample", "links", "payload_bits", "events", "seeds", "n_seeds", "emd_mean", "emd_median", "emd_q16",
    "emd_q84", "sum_relative_error_mean", "centroid_shift_mean_half_pitches", "width_shift_mean_half_pitches",
    "width_shift_absolute_mean_half_pitches", "empty_fraction", "empty_input", "by_occupancy",
}  # fmt: skip


def rows_file(folder: Path, charges: np.ndarray) -> Path:
    path = folder / "rows.csv"
    np.savetxt(path, charges, fmt="%d", delimiter=",")
    return path


@pytest.fixture(scope="module")
def csv(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with forty rows, the first ten of them from the training part."""
    data = load_data(tiny_run / "data" / "readings.h5")
    rng = np.random.default_rng(8)
    other = rng.integers(1, 300, (30, 48)) * (rng.random((30, 48)) < 0.3)
    other[:, 0] += 1
    return rows_file(tmp_path_factory.mktemp("rows"), np.concatenate([data.charges(TRAIN)[:10], other]))


def test_a_file_gives_one_row_per_algorithm_with_its_best_decoder(tiny_run: Path, csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = runner.invoke(evaluate_module.app, [str(tiny_run), "--data", str(csv), "--links", "2", "--json", str(out)])
    assert done.exit_code == 0, done.output
    content = json.loads(out.read_text())
    rows = content["results"]
    assert [row["algorithm"] for row in rows] == ["autoencoder", "best_choice", "super_trigger_cell", "threshold_sum"]
    for row in rows:
        assert set(row) == KEYS
        assert (row["links"], row["events"]) == (2, 40)
        assert row["payload_bits"] <= 64
        others = [
            o for o in content["other_decoders"] if o["algorithm"] == row["algorithm"] and o["empty_fraction"] == 0
        ]
        assert row["empty_fraction"] > 0 or all(row["emd_mean"] <= other["emd_mean"] for other in others)
    assert {row["rule"] for row in content["other_decoders"] if row["algorithm"] == "autoencoder"} | {rows[0]["rule"]} == {
        "network", "network, refined",
    }  # fmt: skip
    assert rows[0]["n_seeds"] == 1
    assert any(
        "all 40 rows were evaluated, 10 of them equal to a row the training" in note for note in content["notes"]
    )


def test_shipped_weights_evaluate_by_link_count(csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    arguments = ["--pretrained", "--data", str(csv), "--links", "2", "--json", str(out)]
    done = runner.invoke(evaluate_module.app, arguments)
    assert done.exit_code == 0, done.output
    content = json.loads(out.read_text())
    assert content["results"][0]["payload_bits"] == 62
    assert any("trained on other files (CALQ_output.csv" in note for note in content["notes"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--pretrained", "--data", "{csv}", "--links", "{missing}"], "only for links"),
        (["--pretrained", "--data", "{csv}"], "with --links N"),
        (["--pretrained", "--links", "2"], "give --data FILE"),
        (["--data", "{csv}"], "either RUN folders or --pretrained"),
        (["{run}", "--pretrained", "--links", "2"], "either RUN folders or --pretrained"),
        (["{run}", "{run}", "--data", "{csv}"], "seed 3 of an earlier run"),
        (["{run}", "--data", "/nowhere.csv"], "/nowhere.csv"),
    ],
)
def test_wrong_usage_ends_with_exit_code_2(
    tiny_run: Path, csv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], words: str
) -> None:
    shutil.copytree(shipped.PRETRAINED / "links2", tmp_path / "links2")
    monkeypatch.setattr(shipped, "PRETRAINED", tmp_path)
    filled = [part.format(run=tiny_run, csv=csv, missing=4) for part in arguments]
    done = runner.invoke(evaluate_module.app, filled)
    assert done.exit_code == 2
    assert words in done.output.replace("\n", " ")


def test_unseen_rows_are_those_that_equal_no_training_row(tiny_run: Path, tmp_path: Path) -> None:
    seen = load_data(tiny_run / "data" / "readings.h5").charges(TRAIN, limit=5)
    new = np.zeros((3, 48), dtype=np.int64)
    new[:, :3] = [[7, 77, 777], [1, 11, 111], [5, 55, 555]]
    path, out = rows_file(tmp_path, np.concatenate([seen, new])), tmp_path / "out.json"
    arguments = [str(tiny_run), "--data", str(path), "--json", str(out)]
    for extra, events in (([], 8), (["--unseen"], 3)):
        done = runner.invoke(evaluate_module.app, [*arguments, *extra])
        assert done.exit_code == 0, done.output
        assert {row["events"] for row in json.loads(out.read_text())["results"]} == {events}
    done = runner.invoke(evaluate_module.app, ["--pretrained", "--links", "2", "--unseen", "--data", str(path)])
    assert done.exit_code == 2
    assert "no data/readings.h5" in done.output.replace("\n", " ")


def test_a_training_starts_from_the_shipped_weights() -> None:
    config = RunConfig(
        name="start",
        data={"sources": [{"simulate": {"readings": 100}, "sample": "ttbar"}]},
        train={"links": 2, "start_from": "pretrained", "decoder": {"width": 512, "depth": 3, "level_inputs": True}},
    )
    models = build_models(config)
    run = shipped.shipped_run(2, "testing")
    weights = read_weights(run / "weights" / "links2.json", models.structure)
    kernel = models.encoder.get_layer("dense").kernel_quantizer_internal(models.encoder.get_layer("dense").kernel)
    assert (np.asarray(kernel) * 32 == weights.tensors["dense.kernel"]).all()
    decoder = load_keras(run / "train" / "decoder.keras")
    for ours, theirs in zip(models.decoder.get_weights(), decoder.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_several_seeds_give_mean_and_spread(tiny_run: Path, csv: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"  # the second stands for a training with another seed
    for run in (first, second):
        shutil.copytree(tiny_run, run)
        text = (run / "config.yml").read_text()
        (run / "config.yml").write_text(text.replace("refine: true", "refine: false"))
    structure = read_structure(second / "encoder.json")
    other = random_weights(structure, np.random.default_rng(1))
    write_weights(WeightSet(structure, other.tensors, {"seed": 4}), second / "weights" / "links2.json")
    out = tmp_path / "out.json"
    arguments = [str(first), str(second), "--data", str(csv), "--json", str(out)]
    done = runner.invoke(evaluate_module.app, arguments)
    assert done.exit_code == 0, done.output
    rows = json.loads(out.read_text())["results"]
    single = [evaluate_run(run, data=[csv])[0] for run in (first, second)]
    ours = [next(row for row in part if row["algorithm"] == "autoencoder")["emd_mean"] for part in single]
    assert rows[0]["seeds"] == [3, 4]
    assert rows[0]["n_seeds"] == 2
    assert np.isclose(rows[0]["emd_mean"], np.mean(ours))
    assert np.isclose(rows[0]["emd_mean_std"], np.std(ours, ddof=1))
    assert rows[0]["emd_mean_std"] > 0
    best_choice = next(row for row in rows if row["algorithm"] == "best_choice")
    assert (best_choice["emd_mean_std"], best_choice["n_seeds"]) == (0.0, 0)


@pytest.mark.parametrize("links", [1, 2, 3, 4, 5])
def test_every_reference_fits_on_its_links(links: int) -> None:
    rng = np.random.default_rng(links)
    charges = rng.integers(1, 200, (60, 48)) * (rng.random((60, 48)) < 0.2)
    charges[:, 3] += 5
    found = references(links, charges)
    assert {item.algorithm for item in found} >= {"best_choice", "super_trigger_cell", "threshold_sum"}
    for item in found:
        cells, bits = item.send(charges)
        assert cells.shape == (60, 48)
        assert bits <= 32 * links
    best = next(item for item in found if item.rule == "residual spread").send(charges)[0]
    assert np.nanmean(emd(charges, best)) < np.nanmean(emd(charges, np.ones((60, 48))))


def test_shifts_of_moved_and_widened_patterns() -> None:
    first, second = NEIGHBOUR_PAIRS[0]
    true, reco = np.zeros((3, 48)), np.zeros((3, 48))
    true[0, first] = reco[0, second] = 10.0
    true[1, first] = reco[1, first] = reco[1, second] = 4.0
    true[2, 7] = 1.0  # empty reconstruction: left out
    found = shifts(true, reco)
    distance = distance_matrix()[first, second]
    assert np.allclose(found.centroid, [distance, distance / 2], rtol=1e-3)
    assert np.allclose(found.width, [0.0, distance / 2], rtol=1e-3, atol=1e-9)
    centroid, width = centroid_and_width(np.ones((1, 48)))
    assert width[0] > 3.0
    assert np.isfinite(centroid).all()


def test_the_test_rows_of_a_run_are_marked_as_such(tiny_run: Path) -> None:
    result, _ = evaluation_of(tiny_run)
    assert "test rows of the run: no training saw them" in result.notes
    assert {row["sample"] for row in result.results} == {"busy", "quiet", "all"}
    events = {row["sample"]: row["events"] for row in result.results if row["algorithm"] == "best_choice"}
    assert events["all"] == events["busy"] + events["quiet"]
