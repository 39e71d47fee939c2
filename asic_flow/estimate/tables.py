"""Estimates and budgets as tables on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from asic_flow.estimate.budgets import Row
from asic_flow.estimate.scaling import TARGET_NM

_RESULTS = {
    "area_mm2": ("area", "mm²"), "power_mw": ("power", "mW"), "energy_nj": ("energy per inference", "nJ"),
    "slack_ns": ("slack, derated", "ns"), "dose_mrad": ("dose", "Mrad"),
}  # fmt: skip


def print_estimate(content: dict[str, Any], out: Console) -> None:
    """Area, timing, power, results with their factors."""
    out.print(_area(content["area"]))
    if content.get("timing", {}).get("groups"):
        out.print(_timing(content["timing"]))
    if content.get("power"):
        out.print(_power(content["power"]))
    table = Table(title=f"Scaled to {TARGET_NM} nm ({content['method']})", title_justify="left")
    for column in ("quantity", "value", "range", "from"):
        table.add_column(column, justify="right" if column in {"value", "range"} else "left", overflow="fold")
    for name, (label, unit) in _RESULTS.items():
        item = content["result"].get(name)
        if item is not None:
            span = f"{item['low']:.3g} to {item['high']:.3g}" if item["low"] != item["high"] else ""
            table.add_row(label, f"{item['value']:.3g} {unit}", span, item["detail"])
    out.print(table)
    if "error" in content:
        out.print(content["error"], highlight=False)


def print_beside(content: dict[str, Any], other: dict[str, Any], name: str, out: Console) -> None:
    """Area and energy per event of two estimates, block by block; energies in each library's technology."""
    table = Table(title=f"Beside {name}", title_justify="left")
    for column in ("block", "NAND2 there", "here", "ratio", "pJ per event there", "here", "ratio"):
        table.add_column(column, justify="left" if column == "block" else "right")
    areas = [
        {block: sum(parts.values()) for block, parts in item["area"]["by_block_nand2"].items()}
        for item in (other, content)
    ]
    energies = [_energies(item) for item in (other, content)]
    names = sorted(areas[0] | areas[1], key=lambda block: -areas[0].get(block, 0.0))
    rows = [(block, *(part.get(block, 0.0) for part in (*areas, *energies))) for block in names]
    rows.append(("all", *(sum(part.values()) for part in (*areas, *energies))))
    for block, *values in rows:
        ratios = [f"{new / old:.2f}" if old else "" for old, new in (values[:2], values[2:])]
        there, here, before, after = (f"{value:,.0f}" for value in values)
        table.add_row(block, there, here, ratios[0], before, after, ratios[1], end_section=block == names[-1])
    out.print(table)


def _energies(content: dict[str, Any]) -> dict[str, float]:
    """Energy per event (pJ) by block; empty if the estimate has no power."""
    power, period = content.get("power") or {}, content["assumptions"]["clock_ns"]
    return {
        block: (parts["dynamic_mw"] + parts["clock_mw"]) * period
        for block, parts in power.get("library_by_block", {}).items()
    }


def print_budgets(rows: list[Row], source: str, out: Console) -> None:
    """The comparison with budgets."""
    table = Table(title=f"Budgets from {source}", title_justify="left")
    for column in ("quantity", "budget", "value", "margin", "status", "source"):
        table.add_column(
            column, justify="right" if column in {"budget", "value", "margin"} else "left", overflow="fold"
        )
    for row in rows:
        sign = "≤" if row.relation == "at most" else "≥"
        value = "not measured" if row.value is None else f"{_number(row.value)} {row.unit}".strip()
        margin = "" if row.margin is None else f"{100 * row.margin:+.0f} %"
        span = f"; range {row.low:.3g} to {row.high:.3g}" if row.low is not None and row.low != row.high else ""
        why = f"{row.source}: {row.detail}" if row.source else row.detail
        status = row.status.upper() if row.status == "fail" else row.status
        table.add_row(row.label, f"{sign} {_number(row.budget)} {row.unit}".strip(), value, margin, status, why + span)
    out.print(table)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _area(area: dict[str, Any]) -> Table:
    classes = list(dict.fromkeys(name for found in area["by_block_nand2"].values() for name in found))
    table = Table(title="Area by block (NAND2 equivalents)", title_justify="left")
    for column in ("block", *classes, "all"):
        table.add_column(column, justify="left" if column == "block" else "right")
    for block, found in sorted(area["by_block_nand2"].items(), key=lambda item: -sum(item[1].values())):
        table.add_row(block, *(f"{found[name]:,.0f}" for name in classes), f"{sum(found.values()):,.0f}")
    table.add_section()
    sums = [sum(found[name] for found in area["by_block_nand2"].values()) for name in classes]
    table.add_row("all", *(f"{value:,.0f}" for value in sums), f"{area['total_nand2']:,.0f}")
    return table


def _timing(timing: dict[str, Any]) -> Table:
    table = Table(
        title=f"Worst paths at {timing['clock_ns']:g} ns, derates x {timing['derate']:.2f}, clock uncertainty "
        f"{timing['clock_uncertainty_ns']:g} ns", title_justify="left",
    )  # fmt: skip
    for column in ("paths", "library (ns)", "slack", "derated (ns)", "slack", f"{TARGET_NM} nm (ns)", "slack"):
        table.add_column(column, justify="left" if column == "paths" else "right")
    for group in timing["groups"]:
        numbers = (group[f"{corner}{what}_ns"] for corner in ("", "derated_", "scaled_") for what in ("path", "slack"))
        table.add_row(group["group"], *(f"{number:.2f}" for number in numbers))
    return table


def _power(power: dict[str, Any]) -> Table:
    table = Table(
        title=f"Power by block in the library's technology (mW): {power['events']} events, {power['activity']}",
        title_justify="left",
    )
    for column in ("block", "dynamic", "clock", "leakage", "all"):
        table.add_column(column, justify="left" if column == "block" else "right")
    by_block = power["library_by_block"]
    for block, found in sorted(by_block.items(), key=lambda item: -sum(item[1].values())):
        table.add_row(block, *(f"{value:.3f}" for value in found.values()), f"{sum(found.values()):.3f}")
    table.add_section()
    sums = [sum(found[name] for found in by_block.values()) for name in ("dynamic_mw", "clock_mw", "leakage_mw")]
    table.add_row("all", *(f"{value:.3f}" for value in sums), f"{sum(sums):.3f}")
    return table
