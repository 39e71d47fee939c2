"""What was generated and what was verified."""

from __future__ import annotations

from itertools import groupby
from pathlib import PurePosixPath

from reports import inputs
from reports.build.flat import flat
from reports.model import (
    Design,
    FileGroup,
    LayerSummary,
    RegisterBlockSummary,
    Status,
    VerificationSummary,
    WeightSummary,
)
from reports.reader import RegisterBlocks, RunFiles


def build_design(files: RunFiles) -> Design | None:
    """Structure, weights, generated files and registers; None without ``encoder.json``."""
    encoder, manifest = files.encoder, files.manifest
    if encoder is None:
        return None
    shape = f"{encoder.input.height} x {encoder.input.width} x {encoder.input.channels}"
    return Design(
        name=encoder.name,
        profile=encoder.profile,
        register_profile=encoder.register_profile,
        input=f"{shape}, {_format(encoder.input.format)}",
        layers=[_layer(layer) for layer in encoder.layers],
        weights=[
            WeightSummary(file=f"weights/{name}", crc32=weights.crc32, provenance=flat(_brief(weights.provenance)))
            for name, weights in files.weights.items()
        ],
        generator=f"{manifest.generator} {manifest.version}" if manifest else None,
        structure_sha256=manifest.structure_sha256 if manifest else None,
        n_weights=manifest.parameters.n_weights if manifest else None,
        weight_bits=manifest.parameters.weight_bits if manifest else None,
        accumulators=list(manifest.parameters.accumulators) if manifest else [],
        files=_groups(manifest.files) if manifest else [],
        registers=[_block(name, block) for name, block in files.registers.items()],
    )


def build_verification(files: RunFiles) -> VerificationSummary | None:
    """The ladder with totals; its status is recomputed from the checks, never taken on trust."""
    found = files.verification
    if found is None:
        return None
    ran = [check for check in found.checks if check.status != "skipped"]
    return VerificationSummary(
        profile=found.profile,
        status=verification_status(found),
        checks=found.checks,
        events=max((check.events for check in ran), default=0),
        values=sum(check.values for check in ran),
        mismatches=sum(check.mismatches for check in ran),
        negative_controls=found.negative_controls,
        latency_clocks=found.latency_clocks,
        clock_ns=found.clock_ns,
        i2c=found.i2c,
    )


def verification_status(found: inputs.Verification) -> Status:
    """Met only if every check ran, compared values and found none different, and every negative control was caught."""
    ran = [check for check in found.checks if check.status != "skipped"]
    bad = any(check.status == "fail" or check.mismatches for check in ran)
    missed = any(not control.caught for control in found.negative_controls)
    unread = found.i2c is not None and found.i2c.readback_ok is False
    if found.verdict == "fail" or bad or missed or unread:
        return Status.MISSED
    idle = len(ran) < len(found.checks) or not ran or any(check.values == 0 for check in ran)
    return Status.INCOMPLETE if idle or found.verdict == "incomplete" or not found.negative_controls else Status.MET


def _format(fmt: inputs.FixedPoint) -> str:
    sign = "signed" if fmt.signed else "unsigned"
    return f"{fmt.width} bit {sign}, {fmt.fraction} fraction bits"


def _layer(layer: inputs.EncoderLayer) -> LayerSummary:
    if layer.kernel_size is not None and layer.filters is not None:
        strides = layer.strides or (1, 1)
        kind = f"conv {layer.kernel_size[0]}x{layer.kernel_size[1]}, stride {strides[0]}, {layer.filters} filters"
    else:
        kind = f"{layer.kind}, {layer.units} units" if layer.units is not None else layer.kind
    products = "exact" if layer.product_fraction is None else f"floored to {layer.product_fraction} fraction bits"
    cast = f"{layer.output.rounding.replace('_', ' ')}, {layer.output.overflow}"
    return LayerSummary(
        name=layer.name,
        kind=f"{kind}, {layer.activation}",
        weights=_format(layer.kernel),
        products=products,
        output=f"{_format(layer.output)}; {cast}",
    )


def _groups(generated: list[inputs.ManifestFile]) -> list[FileGroup]:
    ordered = sorted(generated, key=lambda file: (_folder(file.path), file.path))
    groups = []
    for folder, members in groupby(ordered, key=lambda file: _folder(file.path)):
        files = list(members)
        names = [file.path.removeprefix(folder) for file in files]
        groups.append(FileGroup(folder=folder, files=names, total_bytes=sum(file.bytes for file in files)))
    return groups


def _folder(path: str) -> str:
    parts = PurePosixPath(path).parts
    return f"{parts[0]}/" if len(parts) > 1 else ""


def _block(name: str, found: RegisterBlocks) -> RegisterBlockSummary:
    registers = found.block.registers.values()
    return RegisterBlockSummary(
        name=name,
        address=found.block.addr_base,
        copies=found.copies,
        stride=found.block.block_shift,
        registers=sum(register.n_iterations for register in registers),
        size_bytes=sum(register.size_byte * register.n_iterations for register in registers),
    )


def _brief(provenance: dict[str, object]) -> dict[str, object]:
    """Provenance without what the report shows elsewhere: the whole configuration and the versions."""
    return {key: value for key, value in provenance.items() if not isinstance(value, dict)}
