"""Host side: load, verify and dump the weights of a chip over any I2C master."""

from __future__ import annotations

from asic_flow.host.bank import Commit, ShadowBank
from asic_flow.host.bus import AsyncMaster, Bus, BusError, CocotbBus, SmbusBus, open_bus
from asic_flow.host.fake import FakeChip
from asic_flow.host.loader import WeightLoader
from asic_flow.host.port import BankStatus, ChipStatus, Monitor, RegisterPort, read_status
from asic_flow.host.results import Difference, LoadReport, bus_seconds

__all__ = [
    "AsyncMaster",
    "BankStatus",
    "Bus",
    "BusError",
    "ChipStatus",
    "CocotbBus",
    "Commit",
    "Difference",
    "FakeChip",
    "LoadReport",
    "Monitor",
    "RegisterPort",
    "ShadowBank",
    "SmbusBus",
    "WeightLoader",
    "bus_seconds",
    "open_bus",
    "read_status",
]
