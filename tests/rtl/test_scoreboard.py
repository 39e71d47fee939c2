"""The scoreboard and the pieces of the bench library that need no simulator."""

from __future__ import annotations

import numpy as np
import pytest

from asic_flow.tb.events import pack_events, unpack_event
from asic_flow.tb.i2c import I2cTiming
from asic_flow.tb.scoreboard import Scoreboard, ScoreboardError

LATENTS = np.array([[1, 2], [3, 4]])


def test_agreement() -> None:
    board = Scoreboard({"latents": LATENTS, "sum_code": np.array([5, 6])})
    board.add(latents=[1, 2], sum_code=[5])
    board.add(latents=[3, 4], sum_code=[6])
    board.check()
    assert (board.values, board.events, board.passed) == (6, 2, True)


def test_first_difference_is_kept() -> None:
    board = Scoreboard({"latents": LATENTS})
    board.add(latents=[1, 9])
    board.add(latents=[8, 4])
    assert str(board.first) == "event 0, latents[1]: expected 2, found 9"
    with pytest.raises(ScoreboardError, match="2 of 4 values differ"):
        board.check()


def test_short_and_long_output() -> None:
    board = Scoreboard({"latents": LATENTS})
    board.add(latents=[1, 2])
    with pytest.raises(ScoreboardError, match="short output: 1 of 2"):
        board.check()
    board.add(latents=[3, 4])
    board.add(latents=[0, 0])
    with pytest.raises(ScoreboardError, match="1 more events"):
        board.check()
    assert not board.passed


def test_nothing_expected_is_an_error() -> None:
    with pytest.raises(ScoreboardError, match="no expected events"):
        Scoreboard({"latents": np.zeros((0, 2))})
    with pytest.raises(ScoreboardError, match="different numbers"):
        Scoreboard({"latents": LATENTS, "sum_code": np.array([1])})
    with pytest.raises(ScoreboardError, match="no expected events"):
        Scoreboard({})


def test_wrong_shape_of_an_event() -> None:
    board = Scoreboard({"latents": LATENTS})
    with pytest.raises(ScoreboardError, match="1 values, expected 2"):
        board.add(latents=[1])
    with pytest.raises(ScoreboardError, match="fields"):
        board.add(other=[1, 2])


def test_packing_round_trip() -> None:
    values = np.random.default_rng(1).integers(0, 1 << 22, size=(5, 48))
    for row, packed in zip(values, pack_events(values, 22), strict=True):
        assert unpack_event(packed, 48, 22) == row.tolist()


@pytest.mark.parametrize("khz", [10, 100, 400, 1000])
def test_bus_timing_keeps_the_specification(khz: int) -> None:
    timing = I2cTiming.for_speed(khz)
    assert timing.low + timing.high >= 1_000_000 // khz
    assert timing.low - timing.data_hold >= timing.limits.data_setup
    with pytest.raises(ValueError, match="set-up"):
        I2cTiming.for_speed(khz, timing.low - timing.limits.data_setup + 1)
    with pytest.raises(ValueError, match="kHz"):
        I2cTiming.for_speed(1001)
