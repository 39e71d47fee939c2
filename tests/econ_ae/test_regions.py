"""Weight libraries per region, and tables of ablations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from asic_flow.images import read_image
from asic_flow.ir import read_structure
from econ_ae import ablation as ablation_module
from econ_ae import train as train_module
from econ_ae.ablation import jobs, load_ablation
from econ_ae.config import load_config
from econ_ae.regions import RegionConfig, assign, load_regions
from hgcal_data.simulate.layout import build_layout

ROOT = Path(__file__).resolve().parents[2]
runner = CliRunner()


def regions_file(folder: Path, base: Path, start: Path | None, **changes: object) -> Path:
    content = {
        "output": str(folder / "library"),
        "base": str(base),
        "set": ["train.phases=[{epochs: 1}]"],
        "start_from": None if start is None else str(start),
        "min_rows": 20,
        "regions": [
            {"name": "inner", "layers": [1, 26], "eta": [2.3, 9.0]},
            {"name": "front", "layers": [1, 26], "links": 3},
        ],
        **changes,
    }
    path = folder / "regions.yml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_library_says_for_every_module_what_to_load(tiny_config: Path, tiny_run: Path, tmp_path: Path) -> None:
    path = regions_file(tmp_path, tiny_config, tiny_run)
    done = runner.invoke(train_module.app, ["--regions", str(path)])
    assert done.exit_code == 0, done.output
    library = tmp_path / "library"
    index = json.loads((library / "index.json").read_text())
    layout = build_layout()
    assert len(index["modules"]) == len(layout)
    images = {image["name"]: image for image in index["images"]}
    assert {name: image["links"] for name, image in images.items()} == {"inner": 2, "front": 3, "start": 2}
    structure = read_structure(library / "encoder.json")
    loaded = {name: read_image(library / image["image"], structure) for name, image in images.items()}
    for name, weights in loaded.items():
        assert f"{weights.crc32:#010x}" == images[name]["crc32"]
        assert weights.to_bytes() == read_image(library / images[name]["weights"], structure).to_bytes()
    assert len({weights.to_bytes() for weights in loaded.values()}) == 3
    places = {(m["layer"], m["wafer_u"], m["wafer_v"]): m["image"] for m in index["modules"]}
    for i in range(0, len(layout), 97):
        key = (int(layout.layer[i]), int(layout.wafer_u[i]), int(layout.wafer_v[i]))
        expected = "start" if key[0] > 26 else "inner" if layout.eta[i] >= 2.3 else "front"
        assert places[key] == expected
    before = (library / "runs" / "inner" / "train" / "metrics.json").stat().st_mtime_ns
    assert runner.invoke(train_module.app, ["--regions", str(path)]).exit_code == 0
    assert (
        library / "runs" / "inner" / "train" / "metrics.json"
    ).stat().st_mtime_ns == before  # finished runs are kept


def test_the_first_region_wins_and_edges_belong_to_one_region(tmp_path: Path) -> None:
    layout = build_layout()
    path = regions_file(tmp_path, ROOT / "configs" / "demo.yml", None)
    config = load_regions(path)
    found = assign(config, layout.layer, layout.wafer_u, layout.wafer_v)
    assert set(found.tolist()) == {-1, 0, 1}
    assert np.array_equal(found == 0, (layout.layer <= 26) & (layout.eta >= 2.3))
    near = RegionConfig(name="near", radius_cm=(0.0, 80.0))
    far = RegionConfig(name="far", radius_cm=(80.0, 1000.0))
    inside = [part.contains(layout.layer, layout.wafer_u, layout.wafer_v) for part in (near, far)]
    assert np.array_equal(inside[0], ~inside[1])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"regions": [{"name": "nowhere", "layers": [48, 49]}, {"name": "none", "eta": [5.0, 6.0]}]},
            "no module of the det",
        ),
        ({"min_rows": 100000}, "min_rows asks for 100000"),
        ({"regions": [{"name": "start"}]}, "names must be unique"),
        ({"regions": [{"name": "a", "layer": [1, 2]}]}, "unknown key"),
        ({"start_from": "/nowhere"}, "/nowhere"),
    ],
)
def test_wrong_regions_end_with_exit_code_2(
    tiny_config: Path, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    path = regions_file(tmp_path, tiny_config, None, **changes)
    done = runner.invoke(train_module.app, ["--regions", str(path)])
    assert done.exit_code == 2
    assert words in done.output.replace("\n", " ")
    assert not (tmp_path / "library" / "index.json").exists()


def test_config_and_regions_exclude_each_other(tiny_config: Path) -> None:
    assert runner.invoke(train_module.app, []).exit_code == 2
    assert runner.invoke(train_module.app, ["--config", str(tiny_config), "--regions", "x.yml"]).exit_code == 2
    assert runner.invoke(train_module.app, ["--regions", "/nowhere.yml"]).exit_code == 2


def test_the_shipped_ablation_is_a_valid_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    planned = jobs(load_ablation(ROOT / "configs" / "ablation.yml"))
    assert all(len(runs) == 2 for runs in planned)
    assert len({run.output for runs in planned for run in runs}) == 2 * len(planned)
    reference, smooth = planned[0][0].train, planned[1][0].train
    assert all(phase.product_exact for phase in reference.phases)
    assert not any(phase.product_exact for phase in smooth.phases)


def test_a_table_has_a_line_per_variant_and_continues(tiny_config: Path, tmp_path: Path) -> None:
    content = {
        "output": str(tmp_path / "table"),
        "base": str(tiny_config),
        "set": ["train.phases.*.epochs=1", "evaluate.refine=false"],
        "seeds": [1],
        "variants": [
            {"name": "plain", "title": "plain"},
            {"name": "mse", "title": "mse", "set": ["train.phases.*.loss=weighted_mse"]},
        ],
    }  # fmt: skip
    path = tmp_path / "ablation.yml"
    path.write_text(yaml.safe_dump(content))
    done = runner.invoke(ablation_module.app, ["--config", str(path), "--table", str(tmp_path / "out.md")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "out.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert [line.split("|")[1].strip() for line in lines] == [
        "variant", "*best choice*", "*super trigger cell*", "*threshold sum*", "plain", "mse",
    ]  # fmt: skip
    assert [line.count("|") for line in lines] == [6] * len(lines)
    again = runner.invoke(ablation_module.app, ["--config", str(path)])
    assert again.exit_code == 0
    assert (tmp_path / "table" / "ablation.md").read_text() == text
    content["seeds"] = [1, 1]
    path.write_text(yaml.safe_dump(content))
    assert runner.invoke(ablation_module.app, ["--config", str(path)]).exit_code == 2


def test_a_star_reaches_every_item_of_a_list(tiny_config: Path) -> None:
    config = load_config(tiny_config, ["train.phases=[{epochs: 1}, {epochs: 2}]", "train.phases.*.loss=sinkhorn"])
    assert [phase.loss for phase in config.train.phases] == ["sinkhorn", "sinkhorn"]
