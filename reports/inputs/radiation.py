"""Results of the radiation studies."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from reports.inputs.base import Count, File, Input, Number


class InjectionExperiment(Input):
    """One experiment of an injection campaign; without counts it is a stopped clock."""

    name: str
    expected: Literal["none", "some", "reported"]
    as_expected: bool
    injections: Count | None = None
    masked: Count = 0
    corrected: Count = 0
    visible: Count = 0
    stuck: Count = 0
    wrong_high: Number = None
    wrong_clocks: Count | None = None


class StorageRates(Input):
    """Rates of one way to store the weights."""

    scheme: str
    flip_flops: Count
    upsets_per_s: Number = None
    corrections_per_s: Number = None
    wrong_bits_per_fill: Number = None
    failure_limit_per_s: Number = None


class RateCase(Input):
    """One environment."""

    name: str
    flux_cm2_s: Number = None
    storage: list[StorageRates]


class ProofRow(Input):
    """One formal proof."""

    name: str
    status: Literal["pass", "fail", "skipped"]
    detail: str = ""


class LayerDamage(Input):
    """What single flips of one tensor do."""

    tensor: str
    flips: Count
    sent_harmless_flips: Count | None = None
    sent_changed_event_fraction_average: Number = None
    sent_mean_abs_change_lsb_average: Number = None
    sent_mean_abs_change_lsb_worst: Number = None


class ProtectionRanking(Input):
    """How many bits one ranking needs for the damage budget."""

    ranking: str
    bits_for_budget: Count
    share_of_bits: Number = None


class TransientPart(Input):
    """Transients that start in one part of the netlist."""

    part: str
    transients: Count
    latched: Count
    masked: Count
    corrected: Count
    visible: Count
    stuck: Count


class RadiationFile(File):
    """``rad/*.json``: a verdict, tables that are known by name, and any number of other values."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=True)

    verdict: Literal["pass", "fail", "incomplete"] | None = None
    title: str | None = None
    experiments: list[InjectionExperiment] = Field(default_factory=list)
    cases: list[RateCase] = Field(default_factory=list)
    proofs: list[ProofRow] = Field(default_factory=list)
    by_layer: list[LayerDamage] = Field(default_factory=list)
    rankings: list[ProtectionRanking] = Field(default_factory=list)
    parts: list[TransientPart] = Field(default_factory=list)
