"""The loader on a chip with a shadow bank: nothing is held, nothing is lost on failure, every refusal is reported."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
import pytest

from asic_flow.errors import MismatchError, WeightError
from asic_flow.host import BusError, FakeChip, Monitor, WeightLoader
from asic_flow.ir import econ_t_structure
from asic_flow.registers import model, register_layout
from asic_flow.weights import WeightSet, random_weights

CHIP = econ_t_structure()
LAYOUT = register_layout(CHIP)
RUNNING = 1 << model.RUN_BIT


def make(seed: int) -> WeightSet:
    return random_weights(CHIP, np.random.default_rng(seed))


OLD, NEW = make(1), make(2)


@cache
def loaded() -> FakeChip:
    """A chip into which the old weights were loaded; for copying."""
    device = FakeChip(LAYOUT, shadow=True)
    WeightLoader(device, CHIP, max_data=134).load(OLD)
    return device


def running(**faults: Any) -> FakeChip:
    """A chip that runs with the old weights."""
    device = deepcopy(loaded())
    assert (device.misc, device.bank) == (RUNNING, OLD.to_bytes())
    device.transfers = 0
    for name, value in faults.items():
        setattr(device, name, value)
    return device


def failure(device: FakeChip) -> str | None:
    """What a load of the new weights complains of."""
    try:
        WeightLoader(device, CHIP, max_data=134).load(NEW)
    except MismatchError as error:
        return str(error)
    return None


@pytest.mark.parametrize("max_data", [1, 14, 134])
def test_the_encoder_runs_on_while_loading(max_data: int) -> None:
    device = running()
    seen: set[tuple[int, bytes, bool]] = set()
    loader = WeightLoader(
        device, CHIP, max_data=max_data, progress=lambda *_: seen.add((device.misc, device.bank, device.stale))
    )
    report = loader.load(NEW)
    assert seen == {(RUNNING, OLD.to_bytes(), False)}
    assert (device.misc, device.bank) == (RUNNING, NEW.to_bytes())
    assert (report.path, report.version, report.crc_checked, report.running) == ("shadow", 2, True, True)
    assert loader.verify(NEW) == []
    assert len(loader.verify(OLD)) > 1000, "negative control"
    assert loader.dump().crc32 == NEW.crc32
    status = loader.status()
    assert status is not None
    assert status.bank is not None
    assert (status.bank.version, status.bank.crc, status.bank.done) == (2, NEW.crc32, True)


def test_hold_and_version_and_crossing() -> None:
    device = running()
    report = WeightLoader(device, CHIP).load(NEW, run=False, version=65535, bx=3563)
    assert (device.misc, device.version, report.running, report.version) == (0, 65535, False, 65535)
    assert device.control[model.COMMIT_BX_OFFSET : model.COMMIT_BX_OFFSET + 2] == (3563).to_bytes(2, "little")
    assert WeightLoader(device, CHIP).load(OLD).version == 0, "versions wrap"
    for wrong in ({"version": 65536}, {"version": -1}, {"bx": 3564}, {"bx": -1}):
        with pytest.raises(WeightError, match="outside 0"):
            WeightLoader(device, CHIP).load(NEW, **wrong)
    assert device.bank == OLD.to_bytes()


def test_no_version_or_crossing_without_a_shadow_bank() -> None:
    for device in (FakeChip(LAYOUT), FakeChip(LAYOUT, monitor=False)):
        for option in ({"version": 1}, {"bx": 0}):
            with pytest.raises(WeightError, match="no shadow bank"):
                WeightLoader(device, CHIP).load(NEW, **option)
        for attempt in (lambda loader: loader.dump(shadow=True), lambda loader: loader.verify(NEW, shadow=True)):
            with pytest.raises(WeightError, match="has none"):
                attempt(WeightLoader(device, CHIP))
        assert device.written == 0
        assert WeightLoader(device, CHIP).load(NEW).path == "direct"


def test_every_failure_leaves_the_old_weights_running() -> None:
    attempts = (
        (running(stuck={1072}), MismatchError, "registers read back wrong after 3 repairs"),
        (running(dead_from=60), BusError, "--resume"),
    )
    for device, kind, message in attempts:
        with pytest.raises(kind, match=message):
            WeightLoader(device, CHIP).load(NEW)
        assert (device.misc, device.bank, device.version) == (RUNNING, OLD.to_bytes(), 1)


def test_an_interrupted_load_is_resumed() -> None:
    device = running(dead_from=100)
    with pytest.raises(BusError):
        WeightLoader(device, CHIP).load(NEW)
    device.dead_from = None
    assert WeightLoader(device, CHIP).verify(OLD) == [], "the reads show the active bank again"
    report = WeightLoader(device, CHIP).load(NEW, resume=True)
    assert 0 < report.registers_skipped < 108
    assert report.bytes_written < 1608
    assert device.bank == NEW.to_bytes()


def test_an_upset_of_the_shadow_never_becomes_active() -> None:
    """The bit flips behind the last read-back, before and after the CRC is read."""
    first = running()
    assert failure(first) is None
    found = set()
    for number in range(first.transfers - 40, first.transfers):
        device = running(corrupt={number: 777})
        message = failure(device)
        if message is None:
            assert device.bank == NEW.to_bytes()
        else:
            found.add("refused" if "refused the commit" in message else "CRC")
            assert "The active weights are as before" in message
            assert (device.misc, device.bank) == (RUNNING, OLD.to_bytes())
    assert found == {"refused", "CRC"}


def test_a_crossing_that_never_comes_is_withdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asic_flow.host.fake.ORBIT", 100)
    device = running()
    with pytest.raises(MismatchError, match=r"bunch crossing 200 did not come.*as before"):
        WeightLoader(device, CHIP).load(NEW, bx=200)
    assert (device.bank, device.commit_state) == (OLD.to_bytes(), 0)


def test_a_disturbed_commit_register_is_found() -> None:
    device = running()
    store = device._store_control

    def disturbed(offset: int, value: int) -> None:
        store(offset, value ^ 1 if offset == model.EXPECTED_CRC_OFFSET else value)

    device._store_control = disturbed  # type: ignore[method-assign]
    with pytest.raises(MismatchError, match="the commit registers read"):
        WeightLoader(device, CHIP).load(NEW)
    assert device.bank == OLD.to_bytes()


def test_active_weights_that_differ_after_the_commit_hold_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    device = running()
    commit = device._commit

    def flawed(key: int) -> None:
        commit(key)
        device.stream[9] ^= key & 1

    monkeypatch.setattr(device, "_commit", flawed)
    with pytest.raises(MismatchError, match=r"its CRC is .*held at zero"):
        WeightLoader(device, CHIP).load(NEW)
    assert device.misc == 0


def test_ignoring_the_monitor_means_the_direct_path() -> None:
    """Without the monitor block nobody knows of the shadow; the writes then end in it, and that is found."""
    with pytest.raises(MismatchError, match="read back wrong"):
        WeightLoader(running(), CHIP, monitor=Monitor.IGNORE).load(NEW)
