"""The chip's algorithms: examples of the specification, round trips, public vectors, reconstruction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hgcal_data import baselines as b
from hgcal_data.baselines import batcher, compare
from hgcal_data.baselines.best_choice import CELLS_SENT, payload_bits
from hgcal_data.baselines.repeater import cells_sent
from hgcal_data.baselines.super_trigger_cell import STC_TYPES
from hgcal_data.baselines.threshold_sum import packet_words
from hgcal_data.chip import run_chip, run_front_end
from hgcal_data.codes import encode_float
from hgcal_data.errors import DataError
from hgcal_data.frontend import pack_words
from hgcal_data.registers import Algorithm, ChipConfig, parse_registers, read_registers
from hgcal_data.vectors import read_input_words, read_output_words

# facts/baselines.md 8.2: a crossing with a few cells, LD, drop 1, CAL 0.5, threshold 20
CELLS = {0: 0x15, 3: 0x25, 5: 0x25, 17: 0x31, 19: 0x31, 18: 0x09, 33: 0x7F, 40: 0x12, 46: 0x0B}
WORDS_P1 = "a4a00015 a0001280 a0000000 a0000000 a6225880 a0000000 a0000000 a0000000 a0003f80 a0000000 a0000012 a002c000"
WORDS_PRODUCTION = (
    "a2a00025 a0094000 a0000000 a0000000 a00c44b1 a0000000 a0000000 a0000000 a01fc000 a0000000 a2400000 a0000580"
)
CALQ = {0: 27, 3: 108, 5: 108, 17: 304, 18: 9, 19: 304, 33: 253952, 40: 21, 46: 11}


def _words(text: str) -> np.ndarray:
    return np.array([int(word, 16) for word in text.split()], dtype=np.uint32)


def _codes() -> np.ndarray:
    codes = np.zeros((1, 48), dtype=np.int64)
    for cell, code in CELLS.items():
        codes[0, cell] = code
    return codes


def _config(algorithm: Algorithm, **changes: object) -> ChipConfig:
    values: dict[str, object] = {
        "algorithm": algorithm,
        "drop_lsb": 1,
        "cal": np.full(48, 1024),
        "thresholds": np.full(48, 20),
        "idle_pattern": 0x122,
        "use_sum": False,
        "t1": 400,
        "t2": 500,
    }
    return ChipConfig(**{**values, **changes})  # type: ignore[arg-type]


def _at_bx5(config: ChipConfig) -> str:
    """Words of crossing 5, in which every crossing carries the example."""
    bx = np.arange(6)
    out = run_chip(pack_words(np.repeat(_codes(), 6, axis=0), bx, config.chip), config)
    return " ".join(f"{word:08x}" for word in out[5, : config.links])


@pytest.mark.parametrize(("order", "text"), [("p1", WORDS_P1), ("production", WORDS_PRODUCTION)])
def test_example_input(order: str, text: str) -> None:
    words = pack_words(_codes(), [5], order)  # type: ignore[arg-type]
    assert (words[0] == _words(text)).all()
    charges, _ = run_front_end(words, _config(Algorithm.REPEATER, chip=order))
    assert {int(k): int(charges[0, k]) for k in np.flatnonzero(charges[0])} == CALQ


EXAMPLES = [
    (_config(Algorithm.BEST_CHOICE, links=1), "53587b80"),
    (_config(Algorithm.BEST_CHOICE, links=2), "5220d14e 13aa54f7"),
    (_config(Algorithm.BEST_CHOICE, links=2, use_sum=True), "5770d14e 13aa54f7"),
    (_config(Algorithm.BEST_CHOICE, links=5, map_order="p1"), "5009d2c7 00040821 a7401d00 00000521 14f71414"),
    (_config(Algorithm.BEST_CHOICE, links=5), "50041020 00e34b91 a7401d00 00000521 14f71414"),
    (_config(Algorithm.SUPER_TRIGGER_CELL, links=5, stc_type=0), "5dfff722 00ec0000 31800000 0778002a 0b000000"),
    (_config(Algorithm.SUPER_TRIGGER_CELL, links=2, stc_type=1), "55312718 dde00000"),
    (_config(Algorithm.SUPER_TRIGGER_CELL, links=3, stc_type=2), "54074000 6200000e e0050500"),
    (_config(Algorithm.SUPER_TRIGGER_CELL, links=4, stc_type=3), "5dfff724 07400062 00000ee0 05050000"),
    (_config(Algorithm.SUPER_TRIGGER_CELL, links=4, stc_type=4), "5200ec00 00318000 00077800 2a0b0000"),
    (
        _config(Algorithm.REPEATER, links=11),
        "28d0000e 803a0000 00000000 00000005 21148000 00000000 00000000 000ee000 00000000 a0000000 00140000",
    ),
    (
        _config(Algorithm.THRESHOLD_SUM, links=13, thresholds=np.zeros(48, int)),
        "2c00ffff ffffffff 1a0001d0 07400000 00000000 000000a4 22900000 00000000 "
        "00000000 01dc0000 00000014 00000000 02802922",
    ),
    (_config(Algorithm.THRESHOLD_SUM, links=1, thresholds=np.full(48, 2**22 - 1)), "287f2922"),
    (_config(Algorithm.THRESHOLD_SUM, links=4), "2a12e006 2a29c340 d3a754a9 ee282922"),
]


@pytest.mark.parametrize("case", range(len(EXAMPLES)))
def test_examples_of_the_specification(case: int) -> None:
    config, expected = EXAMPLES[case]
    assert _at_bx5(config) == expected


def test_best_choice_header_at_orbit_start() -> None:
    config = _config(Algorithm.BEST_CHOICE, links=2)
    out = run_chip(pack_words(np.repeat(_codes(), 14, axis=0), np.arange(14)), config)
    assert [f"{word:08x}"[:4] for word in out[[0, 13], 0]] == ["f220", "5220"]


def test_network() -> None:
    layers = batcher.layers()
    assert len(layers) == 21
    assert sum(len(upper) for upper, _ in layers) == 367
    for upper, lower in layers:
        used = np.concatenate([upper, lower])
        assert len(set(used.tolist())) == used.size
    i = np.arange(48)
    patterns = np.stack([0 * i, i % 2, i % 3, (i // 4) % 3])
    ranks = batcher.rank_order(patterns)
    assert ranks[0].tolist() == i.tolist()
    expected = (
        "1 33 3 35 5 37 7 39 9 41 11 43 13 45 15 47 17 25 19 27 21 29 23 31 16 24",
        "32 17 2 35 20 5 38 23 8 41 26 11 44 29 14 47 16 1 34 19",
        "32 33 34 35 20 21 22 23 8 9 10 11 44 45 46 47 16 17 18 19",
    )
    for row, text in zip(ranks[1:], expected, strict=True):
        cells = [int(x) for x in text.split()]
        assert row[: len(cells)].tolist() == cells
    rng = np.random.default_rng(0)
    values = rng.integers(0, 40, (200, 48))
    ordered = np.take_along_axis(values, batcher.rank_order(values), axis=1)
    assert (np.diff(ordered, axis=1) <= 0).all()


def test_every_case_of_the_public_vectors(public_data: Path) -> None:
    folder = public_data / "econ_t_vectors" / "mcDataset"
    words = read_input_words(folder / "testInput.csv")
    compared = 0
    for case in sorted(folder.glob("*/init.yaml")):
        config = read_registers(case)
        if config.algorithm is Algorithm.AUTOENCODER:
            assert config.weight_stream is not None
            assert len(config.weight_stream) == 12 * 134
            continue
        expected = read_output_words(case.parent / "testOutput.csv")
        assert expected.shape == (3564, 13)
        assert (run_chip(words, config) == expected).all(), case.parent.name
        compared += expected.size
    assert compared == 9 * 3564 * 13
    wrong = ChipConfig(**{**config.__dict__, "drop_lsb": 0})
    assert not (run_chip(words, wrong) == expected).all()  # negative control


def _charges(rows: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    q = np.floor(rng.exponential(60, (rows, 48)) ** 1.4).astype(np.int64)
    q[rng.random(q.shape) < rng.random((rows, 1))] = 0
    return q


@pytest.mark.parametrize("links", range(1, 14))
@pytest.mark.parametrize("order", ["p1", "production"])
def test_best_choice_round_trip(links: int, order: str) -> None:
    q, bx = _charges(60), np.arange(60)
    packets = b.decode_best_choice(b.best_choice(q, bx, links, 1, map_order=order), links, order)  # type: ignore[arg-type]
    assert (packets.sent.sum(axis=1) == CELLS_SENT[links]).all()
    assert (packets.codes == np.where(packets.sent, encode_float(q, 4, 3, 1), 0)).all()
    unsent_best = np.where(packets.sent, -1, q >> 1).max(axis=1)
    assert (np.where(packets.sent, q >> 1, 1 << 30).min(axis=1) >= unsent_best).all()
    assert payload_bits(links) <= 32 * links


@pytest.mark.parametrize("stc_type", range(5))
@pytest.mark.parametrize("links", [1, 2, 3, 4, 5, 6])
def test_super_trigger_cell_round_trip(stc_type: int, links: int) -> None:
    q, kind = _charges(40), STC_TYPES[stc_type]
    words = b.super_trigger_cell(q, np.arange(40), links, stc_type, 1)
    groups = kind.groups(links)
    if groups == 0:
        assert not words.any()
        return
    assert kind.payload_bits(links) <= 32 * links
    packets = b.decode_super_trigger_cell(words, links, stc_type)
    grouped = q.reshape(40, -1, kind.group)[:, :groups]
    assert (
        packets.sum_code == encode_float(grouped.sum(axis=2), kind.exponent_bits, kind.mantissa_bits, kind.drops)
    ).all()
    if kind.address_bits:
        top = np.take_along_axis(grouped, packets.address[:, :, None], axis=2)[:, :, 0]
        assert (top == grouped.max(axis=2)).all()


def test_super_trigger_cell_ties() -> None:
    q = np.zeros((1, 48), dtype=np.int64)
    q[0, 4:6] = 7
    for tie, expected in (("highest", [3, 1]), ("lowest", [0, 0])):
        words = b.super_trigger_cell(q, [1], 5, 0, tie=tie)  # type: ignore[arg-type]
        assert b.decode_super_trigger_cell(words, 5, 0).address[0, :2].tolist() == expected


@pytest.mark.parametrize("links", [2, 5, 10, 13])
@pytest.mark.parametrize("order", ["p1", "production"])
def test_threshold_sum_stream_round_trip(links: int, order: str) -> None:
    q = np.concatenate([_charges(3600), np.zeros((16, 48), dtype=np.int64)])
    bx = np.arange(len(q)) % 3564
    words, condition = b.threshold_sum(q, bx, links, 60, drop=1, map_order=order)  # type: ignore[arg-type]
    packets = b.decode_threshold_sum(words, links, order)  # type: ignore[arg-type]
    assert len(packets.header) >= 3600
    kept = q[:3600] >= 60
    cut = condition[:3600] <= 2
    assert (packets.sent[:3600] == kept & ~cut[:, None]).all()
    assert (packets.codes[:3600] == np.where(kept & ~cut[:, None], encode_float(q[:3600], 4, 3, 1), 0)).all()
    sums = np.where(cut, q[:3600].sum(axis=1), np.where(kept, 0, q[:3600]).sum(axis=1))
    assert (packets.sum_code[:3600] == encode_float(sums, 5, 3)).all()
    assert cut.any() or links > 2
    assert not cut.any() or links < 10


def test_packet_lengths() -> None:
    assert packet_words(np.arange(10)).tolist() == [1, 2, 3, 4, 5, 6, 7, 7, 8, 8]
    assert packet_words([45, 46, 47, 48]).tolist() == [24, 25, 25, 25]


def test_buffer_conditions() -> None:
    q = np.full((12, 48), 100, dtype=np.int64)
    q[6:9] = 0
    _, condition = b.threshold_sum(q, np.arange(12), 2, 50, buffer_thresholds=(60, 30, 3))
    assert set(condition.tolist()) == {1, 2, 3, 4}
    _, condition = b.threshold_sum(q, np.arange(12), 2, 50, buffer_thresholds=(400, 500, 0))
    assert set(condition.tolist()) == {4}


def test_repeater_round_trip() -> None:
    q = _charges(20)
    for links in (1, 5, 11, 13):
        codes = b.decode_repeater(b.repeater(q, np.arange(20), links, 1), links)
        n = cells_sent(links)
        assert (codes[:, :n] == encode_float(q, 4, 3, 1)[:, :n]).all()
        assert not codes[:, n:].any()
    assert [cells_sent(n) for n in range(1, 12)] == [3, 8, 13, 17, 22, 26, 31, 35, 40, 45, 48]


def test_reconstruction_keeps_the_sum_and_the_fitted_share() -> None:
    q = _charges(300)
    q = q[q.sum(axis=1) > 500]
    packets = b.decode_best_choice(b.best_choice(q, np.zeros(len(q)), 4, 0), 4)
    fair = b.reconstruct_best_choice(packets, 0)
    naive = b.reconstruct_best_choice(packets, 0, "zeros")
    total = q.sum(axis=1)
    assert np.abs(fair.sum(axis=1) / total - 1).max() < 0.07
    assert (naive.sum(axis=1) <= fair.sum(axis=1)).all()
    words = b.super_trigger_cell(q, np.zeros(len(q)), 5, 0)
    stc = b.decode_super_trigger_cell(words, 5, 0)
    table = b.fit_share_table(q, 0)
    cells = b.reconstruct_super_trigger_cell(stc, 0, "fitted", table)
    assert np.abs(cells.sum(axis=1) / total - 1).max() < 0.04
    with pytest.raises(ValueError, match="share table"):
        b.reconstruct_super_trigger_cell(stc, 0, "fitted")
    one = np.zeros((8, 48), dtype=np.int64)
    one[:, 5] = 1000
    assert (b.fit_share_table(one, 0).share == 1).all()


def test_order_round_trip() -> None:
    q = _charges(3)
    assert (b.to_tc(b.to_chip(q)) == q).all()
    assert not (b.to_chip(q) == q).all()


def test_comparison_ranks_fair_before_naive() -> None:
    q = b.to_tc(_charges(700))
    q = q[q.sum(axis=1) > 0]
    test, train = compare.split_rows(len(q), 150, 1)
    assert not set(test.tolist()) & set(train.tolist())
    results = {(r.algorithm, r.rule): r for r in compare.compare(q[test], q[train], 4)}
    assert results["BC", "residual"].emd.mean < results["BC", "zeros"].emd.mean
    assert results["STC4A", "fitted"].emd.mean <= results["STC4A", "equal"].emd.mean
    for r in results.values():
        assert r.bits <= r.capacity or r.algorithm.startswith("TS")
        assert sum(x.events for x in r.bins) == 150
        assert r.emd_uniform >= r.emd.mean or r.empty_fraction == 0


def test_comparison_reproduces_the_published_figures(public_data: Path) -> None:
    """facts/baselines.md 10.1 within its statistical errors (its rows are a different random thousand)."""
    from hgcal_data.csv_files import load_csv

    expected = {
        "CALQ_output": {
            ("BC", "residual"): 0.163,
            ("BC", "zeros"): 0.302,
            ("STC4B", "fitted"): 0.441,
            ("STC4B", "equal"): 1.218,
        },
        "electron_pt20_eta15-30_0PU": {("BC", "residual"): 0.038, ("STC4B", "max"): 0.065},
    }
    for name, figures in expected.items():
        readings = load_csv(public_data / "calq" / f"{name}.csv")
        test, train = compare.split_rows(len(readings), 1000, 20250101)
        results = {
            (r.algorithm, r.rule): r for r in compare.compare(readings.charges[test], readings.charges[train], 5)
        }
        for key, value in figures.items():
            assert results[key].emd.mean == pytest.approx(value, abs=0.03), (name, key)


def test_registers_three_spellings() -> None:
    production = parse_registers(
        {
            "ConfigAlgo": {"Global": {"alg_type": 2, "alg_high_density": 1}},
            "FormatterBuffer": {"Global": {"active_etxs": "0x1F"}},
            "Mux": {0: 3},
            "AlgoDroplsb": {"Global": {"drop_lsb": 3}},
        }
    )
    assert (production.chip, production.links, production.algorithm) == ("production", 5, Algorithm.BEST_CHOICE)
    assert production.mux[:3].tolist() == [3, 1, 2]
    short = parse_registers(
        {
            "Algorithm": {"Global": {"select": 0}},
            "FormatterBuffer": {"Global": {"active_etxs": 13}},
            "AlgoDroplsb": {"Global": 7},
        }
    )
    assert (short.chip, short.links, short.drop_lsb, short.drop) == ("p1", 13, 7, 0)
    registers = {
        "MFC_ALGORITHM_SEL_DENSITY": {
            "registers": {"algo": {"params": {"select": {"param_value": 4}, "density": {"param_value": 1}}}}
        },
        "FMTBUF_ALL": {"registers": {"mask_ae": {"value": 0xFF}, "mask_ae2": {"value": 0x1234}}},
        "AUTOENCODER_0INPUT": {"registers": {"weights_byte0": {"value": 0x0201}, "weights_byte128": {"value": 0x0605}}},
    }
    long = parse_registers({"ECON-T": {"RW": registers}})
    assert (long.chip, long.links, long.density, long.keep_mask) == ("p1", 2, "HD", 0xFF1234)
    assert long.weight_stream is not None
    assert (long.weight_stream[:2], long.weight_stream[128:130], len(long.weight_stream)) == (
        b"\x01\x02",
        b"\x05\x06",
        1608,
    )
    with pytest.raises(DataError, match="none of the keys"):
        parse_registers({"x": 1}, "file.yaml")
    with pytest.raises(DataError, match=r"file.yaml, key mux\.0"):
        parse_registers({"Algorithm": {"Global": {"select": 0}}, "Mux": {0: 48}}, "file.yaml")


def test_autoencoder_needs_an_encoder() -> None:
    words = pack_words(_codes(), [0])
    config = _config(Algorithm.AUTOENCODER, links=5)
    with pytest.raises(DataError, match="encoder"):
        run_chip(words, config)
    out = run_chip(words, config, lambda images: np.full((len(images), 16), 511))
    assert out[0, 1] == 0xFFFFFFFF
