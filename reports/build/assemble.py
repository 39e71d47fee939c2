"""Put the parts together: gaps, warnings, limits and provenance around the sections."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from reports import reader
from reports.build.budgets import build_budgets
from reports.build.design import build_design, build_verification
from reports.build.physics import build_examples, build_physics
from reports.build.radiation import build_radiation
from reports.build.verdicts import build_verdicts
from reports.model import Gap, Physics, Provenance, Results, VerificationSummary
from reports.reader import RunFiles
from reports.reference import PUBLISHED_SOURCE

_SOURCES = (
    ("data", reader.STATISTICS),
    ("physics", reader.METRICS),
    ("examples", reader.EXAMPLES),
    ("training", reader.TRAIN),
    ("training", reader.HISTORY),
    ("design", reader.ENCODER),
    ("design", reader.WEIGHTS),
    ("design", reader.MANIFEST),
    ("verification", reader.VERIFY),
    ("provenance", reader.CONFIG),
)


def build_results(files: RunFiles, examples: int = 4) -> Results:
    """The whole content of a report.

    Args:
        files: what was read from the run folder.
        examples: largest number of example modules to show.
    """
    physics = build_physics(files)
    verification = build_verification(files)
    radiation = build_radiation(files)
    return Results(
        run=files.root.resolve().name,
        run_path=files.root.as_posix(),
        created_utc=_now(),
        budgets_asked=files.budgets,
        verdicts=build_verdicts(files, physics, verification, radiation),
        gaps=build_gaps(files, physics),
        warnings=build_warnings(files),
        data=list(files.statistics.samples) if files.statistics else [],
        simulated=files.simulated,
        physics=physics,
        latents=list(files.metrics.latents) if files.metrics else [],
        examples=build_examples(files, examples),
        training=files.train,
        history=list(files.history),
        decoding=files.decoding,
        design=build_design(files),
        verification=verification,
        budgets=build_budgets(files, verification, physics),
        estimate=files.synthesis,
        radiation=radiation,
        provenance=_provenance(files),
        limits=build_limits(files, physics, verification),
    )


def build_gaps(files: RunFiles, physics: Physics | None) -> list[Gap]:
    """One entry per missing result, with the command that makes it."""
    gaps = []
    for section, source in _SOURCES:
        if any(_matches(name, source.path) for name in files.hashes):
            continue
        command = source.command.format(run=files.root.as_posix())
        gaps.append(Gap(section=section, file=source.path, message=_gap_message(source), command=command))
    if files.metrics is not None and physics is None:
        command = reader.METRICS.command.format(run=files.root.as_posix())
        message = "The evaluation holds no result of the autoencoder."
        gaps.append(Gap(section="physics", file=reader.METRICS.path, message=message, command=command))
    return gaps


def build_warnings(files: RunFiles) -> list[str]:
    """Results that do not belong together: made for another structure, profile or link count."""
    warnings = []
    if files.manifest is not None:
        design = files.manifest.structure_sha256
        for name, weights in files.weights.items():
            if weights.structure_sha256 != design:
                warnings.append(
                    f"weights/{name} was made for structure {weights.structure_sha256[:12]}, "
                    f"the generated design is {design[:12]}: run `asic_flow generate {files.root.as_posix()}` again"
                )
        verified = files.verification.structure_sha256 if files.verification else None
        if verified is not None and verified != design:
            warnings.append(
                f"verify/results.json is about structure {verified[:12]}, the generated design is {design[:12]}: "
                f"run `asic_flow verify {files.root.as_posix()}` again"
            )
    profiles = {
        "train/metrics.json": files.train.profile if files.train else None,
        "encoder.json": files.encoder.profile if files.encoder else None,
        "verify/results.json": files.verification.profile if files.verification else None,
    }
    if len({profile for profile in profiles.values() if profile}) > 1:
        listed = ", ".join(f"{name} says {profile}" for name, profile in profiles.items() if profile)
        warnings.append(f"the arithmetic profiles differ: {listed}")
    return warnings


def build_limits(files: RunFiles, physics: Physics | None, verification: VerificationSummary | None) -> list[str]:
    """What the numbers of this report do not say."""
    limits = []
    if files.simulated:
        limits.append(
            "The input is simulated by this project, not by the experiment's full simulation; its statistics stand beside the "
            "published ones above."
        )
    if physics is not None:
        empty = physics.autoencoder.empty_fraction
        share = f" ({100 * empty:.2g} % of the modules here)" if empty is not None else ""
        limits.append(f"The EMD leaves out modules whose reconstruction is empty{share}; they are counted apart.")
        if physics.autoencoder.seeds < 2:
            limits.append(
                "One training seed. Trainings of the public models differ by 0.1 half pitches and more from seed to seed, so "
                "smaller differences mean nothing yet."
            )
    if verification is not None:
        skipped = [check.name for check in verification.checks if check.status == "skipped"]
        if skipped:
            limits.append(f"Checks that did not run: {', '.join(skipped)}.")
        if verification.latency_clocks is not None:
            limits.append("Latency is counted in clocks of an RTL simulation without gate delays.")
    if files.estimate is None:
        limits.append("Area, power and timing closure are not known before synthesis; none of them is guessed here.")
    if not files.radiation:
        limits.append("Upsets, dose and temperature have not been studied for this run.")
    limits.append(f"Published comparison values: {PUBLISHED_SOURCE}. They are design values, not silicon measurements.")
    return limits


def _gap_message(source: reader.SourceFile) -> str:
    sentences = {
        reader.VERIFY.path: "verify has not been run.",
        reader.MANIFEST.path: "Nothing has been generated.",
        reader.METRICS.path: "The reconstruction has not been evaluated.",
    }
    return sentences.get(source.path, f"{source.what[:1].upper()}{source.what[1:]}: not there.")


def _matches(name: str, pattern: str) -> bool:
    if "*" not in pattern:
        return name == pattern
    head, tail = pattern.split("*")
    return name.startswith(head) and name.endswith(tail)


def _provenance(files: RunFiles) -> Provenance:
    train = files.train
    seeds = {"training": str(train.seed)} if train else {}
    events_seed = files.metrics.events_seed if files.metrics else None
    if events_seed is not None:
        seeds["evaluation events"] = str(events_seed)
    versions = dict(train.versions) if train else {}
    if files.manifest is not None:
        versions[files.manifest.generator] = files.manifest.version
    versions |= {f"{name} (this report)": found for name in ("econ-ae", "matplotlib") if (found := _version(name))}
    versions["python (this report)"] = platform.python_version()
    return Provenance(
        config_text=files.config_text,
        seeds=seeds,
        versions=versions,
        file_sha256=dict(sorted(files.hashes.items())),
        structure_sha256=files.manifest.structure_sha256 if files.manifest else None,
        data_sha256=train.data_sha256 if train else None,
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _now() -> str:
    """Time of writing, UTC; ``SOURCE_DATE_EPOCH`` fixes it for reproducible builds."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(epoch), tz=UTC) if epoch else datetime.now(tz=UTC)
    return moment.strftime("%Y-%m-%d %H:%M UTC")
