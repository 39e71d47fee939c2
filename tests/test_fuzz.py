"""Damaged files of every kind are read, or refused with the package's own error: nothing else ever gets out.

The damage is what disks, editors and transfers do: bytes changed, cut out, doubled, inserted, the end missing. Where a
file carries a CRC, what is still read must be what was written.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from asic_flow.errors import FlowError, WeightError
from asic_flow.images import ImageFormat, pack, unpack
from asic_flow.ir import econ_t_structure, read_structure
from asic_flow.weights import random_weights, read_weights, write_weights
from econ_ae.config import load_config
from econ_ae.errors import TrainingError
from hgcal_data.csv_files import load_csv, save_csv
from hgcal_data.errors import DataError
from hgcal_data.readings import ModuleReadings, load_hdf5, save_hdf5
from hgcal_data.vectors import read_input_words, write_words

ROOT = Path(__file__).resolve().parents[1]
STRUCTURE = econ_t_structure("econ_t")
WEIGHTS = random_weights(STRUCTURE, np.random.default_rng(5))
RNG = np.random.default_rng(6)

KINDS = ("change", "cut", "double", "insert", "end")
EDIT = st.tuples(st.sampled_from(KINDS), st.floats(0, 1), st.integers(1, 40), st.binary(max_size=8))
fuzz = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def damaged(data: bytes, edits: list[tuple[str, float, int, bytes]]) -> bytes:
    for kind, place, length, new in edits:
        at = int(place * len(data))
        if kind == "change":
            data = data[:at] + new + data[at + len(new) :]
        elif kind == "cut":
            data = data[:at] + data[at + length :]
        elif kind == "double":
            data = data[:at] + 2 * data[at : at + length] + data[at + length :]
        elif kind == "insert":
            data = data[:at] + new + data[at:]
        else:
            data = data[:at]
    return data


def outcome(read: Callable[[], Any], refusal: type[Exception]) -> tuple[Any, str | None]:
    """What was read, or the message of the refusal. Anything else that is raised fails the test."""
    try:
        return read(), None
    except refusal as error:
        return None, str(error)


def readings() -> ModuleReadings:
    return ModuleReadings(charges=RNG.integers(0, 400, (12, 48)), sample="fuzz")


def as_csv(path: Path) -> None:
    save_csv(readings(), path)


def as_hdf5(path: Path) -> None:
    save_hdf5(readings(), path)


def as_words(path: Path) -> None:
    write_words(path, RNG.integers(0, 2**28, (10, 12)).astype(np.uint32))


def as_structure(path: Path) -> None:
    path.write_text(STRUCTURE.to_json())


def as_configuration(path: Path) -> None:
    path.write_text((ROOT / "configs" / "demo.yml").read_text())


READERS: dict[str, tuple[Callable[[Path], None], Callable[[Path], Any], type[Exception]]] = {
    "rows.csv": (as_csv, load_csv, DataError),
    "rows.h5": (as_hdf5, load_hdf5, DataError),
    "testInput.csv": (as_words, read_input_words, DataError),
    "encoder.json": (as_structure, read_structure, FlowError),
    "run.yml": (as_configuration, load_config, TrainingError),
}


@pytest.mark.parametrize("name", READERS)
@fuzz
@given(edits=st.lists(EDIT, min_size=1, max_size=3))
@example(edits=[("end", 0.0, 1, b"")])
@example(edits=[("insert", 0.5, 1, b"\xff\x00")])
def test_damaged_input_is_read_or_refused(
    tmp_path: Path, name: str, edits: list[tuple[str, float, int, bytes]]
) -> None:
    write, read, refusal = READERS[name]
    whole = tmp_path / f"whole_{name}"
    if not whole.is_file():
        write(whole)
        read(whole)
    path = tmp_path / name
    if name == "rows.h5":  # cut anywhere; what libhdf5 does with other damage changes from call to call
        edits = [("end", place, length, new) for _kind, place, length, new in edits]
    path.write_bytes(damaged(whole.read_bytes(), edits))
    message = outcome(lambda: read(path), refusal)[1]
    assert message is None or path.name in message, "the message names the file"


@fuzz
@given(edits=st.lists(EDIT, min_size=1, max_size=3))
def test_damaged_weights_are_never_other_weights(tmp_path: Path, edits: list[tuple[str, float, int, bytes]]) -> None:
    whole, path = tmp_path / "whole.json", tmp_path / "weights.json"
    if not whole.is_file():
        write_weights(WEIGHTS, whole)
    path.write_bytes(damaged(whole.read_bytes(), edits))
    found, message = outcome(lambda: read_weights(path, STRUCTURE), WeightError)
    assert (message is None and found.to_bytes() == WEIGHTS.to_bytes()) or path.name in str(message)


@pytest.mark.parametrize("image_format", sorted(set(ImageFormat) - {ImageFormat.RAW}))
@fuzz
@given(edits=st.lists(EDIT, min_size=1, max_size=3))
def test_damaged_images_are_refused_by_their_crc(
    image_format: ImageFormat, edits: list[tuple[str, float, int, bytes]]
) -> None:
    image = pack(WEIGHTS, image_format)
    head = image.index(b"\n", image.index(b"crc32")) + 1  # without its CRC nothing can tell, see below
    data = image[:head] + damaged(image[head:], edits)
    found, message = outcome(lambda: unpack(STRUCTURE, data, image_format), WeightError)
    assert message or found.to_bytes() == WEIGHTS.to_bytes()


def test_only_the_crc_catches_a_changed_digit() -> None:
    """The control of the test above: without the comment that has the CRC, the same damage goes through."""
    image = pack(WEIGHTS, ImageFormat.YAML).decode()
    changed = image.replace(": 0x6", ": 0x5", 1)
    bare = "\n".join(line for line in changed.splitlines() if not line.startswith("#"))
    with pytest.raises(WeightError, match="it was changed"):
        unpack(STRUCTURE, changed.encode(), ImageFormat.YAML)
    assert unpack(STRUCTURE, bare.encode(), ImageFormat.YAML).to_bytes() != WEIGHTS.to_bytes()
