"""Pruning, distillation, the variational variant, conditions, the published decoder, and decoders for existing chips."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from training_support import stop_after_first_epoch
from typer.testing import CliRunner

from asic_flow.emulator import Emulator
from asic_flow.images import write_image
from asic_flow.ir import econ_t_structure, read_structure
from asic_flow.weights import WeightSet, random_weights, read_weights
from econ_ae import train as train_module
from econ_ae.assembly import chip_weights
from econ_ae.config import DecoderConfig, EncoderConfig, PruneConfig, RunConfig, VariationalConfig, load_config
from econ_ae.decoder import build_decoder
from econ_ae.encoder import build_encoder
from econ_ae.errors import TrainingError
from econ_ae.evaluate import evaluate_run
from econ_ae.features import CONDITIONS, encoder_images, sum_conditions
from econ_ae.losses import energy_distance
from econ_ae.methods import Step
from econ_ae.model import IntegerModel
from econ_ae.pruning import Pruning, pruning_report, scheduled_sparsity
from econ_ae.topology import structure_of
from econ_ae.train import train
from econ_ae.variational import Variational, anomaly_score, area_under_curve, roc
from hgcal_data.readings import ModuleReadings

Trained = Callable[..., tuple[Path, RunConfig]]


@pytest.fixture
def trained(tiny_config: Path, tmp_path: Path) -> Trained:
    def run(*settings: str, name: str = "run") -> tuple[Path, RunConfig]:
        config = load_config(tiny_config, [f"output={tmp_path / name}", "evaluate.refine=false", *settings])
        return train(config), config

    return run


def weights_of(run: Path) -> WeightSet:
    return read_weights(run / "weights" / "links2.json", read_structure(run / "encoder.json"))


def test_the_schedule_is_a_cubic_between_its_epochs() -> None:
    config = PruneConfig(sparsity=0.8, begin_epoch=2, end_epoch=6)
    shares = [scheduled_sparsity(config, epoch) for epoch in range(8)]
    assert shares[:2] == [0.0, 0.0]
    assert np.isclose(shares[2], 0.8 * (1 - 0.75**3))
    assert shares[5:] == [0.8] * 3
    assert all(a <= b for a, b in itertools.pairwise(shares))


def test_the_smallest_integers_are_removed_and_stay_removed() -> None:
    structure = econ_t_structure("econ_t")
    encoder = build_encoder(structure, seed=1)
    before = np.rint(np.abs(encoder.get_layer("dense").get_weights()[0]) * 32)
    pruning = Pruning(PruneConfig(sparsity=0.5, end_epoch=2), structure, encoder)
    pruning.begin_epoch(0)
    early = pruning.state[2].numpy()
    encoder.get_layer("dense").kernel.assign(np.ones((128, 16), np.float32))
    pruning.constrain()
    assert np.array_equal(encoder.get_layer("dense").get_weights()[0], early)
    pruning.begin_epoch(1)
    late = pruning.state[2].numpy()
    assert late.sum() == 1024
    assert np.all(late <= early)  # what is gone stays gone
    assert before[early == 0].max() <= before[early == 1].min()
    assert not pruning.ready(1)
    assert pruning.ready(2)


def test_pruned_run_reports_what_left_the_chip_and_resumes(trained: Trained, tiny_config: Path, tmp_path: Path) -> None:
    settings = ["train.prune={sparsity: 0.6, begin_epoch: 1, end_epoch: 2}"]
    run, _ = trained(*settings)
    weights = weights_of(run)
    report = json.loads((run / "train" / "pruning.json").read_text())
    zeros = {layer["layer"]: layer["zero_kernel_weights"] for layer in report["layers"]}
    assert zeros == {name: int((weights.tensors[f"{name}.kernel"] == 0).sum()) for name in ("conv", "dense")}
    assert zeros["conv"] >= round(0.6 * 72)
    assert zeros["dense"] >= round(0.6 * 2048)
    assert report["zero_kernel_weights"] == zeros["conv"] + zeros["dense"]
    assert sum(f["zeros"] for f in report["layers"][1]["filters"]) == zeros["dense"]
    # the first epoch, in which nothing was removed, is never the best one
    assert json.loads((run / "train" / "metrics.json").read_text())["best_epoch"] == 2
    killed = load_config(tiny_config, [f"output={tmp_path / 'killed'}", *settings])
    stop_after_first_epoch(killed)
    train(killed)
    assert weights_of(killed.output).to_bytes() == weights.to_bytes()


def test_filters_are_removed_whole() -> None:
    structure = econ_t_structure("exact")
    encoder = build_encoder(structure, seed=1)
    config = PruneConfig(sparsity=0.5, end_epoch=1, what="filters")
    Pruning(config, structure, encoder).begin_epoch(0)
    kernel, bias = (np.rint(value * 32).astype(np.int64) for value in encoder.get_layer("conv").get_weights())
    rng = np.random.default_rng(1)
    dense = random_weights(structure, rng).tensors
    found = pruning_report(WeightSet(structure, {**dense, "conv.kernel": kernel, "conv.bias": bias}), config)
    assert len(found["layers"][0]["filters_removed"]) == 4
    assert found["layers"][1]["filters_removed"] == []
    with pytest.raises(TrainingError, match="cannot be pruned"):
        Pruning(config.model_copy(update={"layers": ("dense",)}), structure, encoder)


def test_distillation_trains_a_teacher_and_changes_the_student(trained: Trained, tiny_run: Path) -> None:
    run, _ = trained("train.distill={weight: 0.7, width: 16, depth: 1, epochs: 1, latents: 0.1}")
    assert (run / "train" / "teacher" / "history.csv").is_file()
    assert weights_of(run).to_bytes() != weights_of(tiny_run).to_bytes()
    assert evaluate_run(run)[0]


def test_variational_run_is_exact_in_integers_and_scores_anomalies(trained: Trained) -> None:
    run, _ = trained("train.variational={weight: 0.003, warmup_epochs: 1}")
    weights = weights_of(run)
    model = IntegerModel.load(run)
    rng = np.random.default_rng(5)
    quiet = rng.integers(0, 4, (400, 48)) * (rng.random((400, 48)) < 0.8)
    quiet[:, 0] += 1
    single = np.zeros((400, 48), dtype=np.int64)
    single[np.arange(400), rng.integers(0, 48, 400)] = rng.integers(100, 5000, 400)
    scores = [anomaly_score(model.encode(charges)) for charges in (quiet, single)]
    for charges, score in zip((quiet, single), scores, strict=True):
        latents = Emulator(weights).run(encoder_images(charges, weights.structure.input))
        assert np.array_equal(score, (latents * latents).sum(axis=1))
    area = area_under_curve(*scores)
    assert abs(area - 0.5) > 0.2  # patterns of another kind are told apart
    assert np.isclose(area_under_curve(scores[1], scores[0]), 1.0 - area)


def test_the_kl_term_is_the_gaussian_one_and_the_noise_repeats() -> None:
    structure = econ_t_structure("econ_t")
    images = tf.zeros((5, 8, 8, 1))
    made = [Variational(VariationalConfig(weight=0.5, warmup_epochs=1), structure, seed=3) for _ in range(2)]
    noisy = [method.decoder_latents(images, tf.ones((5, 16))).numpy() for method in made]
    assert np.array_equal(noisy[0], noisy[1])
    assert 0.05 < noisy[0].std() < 0.3  # exp(-4 / 2) = 0.135
    method = made[0]
    assert np.any(method.decoder_latents(images, tf.ones((5, 16))).numpy() != noisy[0])
    values = []
    for epoch, size in ((0, 1.0), (1, 1.0), (1, 0.0)):
        method.begin_epoch(epoch)
        latents = tf.fill((5, 16), size)
        step = Step(images, None, None, tf.ones(5), latents, None, energy_distance)
        values.append(float(method.loss(step)))
    expected = 0.5 * 16 * 0.5 * (1.0 + np.exp(-4.0) + 4.0 - 1.0)
    assert np.allclose(values, [expected / 2, expected, expected - 4.0], rtol=1e-5)


def test_roc_by_hand() -> None:
    background, signal = np.array([1, 2, 2, 3]), np.array([2, 3, 4, 4])
    false, true = roc(background, signal)
    assert (false[0], true[0], false[-1], true[-1]) == (0.0, 0.0, 1.0, 1.0)
    pairs = [(s > b) + 0.5 * (s == b) for s in signal for b in background]
    assert np.isclose(area_under_curve(background, signal), np.mean(pairs))
    assert np.isclose(area_under_curve(background, background), 0.5)
    assert anomaly_score(np.array([[8, 3], [0, 511]]), drop=1).tolist() == [17, 255 * 255]


def test_the_published_decoder_has_its_published_size_and_keeps_the_sum() -> None:
    decoder = build_decoder(DecoderConfig(kind="convolution", level_inputs=False, conditions=()), 16, 9, seed=1)
    assert decoder.count_params() == 2833
    rng = np.random.default_rng(3)
    latents = (rng.integers(0, 512, (20, 16)) / 256.0).astype(np.float32)
    codes = sum_conditions(rng.integers(0, 300, 20))
    out = decoder([tf.constant(latents), tf.constant(codes)]).numpy()
    assert out.shape == (20, 48)
    assert np.allclose(out.sum(axis=1), 1.0, atol=1e-5)
    assert np.array_equal(decoder([tf.constant(latents), tf.constant(codes * 0)]).numpy(), out)  # it knows latents only


@pytest.mark.parametrize("kind", ["distribution", "convolution"])
def test_every_condition_reaches_the_decoder(kind: Any) -> None:
    config = DecoderConfig(kind=kind, width=16, depth=1, conditions=("eta", "layer", "wafer_type", "position"))
    decoder = build_decoder(config, 16, 3, seed=1)
    width = int(decoder.inputs[1].shape[1]) - CONDITIONS
    base = np.zeros((1, CONDITIONS + width), dtype=np.float32)
    latents = np.ones((1, 16), dtype=np.float32)
    plain = decoder([latents, base]).numpy()
    for place in range(CONDITIONS + width):
        changed = base.copy()
        changed[0, place] = 1.0
        differs = bool(np.any(decoder([latents, changed]).numpy() != plain))
        assert differs == (place >= CONDITIONS), place


def test_a_conditional_published_decoder_trains_evaluates_and_asks_for_its_columns(trained: Trained) -> None:
    run, _ = trained("train.decoder={kind: convolution, conditions: [sum, eta, layer, wafer_type, position]}")
    model = IntegerModel.load(run)
    assert model.conditions == ("sum", "eta", "layer", "wafer_type", "position")
    assert evaluate_run(run)[0][0]["sum_relative_error_mean"] < 0.05  # the sum is sent, and kept
    charges = np.ones((2, 48), dtype=np.int64)
    with pytest.raises(TrainingError, match="needs the conditions sum, eta"):
        model.reconstruct(charges)
    with pytest.raises(TrainingError, match="no column 'eta'"):
        model.module_inputs(ModuleReadings(charges, sample="bare"))


@pytest.mark.parametrize("suffix", ["json", "yaml", "hex", "bin", "c"])
def test_weights_of_an_existing_chip_are_read_from_every_image(tmp_path: Path, suffix: str) -> None:
    structure = econ_t_structure("econ_t")
    chip = random_weights(structure, np.random.default_rng(7))
    write_image(chip, tmp_path / f"chip.{suffix}")
    assert chip_weights(tmp_path / f"chip.{suffix}", structure).to_bytes() == chip.to_bytes()


def test_decoder_for_an_existing_chip_keeps_its_weights(trained: Trained, tmp_path: Path) -> None:
    chip = random_weights(econ_t_structure("econ_t"), np.random.default_rng(7))
    write_image(chip, tmp_path / "chip.yaml")
    run, _ = trained(f"train.start_from_weights={tmp_path / 'chip.yaml'}", "train.phases.0.epochs=1")
    assert weights_of(run).to_bytes() == chip.to_bytes()
    assert json.loads((run / "train" / "metrics.json").read_text())["best_epoch"] == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["train.start_from_weights=/nowhere.yaml"], "/nowhere.yaml"),
        (["train.start_from_weights={chip}", "encoder.filters=4"], "train.start_from_weights"),
        (
            ["train.start_from_weights={chip}", "train.prune={sparsity: 0.5, end_epoch: 1}"],
            "keeps the encoder as it is",
        ),
        (["train.prune={sparsity: 0.5, end_epoch: 9}"], "lies behind the last of 2 epochs"),
        (["train.prune={sparsity: 0.5, begin_epoch: 1, end_epoch: 1}"], "must be smaller"),
        (["train.bits_per_latent=4"], "2 links carry 64"),
        (["train.decoder.conditions=[sum, sum]"], "each may be given once"),
        (["train.decoder.conditions=[phi]"], "conditions"),
    ],
)
def test_wrong_settings_end_with_exit_code_2(
    tiny_config: Path, tmp_path: Path, settings: list[str], words: str
) -> None:
    chip = random_weights(econ_t_structure("econ_t"), np.random.default_rng(7))
    write_image(chip, tmp_path / "chip.yaml")
    filled = [setting.replace("{chip}", str(tmp_path / "chip.yaml")) for setting in settings]
    arguments = ["--config", str(tiny_config), "--set", f"output={tmp_path / 'run'}"]
    done = CliRunner().invoke(train_module.app, arguments + [part for s in filled for part in ("--set", s)])
    assert done.exit_code == 2
    assert words in done.output.replace("\n", " ")
    assert not (tmp_path / "run" / "encoder.json").exists()


def test_a_new_topology_trains_exports_and_evaluates(trained: Trained) -> None:
    encoder = "encoder={profile: exact, input: 4x4x3, stride: [1, 1], filters: 4, latents: 8, dense: [{units: 12}]}"
    run, config = trained(encoder, "train.links=5", "train.bits_per_latent=7")
    structure = read_structure(run / "encoder.json")
    assert structure.sha256 == structure_of(config.encoder).sha256 != structure_of(EncoderConfig()).sha256
    rows, model = evaluate_run(run)
    assert model.payload_bits == 14 + 8 * 7
    assert rows[0]["payload_bits"] == model.payload_bits
