"""The result files of a run, as pydantic models: only the keys a report uses; other keys are allowed and ignored.

Units stand in the key names or in the field descriptions. A value that does not exist (an empty bin) is null or NaN in
the files and None here.
"""

from __future__ import annotations

from reports.inputs.base import N_CELLS
from reports.inputs.design import (
    Accumulator,
    Check,
    Encoder,
    EncoderInput,
    EncoderLayer,
    FixedPoint,
    I2cLoad,
    Manifest,
    ManifestFile,
    ManifestParameters,
    Mismatch,
    NegativeControl,
    Register,
    RegisterBlock,
    Verification,
    WeightFile,
)
from reports.inputs.estimate import Estimate, EstimateRow, SynthesisEstimate
from reports.inputs.physics import (
    AlgorithmEntry,
    Budgets,
    DataStatistics,
    Decoding,
    Epoch,
    EvaluationMetrics,
    ExampleEvent,
    Examples,
    LatentEntry,
    MixtureEntry,
    OccupancyEntry,
    SampleStatistics,
    SampleValues,
    TrainMetrics,
)
from reports.inputs.radiation import (
    InjectionExperiment,
    LayerDamage,
    ProofRow,
    ProtectionRanking,
    RadiationFile,
    RateCase,
    StorageRates,
    TransientPart,
)

__all__ = [
    "N_CELLS",
    "Accumulator",
    "AlgorithmEntry",
    "Budgets",
    "Check",
    "DataStatistics",
    "Decoding",
    "Encoder",
    "EncoderInput",
    "EncoderLayer",
    "Epoch",
    "Estimate",
    "EstimateRow",
    "EvaluationMetrics",
    "ExampleEvent",
    "Examples",
    "FixedPoint",
    "I2cLoad",
    "InjectionExperiment",
    "LatentEntry",
    "LayerDamage",
    "Manifest",
    "ManifestFile",
    "ManifestParameters",
    "Mismatch",
    "MixtureEntry",
    "NegativeControl",
    "OccupancyEntry",
    "ProofRow",
    "ProtectionRanking",
    "RadiationFile",
    "RateCase",
    "Register",
    "RegisterBlock",
    "SampleStatistics",
    "SampleValues",
    "StorageRates",
    "SynthesisEstimate",
    "TrainMetrics",
    "TransientPart",
    "Verification",
    "WeightFile",
]
