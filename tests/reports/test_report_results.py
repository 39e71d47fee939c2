"""What a report concludes: verdicts, gaps, warnings, limits, budgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report_run import edit, read, write

from reports.build import build_results
from reports.build.physics import best_per_algorithm, charged_emd
from reports.build.verdicts import occupancy_label
from reports.model import Results, Status, Verdict
from reports.reader import read_run


def results_of(run: Path) -> Results:
    return build_results(read_run(run))


def verdict(run: Path, key: str) -> Verdict:
    return next(v for v in results_of(run).verdicts if v.key == key)


def change_check(run: Path, index: int, **changes: Any) -> None:
    results = read(run / "verify/results.json")
    results["checks"][index] |= changes
    write(run / "verify/results.json", results)


def test_verdicts_of_a_good_run(run: Path) -> None:
    found = {v.key: (v.status, v.value) for v in results_of(run).verdicts}
    assert list(found) == ["physics", "bits", "latency", "power", "area", "radiation"]
    assert found["bits"] == (Status.MET, 0.0)
    assert found["latency"] == (Status.MET, 50.0)
    assert found["power"] == found["area"] == found["radiation"] == (Status.UNKNOWN, None)
    assert found["physics"][0] is Status.BEHIND
    assert not results_of(run).failed


def test_physics_is_compared_with_the_best_reference_at_equal_links(run: Path) -> None:
    physics = results_of(run).physics
    assert physics is not None
    assert (physics.links, physics.headline_sample) == (2, "all")
    assert physics.best_reference is not None
    assert (physics.best_reference.algorithm, physics.best_reference.rule) == ("best_choice", "residual spread")
    assert physics.best_reference.links == 2
    assert "better in 4 of 6 occupancy bins (0, 1, 10–14, ≥ 15 cells" in verdict(run, "physics").comment
    names = [r.algorithm for r in best_per_algorithm(physics, "all", 2)]
    assert names == ["autoencoder", "best_choice", "super_trigger_cell", "threshold_sum"]


def test_other_decoding_rules_are_listed_and_never_lead(run: Path) -> None:
    path = run / "evaluate/metrics.json"
    best = build_results(read_run(run)).physics
    worse = [row | {"rule": "network", "emd_mean": 9.0} for row in read(path)["results"] if row["sample"] == "all"]
    edit(path, other_decoders=worse)
    found = build_results(read_run(run)).physics
    assert best is not None
    assert found is not None
    assert (found.autoencoder, found.best_reference) == (best.autoencoder, best.best_reference)
    assert len(found.results) == len(best.results) + len(worse)


def test_a_reference_that_drops_events_is_not_the_best(run: Path) -> None:
    metrics = read(run / "evaluate/metrics.json")
    for row in metrics["results"]:
        if row["algorithm"] == "threshold_sum":
            row["emd_mean"] = 0.001
    write(run / "evaluate/metrics.json", metrics)
    best = results_of(run).physics
    assert best is not None
    assert best.best_reference is not None
    assert best.best_reference.algorithm == "best_choice"


def test_a_reference_that_loses_a_few_events_still_counts(run: Path) -> None:
    metrics = read(run / "evaluate/metrics.json")
    for row in metrics["results"]:
        if row["algorithm"] == "best_choice":
            row |= {"emd_mean": row["emd_mean"] / 3, "empty_fraction": 0.02}
    write(run / "evaluate/metrics.json", metrics)
    physics = results_of(run).physics
    assert physics is not None
    assert physics.best_reference is not None
    best = physics.best_reference
    assert best.algorithm == "best_choice"
    assert best.emd_mean is not None
    assert charged_emd(best) == pytest.approx(0.98 * best.emd_mean + 0.02 * 6.2)
    found = verdict(run, "physics")
    assert (found.status, found.budget) == (Status.BEHIND, charged_emd(best))
    assert f"Best Choice has {best.emd_mean:.3f} and loses 2.0 % of the modules, each charged 6.2" in found.comment


def test_bins_with_few_modules_do_not_count(run: Path) -> None:
    metrics = read(run / "evaluate/metrics.json")
    for row in metrics["results"]:
        row["by_occupancy"][-1]["events"] = 4
    write(run / "evaluate/metrics.json", metrics)
    assert "better in 3 of 5 occupancy bins (0, 1, 10–14 cells" in verdict(run, "physics").comment


@pytest.mark.parametrize(("ceiling", "status"), [(0.9, Status.MET), (0.1, Status.MISSED)])
def test_an_emd_ceiling_replaces_the_reference(run: Path, ceiling: float, status: Status) -> None:
    (run / "config.yml").write_text(f"budgets: {{emd_half_pitches: {{2: {ceiling}}}}}\n")
    found = verdict(run, "physics")
    assert (found.status, found.budget) == (status, ceiling)
    assert results_of(run).failed is (status is Status.MISSED)


def test_physics_without_references_is_incomplete(run: Path) -> None:
    metrics = read(run / "evaluate/metrics.json")
    only = [row for row in metrics["results"] if row["algorithm"] == "autoencoder" and row["sample"] == "ttbar_0PU"]
    write(run / "evaluate/metrics.json", {"results": only})
    assert verdict(run, "physics").status is Status.INCOMPLETE
    write(run / "evaluate/metrics.json", {"results": []})
    assert verdict(run, "physics").status is Status.UNKNOWN
    assert "no result of the autoencoder" in results_of(run).gaps[0].message


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"mismatches": 1}, Status.MISSED),  # even when the file says pass
        ({"status": "fail"}, Status.MISSED),
        ({"status": "skipped", "values": 0}, Status.INCOMPLETE),
        ({"values": 0}, Status.INCOMPLETE),
    ],
)
def test_bit_verdict_is_recomputed(run: Path, changes: dict[str, Any], status: Status) -> None:
    change_check(run, 2, **changes)
    assert verdict(run, "bits").status is status


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"checks": []}, Status.INCOMPLETE),
        ({"negative_controls": []}, Status.INCOMPLETE),
        ({"negative_controls": [{"name": "flipped bit", "caught": False}]}, Status.MISSED),
        ({"verdict": "incomplete"}, Status.INCOMPLETE),
        ({"verdict": "fail"}, Status.MISSED),
        ({"i2c": {"bytes_written": 1608, "readback_ok": False, "bus_khz": 1000}}, Status.MISSED),
        ({"i2c": {}}, Status.MET),
    ],
)
def test_nothing_passes_that_proves_nothing(run: Path, changes: dict[str, Any], status: Status) -> None:
    edit(run / "verify/results.json", **changes)
    assert verdict(run, "bits").status is status


def test_latency_over_budget_and_unknown(run: Path) -> None:
    edit(run / "verify/results.json", latency_clocks=3)
    assert (verdict(run, "latency").status, verdict(run, "latency").value) == (Status.MISSED, 75.0)
    edit(run / "verify/results.json", latency_clocks=None)
    assert verdict(run, "latency").status is Status.UNKNOWN


def test_rate_needs_an_rtl_check_that_passed(run: Path) -> None:
    def rate() -> float | None:
        return next(row.value for row in results_of(run).budgets if row.quantity == "Event rate")

    assert rate() == 40.0
    change_check(run, 2, status="skipped")
    assert rate() is None


def test_unknown_budgets_say_what_they_wait_for(run: Path) -> None:
    rows = {row.quantity: row for row in results_of(run).budgets}
    power = rows["Power, encoder block"]
    assert (power.value, power.status, power.published, power.budget) == (None, Status.UNKNOWN, 95.0, 100.0)
    assert "asic_flow estimate" in power.source
    assert "asic_flow estimate" in verdict(run, "power").comment
    assert rows["Bits per event on 2 links"].value == 62
    (run / "verify/results.json").unlink()
    assert "asic_flow verify" in verdict(run, "latency").comment


def test_later_parts_fill_the_table(full_run: Path) -> None:
    results = results_of(full_run)
    rows = {row.quantity: row for row in results.budgets}
    assert rows["Power, encoder block"].status is Status.MET
    assert rows["Area, encoder with weight registers"].status is Status.MISSED
    assert rows["Leakage"].value == 1.25
    assert results.failed
    assert [(r.title, r.status) for r in results.radiation] == [
        ("Weight bank proof", Status.INCOMPLETE),
        ("Single bit flips", Status.MET),
    ]
    assert results.radiation[1].values == {"flips": "12864", "events": "10000", "emd.mean": "0.0123"}
    assert verdict(full_run, "radiation").status is Status.INCOMPLETE
    edit(full_run / "rad/proof.json", verdict="fail")
    assert verdict(full_run, "radiation").status is Status.MISSED


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("verify/results.json", "asic_flow verify"),
        ("asic/manifest.json", "asic_flow generate"),
        ("evaluate/metrics.json", "econ_ae.evaluate"),
        ("data/statistics.json", "econ_ae.train"),
        ("weights/links2.json", "econ_ae.train"),
        ("config.yml", "make demo"),
    ],
)
def test_a_missing_file_is_a_stated_gap(run: Path, name: str, command: str) -> None:
    assert results_of(run).gaps == []
    (run / name).unlink()
    (gap,) = results_of(run).gaps
    assert command in gap.command


def test_results_that_do_not_belong_together(run: Path) -> None:
    assert results_of(run).warnings == []
    edit(run / "weights/links2.json", structure_sha256="f" * 64)
    edit(run / "verify/results.json", profile="exact", structure_sha256="e" * 64)
    first, second, third = results_of(run).warnings
    assert "weights/links2.json was made for structure ffffffffffff" in first
    assert "verify/results.json is about structure eeeeeeeeeeee" in second
    assert "verify/results.json says exact" in third


def test_limits_follow_the_run(run: Path) -> None:
    limits = " ".join(results_of(run).limits)
    assert "simulated by this project" in limits
    assert "One training seed" in limits
    change_check(run, 2, status="skipped")
    (run / "config.yml").write_text("data: {sources: [{file: a.csv}]}\n")
    metrics = read(run / "evaluate/metrics.json")
    for row in metrics["results"]:
        row["seeds"] = [1, 2, 3]
    write(run / "evaluate/metrics.json", metrics)
    limits = " ".join(results_of(run).limits)
    assert "simulated by this project" not in limits
    assert "One training seed" not in limits
    assert "Checks that did not run: emulator_rtl" in limits


def test_design_summary(run: Path) -> None:
    design = results_of(run).design
    assert design is not None
    assert design.layers[0].kind == "conv 3x3, stride 2, 8 filters, relu"
    assert design.layers[1].products == "floored to 8 fraction bits"
    assert {group.folder: len(group.files) for group in design.files}["rtl/"] == 10
    weights = design.registers[0]
    assert (weights.address, weights.copies, weights.stride, weights.size_bytes) == (0x0538, 12, 143, 134)


def test_examples_take_samples_in_turn(run: Path) -> None:
    examples = results_of(run).examples
    assert [e.sample for e in examples] == ["busy_200PU", "ttbar_0PU", "jets_pt20", "electrons_pt20"]
    counts = read(run / "evaluate/examples.json")["events"][0]["true"]
    assert examples[0].true_mipt == [count / 35 for count in counts]


@pytest.mark.parametrize(("edge", "label"), [((0, 1), "0"), ((2, 5), "2–4"), ((15, None), "≥ 15")])
def test_occupancy_labels(edge: tuple[int, int | None], label: str) -> None:
    assert occupancy_label(*edge) == label
