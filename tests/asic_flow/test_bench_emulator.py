"""``asic_flow bench emulator``: both profiles are measured, and wrong latents stop it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from asic_flow.bench import emulator as bench
from asic_flow.cli import run_cli
from asic_flow.errors import MismatchError


def test_command_prints_json_for_both_profiles(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["bench", "emulator", "--no-peers", "--events", "20000", "--repeats", "1", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["results"]
    assert len(rows) == 4
    assert {row["name"].split()[1].rstrip(",") for row in rows} == {"econ_t", "exact"}
    assert all(row["rate"] > 0 and row["amount"] == 20_000 for row in rows)


def test_peers_are_rows_with_ratios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"a peer": {"seconds": [1.0], "cpu_seconds": [2.0], "differing_values": 7}}
    monkeypatch.setattr(bench, "_peers", lambda *_arguments: found)
    rows = bench.bench_emulator(bench.PEER_EVENTS, 1, tmp_path)
    assert len(rows) == 4
    assert all(row.peer_rate == bench.PEER_EVENTS / 2 for row in rows)
    assert "7 of the peer's values" in rows[0].note


def test_a_wrong_engine_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = bench.Emulator.run
    monkeypatch.setattr(
        bench.Emulator, "run", lambda self, images, **options: honest(self, images, **options) ^ np.int64(len(options))
    )
    with pytest.raises(MismatchError, match="differs from the reference"):
        bench.bench_emulator(bench.PEER_EVENTS, 1, tmp_path, peers=False)
