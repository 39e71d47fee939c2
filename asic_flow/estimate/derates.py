"""Factors between a typical library and the worst conditions on the detector, each with source or marked as assumption."""

from __future__ import annotations

from math import prod
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from asic_flow.errors import FlowError
from asic_flow.estimate.scaling import SOURCE, TARGET_NM, TARGET_VOLT, Factor, delay_ratio

_LOW_VOLT = 0.9 * TARGET_VOLT


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Derates(_Frozen):
    """Delay at the worst corner over delay in the typical library."""

    process: Factor = Field(
        default=Factor(
            factor=1.25,
            low=1.15,
            high=1.35,
            source="assumption: slow over typical process; the open library has one corner",
        ),
        description="slow process corner",
    )
    voltage: Factor = Field(
        default=Factor(
            factor=delay_ratio(TARGET_NM, _LOW_VOLT, TARGET_VOLT), low=1.08, high=1.2,
            source=f"supply 10 % low: delay at {_LOW_VOLT:.2f} V over delay at {TARGET_VOLT:.2f} V in 65 nm, {SOURCE}",
        ),
        description="low supply",
    )  # fmt: skip
    temperature: Factor = Field(
        default=Factor(
            factor=1.05, low=0.95, high=1.1,
            source="assumption: slowest of -35 to +40 C; near 1.1 V mobility and threshold nearly cancel in 65 nm LP",
        ),
        description="worst temperature",
    )  # fmt: skip
    dose: Factor = Field(
        default=Factor(
            factor=1.25, low=1.1, high=1.5,
            source="assumption: no radiation corner is public; ring oscillators lose 2 to 3 times more at low dose rate "
            "(arXiv:2404.10963); ECON-T-P1 at 1.08 V fails from 450 Mrad at 8.85 Mrad/h (public X-ray logs)",
        ),
        description="total ionising dose of `dose_mrad`",
    )  # fmt: skip
    dose_mrad: float = Field(default=200.0, gt=0, description="dose that the factor `dose` stands for (Mrad)")

    def factors(self) -> dict[str, Factor]:
        """The four factors by name."""
        return {"process": self.process, "voltage": self.voltage, "temperature": self.temperature, "dose": self.dose}

    @property
    def total(self) -> float:
        """Product of all factors."""
        return prod(item.factor for item in self.factors().values())


class Assumptions(_Frozen):
    """Everything in an estimate that does not follow from the design and the library."""

    clock_ns: float = Field(default=25.0, gt=0, description="clock period (ns): 40 MHz bunch crossings")
    clock_uncertainty_ns: float = Field(default=0.5, ge=0, description="skew and jitter of the clock (ns); assumption")
    wire_pf_per_load: float = Field(
        default=0.01, ge=0, description="wire capacitance per driven pin (pF); assumption: 50 um of 0.2 fF/um at 180 nm"
    )
    max_fanout: int = Field(
        default=16, ge=2, description="pins that a gate or buffer drives; more get a tree of buffers (not clocks)"
    )
    input_slew_ns: float = Field(
        default=0.18, gt=0, description="transition time behind which output slews are looked up (ns)"
    )
    input_delay_ns: float = Field(
        default=0.5,
        ge=0,
        description="time after the clock edge at which inputs arrive (ns), before derates; assumption: one register",
    )
    clock_slew_ns: float = Field(
        default=0.24, gt=0, description="transition time at clock pins (ns); assumption: buffered trees"
    )
    glitch_share: Factor = Field(
        default=Factor(
            factor=0.16,
            low=0.001,
            high=1.0,
            source="assumption: share of the glitches of unit delay that pass real gates; a 128-input neuron with the library's "
            "delays has 1.37 times the toggles of zero delay (Icarus, open 180 nm library)",
        ),
        description="glitches counted, between none (zero delay) and all of unit delay",
    )
    clock_tree_factor: Factor = Field(
        default=Factor(
            factor=1.3, low=1.1, high=1.6, source="assumption: buffers and wires of the clock trees, not synthesised"
        ),
        description="clock power with trees over that of the clock pins alone",
    )
    utilisation: Factor = Field(
        default=Factor(factor=0.70, low=0.6, high=0.8, source="assumption: cell area over placed area"),
        description="placement density",
    )
    nand2_um2: Factor = Field(
        default=Factor(
            factor=1.44,
            low=1.44,
            high=2.16,
            source="assumption: usual area of a two-input NAND in 65 nm; no citable source",
        ),
        description="area of a gate equivalent in the target technology (um2)",
    )
    leakage_nw_per_gate: Factor = Field(
        default=Factor(
            factor=0.5, low=0.1, high=5.0,
            source="assumption: 65 nm LP at room temperature; ECON-T-P1's current falls with dose, so there is no leakage hump",
        ),
        description="leakage per gate equivalent in the target technology (nW)",
    )  # fmt: skip
    derates: Derates = Field(default_factory=Derates, description="factors on delays")


def read_assumptions(path: Path | None) -> Assumptions:
    """Assumptions from a YAML file; the defaults without one.

    Raises:
        FlowError: the file is missing, is not YAML, or holds an unknown or wrong key.
    """
    if path is None:
        return Assumptions()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FlowError(f"reading assumptions {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise FlowError(f"reading assumptions {path}: not valid YAML ({error})") from error
    try:
        return Assumptions.model_validate(content or {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "top level"
        raise FlowError(f"reading assumptions {path}: key {where}: {first['msg']}") from error
