"""The loader against a chip in memory: clean loads, bad buses, bad chips, wrong chips."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from asic_flow.errors import MismatchError, ToolNotFoundError, WeightError
from asic_flow.host import Bus, BusError, CocotbBus, FakeChip, Monitor, SmbusBus, WeightLoader, bus_seconds, open_bus
from asic_flow.images import Transaction, transactions
from asic_flow.ir import Structure, econ_t_structure
from asic_flow.registers import model, register_layout
from asic_flow.weights import WeightSet, random_weights

CHIP = econ_t_structure()
SMALL = econ_t_structure(filters=4, units=7, weight_bits=5)


def make(structure: Structure = CHIP, seed: int = 5) -> WeightSet:
    return random_weights(structure, np.random.default_rng(seed))


def chip(structure: Structure = CHIP, **faults: Any) -> FakeChip:
    return FakeChip(register_layout(structure), **faults)


@pytest.mark.parametrize("structure", [CHIP, SMALL], ids=["chip", "generic"])
@pytest.mark.parametrize("max_data", [1, 14, 16, 134])
def test_clean_load(structure: Structure, max_data: int) -> None:
    device, weights = chip(structure), make(structure)
    seen: list[tuple[int, int]] = []
    loader = WeightLoader(device, structure, max_data=max_data, progress=lambda done, total: seen.append((done, total)))
    report = loader.load(weights)
    n = register_layout(structure).n_bytes
    assert device.bank == weights.to_bytes()
    assert (device.misc, device.stale) == (0b10, False)
    assert (report.bytes_written, report.retries, report.registers_repaired) == (n, 0, 0)
    assert report.crc_checked
    assert report.running
    assert report.crc == weights.crc32
    assert seen[-1] == (n, n)
    assert loader.verify(weights) == []
    assert np.array_equal(loader.dump().words(), weights.words())


def test_output_is_held_while_loading_and_on_request_afterwards() -> None:
    device = chip()
    WeightLoader(device, CHIP).load(make(seed=1))
    running: list[int] = []
    WeightLoader(device, CHIP, progress=lambda *_: running.append(device.misc)).load(make(seed=2), run=False)
    assert set(running) == {0}, "run was not cleared before the first weight"
    assert device.misc == 0


def test_counters_are_cleared_by_a_load() -> None:
    device = chip()
    device.upset(3, 7)
    device.upset(4, 70_000)
    status = WeightLoader(device, CHIP).status()
    assert status is not None
    assert status.upsets[3:5] == (7, 65535)
    WeightLoader(device, CHIP).load(make())
    assert device.seu == [0] * 12


@pytest.mark.parametrize("shadow", [False, True])
def test_links_are_set_read_back_and_kept(shadow: bool) -> None:
    device, weights = chip(shadow=shadow), make()
    loader = WeightLoader(device, CHIP, max_data=134)
    assert loader.load(weights).links == 0, "off after a reset"
    for links in (5, 1, 0, 3):
        assert loader.load(weights, resume=True, links=links).links == links
        assert device.control[model.LINKS_OFFSET] == links
    assert loader.load(weights, resume=True).links == 3, "kept when nothing is said"
    assert device.control[model.LINKS_OFFSET] == 3
    assert WeightLoader(device, CHIP, max_data=134).load(weights, links=2, run=False).links == 2
    assert device.misc == 0


def test_links_that_the_chip_cannot_send_on_are_refused() -> None:
    device, weights = chip(), make()
    for links in (-1, 6, 256):
        with pytest.raises(WeightError, match=rf"{links} links are outside 0\.\.5"):
            WeightLoader(device, CHIP).load(weights, links=links)
    bare = chip(monitor=False)
    for loader in (WeightLoader(bare, CHIP), WeightLoader(device, CHIP, monitor=Monitor.IGNORE)):
        with pytest.raises(WeightError, match="no monitor registers"):
            loader.load(weights, links=1)
    assert (device.written, bare.written) == (0, 0)
    assert WeightLoader(bare, CHIP).load(weights).links is None


def test_a_disturbed_number_of_links_is_found_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    device = chip()
    store = device._store_control
    monkeypatch.setattr(device, "_store_control", lambda offset, value: store(offset, value ^ 2))
    with pytest.raises(MismatchError, match=r"fmt_links\) reads 1, 3 was written"):
        WeightLoader(device, CHIP).load(make(), links=3)
    assert device.misc == 1 << model.CLEAR_BIT, "not set running"


def test_missing_acknowledges_are_repeated() -> None:
    weights = make()
    for number in range(0, 60, 7):
        device = chip(nack={number, number + 1, 200, 300})
        report = WeightLoader(device, CHIP).load(weights)
        assert device.bank == weights.to_bytes()
        assert report.retries >= 3
    with pytest.raises(BusError, match=r"failed 2 times.*did not acknowledge"):
        WeightLoader(chip(nack={20, 21}), CHIP, retries=1).load(weights)


def test_random_bad_bus() -> None:
    """One transfer in ten fails, at random, half of its bytes delivered."""
    rng, weights = np.random.default_rng(11), make()
    device = chip(nack={int(i) for i in np.flatnonzero(rng.random(5000) < 0.1)})
    report = WeightLoader(device, CHIP, retries=8).load(weights)
    assert report.retries > 10
    assert device.bank == weights.to_bytes()


def test_a_flipped_bit_is_found_by_reading_back_and_repaired() -> None:
    weights = make()
    for bit in (0, 6432, 12863):
        device = chip(corrupt={123: bit})  # behind the last weight write, before the first byte is read back
        report = WeightLoader(device, CHIP).load(weights)
        assert device.bank == weights.to_bytes()
        assert report.registers_repaired == 1


def test_a_bit_that_flips_after_it_was_read_back_is_found_by_the_crc() -> None:
    device = chip(corrupt={331: 0})
    with pytest.raises(MismatchError, match="although every register reads back right"):
        WeightLoader(device, CHIP).load(make())
    assert device.misc == 0


def test_a_stuck_bit_fails_the_load_and_leaves_the_output_at_zero() -> None:
    device = chip(stuck={1072})
    with pytest.raises(MismatchError, match=r"1 registers read back wrong after 3 repairs, first at 0x05c7.*run = 0"):
        WeightLoader(device, CHIP).load(make())
    assert device.misc == 0


def test_a_crc_that_never_becomes_valid_fails_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asic_flow.registers.model.STATUS_CRC_VALID", 0)
    with pytest.raises(MismatchError, match="never became valid"):
        WeightLoader(chip(), CHIP).load(make())


def test_an_interrupted_load_is_resumed() -> None:
    device, weights = chip(dead_from=80), make()
    with pytest.raises(BusError, match="--resume"):
        WeightLoader(device, CHIP).load(weights)
    assert device.misc == 0
    assert 0 < device.written < 1608
    device.dead_from = None
    written = device.written
    report = WeightLoader(device, CHIP).load(weights, resume=True)
    assert device.bank == weights.to_bytes()
    assert report.registers_skipped > 50
    assert report.bytes_written == device.written - written
    assert report.bytes_written < 1608
    again = WeightLoader(device, CHIP).load(weights, resume=True)
    assert (again.registers_skipped, again.bytes_written) == (108, 0)


def test_a_chip_without_monitor_like_econ_t() -> None:
    device, weights = chip(monitor=False), make()
    report = WeightLoader(device, CHIP).load(weights)
    assert device.bank == weights.to_bytes()
    assert not report.crc_checked
    assert WeightLoader(device, CHIP).status() is None
    with pytest.raises(BusError, match="found 00000000, expected 45434145"):
        WeightLoader(device, CHIP, monitor=Monitor.REQUIRE).load(weights)
    with_monitor = chip()
    assert not WeightLoader(with_monitor, CHIP, monitor=Monitor.IGNORE).load(weights).crc_checked


def test_a_chip_of_another_structure_is_refused_untouched() -> None:
    exact = econ_t_structure("exact")
    device = chip(exact)
    loader = WeightLoader(device, CHIP)
    for attempt in (lambda: loader.load(make()), loader.dump, lambda: loader.verify(make())):
        with pytest.raises(WeightError, match="was made for structure"):
            attempt()
    assert device.written == 0
    with pytest.raises(WeightError, match="made for another structure"):
        WeightLoader(chip(), CHIP).load(make(exact))
    with pytest.raises(WeightError, match="another structure"):
        WeightLoader(chip(), CHIP).verify(make(exact))


def test_verify_names_every_byte_that_differs() -> None:
    device, weights = chip(), make()
    WeightLoader(device, CHIP).load(weights)
    device.stream[134] ^= 0x21
    device.stream[1607] ^= 0x80
    expected = weights.to_bytes()
    differences = WeightLoader(device, CHIP).verify(weights)
    assert [(d.address, d.expected, d.found) for d in differences] == [
        (0x0538 + 143, expected[134], expected[134] ^ 0x21),
        (0x0538 + 11 * 143 + 133, expected[1607], expected[1607] ^ 0x80),
    ]


def test_nobody_at_that_address() -> None:
    with pytest.raises(BusError, match="no device at 0x21"):
        WeightLoader(chip(), CHIP, device=0x21).load(make())


def test_writes_through_gaps_go_nowhere_in_the_fake() -> None:
    """The pointer passes the 9 unmapped bytes behind a block, as on the chip."""
    device = chip()
    device.write(0x20, Transaction(0x0538, bytes([0xAA] * 144)).wire)
    assert device.bank[:135] == bytes([0xAA] * 135)
    assert device.bank[135:] == bytes(1473)
    device.write(0x20, (0x0538 + 133).to_bytes(2, "big"))
    assert device.read(0x20, 11) == b"\xaa" + bytes(9) + b"\xaa"


@pytest.mark.parametrize(
    ("max_data", "hertz", "milliseconds"),
    [(134, 1e6, 14.8), (14, 1e6, 18.0), (16, 1e6, 17.6), (134, 1e5, 148), (14, 4e5, 44.9)],
)
def test_bus_time_agrees_with_the_fact_sheet(max_data: int, hertz: float, milliseconds: float) -> None:
    """facts/radiation.md section 5.2 and facts/econ-t.md section 2.5."""
    writes = transactions(register_layout(CHIP), bytes(1608), max_data)
    assert 1e3 * bus_seconds(writes, hertz) == pytest.approx(milliseconds, rel=4e-3)


class _Smbus:
    """Stand-in for smbus2 whose bus number 1 leads to a fake chip."""

    def __init__(self, device: FakeChip) -> None:
        self.device = device

    def module(self) -> ModuleType:
        fake = self

        class Message(list[int]):
            def __init__(self, address: int, data: list[int], n: int | None) -> None:
                super().__init__(data)
                self.address, self.n = address, n

            @staticmethod
            def write(address: int, data: list[int]) -> Message:
                return Message(address, data, None)

            @staticmethod
            def read(address: int, n: int) -> Message:
                return Message(address, [], n)

        class SMBus:
            def __init__(self, number: int) -> None:
                if number != 1:
                    raise FileNotFoundError(2, "No such file or directory")

            def i2c_rdwr(self, message: Message) -> None:
                try:
                    if message.n is None:
                        fake.device.write(message.address, bytes(message))
                    else:
                        message[:] = list(fake.device.read(message.address, message.n))
                except BusError as error:
                    raise OSError(121, "Remote I/O error") from error

            def close(self) -> None:
                fake.device.dead_from = 0

        module = ModuleType("smbus2")
        vars(module).update(SMBus=SMBus, i2c_msg=Message)
        return module


def test_smbus_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    device, weights = chip(nack={5}), make()
    monkeypatch.setitem(sys.modules, "smbus2", _Smbus(device).module())
    bus = open_bus("smbus:1")
    assert isinstance(bus, SmbusBus)
    assert WeightLoader(bus, CHIP).load(weights).retries == 1
    assert device.bank == weights.to_bytes()
    with pytest.raises(BusError, match=r"0x21.*Remote I/O error"):
        WeightLoader(bus, CHIP, device=0x21).load(weights)
    with pytest.raises(BusError, match="/dev/i2c-7: No such file"):
        open_bus("smbus:7")
    bus.close()
    assert device.dead_from == 0


def test_opening_a_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smbus2", None)
    with pytest.raises(ToolNotFoundError, match="pip install smbus2"):
        open_bus("smbus:1")
    for spec in ("smbus:", "smbus:x", "nonsense", "no_such_module:bus", "asic_flow:no_such_name"):
        with pytest.raises(BusError, match="opening bus"):
            open_bus(spec)
    with pytest.raises(BusError, match="lacks write, read or close"):
        open_bus("builtins:dict")
    module = ModuleType("my_stand")
    vars(module)["make_bus"] = chip
    monkeypatch.setitem(sys.modules, "my_stand", module)
    assert isinstance(open_bus("my_stand:make_bus"), FakeChip)


def test_fake_chip_and_adapters_follow_the_protocol() -> None:
    assert isinstance(chip(), Bus)
    assert all(hasattr(kind, name) for kind in (SmbusBus, CocotbBus) for name in ("write", "read", "close"))


def test_cocotb_adapter_drives_a_coroutine_master(monkeypatch: pytest.MonkeyPatch) -> None:
    """`resume` is replaced by a plain runner here; test_host_on_rtl.py drives the simulated chip itself."""
    device, weights = chip(nack={9}), make()

    class NackError(AssertionError):
        pass

    class Master:
        device = 0

        async def write(self, payload: bytes) -> None:
            try:
                device.write(self.device, payload)
            except BusError as error:
                raise NackError(str(error)) from error

        async def read(self, count: int) -> bytes:
            return device.read(self.device, count)

    def resume(function: Any) -> Any:
        def call(*args: Any) -> Any:
            try:
                function(*args).send(None)
            except StopIteration as stop:
                return stop.value
            raise AssertionError("the coroutine waited")

        return call

    monkeypatch.setitem(sys.modules, "cocotb.task", SimpleNamespace(resume=resume))
    report = WeightLoader(CocotbBus(Master(), nack=NackError), CHIP).load(weights)
    assert report.crc_checked
    assert report.retries == 1
    assert device.bank == weights.to_bytes()
    monkeypatch.setitem(sys.modules, "cocotb.task", None)
    with pytest.raises(ToolNotFoundError, match="cocotb 2"):
        CocotbBus(Master(), nack=NackError)
