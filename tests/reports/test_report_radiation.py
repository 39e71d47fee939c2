"""Radiation studies in the report: tables by name, heat maps, and files that are malformed."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_run import write

from reports.errors import ReportError
from reports.inputs import RadiationFile
from reports.model import Status
from reports.write import write_report

SVG = '<?xml version="1.0"?><svg width="9pt" height="9pt"><g id="axes"><use href="#mark"/></g></svg>'


def write_studies(run: Path) -> None:
    experiments = [
        {"name": "small: random upsets", "expected": "none", "as_expected": True, "injections": 2000, "masked": 100,
         "corrected": 1700, "visible": 150, "stuck": 50, "wrong_high": 0.12},
        {"name": "small: clock b stopped", "expected": "none", "as_expected": True, "clocks": 900, "wrong_clocks": 0},
        {"name": "small: two copies at once", "expected": "some", "as_expected": False, "injections": 10, "masked": 10},
    ]  # fmt: skip
    write(
        run / "rad/campaign.json", {"title": "Upsets", "verdict": "fail", "experiments": experiments, "long": "x" * 99}
    )
    storage = [
        {"scheme": "triplicated_refreshed", "flip_flops": 38592, "upsets_per_s": 7.7e-3, "failure_limit_per_s": None}
    ]
    write(
        run / "rad/rates.json",
        {"verdict": "pass", "cases": [{"name": "nominal", "flux_cm2_s": 1e7, "storage": storage}]},
    )
    proofs = [{"name": "formal: commit logic", "status": "pass", "detail": "proved"}]
    write(run / "rad/proofs.json", {"verdict": "pass", "proofs": proofs})
    (run / "rad/figures").mkdir()
    (run / "rad/figures/kernels.svg").write_text(SVG)
    (run / "rad/figures/broken.svg").write_text("no drawing")


def test_tables_and_heat_maps(light_run: Path, tmp_path: Path) -> None:
    write_studies(light_run)
    results = write_report(light_run, tmp_path / "report", examples=0)
    studies = {study.file: study for study in results.radiation}
    assert studies["rad/campaign.json"].status is Status.MISSED
    (table,) = studies["rad/campaign.json"].tables
    assert table.rows[0] == ["small: random upsets", "2,000", "100", "1,700", "150", "50", "nothing wrong", "yes"]
    assert table.rows[1][4] == "wrong in 0 clocks"
    assert table.rows[2][-2:] == ["errors (negative control)", "NO"]
    assert "long" not in studies["rad/campaign.json"].values
    assert studies["rad/rates.json"].tables[0].caption == "Rates, nominal: 1e+07 hadrons/cm2/s"
    assert studies["rad/proofs.json"].tables[0].rows == [["commit logic", "pass: proved"]]
    html = (tmp_path / "report/report.html").read_text()
    text = (tmp_path / "report/report.md").read_text()
    assert 'id="rad_kernels-axes"' in html
    assert 'href="#rad_kernels-mark"' in html
    assert "errors (negative control)" in html
    assert "figures/rad_kernels.svg" in text
    assert "rad_broken" not in html
    assert (tmp_path / "report/figures/rad_kernels.svg").is_file()


def test_a_malformed_table_names_its_key(light_run: Path, tmp_path: Path) -> None:
    write(
        light_run / "rad/rates.json", {"verdict": "pass", "cases": [{"name": "nominal", "storage": [{"scheme": "x"}]}]}
    )
    with pytest.raises(ReportError, match=r"rad/rates\.json: at cases\.0\.storage\.0\.flip_flops: the key is missing"):
        write_report(light_run, tmp_path / "report")


def test_other_values_stay() -> None:
    content = RadiationFile.model_validate({"schema_version": 1, "verdict": None, "flips": 3})
    assert content.model_extra == {"flips": 3}
