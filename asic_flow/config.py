"""The ``asic`` section of a run's configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from asic_flow.catapult.config import CatapultConfig
from asic_flow.errors import FlowError
from asic_flow.hardware import HardwareConfig


class VerifyConfig(BaseModel):
    """How much `asic_flow verify` compares."""

    model_config = ConfigDict(extra="forbid")

    events: int = Field(default=20_000, ge=100, description="events compared Keras = emulator = C++")
    rtl_events: int = Field(default=2_000, ge=1, description="events streamed through the RTL, one per clock")
    gate_events: int = Field(
        default=0, ge=0,
        description="events streamed through the gate netlist of the whole chip; 0: off (the first synthesis takes minutes)",
    )  # fmt: skip
    gate_library: Path | None = Field(
        default=None, description="Liberty file for the gate netlist; default: OSU 180 nm of Debian's qflow-tech-osu018"
    )
    simulator: Literal["verilator", "icarus"] = Field(default="verilator", description="simulator of the whole chip")
    i2c_khz: int = Field(default=1000, ge=10, le=1000, description="I2C clock of the simulated bus master (kHz)")
    seed: int = Field(default=1, ge=0, description="seed of the choice of events and of the random stress vectors")

    @model_validator(mode="after")
    def _within_events(self) -> VerifyConfig:
        for name in ("rtl_events", "gate_events"):
            if (wanted := getattr(self, name)) > self.events:
                raise ValueError(
                    f"{name} ({wanted}) is more than events ({self.events}): the first of them are streamed"
                )
        return self


class AsicConfig(BaseModel):
    """Hardware side of a run."""

    model_config = ConfigDict(extra="forbid")

    links: int | None = Field(default=None, ge=1, le=5, description="weight file to verify with; default: the only one")
    ac_types: Path | None = Field(
        default=None, description="folder with the ac_types headers; default: those shipped in the hls4ml wheel"
    )
    hardware: HardwareConfig = Field(default_factory=HardwareConfig, description="options of the chip")
    verify: VerifyConfig = Field(default_factory=VerifyConfig)
    catapult: CatapultConfig = Field(
        default_factory=CatapultConfig, description="technology, clock and stages of `asic_flow build`"
    )


def read_asic_section(run: Path) -> AsicConfig:
    """The ``asic`` section of ``RUN/config.yml``; defaults where file or section is absent.

    Raises:
        FlowError: the file is not YAML, or the section holds an unknown or wrong key.
    """
    path = run / "config.yml"
    if not path.is_file():
        return AsicConfig()
    try:
        content = yaml.safe_load(path.read_bytes())
    except yaml.YAMLError as error:
        raise FlowError(f"reading {path}: not valid YAML ({error})") from error
    section = content.get("asic") if isinstance(content, dict) else None
    try:
        return AsicConfig.model_validate(section or {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["asic", *(str(part) for part in first["loc"])])
        raise FlowError(f"reading {path}: key {where}: {first['msg']}") from error
