"""Budgets: what was asked, what is known, and the estimate behind it."""

from __future__ import annotations

from reports.inputs import SynthesisEstimate
from reports.model import BudgetRow, Results, Status
from reports.reference import PUBLISHED_SOURCE
from reports.render.document import Block, Heading, Paragraph, Table, figure_rows
from reports.render.text import NONE_TEXT, UNKNOWN_TEXT, number, plain, state

_NAMES = {
    "area_mm2": "Area (mm²)", "power_mw": "Power (mW)", "energy_nj": "Energy per inference (nJ)",
    "slack_ns": "Worst slack, derated (ns)", "dose_mrad": "Dose (Mrad)",
}  # fmt: skip


def budget_blocks(results: Results) -> list[Block]:
    """Budgets asked for, the published chip, what is known; then area, timing and power."""
    rows = tuple(_budget_row(row) for row in results.budgets)
    columns = ("Quantity", "Asked", "ECON-T published", "Known so far", "Margin", "Status", "Source")
    caption = f"Budgets asked for, published ({PUBLISHED_SOURCE}) and known so far"
    blocks: list[Block] = [
        Table(caption, columns, rows, frozenset({1, 2, 3, 4}), stack=True),
        Paragraph(
            "Another budget goes into the `budgets` section of config.yml, for example `budgets: {power_mw: 80}`."
        ),
    ]
    return blocks if results.estimate is None else [*blocks, *_estimate(results, results.estimate)]


def _estimate(results: Results, found: SynthesisEstimate) -> list[Block]:
    how = "from the synthesised netlist" if found.method == "synthesised" else "without synthesis"
    scaled = tuple(
        (_NAMES.get(name, name), number(item.value), f"{number(item.low)} to {number(item.high)}", item.detail)
        for name, item in found.result.items()
        if item is not None
    )
    columns = ("Quantity", "Value", "Range", "From")
    blocks: list[Block] = [
        Heading(f"Area, timing and power {how}"),
        Table("In the target technology, 65 nm", columns, scaled, frozenset({1, 2}), stack=True),
        *figure_rows(results, "budgets"),
        _area(found),
    ]
    if found.error:
        blocks.insert(1, Paragraph(found.error))
    if found.timing is not None and found.timing.groups:
        blocks.append(_timing(found))
    return blocks


def _area(found: SynthesisEstimate) -> Table:
    table = found.area.by_block_nand2
    classes = list(dict.fromkeys(name for parts in table.values() for name in parts))
    power = found.power.library_by_block if found.power else {}
    rows = [
        (block, *(f"{parts.get(name, 0.0):,.0f}" for name in classes), f"{sum(parts.values()):,.0f}",
         number(sum(power[block].values())) if block in power else NONE_TEXT)
        for block, parts in sorted(table.items(), key=lambda item: -sum(item[1].values()))
    ]  # fmt: skip
    sums = [f"{sum(parts.get(name, 0.0) for parts in table.values()):,.0f}" for name in classes]
    everything = number(sum(sum(parts.values()) for parts in power.values())) if power else NONE_TEXT
    rows.append(("All", *sums, f"{found.area.total_nand2:,.0f}", everything))
    activity = f"; power: {found.power.activity}" if found.power else ""
    columns = (
        "Block",
        *(f"{name.capitalize()} (NAND2)" for name in classes),
        "Sum (NAND2)",
        "Power in the library (mW)",
    )
    return Table(
        f"Area by block and class of cell{activity}", columns, tuple(rows), frozenset(range(1, len(columns))), stack=True,
        strong=frozenset({len(rows) - 1}),
    )  # fmt: skip


def _timing(found: SynthesisEstimate) -> Table:
    timing = found.timing
    groups = timing.groups if timing else []
    rows = tuple(
        (g.group, f"{g.endpoints:,}", *(f"{value:.2f}" for value in (
            g.path_ns, g.slack_ns, g.derated_path_ns, g.derated_slack_ns, g.scaled_path_ns, g.scaled_slack_ns))) for g in groups
    )  # fmt: skip
    columns = ("Paths", "Ends", "Library (ns)", "Slack", "Derated (ns)", "Slack", "Derated, 65 nm (ns)", "Slack")
    clock, derate = (timing.clock_ns, timing.derate) if timing else (0.0, 0.0)
    caption = f"Worst paths by start and end at {clock:g} ns; derates multiply delays by {derate:.2f}"
    return Table(caption, columns, rows, frozenset(range(1, 8)), stack=True)


def _budget_row(row: BudgetRow) -> tuple[str, ...]:
    sign = "≤" if row.relation == "at most" else "≥"
    margin = NONE_TEXT
    if row.value is not None and row.budget:
        room = row.budget - row.value if row.relation == "at most" else row.value - row.budget
        margin = f"{100 * room / row.budget:+.0f} %" if room else "0 %"
    return (
        row.quantity,
        NONE_TEXT if row.budget is None else f"{sign} {plain(row.budget)} {row.unit}".strip(),
        NONE_TEXT if row.published is None else f"{plain(row.published)} {row.unit}",
        UNKNOWN_TEXT if row.value is None else f"{number(row.value)} {row.unit}".strip(),
        margin,
        state(row.status) if row.budget is not None or row.status is not Status.UNKNOWN else NONE_TEXT,
        row.source,
    )
