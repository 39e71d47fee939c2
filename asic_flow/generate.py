"""Write a chip project from a structure: C++ for Catapult, SystemVerilog, registers, test vectors, manifest.

What is generated depends on the structure only; weights and vectors are data that lie beside it. Two weight sets of one
structure therefore give byte-identical ``firmware/``, ``rtl/`` and ``registers/``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from asic_flow import __version__
from asic_flow.bounds import accumulator_bounds
from asic_flow.catapult.config import CatapultConfig
from asic_flow.errors import FlowError
from asic_flow.hardware import HardwareConfig
from asic_flow.hls import render_hls
from asic_flow.ir import Structure
from asic_flow.packaging import render_packaging
from asic_flow.registers import render_registers
from asic_flow.rtl import render_rtl
from asic_flow.vectors import Vectors
from hgcal_data.files import atomic_dir

MANIFEST = "manifest.json"


def render_design(
    structure: Structure, catapult: CatapultConfig | None = None, hardware: HardwareConfig | None = None
) -> dict[str, str]:
    """Every file of the design as text by relative path; a pure function of structure, technology block and options."""
    files: dict[str, str] = {}
    for part in (
        render_hls(structure, catapult),
        {f"rtl/{name}": text for name, text in render_rtl(structure, hardware).items()},
        {f"registers/{name}": text for name, text in render_registers(structure).items()},
        render_packaging(structure, catapult),
        {"encoder.json": structure.to_json()},
    ):
        if twice := set(part) & set(files):
            raise AssertionError(f"two emitters write {sorted(twice)}")
        files |= part
    return files


def manifest(structure: Structure, files: dict[str, str]) -> dict[str, Any]:
    """What was generated: version, structure, file hashes, sizes, accumulator widths."""
    return {
        "schema_version": 1,
        "generator": "asic_flow",
        "version": __version__,
        "structure_sha256": structure.sha256,
        "files": [
            {"path": path, "sha256": hashlib.sha256(text.encode()).hexdigest(), "bytes": len(text.encode())}
            for path, text in sorted(files.items())
        ],
        "parameters": {
            "n_weights": structure.n_weights,
            "weight_bits": structure.weight_bits,
            "latent_bits": structure.latent_format.width,
            "accumulators": [
                {"layer": name, **asdict(bound), "width": bound.width}
                for name, bound in accumulator_bounds(structure).items()
            ],
        },
    }


def write_project(
    structure: Structure,
    target: Path,
    vectors: Vectors | None = None,
    *,
    catapult: CatapultConfig | None = None,
    hardware: HardwareConfig | None = None,
    force: bool = False,
) -> int:
    """Write the project folder, complete or not at all.

    Args:
        structure: what to build.
        target: project folder; an older project there is replaced.
        vectors: test vectors for ``tb_data/``; without them the benches have nothing to run and fail, as they must.
        catapult: technology block for ``build_prj.tcl``; default: that of `CatapultConfig`.
        hardware: options of the chip; default: those of `HardwareConfig`.
        force: replace a folder that this flow did not write.

    Returns:
        Number of design files written.

    Raises:
        FlowError: `target` exists and was not written by this flow.
    """
    if target.exists() and any(target.iterdir()) and not (target / MANIFEST).is_file() and not force:
        raise FlowError(f"generating into {target}: the folder was not written by asic_flow; use --force to replace it")
    files = render_design(structure, catapult, hardware)
    with atomic_dir(target) as folder:
        for relative, text in files.items():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            if text.startswith("#!"):
                path.chmod(0o755)
        if vectors is not None:
            (folder / "tb_data").mkdir(exist_ok=True)
            vectors.write(folder / "tb_data")
        (folder / MANIFEST).write_text(json.dumps(manifest(structure, files), indent=2) + "\n", encoding="utf-8")
    return len(files)


def stale_files(
    structure: Structure, target: Path, catapult: CatapultConfig | None = None, hardware: HardwareConfig | None = None
) -> list[str]:
    """Design files on disk that differ from what would be generated now (missing ones included)."""
    return [
        relative
        for relative, text in sorted(render_design(structure, catapult, hardware).items())
        if not (target / relative).is_file() or (target / relative).read_text(encoding="utf-8") != text
    ]
