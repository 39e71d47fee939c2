"""Host side: load, verify and dump the weights of a chip over any I2C master."""

from __future__ import annotations

from asic_flow.host.bus import AsyncMaster, Bus, BusError, CocotbBus, SmbusBus, open_bus
from asic_flow.host.fake import FakeChip
from asic_flow.host.loader import WeightLoader
from asic_flow.host.port import ChipStatus, Monitor, RegisterPort, read_status
from asic_flow.host.results import Difference, LoadReport, bus_seconds

__all__ = [
    "AsyncMaster",
    "Bus",
    "BusError",
    "ChipStatus",
    "CocotbBus",
    "Difference",
    "FakeChip",
    "LoadReport",
    "Monitor",
    "RegisterPort",
    "SmbusBus",
    "WeightLoader",
    "bus_seconds",
    "open_bus",
    "read_status",
]
