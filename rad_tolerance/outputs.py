"""Result files: complete or absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from hgcal_data.files import atomic_path, atomic_write_text
from rad_tolerance.sensitivity import Sensitivity, measures


def write_json(content: dict[str, Any], path: Path) -> None:
    """One result file."""
    atomic_write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def write_flips(result: Sensitivity, path: Path) -> None:
    """All single flips in stream order as arrays: where they are, and every measure of their damage."""
    words, flips = result.words, result.flips
    table: dict[str, Any] = {**measures(result.damage, result.weights.structure.n_latents)}
    with atomic_path(path) as temporary:
        np.savez_compressed(
            temporary,
            tensors=np.array(words.tensors),
            tensor=words.tensor[flips.words],
            tap=words.tap[flips.words],
            output=words.output[flips.words],
            bit=flips.bit,
            stored=words.value[flips.words],
            **table,
        )
