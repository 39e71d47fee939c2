"""What the rate model is told. Every default has its source in its description; facts/radiation.md holds the derivations."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rad_tolerance.errors import RadiationError


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Case(_Model):
    """One environment and one sensitivity of a flip-flop."""

    name: str = Field(description="name in the results")
    flux_cm2_s: float = Field(gt=0, description="hadrons above 20 MeV per cm2 and second, mean over time")
    sigma_0_cm2: float = Field(gt=0, description="upset cross-section of a flip-flop that stores 0")
    sigma_1_cm2: float = Field(gt=0, description="the same for a stored 1")


def _default_cases() -> tuple[Case, ...]:
    """Nominal and conservative.

    Flux: up to 2e7 hadrons /cm2/s at ECON (arXiv:2411.03476 v4); 1e7 is the figure of the specification. Cross-section:
    counted corrections of ECON-D's triplicated registers under 217 MeV protons, 1.9 to 2.1e-14 cm2 (January 2024) and 4.7 to
    5.3e-14 cm2 (August 2023) per flip-flop. The public logs do not settle which stored value is harder (a factor of 1.6), so
    that both values start equal; `Stored` gives the spread.
    """
    return (
        Case(name="nominal", flux_cm2_s=1e7, sigma_0_cm2=2e-14, sigma_1_cm2=2e-14),
        Case(name="higher cross-section", flux_cm2_s=1e7, sigma_0_cm2=5e-14, sigma_1_cm2=5e-14),
        Case(name="highest flux", flux_cm2_s=2e7, sigma_0_cm2=5e-14, sigma_1_cm2=5e-14),
    )


class Stored(_Model):
    """Cross-sections of the two stored values in the runs that told them apart (ECON-D, January 2024, runs 20 and 21)."""

    softer_cm2: float = Field(default=2.95e-14, gt=0, description="the softer value; middle of 2.7 to 3.2e-14")
    harder_cm2: float = Field(default=1.8e-14, gt=0, description="the harder value")


class CommonMode(_Model):
    """What hits more than one copy. No public measurement saw any: the defaults are 90 % limits from zero events."""

    two_copies_cm2_per_bit: float = Field(
        default=2.1e-18,
        ge=0,
        description="one particle upsets two copies: ECON-D, no difference in 4.96e13 /cm2 x 21,888 bits",
    )
    control_cm2_per_chip: float = Field(
        default=2.4e-14,
        ge=0,
        description="clock, reset and control trees of a triplicated chip: ECON-D, no loss in 9.5e13 /cm2",
    )


class Voters(_Model):
    """Single-event transients in the voters, latched at a refresh clock edge."""

    triplicated: bool = Field(default=True, description="three voters per bit: a transient reaches one copy only")
    sigma_set_cm2: float = Field(
        default=2e-14, ge=0, description="cross-section of a voter for a transient; assumption: that of a flip-flop"
    )
    width_s: float = Field(default=1e-9, gt=0, description="length of a transient; 0.2 to 1 ns is usual, 2 ns long")


class Spills(_Model):
    """Beam that comes in spills. The flux of a case is the mean over time."""

    period_s: float = Field(gt=0, description="from spill to spill")
    duration_s: float = Field(gt=0, description="of a spill")

    @model_validator(mode="after")
    def _short(self) -> Self:
        if self.duration_s > self.period_s:
            raise ValueError("duration_s exceeds period_s")
        return self


class MonteCarlo(_Model):
    """Simulated storage that the formulas are compared with; upsets are made frequent, so that failures are seen."""

    bits: int = Field(default=20_000, ge=100, description="bits, half of them ones")
    windows: int = Field(default=4, ge=1, description="refresh periods one after the other")
    upset_probability: float = Field(default=0.05, gt=0, lt=0.4, description="of a flip-flop within one window")
    repetitions: int = Field(default=20, ge=1, description="independent banks")
    seed: int = Field(default=1, ge=0, description="seed")
    p_value: float = Field(default=1e-4, gt=0, lt=1, description="a less likely deviation counts as disagreement")


class RateConfig(_Model):
    """Input of `rad_tolerance.rate_report.rate_report`."""

    cases: tuple[Case, ...] = Field(default_factory=_default_cases, min_length=1, description="environments")
    stored: Stored = Field(default_factory=Stored, description="cross-sections of the two stored values")
    fill_hours: float = Field(default=10.0, gt=0, description="weights are rewritten this often; an LHC fill")
    refresh_period_s: float = Field(
        default=25e-9, gt=0, description="voted values are written back; 25 ns: every clock"
    )
    protected_top_bits: int = Field(
        default=2, ge=0, description="highest bits of every word that selective storage triplicates"
    )
    secded_data_bits: int = Field(
        default=32, ge=1, le=1024, description="data bits of one SECDED word; 32 bits are usual"
    )
    scrub_period_s: float = Field(
        default=1.0, gt=0, description="SECDED words are read and corrected this often; already a slow scrub suffices"
    )
    common_mode: CommonMode = Field(default_factory=CommonMode, description="terms that no voter corrects")
    voters: Voters = Field(default_factory=Voters, description="transients in voters")
    spills: Spills | None = Field(default=None, description="null: steady beam")
    confidence: float = Field(default=0.95, gt=0, lt=1, description="of intervals")
    monte_carlo: MonteCarlo = Field(default_factory=MonteCarlo, description="check of the formulas")


def read_config(path: Path | None, changes: list[str]) -> RateConfig:
    """Configuration from a YAML file and ``key=value`` changes (dotted keys, YAML values).

    Raises:
        RadiationError: the file cannot be read, or a key or value is wrong.
    """
    where = f"reading {path}" if path else "rate model"
    try:
        content = yaml.safe_load(path.read_bytes()) if path else {}
    except OSError as error:
        raise RadiationError(f"{where}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise RadiationError(f"{where}: not valid YAML: {str(error).splitlines()[0]}") from error
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise RadiationError(f"{where}: expected keys and values, found a {type(content).__name__}")
    for change in changes:
        _set(content, change)
    try:
        return RateConfig.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "top level"
        raise RadiationError(f"{where}: key {key}: {first['msg']}") from error


def _set(content: dict[str, Any], change: str) -> None:
    key, sign, text = change.partition("=")
    if not sign or not key:
        raise RadiationError(f"--set {change}: expected KEY=VALUE, for example --set fill_hours=12")
    *sections, last = key.split(".")
    for section in sections:
        inner = content.setdefault(section, {})
        if not isinstance(inner, dict):
            raise RadiationError(f"--set {change}: {section} is no section; give it in a file with --config")
        content = inner
    try:
        content[last] = _number(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise RadiationError(f"--set {change}: {text!r} is not a YAML value") from error


def _number(value: Any) -> Any:
    """YAML reads 1e-9 (no point) as text."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value
