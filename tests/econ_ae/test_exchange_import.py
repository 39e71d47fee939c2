"""Import of Keras 2 files: equal integers, or refused by name."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from qkeras import QActivation, QConv2D, QDense, quantized_bits, quantized_relu
from typer.testing import CliRunner

from asic_flow.emulator import Emulator
from asic_flow.ir import read_structure
from asic_flow.weights import read_weights
from econ_ae.encoder import run_integers
from econ_ae.errors import LoweringError, TrainingError
from econ_ae.exchange.cli import app
from econ_ae.exchange.importer import import_encoder, import_model
from econ_ae.exchange.keras2 import build, quantiser
from econ_ae.exchange.prove import random_images
from econ_ae.model import IntegerModel
from hgcal_data.csv_files import load_csv
from hgcal_data.emd import emd

runner = CliRunner()
FIXED = {"symmetric": 0, "alpha": 1, "keep_negative": 1, "use_stochastic_rounding": False, "qnoise_factor": 1.0}


def serialised(kind: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": config, "__passive_serialization__": True}


def keras2_config() -> dict[str, Any]:
    """Encoder 8x8x1 -> 2 filters -> 3 latents, spelt as Keras 2.10 with QKeras 0.9 spells it."""
    weight = serialised("quantized_bits", bits=6, integer=1, **FIXED)
    common = {"trainable": True, "dtype": "float32", "activation": "linear", "use_bias": True}
    common |= {"kernel_quantizer": weight, "bias_quantizer": weight, "kernel_range": None, "bias_range": None}
    window = {"kernel_size": [3, 3], "strides": [2, 2], "padding": "same", "data_format": "channels_last"}
    layers = [
        ("InputLayer", "input_1", {"batch_input_shape": [None, 8, 8, 1], "dtype": "float32"}),
        ("QActivation", "input_qa", {"activation": serialised("quantized_bits", bits=11, integer=3, **FIXED)}),
        ("FQConv2D", "conv", {**common, **window, "filters": 2, "groups": 1, "ber": 0, "bit_loc": 0}),
        ("QActivation", "conv_qa", {"activation": "quantized_relu(12,3)"}),
        ("Flatten", "flatten", {"data_format": "channels_last"}),
        ("QDense", "latents", {**common, "units": 3}),
        (
            "QActivation",
            "latents_qa",
            {"activation": serialised("quantized_relu", bits=9, integer=1, negative_slope=0.0)},
        ),
    ]
    entries, previous = [], None
    for kind, name, config in layers:
        inbound = [] if previous is None else [[[previous, 0, 0, {}]]]
        entries.append({"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": inbound})
        previous = name
    return {"class_name": "Functional", "config": {"name": "encoder", "layers": entries}, "keras_version": "2.10.0"}


def keras2_arrays() -> dict[str, list[np.ndarray]]:
    rng = np.random.default_rng(5)
    shapes = {"conv": [(3, 3, 1, 2), (2,)], "latents": [(32, 3), (3,)]}
    return {name: [rng.uniform(-1, 1, s).astype(np.float32) for s in group] for name, group in shapes.items()}


def write_hdf5(path: Path, arrays: dict[str, list[np.ndarray]], config: dict[str, Any] | None = None) -> Path:
    """A Keras 2 weight file; with a configuration a whole-model file."""
    with h5py.File(path, "w") as file:
        group = file
        if config is not None:
            file.attrs["model_config"] = json.dumps(config)
            group = file.create_group("model_weights")
        names = [entry["name"] for entry in keras2_config()["config"]["layers"]]
        group.attrs["layer_names"] = [name.encode() for name in names]
        for name in names:
            keys = [f"{name}/{part}:0" for part in ("kernel", "bias")] if name in arrays else []
            layer = group.create_group(name)
            layer.attrs["weight_names"] = [key.encode() for key in keys]
            for key, values in zip(keys, arrays.get(name, []), strict=True):
                layer[key] = values
    return path


def same_network() -> keras.Model:
    """What `keras2_config` describes, written directly in Keras 3."""
    weight = {"kernel_quantizer": quantized_bits(6, 1, alpha=1), "bias_quantizer": quantized_bits(6, 1, alpha=1)}
    inputs = keras.Input((8, 8, 1))
    values = QActivation(quantized_bits(11, 3, alpha=1))(inputs)
    values = QActivation(quantized_relu(12, 3))(QConv2D(2, 3, strides=2, padding="same", **weight)(values))
    values = QDense(3, **weight)(keras.layers.Flatten()(values))
    model = keras.Model(inputs, QActivation(quantized_relu(9, 1))(values))
    model.set_weights([values for group in keras2_arrays().values() for values in group])
    return model


@pytest.mark.parametrize("whole", [False, True])
def test_keras2_files_become_exact_integers(tmp_path: Path, whole: bool) -> None:
    if whole:
        path = write_hdf5(tmp_path / "encoder.h5", keras2_arrays(), keras2_config())
    else:
        path = tmp_path / "encoder.json"
        path.write_text(json.dumps(keras2_config()))
        write_hdf5(tmp_path / "encoder.hdf5", keras2_arrays())
    model, structure, weights = import_encoder(path)
    images = random_images(structure, 300, 1)
    expected = run_integers(same_network(), structure, images)
    assert np.array_equal(Emulator(weights).run(images), expected)
    assert len(np.unique(expected)) > 50
    assert np.array_equal(run_integers(model, structure, images), expected)
    assert weights.provenance["imported_from"] == path.name


def changed(layer: str, **changes: Any) -> dict[str, Any]:
    config = copy.deepcopy(keras2_config())
    entry = next(entry for entry in config["config"]["layers"] if entry["name"] == layer)
    entry["class_name"] = changes.pop("class_name", entry["class_name"])
    entry["inbound_nodes"] = changes.pop("inbound_nodes", entry["inbound_nodes"])
    entry["config"] |= changes
    return config


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (changed("conv", ber=0.1), "injects faults"),
        (changed("flatten", class_name="Lambda"), "class 'Lambda' is not supported"),
        (changed("conv_qa", activation="stochastic_ternary(2)"), "'conv_qa': activation 'stochastic_ternary"),
        (changed("conv", kernel_quantizer=serialised("ternary")), "layer 'conv', kernel: quantiser 'ternary'"),
        (changed("conv_qa", inbound_nodes=[[["input_1", 0, 0, {}]]]), "takes ['input_1']"),
        (changed("latents", units=None), "'latents' is malformed"),
        ({"class_name": "Network", "config": {}}, "found 'Network'"),
        ({"class_name": "Functional", "config": {"layers": []}}, "no layers"),
    ],
)
def test_what_cannot_be_imported_is_named(config: dict[str, Any], words: str) -> None:
    with pytest.raises(TrainingError) as error:
        build(config, "file.json")
    assert words in str(error.value)
    assert "file.json" in str(error.value)


def test_what_has_no_integers_is_refused_by_name() -> None:
    scaled = serialised("quantized_bits", bits=6, integer=1, **{**FIXED, "alpha": "auto"})
    model = build(changed("conv", kernel_quantizer=scaled), "file.json")
    from econ_ae.lower import lower

    with pytest.raises(LoweringError, match="alpha='auto'"):
        lower(model)


def test_quantisers_in_text_are_read_without_evaluating_them() -> None:
    found = quantiser("quantized_bits(6, 1, alpha=1, keep_negative=True)", "here")
    assert (found.bits, found.integer, found.alpha) == (6, 1, 1)
    for text in ("__import__('os').system('true')", "quantized_bits(6, evil=1)", "quantized_relu(quantized_relu(3))"):
        with pytest.raises(TrainingError, match="here"):
            quantiser(text, "here")


def test_weight_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "encoder.json"
    path.write_text(json.dumps(keras2_config()))
    with pytest.raises(TrainingError, match="no weights beside it"):
        import_model(path)
    arrays = keras2_arrays()
    with pytest.raises(TrainingError, match="weights for conv, but the model's layers are conv, latents"):
        import_model(path, write_hdf5(tmp_path / "half.h5", {"conv": arrays["conv"]}))
    arrays["conv"][0] = arrays["conv"][0][:2]
    with pytest.raises(TrainingError, match="layer 'conv' has shapes"):
        import_model(path, write_hdf5(tmp_path / "shape.h5", arrays))
    with pytest.raises(TrainingError, match="holds weights but no model"):
        import_model(tmp_path / "shape.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(TrainingError, match=r"reading weights .*text\.h5"):
        import_model(path, tmp_path / "text.h5")


@pytest.mark.parametrize("name", ["fkeras-6bit-end-of-life", "quantized-6bit-end-of-life"])
def test_published_models(public_data: Path, name: str) -> None:
    folder = public_data / "models" / name
    model, structure, weights = import_encoder(next(folder.glob("encoder*.json")))
    assert structure.weight_bits == 12864
    images = random_images(structure, 500, 2)
    assert np.array_equal(Emulator(weights).run(images), run_integers(model, structure, images))
    decoder = import_model(next(folder.glob("decoder*.json")))
    assert decoder.count_params() == 2833  # facts/data.md section 2
    assert decoder(np.zeros((1, 16), np.float32)).shape == (1, 8, 8, 1)


@pytest.mark.parametrize("name", ["fkeras-6bit-end-of-life", "quantized-6bit-end-of-life"])
def test_a_published_pair_reaches_its_published_emd(public_data: Path, tmp_path: Path, name: str) -> None:
    folder = public_data / "models" / name
    encoder, decoder = (str(next(folder.glob(f"{part}*.json"))) for part in ("encoder", "decoder"))
    result = runner.invoke(app, ["import", encoder, "--decoder", decoder, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    model = IntegerModel.load(tmp_path)
    assert (model.links, model.payload_bits) == (5, 158)
    charges = load_csv(public_data / "calq" / "CALQ_output.csv").charges
    reco = model.reconstruct(charges, refine=False).charges
    published = float((folder / "published_EMD.txt").read_text().split(",")[0])  # its first number is the mean
    assert abs(np.nanmean(emd(charges, reco)) - published) < 0.05
    assert abs(np.nanmean(emd(charges, np.roll(reco, 1, axis=1))) - published) > 0.5


def test_a_decoder_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "encoder.h5", keras2_arrays(), keras2_config())
    result = runner.invoke(app, ["import", str(path), "--decoder", str(path), "--out", str(tmp_path / "run")])
    assert result.exit_code == 2
    assert "latents in and an 8x8x1 image out" in result.output.replace("\n", " ")
    assert not (tmp_path / "run").exists()
    result = runner.invoke(app, ["import", str(path), "--decoder", str(path), "--out", str(tmp_path / "e.keras")])
    assert (result.exit_code, (tmp_path / "e.keras").exists()) == (2, False)


def test_published_outputs(public_data: Path) -> None:
    folder = public_data / "models" / "hls4ml_reference"
    _, structure, weights = import_encoder(folder / "keras_model.h5")
    images = np.loadtxt(folder / "tb_input_features.dat") * (1 << structure.input.format.fraction)
    expected = np.loadtxt(folder / "tb_output_predictions.dat") * (1 << structure.latent_format.fraction)
    found = Emulator(weights).run(images.astype(np.int64).reshape(-1, 8, 8, 1))
    assert np.array_equal(found, np.rint(expected).astype(np.int64))
    assert np.abs(found - expected).max() < 1e-4  # the published text is rounded to eight digits


def test_import_writes_a_run_folder(tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "encoder.h5", keras2_arrays(), keras2_config())
    result = runner.invoke(app, ["import", str(path), "--out", str(tmp_path / "run"), "--links", "3"])
    assert result.exit_code == 0, result.output
    weights = read_weights(
        tmp_path / "run" / "weights" / "links3.json", read_structure(tmp_path / "run" / "encoder.json")
    )
    images = random_images(weights.structure, 20, 1)
    again = import_model(tmp_path / "run" / "train" / "model.keras")
    assert np.array_equal(run_integers(again, weights.structure, images), Emulator(weights).run(images))
    result = runner.invoke(
        app, ["export", str(tmp_path / "run"), "--format", "qonnx", "--out", str(tmp_path / "e.onnx"), "--events", "20"]
    )
    assert result.exit_code == 0, result.output
    assert (tmp_path / "e.onnx").is_file()
