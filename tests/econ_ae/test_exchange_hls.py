"""hls4ml projects: hls4ml's own compiled prediction equals the emulator."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from asic_flow.bounds import accumulator_bounds
from asic_flow.formats import Format, Rounding
from asic_flow.ir import Activation, Dense, Pool2D, Structure, econ_t_structure
from asic_flow.weights import WeightSet, random_weights, write_weights
from econ_ae.errors import LoweringError, TrainingError
from econ_ae.exchange.cli import app
from econ_ae.exchange.hls_project import export_hls4ml, layer_list, precision
from hgcal_data.files import atomic_write_text

compiles = pytest.mark.skipif(
    importlib.util.find_spec("hls4ml") is None or shutil.which("g++") is None, reason="needs hls4ml and g++"
)


def weights_of(structure: Structure, seed: int = 3) -> WeightSet:
    return random_weights(structure, np.random.default_rng(seed))


def test_every_precision_is_stated() -> None:
    structure = econ_t_structure("exact")
    nodes, config = layer_list(weights_of(structure))
    assert [node["name"] for node in nodes] == ["image", "conv", "conv_out", "dense_flatten", "dense", "dense_out"]
    table = {name: entry["Precision"] for name, entry in config["LayerName"].items()}
    assert set(table) == {node["name"] for node in nodes}
    assert table["image"] == {"result": "ufixed<8,1,TRN,SAT>"}
    assert table["dense_out"] == {"result": "ufixed<9,1,RND_CONV,SAT>"}
    for name, bounds in accumulator_bounds(structure).items():
        width, fraction = bounds.width, bounds.fraction
        assert table[name]["accum"] == table[name]["result"] == f"fixed<{width},{width - fraction},TRN,WRAP>"
    assert precision(Format(width=6, fraction=5, signed=True)) == "fixed<6,1,TRN,SAT>"


def test_what_hls4ml_cannot_do_exactly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoweringError, match="floors every product"):
        export_hls4ml(weights_of(econ_t_structure("econ_t")), tmp_path / "project")
    structure = econ_t_structure("exact")
    pool = Pool2D(name="pool", mode="max", pool_size=(2, 2), strides=(2, 2))
    pooled = Structure(
        profile="exact", layers=(structure.layers[0], pool, structure.layers[1]), register_profile="generic"
    )
    with pytest.raises(LoweringError, match=r"'pool' \(pool2d\) is not exported"):
        export_hls4ml(weights_of(pooled), tmp_path / "project")
    with pytest.raises(TrainingError, match="'HLS' is unknown"):
        export_hls4ml(weights_of(structure), tmp_path / "project", backend="HLS")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def signed_latents() -> Structure:
    """The case in which hls4ml deletes the output quantiser silently (facts/hls4ml-and-catapult.md section 0, finding 3)."""
    structure = econ_t_structure("exact", filters=2, units=4, weight_bits=5)
    output = Format(width=9, fraction=6, signed=True, rounding=Rounding.HALF_EVEN)
    dense = structure.layers[1]
    assert isinstance(dense, Dense)
    last = dense.model_copy(update={"activation": Activation.LINEAR, "output": output})
    return structure.model_copy(update={"layers": (structure.layers[0], last)})


@compiles
@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.parametrize("structure", [econ_t_structure("exact"), signed_latents()], ids=["chip", "signed"])
def test_prediction_equals_the_emulator(tmp_path: Path, structure: Structure) -> None:
    weights = weights_of(structure)
    rows = export_hls4ml(weights, tmp_path / "project", events=1000)
    assert (rows["mismatches"], rows["values"]) == (0, 1000 * structure.n_latents)
    assert rows["distinct_values"] > 50
    assert [path.name for path in tmp_path.iterdir()] == ["project"]
    assert (tmp_path / "project" / "firmware" / "econ_encoder.cpp").is_file()
    text = (tmp_path / "project" / "hls4ml_config.yml").read_text()
    assert ".tmp" not in text


@compiles
@pytest.mark.slow
@pytest.mark.tools
def test_one_wrong_precision_is_caught_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from econ_ae.exchange import hls_project

    def narrow(weights: WeightSet) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        nodes, config = layer_list(weights)
        config["LayerName"]["dense_out"]["Precision"]["result"] = "ufixed<9,1,RND,SAT>"  # half up, not half to even
        return nodes, config

    monkeypatch.setattr(hls_project, "layer_list", narrow)
    with pytest.raises(LoweringError, match="differ from the emulator"):
        export_hls4ml(weights_of(econ_t_structure("exact")), tmp_path / "project", events=1000)
    assert not list(tmp_path.iterdir())


@compiles
@pytest.mark.slow
@pytest.mark.tools
def test_command_line(tmp_path: Path) -> None:
    structure = econ_t_structure("exact", filters=2, units=3)
    atomic_write_text(tmp_path / "run" / "encoder.json", structure.to_json())
    write_weights(weights_of(structure), tmp_path / "run" / "weights" / "links5.json")
    arguments = ["export", str(tmp_path / "run"), "--format", "hls4ml", "--out", str(tmp_path / "project"), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["mismatches"] == 0
