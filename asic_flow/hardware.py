"""Options of the chip around the encoder; they change the RTL's package, never the structure or its hash."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class HardwareConfig(BaseModel):
    """The ``asic.hardware`` section of a run's configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shadow_bank: bool = Field(
        default=False,
        description="second weight bank (one copy): weights are loaded while data flow and become active in one clock",
    )
