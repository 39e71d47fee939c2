"""Files, the table of readings, CSV layouts and every rule for bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hgcal_data import csv_files, files, streaming
from hgcal_data.config import DataConfig, load_sources
from hgcal_data.convert import convert
from hgcal_data.errors import DataError
from hgcal_data.readings import ModuleReadings, iter_hdf5, load_hdf5, save_hdf5
from hgcal_data.vectors import read_input_words, read_output_words, write_words

HEADER = ",".join(csv_files.CHARGE_COLUMNS)


def _rows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 500, (count, 48))


def _csv(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def _text(rows: np.ndarray) -> list[str]:
    return [",".join(map(str, row)) for row in rows.tolist()]


def test_atomic_writing_leaves_nothing_half_written(tmp_path: Path) -> None:
    target = tmp_path / "sub" / "a.txt"
    files.atomic_write_text(target, "old")

    def stop_half_way() -> None:
        with files.atomic_path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop_half_way()
    assert target.read_text() == "old"
    assert [p.name for p in target.parent.iterdir()] == ["a.txt"]
    with files.atomic_dir(tmp_path / "d") as folder:
        (folder / "x").write_text("1")
    with files.atomic_dir(tmp_path / "d") as folder:
        (folder / "y").write_text("2")
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["y"]
    with pytest.raises(RuntimeError, match="stop"), files.atomic_dir(tmp_path / "d"):
        raise RuntimeError("stop")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d", "sub"]


def test_hdf5_round_trip(tmp_path: Path) -> None:
    n = 10
    readings = ModuleReadings(
        charges=_rows(n),
        layer=np.full(n, 9),
        eta=np.linspace(1.5, 3, n),
        event=np.arange(n),
        sample="x",
        provenance={"a": "b"},
    )
    save_hdf5(readings, tmp_path / "r.h5")
    again = load_hdf5(tmp_path / "r.h5")
    assert (again.charges == readings.charges).all()
    assert again.columns == ("layer", "eta", "event")
    assert (again.eta == readings.eta).all()
    assert (again.sample, dict(again.provenance)) == ("x", {"a": "b"})
    blocks = list(iter_hdf5(tmp_path / "r.h5", 4))
    assert [len(block) for block in blocks] == [4, 4, 2]
    assert (ModuleReadings.concat(blocks).charges == readings.charges).all()


def test_select_concat_and_empty_rows() -> None:
    charges = _rows(5)
    charges[2] = 0
    a = ModuleReadings(charges=charges, layer=np.arange(5), sample="a")
    full, dropped = a.without_empty()
    assert dropped == 1
    assert full.layer is not None
    assert full.layer.tolist() == [0, 1, 3, 4]
    both = ModuleReadings.concat([full, ModuleReadings(charges=charges[:1], sample="b")])
    assert (len(both), both.columns, both.sample) == (5, (), "a+b")


@pytest.mark.parametrize(
    ("charges", "extra"),
    [(np.zeros((2, 47), int), {}), (np.full((1, 48), -1), {}), (np.full((1, 48), 2**22), {}), (np.ones((1, 48)), {}),
     (np.ones((2, 48), int), {"layer": np.ones(3)})],
)  # fmt: skip
def test_readings_refuse_nonsense(charges: np.ndarray, extra: dict[str, np.ndarray]) -> None:
    with pytest.raises(DataError):
        ModuleReadings(charges=charges, **extra)


def test_damaged_hdf5(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    with pytest.raises(DataError, match="no file"):
        load_hdf5(path)
    save_hdf5(ModuleReadings(charges=_rows(2000)), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="not a complete HDF5"):
        load_hdf5(path)
    import h5py

    with h5py.File(tmp_path / "other.h5", "w") as handle:
        handle["x"] = 1
    with pytest.raises(DataError, match="format"):
        load_hdf5(tmp_path / "other.h5")


@pytest.mark.parametrize("header", [True, False])
def test_calq_layout(tmp_path: Path, header: bool) -> None:
    rows = _rows(7)
    rows[3] = 0
    path = _csv(tmp_path / "c.csv", ([HEADER] if header else []) + _text(rows))
    readings = csv_files.load_csv(path)
    assert (readings.charges == np.delete(rows, 3, axis=0)).all()
    assert readings.provenance["empty_rows_dropped"] == "1"
    assert readings.provenance["rows_read"] == "7"
    assert readings.columns == ()


@pytest.mark.parametrize("header", [True, False])
def test_training_layout(tmp_path: Path, header: bool) -> None:
    rows = _rows(3)
    lines = [f"{text},{i},1,{9 + i},2,-3,0.25,1,-1.75e0,+0.5" for i, text in enumerate(_text(rows))]
    readings = csv_files.load_csv(
        _csv(tmp_path / "t.csv", ([",".join(csv_files.LAYOUTS["training"])] if header else []) + lines)
    )
    assert (readings.charges == rows).all()
    assert readings.layer is not None
    assert readings.layer.tolist() == [9, 10, 11]
    assert readings.wafer_v is not None
    assert readings.wafer_v.tolist() == [-3] * 3
    assert readings.eta is not None
    assert readings.eta.tolist() == [-1.75] * 3
    assert readings.signal_energy is not None
    assert readings.signal_energy.tolist() == [0.25] * 3


def test_emulator_layout_in_another_column_order(tmp_path: Path) -> None:
    rows = _rows(2)
    names = list(csv_files.LAYOUTS["emulator"])
    lines = [
        f"{i},{text},1.5,2.5,0.6,1,9,3,4,{density},FI"
        for i, (text, density) in enumerate(zip(_text(rows), ("HD", "LD"), strict=True))
    ]
    order = np.random.default_rng(1).permutation(len(names))
    shuffled = [",".join(line.split(",")[k] for k in order) for line in [",".join(names), *lines]]
    readings = csv_files.load_csv(_csv(tmp_path / "e.csv", shuffled))
    assert (readings.charges == rows).all()
    assert readings.wafer_type is not None
    assert readings.wafer_type.tolist() == [0, 1]
    assert readings.signal_energy is not None
    assert readings.signal_energy.tolist() == [1.5, 1.5]


BAD_ROWS = {
    "negative": ("-3", r"row 4: CALQ_5 = -3 is negative"),
    "fractional": ("2.5", r"row 4: CALQ_5 = 2.5 is fractional"),
    "over 22 bit": (str(2**22), r"row 4: CALQ_5 = 4194304 is over 22 bits"),
    "nan": ("NaN", r"row 4: CALQ_5 = nan is NaN"),
    "text": ("abc", r"row 4: column CALQ_5 holds text"),
    "nothing": ("", r"row 4: column CALQ_5 holds text or nothing"),
    "extra field": ("1,1", r"row 4: found 49 fields, expected 48"),
}


@pytest.mark.parametrize("name", sorted(BAD_ROWS))
@pytest.mark.parametrize("block", [64, 1 << 22])
def test_bad_rows_name_file_and_row(tmp_path: Path, name: str, block: int) -> None:
    value, message = BAD_ROWS[name]
    lines = [HEADER, *_text(_rows(4))]
    fields = lines[3].split(",")
    fields[5] = value
    lines[3] = ",".join(fields)
    with pytest.raises(DataError, match=message) as caught:
        list(csv_files.CsvReader(_csv(tmp_path / "bad.csv", lines), block_bytes=block))
    assert "bad.csv" in str(caught.value)


def test_largest_count_is_allowed(tmp_path: Path) -> None:
    rows = np.full((1, 48), 2**22 - 1)
    assert (csv_files.load_csv(_csv(tmp_path / "m.csv", [HEADER, *_text(rows)])).charges == rows).all()


def test_truncated_file(tmp_path: Path) -> None:
    path = _csv(tmp_path / "cut.csv", [HEADER, *_text(_rows(4))])
    path.write_text(path.read_text()[:-30])
    with pytest.raises(
        DataError, match=r"row 5: found \d+ fields, expected 48; the file ends here, it was probably cut"
    ):
        csv_files.load_csv(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [(",".join(csv_files.CHARGE_COLUMNS[:-1]), "missing column.*CALQ_47"), (HEADER + ",foo", "extra column.*foo"),
     (HEADER.replace("CALQ_3,", "CALQ_2,"), "repeated 'CALQ_2'")],
)  # fmt: skip
def test_bad_headers(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        csv_files.load_csv(_csv(tmp_path / "h.csv", [header, *_text(_rows(2))]))


def test_files_without_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot open"):
        csv_files.load_csv(tmp_path / "none.csv")
    with pytest.raises(DataError, match="is empty"):
        csv_files.load_csv(_csv(tmp_path / "a.csv", [""]))
    with pytest.raises(DataError, match="no data row"):
        csv_files.load_csv(_csv(tmp_path / "b.csv", [HEADER]))
    with pytest.raises(DataError, match="all 2 rows are empty"):
        csv_files.load_csv(_csv(tmp_path / "c.csv", [HEADER, *_text(np.zeros((2, 48), int))]))
    with pytest.raises(DataError, match="46 fields without a header"):
        csv_files.load_csv(_csv(tmp_path / "d.csv", _text(_rows(2)[:, :46])))


def test_streamed_conversion_equals_loading(tmp_path: Path) -> None:
    rows = _rows(500)
    rows[::50] = 0
    path = _csv(tmp_path / "c.csv", [HEADER, *_text(rows)])
    done = convert(path, tmp_path / "c.h5")
    assert (done.rows_read, done.rows_written, done.dropped_empty) == (500, 490, 10)
    stored = load_hdf5(tmp_path / "c.h5")
    assert (stored.charges == csv_files.load_csv(path).charges).all()
    assert stored.provenance["empty_rows_dropped"] == "10"
    again = convert(tmp_path / "c.h5", tmp_path / "d.h5")
    assert again.rows_written == 490


@pytest.mark.parametrize("batch", [7, 64, 5000])
def test_shuffled_batches_hold_every_row_once(tmp_path: Path, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BLOCK_ROWS", 50)
    charges = np.zeros((1003, 48), dtype=np.int64)
    charges[:, 0] = np.arange(1003) + 1
    save_hdf5(ModuleReadings(charges=charges, layer=np.arange(1003)), tmp_path / "t.h5")

    def ids(seed: int | None, **bounds: int) -> list[int]:
        rng = None if seed is None else np.random.default_rng(seed)
        parts = list(streaming.shuffled_batches(tmp_path / "t.h5", batch, rng, **bounds))
        assert all(len(p) == min(batch, len(parts[0])) for p in parts[:-1])
        for part in parts:
            assert part.layer is not None
            assert (part.layer + 1 == part.charges[:, 0]).all()
        return [int(i) for p in parts for i in p.charges[:, 0]]

    assert ids(None) == list(range(1, 1004))
    first = ids(1)
    assert sorted(first) == list(range(1, 1004))
    assert first != sorted(first)
    assert ids(1) == first != ids(2)
    assert sorted(ids(1, start=100, stop=321)) == list(range(101, 322))
    with pytest.raises(DataError, match="rows 5 to 2000"):
        ids(1, start=5, stop=2000)


def test_failed_conversion_leaves_nothing(tmp_path: Path) -> None:
    path = _csv(tmp_path / "c.csv", [HEADER, *_text(_rows(3)), "1,2,3"])
    with pytest.raises(DataError, match="row 5"):
        convert(path, tmp_path / "c.h5")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.csv"]
    with pytest.raises(DataError, match=r"must end in \.h5"):
        convert(path, tmp_path / "c.txt")


def test_sources(tmp_path: Path) -> None:
    path = _csv(tmp_path / "c.csv", [HEADER, *_text(_rows(30) + 1)])
    config = DataConfig.model_validate(
        {
            "sources": [
                {"simulate": {"sample": "electrons", "readings": 40, "pileup": 0}},
                {"file": path, "sample": "f", "max_readings": 10},
            ]
        }
    )
    simulated, read = load_sources(config, 5)
    assert (len(simulated), len(read), read.sample) == (40, 10, "f")
    again = load_sources(config, 5)
    assert (again[0].charges == simulated.charges).all()
    assert (again[1].charges == read.charges).all()
    assert not (load_sources(config, 6)[0].charges == simulated.charges).all()
    with pytest.raises(ValueError, match="exactly one"):
        DataConfig.model_validate({"sources": [{"sample": "x"}]})
    with pytest.raises(ValueError, match="Extra inputs"):
        DataConfig.model_validate({"sources": [{"file": path, "typo": 1}]})


def test_vector_files(tmp_path: Path) -> None:
    words = np.random.default_rng(0).integers(0, 1 << 32, (5, 12), dtype=np.uint32)
    write_words(tmp_path / "in.csv", words)
    assert (read_input_words(tmp_path / "in.csv") == words).all()
    with pytest.raises(DataError, match="row 2: found 12 fields, expected 13"):
        read_output_words(tmp_path / "in.csv")
    (tmp_path / "bad.csv").write_text("\n".join([",".join(["zz"] * 12)]) + "\n")
    with pytest.raises(DataError, match="row 1"):
        read_input_words(tmp_path / "bad.csv")
    (tmp_path / "empty.csv").write_text("RX_DATA_0\n")
    with pytest.raises(DataError, match="no row"):
        read_input_words(tmp_path / "empty.csv")
