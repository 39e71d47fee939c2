from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import econ_ae.config
from econ_ae.config import RunConfig, load_config
from econ_ae.errors import TrainingError

ROOT = Path(__file__).resolve().parents[2]


def test_overrides_reach_sections_lists_and_new_keys(tiny_config: Path) -> None:
    config = load_config(tiny_config, ["train.links=3", "train.phases.0.epochs=7", "encoder.profile=exact"])
    assert (config.train.links, config.train.latent_bits) == (3, 5)
    assert config.train.phases[0].epochs == 7
    assert config.encoder.profile == "exact"


def test_output_defaults_to_the_name(tiny_config: Path) -> None:
    assert load_config(tiny_config, ["name=other"]).output == Path("runs/other")


def test_resolved_yaml_reads_back_equal(tiny_config: Path, tmp_path: Path) -> None:
    config = load_config(tiny_config)
    path = tmp_path / "resolved.yml"
    path.write_text(config.to_yaml())
    assert load_config(path) == config


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["train.link=3"], "key train.link: unknown key"),
        (["train.links=6"], "train.links"),
        (["train.learning_rate=-1"], "train.learning_rate"),
        (["train.links"], "expected key=value"),
        (["train.phases.4.epochs=1"], "list of 1"),
        (["name.first=1"], "not a section"),
        (["data.sources.0.file=x.csv"], "exactly one of"),
        (["train.phases.0.loss=mse"], "root_energy"),
    ],
)
def test_wrong_settings_are_named(tiny_config: Path, settings: list[str], words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        load_config(tiny_config, settings)


def test_missing_and_malformed_files(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="No such file"):
        load_config(tmp_path / "none.yml")
    (tmp_path / "bad.yml").write_text("a: [1")
    with pytest.raises(TrainingError, match="not valid YAML"):
        load_config(tmp_path / "bad.yml")
    (tmp_path / "list.yml").write_text("- 1")
    with pytest.raises(TrainingError, match="expected keys"):
        load_config(tmp_path / "list.yml")


def test_environment_variables_expand_or_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECON_AE_DATA", "/somewhere")
    config = load_config(ROOT / "configs" / "real.yml")
    assert config.data.sources[0].file == Path("/somewhere/calq/CALQ_output.csv")
    monkeypatch.delenv("ECON_AE_DATA")
    with pytest.raises(TrainingError, match="ECON_AE_DATA, which is unset"):
        load_config(ROOT / "configs" / "real.yml")


def test_every_key_is_documented() -> None:
    def undocumented(definitions: dict[str, dict[str, object]]) -> list[str]:
        names = []
        for name, definition in definitions.items():
            if not str(getattr(getattr(econ_ae.config, name, None), "__module__", "")).startswith("econ_ae.config"):
                continue
            properties = definition.get("properties", {})
            assert isinstance(properties, dict)
            names += [f"{name}.{key}" for key, value in properties.items() if "description" not in value]
        return names

    schema = RunConfig.model_json_schema()
    own = {"RunConfig": schema, **schema["$defs"]}
    assert undocumented(own) == []
    assert undocumented({"PruneConfig": {"properties": {"new_key": {}}}}) == ["PruneConfig.new_key"]


@pytest.mark.parametrize("name", ["demo.yml", "real.yml", "links2.yml"])
def test_shipped_configurations_are_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECON_AE_DATA", "/data")
    config = load_config(ROOT / "configs" / name)
    assert config.name == name.removesuffix(".yml")
    assert yaml.safe_load(config.to_yaml())["encoder"]["profile"] == "econ_t"
