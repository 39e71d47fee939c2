"""The report's sections in reading order."""

from __future__ import annotations

from reports.model import Results
from reports.render.document import Block, Bullets, Missing, Paragraph, Section
from reports.render.sections_budgets import budget_blocks
from reports.render.sections_design import (
    design_blocks,
    provenance_blocks,
    radiation_blocks,
    verification_blocks,
)
from reports.render.sections_physics import data_blocks, example_blocks, latent_blocks, physics_blocks, training_blocks


def build_sections(results: Results) -> list[Section]:
    """All sections; one whose result is missing states the gap instead of disappearing."""
    parts: list[tuple[str, str, list[Block]]] = [
        ("data", "Input data", data_blocks(results)),
        ("physics", "Reconstruction quality", physics_blocks(results)),
        ("examples", "Example modules", example_blocks(results)),
        ("latents", "Latents", latent_blocks(results)),
        ("training", "Training", training_blocks(results)),
        ("design", "Generated design", design_blocks(results)),
        ("verification", "Verification", verification_blocks(results)),
        ("budgets", "Budgets", budget_blocks(results)),
        ("radiation", "Radiation", radiation_blocks(results)),
        ("provenance", "Provenance", provenance_blocks(results)),
        ("limits", "Limits", [Bullets(tuple(results.limits))]),
    ]
    return [Section(key, title, _complete(results, key, blocks)) for key, title, blocks in parts]


def _complete(results: Results, key: str, blocks: list[Block]) -> list[Block]:
    """Put the gaps of a section first, and give an empty section a sentence."""
    gaps: list[Block] = [Missing(gap) for gap in results.gaps if gap.section == key]
    return [*gaps, *blocks] or [Paragraph("Nothing to show.")]
