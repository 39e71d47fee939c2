"""A tiny training that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

TINY = {
    "name": "tiny",
    "seed": 3,
    "data": {
        "sources": [
            {"simulate": {"sample": "ttbar", "readings": 600}, "sample": "busy"},
            {"simulate": {"sample": "electrons", "readings": 300, "pileup": 0}, "sample": "quiet"},
        ]
    },
    "train": {
        "links": 2,
        "phases": [{"epochs": 2, "loss": "root_energy"}],
        "batch_size": 64,
        "decoder": {"width": 16, "depth": 2},
        "checkpoint_every": 1,
        "xla": False,
    },
    "evaluate": {"events": 60, "examples": 4},
}


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "tiny.yml"
    path.write_text(yaml.safe_dump(TINY))
    return path


@pytest.fixture(scope="session")
def tiny_run(tiny_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from econ_ae.config import load_config
    from econ_ae.train import train

    folder = tmp_path_factory.mktemp("runs") / "tiny"
    return train(load_config(tiny_config, [f"output={folder}"]))
