"""Comparison of all algorithms on the same rows at the same number of links (facts/baselines.md section 10).

Every reconstruction starts from the link words: charges -> packet -> words -> fields -> 48 charges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hgcal_data.baselines.best_choice import best_choice, decode_best_choice, payload_bits
from hgcal_data.baselines.order import to_chip, to_tc
from hgcal_data.baselines.reconstruction import (
    StcRule,
    fit_share_table,
    is_truncated,
    reconstruct_best_choice,
    reconstruct_repeater,
    reconstruct_super_trigger_cell,
    reconstruct_threshold_sum,
)
from hgcal_data.baselines.repeater import PACKET_BITS, cells_sent, decode_repeater, repeater
from hgcal_data.baselines.super_trigger_cell import STC_TYPES, decode_super_trigger_cell, super_trigger_cell
from hgcal_data.baselines.threshold_sum import decode_threshold_sum, packet_words, threshold_sum
from hgcal_data.emd import OCCUPANCY_LABELS, EmdSummary, emd, occupancy, occupancy_bin, uniform_image
from hgcal_data.frontend import ORBIT_LENGTH
from hgcal_data.geometry import N_CELLS

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

MIP_THRESHOLD: Final = 47
"""1.35 transverse MIP in counts, the usual threshold."""
TUNING_THRESHOLDS: Final = (2, 5, 8, 12, 17, 24, 35, 47, 70, 100, 140, 200, 300, 500, 700, 900)


@dataclass(frozen=True)
class Reconstruction:
    """Far-side result of one algorithm and rule on n rows.

    cells float64[n,48] in TC order, total float64[n]: estimate of the module sum, bits: mean bits used, truncated:
    share of
    packets the buffer cut.
    """

    algorithm: str
    rule: str
    bits: float
    cells: FloatArray
    total: FloatArray
    truncated: float = 0.0


@dataclass(frozen=True)
class BinResult:
    """Mean EMD in one occupancy bin.

    Rows with an empty reconstruction charged as a uniform image (NaN without rows).
    """

    label: str
    events: int
    emd: float


@dataclass(frozen=True)
class BaselineResult:
    """One line of the comparison.

    emd: rows with a reconstruction; emd_uniform: all rows, an empty reconstruction charged the EMD of a uniform
    image;
    sum_error: mean relative error of the module sum; empty_fraction: rows without any reconstructed charge.
    """

    algorithm: str
    rule: str
    links: int
    bits: float
    capacity: int
    emd: EmdSummary
    emd_uniform: float
    sum_error: float
    empty_fraction: float
    truncated: float
    bins: tuple[BinResult, ...]


def _crossings(rows: int) -> IntArray:
    return np.arange(rows, dtype=np.int64) % ORBIT_LENGTH


def _best_choice(chip: IntArray, links: int, drop: int) -> Iterator[Reconstruction]:
    packets = decode_best_choice(best_choice(chip, _crossings(len(chip)), links, drop), links)
    fair = reconstruct_best_choice(packets, drop)
    bits = float(payload_bits(links))
    yield Reconstruction("BC", "residual", bits, to_tc(fair), fair.sum(axis=1))
    yield Reconstruction("BC", "zeros", bits, to_tc(reconstruct_best_choice(packets, drop, "zeros")), fair.sum(axis=1))


def _super_trigger_cells(chip: IntArray, train: IntArray, links: int, drop: int) -> Iterator[Reconstruction]:
    for number, kind in enumerate(STC_TYPES):
        groups = kind.groups(links)
        if groups == 0:
            continue
        words = super_trigger_cell(chip, _crossings(len(chip)), links, number, drop)
        packets = decode_super_trigger_cell(words, links, number)
        name = kind.name if groups == N_CELLS // kind.group else f"{kind.name} {groups}/{N_CELLS // kind.group}"
        table = fit_share_table(train, number, drop) if kind.address_bits else None
        rules: tuple[StcRule, ...] = ("fitted", "max", "equal") if kind.address_bits else ("equal",)
        for rule in rules:
            cells = reconstruct_super_trigger_cell(packets, drop, rule, table)
            yield Reconstruction(name, rule, float(kind.payload_bits(links)), to_tc(cells), cells.sum(axis=1))


def send_threshold_sum(chip: IntArray, links: int, drop: int, threshold: int, name: str) -> Reconstruction:
    """Threshold Sum of rows int64[n,48] (chip channels) sent one after the other through the chip's output buffer."""
    flush = np.zeros((16, N_CELLS), dtype=np.int64)
    stream = np.concatenate([chip, flush])
    words, _ = threshold_sum(stream, _crossings(len(stream)), links, threshold, drop=drop)
    packets = decode_threshold_sum(words, links)
    cells = reconstruct_threshold_sum(packets, drop)[: len(chip)]
    cut = is_truncated(packets)[: len(chip)]
    sent = packet_words((chip >= threshold).sum(axis=1))
    bits = 16.0 * float(np.where(cut, 1, sent).mean())
    return Reconstruction(
        f"TS {name} {threshold}", "residual", bits, to_tc(cells), cells.sum(axis=1), float(cut.mean())
    )


def tuned_threshold(train: IntArray, links: int, drop: int) -> int:
    """Threshold with the least mean EMD on training rows (chip channels)."""
    true = to_tc(train).astype(np.float64)
    uniform = emd(true, uniform_image(len(train)))
    losses = []
    for threshold in TUNING_THRESHOLDS:
        values = emd(true, send_threshold_sum(train, links, drop, threshold, "").cells)
        losses.append(float(np.where(np.isnan(values), uniform, values).mean()))
    return TUNING_THRESHOLDS[int(np.argmin(losses))]


def _repeater(chip: IntArray, links: int, drop: int) -> Iterator[Reconstruction]:
    if cells_sent(links) < N_CELLS:
        return
    codes = decode_repeater(repeater(chip, _crossings(len(chip)), links, drop), links)
    cells = reconstruct_repeater(codes, drop)
    yield Reconstruction("RPT", "all cells", float(PACKET_BITS), to_tc(cells), cells.sum(axis=1))


def reconstruct_all(
    charges: npt.ArrayLike, train: npt.ArrayLike, links: int, drop: int = 1
) -> Iterator[Reconstruction]:
    """Reconstructions of every algorithm that works on ``links`` links.

    charges and train: int64[n,48] in TC order, non-empty rows; f(E) and the tuned threshold are fitted on
    ``train``, which must
    share no row with ``charges``. ``drop``: bits dropped at the output (1 for low density, 3 for high density).
    """
    chip = to_chip(np.asarray(charges, dtype=np.int64))
    fit = to_chip(np.asarray(train, dtype=np.int64))
    yield from _best_choice(chip, links, drop)
    yield from _super_trigger_cells(chip, fit, links, drop)
    yield send_threshold_sum(chip, links, drop, MIP_THRESHOLD, "threshold")
    tuned = tuned_threshold(fit[:500], links, drop)
    yield send_threshold_sum(chip, links, drop, tuned, "tuned threshold")
    yield from _repeater(chip, links, drop)


def score(true: npt.ArrayLike, result: Reconstruction, links: int) -> BaselineResult:
    """Figures of merit of one reconstruction; true charges int64[n,48] in TC order, non-empty rows."""
    charges = np.asarray(true, dtype=np.float64)
    values = emd(charges, result.cells)
    charged = np.where(np.isnan(values), emd(charges, uniform_image(len(charges))), values)
    place = occupancy_bin(occupancy(charges))
    bins = tuple(
        BinResult(
            label, int((place == k).sum()), float(charged[place == k].mean()) if (place == k).any() else float("nan")
        )
        for k, label in enumerate(OCCUPANCY_LABELS)
    )
    total = charges.sum(axis=1)
    return BaselineResult(
        algorithm=result.algorithm,
        rule=result.rule,
        links=links,
        bits=result.bits,
        capacity=32 * links,
        emd=EmdSummary.from_events(charges, result.cells, values),
        emd_uniform=float(charged.mean()),
        sum_error=float((np.abs(result.total - total) / total).mean()),
        empty_fraction=float(np.isnan(values).mean()),
        truncated=result.truncated,
        bins=bins,
    )


def compare(charges: npt.ArrayLike, train: npt.ArrayLike, links: int, drop: int = 1) -> list[BaselineResult]:
    """The whole comparison, best mean EMD (empties charged) first; arguments as :func:`reconstruct_all`."""
    results = [score(charges, result, links) for result in reconstruct_all(charges, train, links, drop)]
    return sorted(results, key=lambda r: r.emd_uniform)


def split_rows(rows: int, test_rows: int, seed: int, train_rows: int = 4000) -> tuple[IntArray, IntArray]:
    """Row numbers for test and fit, disjoint, from a seeded permutation."""
    order = np.random.default_rng(seed).permutation(rows)
    test = min(test_rows, max(1, rows // 2))
    return order[:test], order[test : test + train_rows]
