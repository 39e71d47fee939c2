"""Reading a run folder: what is there, what is not, and what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_run import edit, read, write

from reports.errors import ReportError
from reports.inputs import Budgets
from reports.reader import read_run


def test_reads_everything(run: Path) -> None:
    files = read_run(run)
    assert files.train is not None
    assert files.train.parameters == 2144
    assert files.history[36].phase == 1
    assert files.history[0].val_emd == pytest.approx(1.924, abs=1e-3)
    assert files.simulated is True
    assert files.decoding is not None
    assert {name: blocks.copies for name, blocks in files.registers.items()} == {
        "AUTOENCODER_*INPUT_ALL (RW)": 12,
        "AE_CONTROL_ALL (RW)": 1,
        "AE_STATUS_ALL (RO)": 1,
    }
    assert len(files.hashes) == 12


@pytest.mark.parametrize(
    ("sources", "simulated"),
    [("[{simulate: {sample: x}, file: null}]", True), ("[{simulate: null, file: a.csv}]", False), ("[]", None)],
)
def test_origin_of_the_data(run: Path, sources: str, simulated: bool | None) -> None:
    (run / "config.yml").write_text(f"data: {{sources: {sources}}}\n")
    assert read_run(run).simulated is simulated


def test_budgets_default_and_given(run: Path) -> None:
    assert read_run(run).budgets == Budgets()
    (run / "config.yml").write_text("budgets: {power_mw: 80, rate_mhz: 20, emd_half_pitches: {2: 0.9}}\n")
    budgets = read_run(run).budgets
    assert (budgets.power_mw, budgets.rate_mhz, budgets.area_mm2) == (80, 20, 3.6)
    assert budgets.emd_half_pitches == {2: 0.9}


def test_accepts_every_budget_of_the_run_configuration() -> None:
    config = pytest.importorskip("econ_ae.config")
    values = config.BudgetConfig().model_dump()
    assert Budgets.model_validate(values).latency_ns == values["latency_ns"]


def test_absent_values_are_none_not_zero(run: Path) -> None:
    entry = read(run / "evaluate/metrics.json")["results"][0]
    text = (run / "evaluate/metrics.json").read_text().replace(str(entry["emd_mean"]), "NaN", 1)
    (run / "evaluate/metrics.json").write_text(text)
    metrics = read_run(run).metrics
    assert metrics is not None
    assert metrics.results[0].emd_mean is None


def test_unknown_keys_are_ignored(run: Path) -> None:
    edit(run / "train/metrics.json", invented_later=3)
    assert read_run(run).train is not None


def check(run: Path, content: object) -> None:
    results = read(run / "verify/results.json")
    results["checks"][1]["values"] = content
    write(run / "verify/results.json", results)


@pytest.mark.parametrize(
    ("file", "spoil", "expected"),
    [
        ("verify/results.json", lambda run: check(run, "many"), "checks.1.values: found 'many'"),
        ("verify/results.json", lambda run: check(run, -1), "checks.1.values: found -1"),
        ("train/metrics.json", lambda run: edit(run / "train/metrics.json", links=0), "at links: found 0"),
        (
            "train/metrics.json",
            lambda run: edit(run / "train/metrics.json", schema_version=2),
            "at schema_version: found 2",
        ),
        ("encoder.json", lambda run: (run / "encoder.json").write_text("{"), "not JSON"),
        ("asic/manifest.json", lambda run: write(run / "asic/manifest.json", {}), "at generator: the key is missing"),
        (
            "evaluate/examples.json",
            lambda run: write(run / "evaluate/examples.json", {"events": [{"sample": "a", "true": [1]}]}),
            "at events.0.true: found list",
        ),
        ("config.yml", lambda run: (run / "config.yml").write_text("budgets: {powr_mw: 3}"), "budgets.powr_mw"),
        ("config.yml", lambda run: (run / "config.yml").write_text("a: [1"), "not YAML"),
        ("config.yml", lambda run: (run / "config.yml").write_text("- 1\n"), "expected a mapping"),
        (
            "train/history.csv",
            lambda run: (run / "train/history.csv").write_text("epoch,loss\n1,2\n"),
            "missing val_loss",
        ),
        ("train/history.csv", lambda run: (run / "train/history.csv").write_text(""), "missing epoch, loss, val_loss"),
        (
            "train/history.csv",
            lambda run: (run / "train/history.csv").write_text("epoch,loss,val_loss\n1,2,3\n2,x,3\n"),
            "row 3, column loss: found 'x'",
        ),
        (
            "asic/registers/econ_ae.yaml",
            lambda run: (run / "asic/registers/econ_ae.yaml").write_text("ECON-T: {RW: {A: {registers: {}}}}"),
            "ECON-T.RW.A.addr_base: the key is missing",
        ),
        ("asic/registers/econ_ae.yaml", lambda run: (run / "asic/registers/econ_ae.yaml").write_text("[]"), "mapping"),
    ],
)
def test_malformed_file_names_file_and_key(run: Path, file: str, spoil: object, expected: str) -> None:
    assert callable(spoil)
    spoil(run)
    with pytest.raises(ReportError) as caught:
        read_run(run)
    assert file in str(caught.value)
    assert expected in str(caught.value)


def test_no_folder_and_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="there is no such folder"):
        read_run(tmp_path / "nothing")
    (tmp_path / "config.yml").write_text("name: x\n")
    with pytest.raises(ReportError, match="found no result file"):
        read_run(tmp_path)
