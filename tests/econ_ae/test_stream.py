"""Training rows drawn from a file in bounded memory: every row once an epoch, the held ones never, repeatable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from econ_ae.config import TrainConfig
from econ_ae.dataset import TEST, TRAIN, VALIDATION, BatchSampler, make_data
from econ_ae.errors import TrainingError
from hgcal_data.config import DataConfig, load_sources
from hgcal_data.errors import DataError
from hgcal_data.readings import ModuleReadings, save_hdf5
from hgcal_data.streaming import RowStream

ROWS, HELD = 1000, 200


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Row i holds the count i + 1 in every cell; row 3 is empty."""
    charges = np.repeat(np.arange(1, ROWS + 1)[:, None], 48, axis=1)
    charges[3] = 0
    save_hdf5(ModuleReadings(charges=charges, layer=np.arange(ROWS) % 27 + 1, sample="big"), tmp_path / "big.h5")
    return tmp_path / "big.h5"


def config(table: Path, **more: object) -> DataConfig:
    return DataConfig.model_validate({"sources": [{"file": table, "stream": True, "max_readings": HELD, **more}]})


def test_stream_gives_every_row_with_charge_once_an_epoch(table: Path) -> None:
    stream = RowStream(table, ROWS - HELD)
    rng = np.random.default_rng(1)
    drawn = np.concatenate([stream.draw(n, rng).charges[:, 0] for n in (1, 7, 91, 700)])
    assert sorted(drawn) == [i for i in range(1, ROWS - HELD + 1) if i != 4]
    again = stream.draw(799, np.random.default_rng(1)).charges[:, 0]
    assert (again == drawn).all()
    assert not (stream.draw(799, np.random.default_rng(2)).charges[:, 0] == drawn).all()
    assert len(stream.draw(2000, rng)) == 2000


def test_only_the_last_rows_are_held_and_the_stream_never_gives_them(table: Path) -> None:
    (held,) = load_sources(config(table), 1)
    assert held.charges[:, 0].tolist() == list(range(ROWS - HELD + 1, ROWS + 1))
    data = make_data(config(table), 1)
    assert data.samples == ("big",)
    assert {int(part) for part in data.split} == {TRAIN, VALIDATION, TEST}
    sampler = BatchSampler(data, TrainConfig(batch_size=64))
    assert sampler.rows == ROWS - HELD

    def epoch(seed: int) -> list[int]:
        rng = np.random.default_rng(seed)
        return [int(row.max()) for _ in range(13) for row in sampler.draw(rng)[0]]

    first = epoch(1)
    assert max(first) <= ROWS - HELD
    assert first == epoch(1) != epoch(2)


def test_refusals(table: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1000 rows, of which 50000 are to be held"):
        load_sources(config(table, max_readings=None), 1)
    with pytest.raises(ValueError, match="stream needs an HDF5 file"):
        config(tmp_path / "big.csv")
    with pytest.raises(DataError, match="rows 0 to 1001 of 1000"):
        RowStream(table, ROWS + 1)
    both = DataConfig.model_validate({"sources": [{"file": table, "stream": True, "max_readings": HELD}] * 2})
    with pytest.raises(TrainingError, match="another source is called 'big'"):
        make_data(both, 1)
    save_hdf5(ModuleReadings(charges=np.zeros((20, 48), dtype=np.int64)), tmp_path / "empty.h5")
    with pytest.raises(DataError, match="no row with charge"):
        RowStream(tmp_path / "empty.h5", 10).draw(5, np.random.default_rng(1))
