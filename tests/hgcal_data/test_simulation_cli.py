"""Simulation, statistics, command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from hgcal_data import cli
from hgcal_data.errors import DataError
from hgcal_data.geometry import XY_CM
from hgcal_data.readings import load_hdf5
from hgcal_data.root_files import CELL_BRANCHES, iter_root, rows_of_cells
from hgcal_data.simulate import SAMPLES, SimulationConfig, simulate
from hgcal_data.simulate import layout as lay
from hgcal_data.simulate.generators import GUNS, load_pythia, pythia_source
from hgcal_data.simulate.validate import Line, markdown, occupied, relative
from hgcal_data.simulate.validation_plots import write_validation
from hgcal_data.summary import summarise


def test_layout_is_v11_like() -> None:
    layout = lay.build_layout()
    counts = np.bincount(layout.layer)[1::2].tolist()
    assert counts == [288] * 4 + [306] * 6 + [312] * 2 + [324, 330]
    assert (np.diff(layout.wafer_type[np.argsort(layout.r)]) >= 0).all()
    place = np.searchsorted(np.asarray(layout.layers), layout.layer)
    found, dx, dy = layout.find(place, layout.x + 3.0, layout.y - 4.0)
    assert (found == np.arange(len(layout))).all()
    assert np.allclose(dx, 3.0)
    assert np.allclose(dy, -4.0)


def test_layout_against_the_public_list(public_data: Path) -> None:
    table = np.loadtxt(public_data / "geometry" / "WaferEtaPhiMap.csv", delimiter=",", skiprows=1)
    ours = lay.build_layout()
    theirs = {tuple(row) for row in table[(table[:, 0] == 1)][:, 1:4].astype(int).tolist()}
    assert {*zip(ours.layer.tolist(), ours.wafer_u.tolist(), ours.wafer_v.tolist(), strict=True)} == theirs


def test_cells_of_points() -> None:
    centre = XY_CM[[3, 19, 35]].mean(axis=0)  # where the three rhombi meet
    x, y = (XY_CM - centre).T
    for wafer_type, sub_cells in ((0, 9), (1, 4)):
        cell, _ = lay.cell_of(x, y, np.full(48, wafer_type))
        assert (cell == np.arange(48)).all()
        rng = np.random.default_rng(0)
        cell, sub = lay.cell_of(*lay.random_points(rng, 50_000), np.full(50_000, wafer_type))
        assert np.abs(np.bincount(cell, minlength=48) / 50_000 * 48 - 1).max() < 0.15
        assert np.bincount(sub).size == sub_cells
        assert np.abs(np.bincount(sub) / 50_000 * sub_cells - 1).max() < 0.1


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("pileup", [0.0, 200.0])
def test_samples_are_reproducible(sample: str, pileup: float) -> None:
    config = SimulationConfig(sample=sample, readings=300, pileup=pileup)  # type: ignore[arg-type]
    first, again, other = simulate(config, 3), simulate(config, 3), simulate(config, 4)
    assert len(first) == 300
    assert (first.charges == again.charges).all()
    assert not (first.charges == other.charges).all()
    assert (first.charges.sum(axis=1) > 0).all()
    assert first.sample == sample
    assert first.provenance["seed"] == "3"


def test_more_pileup_and_signal_make_more_charge() -> None:
    def mean(**changes: object) -> float:
        options: dict[str, object] = {"sample": "pileup", "readings": 2000, "keep_empty": True}
        return float(simulate(SimulationConfig(**{**options, **changes}), 1).charges.mean())  # type: ignore[arg-type]

    assert mean(pileup=0.0) < mean(pileup=100.0) < mean(pileup=200.0)
    assert mean(pileup=0.0, noise="none") == 0.0
    assert mean(sample="electrons", pileup=0.0, signal_only=True) > mean(sample="electrons", pileup=0.0)
    soft = mean(sample="electrons", pileup=0.0, pt_min=5.0, pt_max=5.0, noise="none")
    assert mean(sample="electrons", pileup=0.0, pt_min=50.0, pt_max=50.0, noise="none") > 3 * soft


def test_occupancy_of_layer_nine() -> None:
    config = SimulationConfig(sample="ttbar", layers=(9,), readings=306 * 12, keep_empty=True)
    cells = occupied(simulate(config, 2))
    assert cells.mean() == pytest.approx(3.89, rel=0.15)
    assert (cells == 0).mean() == pytest.approx(0.27, rel=0.15)


def test_selections() -> None:
    ring = simulate(SimulationConfig(readings=200, layers=(5, 9), r_min=60, r_max=70), 1)
    assert ring.layer is not None
    assert ring.eta is not None
    assert set(ring.layer.tolist()) == {5, 9}
    near = simulate(SimulationConfig(sample="jets", readings=500, pileup=0, signal_cone=0.3), 1)
    assert near.signal_energy is not None
    assert (near.signal_energy > 0).mean() > 0.3
    for bad in (
        {"layers": (2,)},
        {"pt_min": 9, "pt_max": 8},
        {"r_min": 100, "r_max": 50},
        {"sample": "pileup", "signal_only": True},
    ):
        with pytest.raises(ValueError, match="validation error"):
            SimulationConfig.model_validate(bad)


def test_statistics_by_hand() -> None:
    q = np.zeros((3, 48), dtype=np.int64)
    q[0, 0], q[1, :2] = 350, (30, 10)
    s = summarise(q)
    assert (s.rows, s.empty, s.occupied_mean, s.above_mip) == (2, 1, 1.5, 0.5)
    assert s.fractions[:2] == pytest.approx((0.875, 0.125))
    assert s.log_sum_mean == pytest.approx((1 + np.log10(40 / 35)) / 2)
    with pytest.raises(ValueError, match="no row"):
        summarise(q[2:])


def test_statistics_of_public_files(public_data: Path) -> None:
    from hgcal_data.csv_files import load_csv

    s = summarise(load_csv(public_data / "calq" / "CALQ_output.csv").charges)
    assert (s.occupied_q16, s.occupied_median, s.occupied_q84) == (5, 15, 35)
    assert s.above_mip == pytest.approx(7.5, abs=0.1)
    assert s.corr_neighbour == pytest.approx(0.435, abs=0.005)
    assert s.corr_other == pytest.approx(0.317, abs=0.005)


def test_deviation_rules() -> None:
    assert relative(1.1, 1.0) == pytest.approx(0.1)
    assert relative(0.4, 0.0) == 0.0
    assert relative(1.0, 0.0) == float("inf")
    text = markdown([Line("a", "b", 1.0, 1.0, 0.0), Line("a", "c", 2.0, 1.0, 1.0)])
    assert "1 of 2 targets" in text
    assert "100 % *" in text


def test_validation_folder(tmp_path: Path) -> None:
    lines = [
        Line("layer 9, cells above 1.35 MIP_T", "mean at r = 44 cm", 20.0, 21.0, 0.05),
        Line("mean cells per module", "layer 9", 5.0, 3.89, 0.29),
        Line("busy (CALQ_output.csv)", "charge fraction of cell 1", 0.3, 0.33, 0.09),
        Line("busy (CALQ_output.csv)", "log10(sum / MIP_T) mean", 1.1, 1.17, 0.1),
        Line("busy (CALQ_output.csv)", "log-charge correlation, others", 0.3, 0.317, 0.05),
    ]
    written = write_validation(lines, tmp_path / "out", 7)
    assert [p.suffix for p in written] == [".md", ".json"] + [".png"] * 4
    assert {p.name for p in (tmp_path / "out").iterdir()} == {p.name for p in written}
    assert all(p.stat().st_size > 10_000 for p in written[2:])
    document = json.loads(written[1].read_text())
    assert (document["seed"], document["targets"], document["within"]) == (7, 5, 4)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file"):
        write_validation(lines, tmp_path / "file", 7)


def test_generator_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(DataError, match=r"econ-ae\[generators\]"):
        simulate(SimulationConfig(sample="minbias", generator="pythia", readings=5), 1)


def test_generator_and_sample_must_fit() -> None:
    for bad in ({"sample": "minbias"}, {"sample": "jets", "generator": "pythia"}, {"generator": "herwig"}):
        with pytest.raises(ValueError, match="validation error"):
            SimulationConfig.model_validate(bad)


@pytest.mark.parametrize("sample", ["minbias", "ttbar", "vbf_higgs", "electrons", "photons", "pions"])
def test_pythia_events(sample: str) -> None:
    pytest.importorskip("pythia8mc", reason="needs the extra 'generators' (pythia8mc)")
    assert load_pythia().Pythia
    config = SimulationConfig(
        sample=sample,  # type: ignore[arg-type]
        generator="pythia",
        readings=300,
        pileup=0,
        noise="none",
        pt_min=20,
        pt_max=20,
    )
    first, again = simulate(config, 3), simulate(config, 3)
    assert (first.charges == again.charges).all()
    assert first.sample == sample
    draw = pythia_source(np.random.default_rng(2), config)
    events = [draw() for _ in range(8)]
    assert sum(p.energy.size for p in events) > 0
    assert all(((p.eta > 1.3) & (p.eta < 3.2)).all() for p in events)
    if sample in GUNS and sample != "pions":
        assert all(p.energy.sum() == pytest.approx(float((20 * np.cosh(p.eta)).sum())) for p in events)


def _cells(**changes: list[float]) -> dict[str, np.ndarray]:
    values: dict[str, list[float]] = {
        "tc_subdet": [1, 1, 10, 1],
        "tc_zside": [1, 1, 1, -1],
        "tc_layer": [9, 9, 9, 9],
        "tc_waferu": [3] * 4,
        "tc_waferv": [1] * 4,
        "tc_cellu": [7, 0, 0, 7],
        "tc_cellv": [4, 0, 0, 4],
        "tc_data": [1000, 500, 7, 80],
        "tc_eta": [2.0, 2.0, 2.0, -2.0],
        "tc_phi": [0.5] * 4,
    }
    return {name: np.array(changes.get(name, values[name])) for name in CELL_BRANCHES}


def test_root_cells_become_rows(tmp_path: Path) -> None:
    readings = rows_of_cells(_cells(), np.zeros(4, dtype=np.int64))
    factor = int(4096 / np.cosh(2.0))
    assert len(readings) == 2
    assert readings.charges[1, [0, 47]].tolist() == [1000 * factor >> 12, 500 * factor >> 12]
    with pytest.raises(DataError, match="no cell"):
        rows_of_cells(_cells(tc_cellu=[7, 0, 0, 0], tc_cellv=[4, 7, 0, 4]), np.zeros(4, dtype=np.int64))
    with pytest.raises(DataError, match="no file"):
        next(iter_root(tmp_path / "none.root"))


@pytest.mark.parametrize("charge", [-1, 1.5, float("nan"), float("inf"), 1 << 22])
def test_root_charges_that_are_no_counts(charge: float) -> None:
    event = np.array([7, 7, 8, 8])
    with pytest.raises(DataError, match="trigger cell 1, event 7: charge"):
        rows_of_cells(_cells(tc_data=[1000, charge, 7, 80]), event)
    assert len(rows_of_cells(_cells(tc_data=[1000, (1 << 22) - 1, 0, 80]), event)) == 2


def test_root_tree_without_the_branches(tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")
    with uproot.recreate(tmp_path / "other.root") as handle:
        handle["tree"] = {"tc_eta": np.array([1.0])}
    with pytest.raises(DataError, match="no tree with the branches"):
        next(iter_root(tmp_path / "other.root"))


def test_root_file(tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")
    awkward = pytest.importorskip("awkward")
    cells = _cells()
    with uproot.recreate(tmp_path / "t.root") as handle:
        columns = {name[3:]: awkward.Array([cells[name][:3], cells[name][3:]]) for name in CELL_BRANCHES}
        zipped = awkward.zip(columns)
        handle.mktree("tree", {"tc": zipped.type.content})
        handle["tree"].extend({"tc": zipped})
    (block,) = iter_root(tmp_path / "t.root")
    assert block.event is not None
    assert block.event.tolist() == [0, 1]
    (tmp_path / "cut.root").write_bytes((tmp_path / "t.root").read_bytes()[:200])
    with pytest.raises(DataError):
        next(iter_root(tmp_path / "cut.root"))


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["hgcal_data", *arguments])
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    electrons = (
        "simulate",
        "-o",
        "e.h5",
        "--readings",
        "200",
        "--sample",
        "electrons",
        "--pileup",
        "0",
        "--signal-only",
    )
    assert _run(monkeypatch, *electrons) == 0
    energies = load_hdf5(tmp_path / "e.h5").signal_energy
    assert energies is not None
    assert energies.min() > 0
    assert _run(monkeypatch, "simulate", "-o", "a.h5", "--readings", "300", "--sample", "ttbar") == 0
    assert len(load_hdf5("a.h5")) == 300
    assert _run(monkeypatch, "convert", "a.h5", "b.h5") == 0
    capsys.readouterr()
    assert _run(monkeypatch, "inspect", "b.h5", "--json", "--plot", "x.png") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 300
    assert (tmp_path / "x.png").stat().st_size > 10_000
    assert _run(monkeypatch, "inspect", "b.h5", "--no-plot") == 0
    assert _run(monkeypatch, "baselines", "b.h5", "--links", "2", "--rows", "60", "--json") == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate",),
        ("simulate", "-o", "x.h5", "--sample", "nothing"),
        ("convert", "none.csv", "x.h5"),
        ("convert", "bad.csv", "x.h5"),
        ("inspect", "none.h5"),
        ("inspect", "bad.csv"),
        ("baselines", "bad.csv"),
        ("baselines", "bad.csv", "--density", "MD"),
        ("nonsense",),
    ],
)
def test_bad_input_exits_with_two(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text(",".join(["1"] * 47 + ["-1"]) + "\n")
    assert _run(monkeypatch, *arguments) == 2
    message = capsys.readouterr().err
    assert message
    assert "Traceback" not in message
    assert [p.name for p in tmp_path.iterdir()] == ["bad.csv"]
