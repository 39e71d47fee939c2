"""``python docs/cli_reference.py``: write docs/cli.md, the reference of every command, from the parsers themselves."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

PROGRAMS = {
    "asic_flow": "asic_flow.cli",
    "python -m hgcal_data": "hgcal_data.cli",
    "python -m econ_ae.train": "econ_ae.train",
    "python -m econ_ae.evaluate": "econ_ae.evaluate",
    "python -m econ_ae.comparison": "econ_ae.comparison",
    "python -m econ_ae.ablation": "econ_ae.ablation",
    "python -m econ_ae.scan": "econ_ae.scan.cli",
    "python -m econ_ae.anomaly": "econ_ae.anomaly",
    "python -m econ_ae.energy": "econ_ae.energy",
    "python -m econ_ae.exchange": "econ_ae.exchange.cli",
    "python -m rad_tolerance": "rad_tolerance.cli",
    "python -m reports": "reports.cli",
}
"""What a user types, and the module whose `app` reads it."""

PAGE = Path(__file__).with_name("cli.md")

_HEADER = """# Commands

Every command and option, from the parsers themselves (`python docs/cli_reference.py`). Exit codes: 0 done and good, 1 a check
failed, 2 wrong usage, bad input or a missing tool. `asic_flow --install-completion` sets up completion in the shell.
"""


def text() -> str:
    """The whole page."""
    parts = [_HEADER]
    for program, module in PROGRAMS.items():
        parts.extend(_sections(program, typer.main.get_command(importlib.import_module(module).app)))
    return "\n".join(parts)


def _sections(name: str, command: Any) -> Iterator[str]:
    """Sections of a command and of those below it. `command` is what Typer made: click's or, since 0.26, its own."""
    explanation = (command.help or "").strip()
    if children := getattr(command, "commands", None):
        yield f"## `{name}`\n\n{explanation}\n"
        for key, child in children.items():
            yield from _sections(f"{name} {key}", child)
        return
    rows = [_row(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
    table = "\n".join(["| argument | default | meaning |", "|---|---|---|", *rows])
    yield f"## `{name}`\n\n{explanation}\n\n{table}\n"


def _row(parameter: Any) -> str:
    value = (parameter.metavar or parameter.name.upper()).strip("[]")
    if parameter.param_type_name == "option":
        names = ", ".join(f"`{option}`" for option in [*parameter.opts, *parameter.secondary_opts])
        names += "" if parameter.is_flag else f" {value}"
    else:
        names = f"`{value}`"
    hidden = parameter.default in (None, False, ()) or callable(parameter.default)
    default = (
        "required" if parameter.required else "" if hidden else getattr(parameter.default, "value", parameter.default)
    )
    return f"| {_cell(names)} | {_cell(str(default))} | {_cell(parameter.help or '')} |"


def _cell(value: str) -> str:
    return " ".join(value.split()).replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
