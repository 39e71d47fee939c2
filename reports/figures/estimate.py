"""Area and power by block as stacked bars."""

from __future__ import annotations

from collections.abc import Mapping

from reports.figures.specs import BarFigure, Caption
from reports.model import Results


def estimate_figures(results: Results) -> list[BarFigure]:
    """The figures that ``estimate/estimate.json`` allows."""
    found = results.estimate
    if found is None:
        return []
    how = "synthesised netlist" if found.method == "synthesised" else "fast estimate, no synthesis"
    figures = []
    area = {
        block: {name: value / 1000 for name, value in parts.items()}
        for block, parts in found.area.by_block_nand2.items()
    }
    figures.append(_bars("area_by_block", "Area by block", area, "Area (1000 NAND2 equivalents)", how))
    if found.power is not None:
        power = {
            block: {name.removesuffix("_mw"): value for name, value in parts.items()}
            for block, parts in found.power.library_by_block.items()
        }
        figures.append(_bars("power_by_block", "Power by block", power, "Power in the library's technology (mW)", how))
    return figures


def _bars(key: str, title: str, blocks: Mapping[str, Mapping[str, float]], axis: str, how: str) -> BarFigure:
    """Blocks in falling order; classes in the order of the file, without those that are zero everywhere."""
    ordered = sorted(
        (block for block in blocks if sum(blocks[block].values())), key=lambda block: -sum(blocks[block].values())
    )
    classes = [name for name in dict.fromkeys(n for parts in blocks.values() for n in parts)
               if any(parts.get(name, 0.0) for parts in blocks.values())]  # fmt: skip
    parts = tuple((name, tuple(blocks[block].get(name, 0.0) for block in ordered)) for name in classes)
    spoken = ", ".join(f"{block} {sum(blocks[block].values()):.3g}" for block in ordered)
    caption = Caption(
        key=key, section="budgets", group="estimate", title=title, alt=f"{title}: {axis}. {spoken}.",
        text=f"{title}, {how}: {axis.lower()}.",
    )  # fmt: skip
    return BarFigure(caption, tuple(ordered), axis, parts)
