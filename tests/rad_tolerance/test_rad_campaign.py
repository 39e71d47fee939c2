"""Upsets in the running RTL of a small chip: classes, claims, negative controls, seeds, resuming, cocotb."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asic_flow.emulator import Emulator
from asic_flow.errors import ToolFailedError
from asic_flow.ir import econ_t_structure
from asic_flow.vectors import to_images
from rad_tolerance.campaign import machine as machine_module
from rad_tolerance.campaign.cross_check import cross_check
from rad_tolerance.campaign.experiments import (
    SMALL,
    CampaignOptions,
    Experiment,
    experiments,
    small_hardware,
    small_structure,
    small_weights,
    voter_removed,
    without_voter,
)
from rad_tolerance.campaign.injections import UPSET, Targets, copies, single
from rad_tolerance.campaign.machine import COUNTERS, SHADOW, WEIGHTS, Machine
from rad_tolerance.campaign.outcomes import CLASSES, classify, summarise
from rad_tolerance.campaign.report import report
from rad_tolerance.campaign.runner import Ledger, chunks_of, run_chunk, run_chunks, simulate
from rad_tolerance.campaign.stimulus import COMMIT, LOAD, STREAM, VALID, check_outputs
from rad_tolerance.errors import RadiationError
from rad_tolerance.rate_config import RateConfig

pytestmark = pytest.mark.tools
OPTIONS = CampaignOptions(random=300, control=40, loaded_bytes=8, chunk=1000, window=200)
CHARGES = np.random.default_rng(5).integers(0, 4000, size=(40, 48)) * (np.random.default_rng(6).random((40, 48)) < 0.3)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("campaign_models")


@pytest.fixture(scope="module")
def small(cache: Path) -> Machine:
    """The smallest chip, with a shadow bank, compiled once."""
    return Machine.build(small_structure(econ_t_structure("econ_t")), small_hardware(), cache=cache)


@pytest.fixture(scope="module")
def planned(small: Machine) -> list[Experiment]:
    return list(experiments(SMALL, small, small_weights(small.structure, 1), CHARGES, OPTIONS))


@pytest.fixture(scope="module")
def found(planned: list[Experiment], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of the whole campaign."""
    return campaign(planned, tmp_path_factory.mktemp("ledger") / "campaign.jsonl")


def campaign(planned: list[Experiment], path: Path) -> dict[str, Any]:
    ledger = Ledger(path)
    parts = {item.name: chunks_of(item, OPTIONS.chunk, OPTIONS.window) for item in planned}
    run_chunks([part for chunks in parts.values() for part in chunks], ledger, jobs=1)
    lines = {name: [ledger.lines[part.key] for part in chunks] for name, chunks in parts.items()}
    return report(planned, lines, OPTIONS, RateConfig().cases[0])


def rows(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"].removeprefix(f"{SMALL}: "): row for row in content["experiments"]}


def test_every_flip_flop_is_hit_and_no_single_upset_of_triplicated_storage_is_seen(
    small: Machine, planned: list[Experiment], found: dict[str, Any]
) -> None:
    table = planned[0].injections
    expected = Counter((item.number, bit) for item in small.flip_flops() for bit in range(item.bits))
    assert Counter(zip(table[:, 2].tolist(), table[:, 3].tolist(), strict=True)) == expected
    assert found["verdict"] == "pass"
    total = found["single_upsets_of_triplicated_storage"]
    assert total["visible"] == total["stuck"] == 0
    assert total["injections"] > 2000
    parts = {(part["part"], part["storage"]): part for part in rows(found)["every flip-flop"]["by_part"]}
    weights = parts[WEIGHTS, "triplicated"]
    assert weights["corrected"] == weights["injections"] == 3 * small.structure.weight_bits
    assert parts["pipeline", "single"]["visible"] > 0, "an upset of a stage register is seen for one event"
    assert parts[SHADOW, "single"]["stuck"] > 0, "nothing repairs the one copy of the shadow bank"


def test_negative_controls_show_wrong_outputs(found: dict[str, Any]) -> None:
    by_name = rows(found)
    for name in ("two copies at once", "all copies at once", "two upsets, no refresh"):
        assert by_name[name]["wrong_output"] > 20, name
        assert by_name[name]["corrected"] == 0
    assert by_name["two upsets, refreshed"]["wrong_output"] == 0
    assert by_name["two upsets, refreshed"]["corrected"] == OPTIONS.control
    assert found["negative_controls"] == found["negative_controls_caught"] == 5


def test_one_stopped_clock_is_survived_two_are_not(found: dict[str, Any]) -> None:
    wrong = {name: row["wrong_clocks"] for name, row in rows(found).items() if "wrong_clocks" in row}
    assert wrong["clock b stopped"] == wrong["clock c stopped"] == 0
    assert wrong["clock a stopped"] > 0, "the shadow bank is one copy on clock a: nothing can be loaded"
    assert wrong["clocks a and b stopped"] > 0


def test_upsets_meet_load_and_commit(planned: list[Experiment], found: dict[str, Any]) -> None:
    phases = {row["phase"]: row["injections"] for row in rows(found)["every flip-flop"]["by_phase"]}
    assert min(phases[LOAD], phases[COMMIT], phases[STREAM]) > 20
    assert sum(phases.values()) == len(planned[0].injections)


def test_the_seed_decides_everything(small: Machine, planned: list[Experiment]) -> None:
    weights = small_weights(small.structure, 1)
    again = experiments(SMALL, small, weights, CHARGES, OPTIONS)
    assert all(np.array_equal(a.injections, b.injections) for a, b in zip(planned, again, strict=True))
    other = next(experiments(SMALL, small, weights, CHARGES, OPTIONS.model_copy(update={"seed": 2})))
    assert not np.array_equal(other.injections, planned[0].injections)


def test_a_killed_campaign_goes_on(planned: list[Experiment], found: dict[str, Any], tmp_path: Path) -> None:
    part = planned[:2]
    whole = campaign(part, tmp_path / "whole.jsonl")
    lines = (tmp_path / "whole.jsonl").read_text().splitlines()
    assert len(lines) > 2
    killed = tmp_path / "killed.jsonl"
    killed.write_text(lines[0] + "\n" + lines[1][:40])
    resumed = campaign(part, killed)
    assert len(killed.read_text().splitlines()) == len(lines) + 1, "the finished part must not be run again"
    assert {**resumed, "seconds": 0} == {**whole, "seconds": 0}


def test_a_wrong_weight_changes_what_the_emulator_says(small: Machine, planned: list[Experiment]) -> None:
    """All copies of a bias bit hit: from the next clock edge on, the RTL computes what the emulator says of that flip."""
    stimulus, window = planned[0].stimulus, OPTIONS.window
    clock, bit = stimulus.begin(STREAM) + 50, small.structure.weight_bits - 3
    first = next(item for item in small.flip_flops() if item.part == WEIGHTS)
    table = single(UPSET, Targets(np.array([first.number]), np.array([bit])), np.array([clock]))
    for place, item in enumerate(small.siblings(first)):
        table[0, 2 + 2 * place : 4 + 2 * place] = item.number, bit
    _, answers = simulate(small, stimulus, table, window)
    images, weights = to_images(stimulus.loaded, stimulus.charges), stimulus.loaded
    differs = (Emulator(weights).run(images) != Emulator(weights.flip_bit(bit)).run(images)).any(axis=1)
    latents, links, links_next, expected = False, False, False, 0
    for now in range(clock, clock + window):
        valid, event = stimulus.rows[now - 2, 0] & VALID, stimulus.rows[now - 2, 2]
        links = links_next
        if valid and now - 2 >= clock - 1:  # taken by the dense layer at the edge of the upset's clock, or later
            latents = bool(differs[event])
        links_next = bool(valid) and latents
        expected += latents or links
    assert classify(answers).tolist() == [CLASSES.index("stuck")]
    assert answers[0, 2] == expected > 0


def test_a_state_that_is_not_listed_is_noticed(small: Machine, planned: list[Experiment]) -> None:
    """Negative control: with the pipeline left out the run cannot be repeated from stored states."""
    forgotten = tuple(
        replace(item, part=machine_module.GATES) if item.part == "pipeline" else item for item in small.registers
    )
    broken = replace(small, registers=forgotten)
    with pytest.raises(ToolFailedError, match="a state is not listed"):
        simulate(broken, planned[0].stimulus, planned[0].injections[:0], OPTIONS.window)


def test_wrong_weights_are_noticed_before_any_upset(planned: list[Experiment]) -> None:
    stimulus = planned[0].stimulus
    outputs, _ = simulate(planned[0].machine, stimulus, planned[0].injections[:0], OPTIONS.window)
    assert check_outputs(stimulus, outputs) > 100
    wrong = replace(stimulus, loaded=stimulus.preset)
    assert check_outputs(wrong, outputs) == -1
    with pytest.raises(RadiationError, match="not those of the emulator"):
        run_chunk(chunks_of(replace(planned[0], stimulus=wrong, injections=planned[0].injections[:1]), 10, 200)[0])


@pytest.mark.long
def test_cocotb_and_icarus_say_the_same(
    small: Machine, planned: list[Experiment], cache: Path, need_icarus: None
) -> None:
    result = cross_check(small, planned[0].stimulus, seed=3, window=OPTIONS.window, most=150, cache=cache)
    assert result["upsets"] + result["left_out_not_settled"] == 150
    assert result["equal"] == result["upsets"] > 100
    assert result["wrong_output"] > 5


@pytest.fixture
def need_icarus() -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")


@pytest.mark.slow
def test_a_chip_without_voters_shows_errors(small: Machine, cache: Path) -> None:
    planted = Machine.build(small.structure, small.hardware, voter=without_voter(), cache=cache)
    item = voter_removed(planted, small_weights(small.structure, 1), CHARGES, OPTIONS)
    row = summarise([run_chunk(chunk) for chunk in chunks_of(item, OPTIONS.chunk, OPTIONS.window)])
    assert row["wrong_output"] > row["injections"] // 10


def test_copies_of_one_bit(small: Machine) -> None:
    rng = np.random.default_rng(1)
    table = copies(small, WEIGHTS, np.arange(100, 200), 50, rng, hit=2, delay=7)
    assert (table[:, -1] == 7).all()
    for row in table:
        first, second = small.registers[row[2]], small.registers[row[4]]
        assert row[3] == row[5]
        assert first.copy != second.copy
        assert second in small.siblings(first)
        assert row[6] == -1


def test_classes() -> None:
    answers = [[1, 0, 0, 0, 0, 2], [1, 2, 0, 0, 0, 2], [1, 1, 1, 0, 0, 3], [1, 0, 0, 1, 0, 3], [1, 0, 0, 0, 1, 3]]
    answers += [[0, 0, 0, 0, 0, 9], [0, 3, 5, 0, 0, 9]]
    names = [CLASSES[found] for found in classify(np.array(answers, dtype=np.int32))]
    assert names == ["masked", "corrected", "visible", "visible", "visible", "stuck", "stuck"]


def test_parts_of_the_chip(small: Machine) -> None:
    assert {item.part for item in small.registers if not item.copy and not item.is_voter and not item.is_gate} == {
        "pipeline", "formatter", SHADOW,
    }  # fmt: skip
    counters = [item for item in small.registers if item.part == COUNTERS and not item.is_voter]
    assert [item.copy for item in counters] == ["a", "b", "c"] * (len(counters) // 3)
    with pytest.raises(RadiationError, match="no known part"):
        machine_module._register("3 1 TOP.econ_top.u_unknown.q_q")


def test_summaries_have_limits() -> None:
    line = {
        "cells": {"weight bank|triplicated|stream|corrected|right": 300},
        "longest": {"weight bank|triplicated": 0},
        "examples": [],
    }
    row = summarise([line, json.loads(json.dumps(line))])
    assert (row["injections"], row["corrected"], row["wrong_low"]) == (600, 600, 0.0)
    assert row["wrong_high"] == pytest.approx(1 - 0.025 ** (1 / 600))
