"""One table of several evaluations: models by link count, the chip's algorithms once, wrong files refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from econ_ae.comparison import app

runner = CliRunner()


def row(algorithm: str, rule: str, sample: str, links: int, emd: float | None, **more: Any) -> dict[str, Any]:
    bits = 14.0 + 36.0 * links
    return {"algorithm": algorithm, "rule": rule, "sample": sample, "links": links, "payload_bits": bits, "events": 10,
            "emd_mean": emd, **more}  # fmt: skip


def evaluation(
    folder: Path, links: int, emd: float, *, samples: tuple[str, ...] = ("busy", "quiet"), **more: Any
) -> Path:
    results = [row("autoencoder", "network, refined", name, links, emd, **more) for name in (*samples, "all")]
    results += [row("best_choice", "residual spread", name, links, 0.5) for name in (*samples, "all")]
    alone = [row("autoencoder", "network", name, links, 2 * emd) for name in (*samples, "all")]
    path = folder / f"{links}_{emd}_{len(samples)}.json"
    path.write_text(json.dumps({"results": results, "other_decoders": alone}))
    return path


def test_models_stand_by_links_beside_the_chip_once(tmp_path: Path) -> None:
    five = evaluation(tmp_path, 5, 0.25, emd_mean_std=0.0125)
    other = evaluation(tmp_path, 5, 1.0)
    two = evaluation(tmp_path, 2, 0.375)
    out = tmp_path / "table.md"
    done = runner.invoke(app, [f"ours={five}", f"published={other}", f"ours={two}", "--table", str(out)])
    assert done.exit_code == 0, done.output
    assert done.output == out.read_text()
    assert done.output.splitlines() == [
        "| links | bits | algorithm | busy (10) | quiet (10) |",
        "|---:|---:|---|---:|---:|",
        "| 2 | 86 | **ours** | 0.375 | 0.375 |",
        "| 2 | 86 | ours, decoder network alone | 0.750 | 0.750 |",
        "| 2 | 86 | best choice | 0.500 | 0.500 |",
        "| 5 | 194 | **ours** | 0.250 ± 0.013 | 0.250 ± 0.013 |",
        "| 5 | 194 | ours, decoder network alone | 0.500 | 0.500 |",
        "| 5 | 194 | **published** | 1.000 | 1.000 |",
        "| 5 | 194 | published, decoder network alone | 2.000 | 2.000 |",
        "| 5 | 194 | best choice | 0.500 | 0.500 |",
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"results": [], "other_decoders": []}'])
def test_what_is_no_evaluation_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text)
    done = runner.invoke(app, [str(path)])
    assert done.exit_code == 2
    assert "not an evaluation" in done.output


def test_missing_files_and_other_rows_are_refused(tmp_path: Path) -> None:
    assert runner.invoke(app, [str(tmp_path / "none.json")]).exit_code == 2
    first, second = evaluation(tmp_path, 2, 0.5), evaluation(tmp_path, 3, 0.5, samples=("busy",))
    done = runner.invoke(app, [str(first), f"other={second}"])
    assert done.exit_code == 2
    assert "comparing 'other'" in done.output
