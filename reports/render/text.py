"""Numbers and answers in words, the same in every renderer."""

from __future__ import annotations

import math
from typing import Final

from reports.model import Status, Verdict

UNKNOWN_TEXT: Final = "not known yet"
NONE_TEXT: Final = "–"
_ANSWERS: Final = {
    Status.MET: ("✓", "Yes"),
    Status.MISSED: ("✗", "No"),
    Status.BEHIND: ("▽", "Behind the reference"),
    Status.INCOMPLETE: ("◐", "Incomplete"),
    Status.UNKNOWN: ("?", "Not known yet"),
}
_STATES: Final = {
    Status.MET: "met",
    Status.MISSED: "not met",
    Status.BEHIND: "behind",
    Status.INCOMPLETE: "incomplete",
    Status.UNKNOWN: "open",
}
_PREFIXES: Final = ("B", "kB", "MB", "GB")


def number(value: float | None, digits: int = 3) -> str:
    """A number with ``digits`` significant digits and a comma between thousands; a dash for None."""
    if value is None:
        return NONE_TEXT
    if value == 0:
        return "0"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    size = math.floor(math.log10(abs(value)))
    if not -4 <= size < 6:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(0, digits - 1 - size)}f}"


def decimals(value: float | None) -> str:
    """A statistic with up to two decimals; a dash for None."""
    return NONE_TEXT if value is None else f"{round(value, 2) + 0.0:g}"


def plain(value: float | None) -> str:
    """A number as somebody wrote it: no padding zeros; a dash for None."""
    return NONE_TEXT if value is None else f"{value:,.6g}"


def emd(value: float | None) -> str:
    """An EMD with three decimals (two are not enough for sparse modules)."""
    return NONE_TEXT if value is None else f"{value:.3f}"


def percent(fraction: float | None) -> str:
    """A fraction as a percentage."""
    return NONE_TEXT if fraction is None else f"{100 * fraction:.1f} %"


def seconds(value: float | None) -> str:
    """A duration."""
    if value is None:
        return NONE_TEXT
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.1f} min"


def file_size(size: int) -> str:
    """A file size in decimal units."""
    amount = float(size)
    for unit in _PREFIXES:
        if amount < 1000 or unit == _PREFIXES[-1]:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError("unreachable")


def symbol(status: Status) -> str:
    """A sign that tells the answers apart without colour."""
    return _ANSWERS[status][0]


def answer(status: Status) -> str:
    """The answer to a question of the first screen."""
    return _ANSWERS[status][1]


def state(status: Status) -> str:
    """The state of a budget or a study."""
    return f"{symbol(status)} {_STATES[status]}"


def verdict_value(verdict: Verdict) -> str:
    """The number of a verdict, with its unit."""
    if verdict.value is None:
        return f"{UNKNOWN_TEXT}: {verdict.comment}" if verdict.status is Status.UNKNOWN else "no number"
    shown = emd(verdict.value) if verdict.key == "physics" else number(verdict.value)
    return f"{shown} {verdict.unit}"


def verdict_label(verdict: Verdict) -> str:
    """What the number of a verdict is."""
    return {"physics": "EMD", "radiation": "Dose"}.get(verdict.key, verdict.key.capitalize())


def verdict_comment(verdict: Verdict) -> str:
    """What a verdict adds to its number; nothing where the number itself already says what it waits for."""
    return "" if verdict.status is Status.UNKNOWN else verdict.comment


def verdict_budget(verdict: Verdict) -> str:
    """The budget of a verdict: relation, number, unit, and whose it is."""
    if verdict.budget is None:
        return f"none: {verdict.budget_label}"
    shown = emd(verdict.budget) if verdict.key == "physics" else plain(verdict.budget)
    unit = "" if verdict.key in {"physics", "bits"} else f" {verdict.unit}"
    label = f" ({verdict.budget_label})" if verdict.budget_label else ""
    return f"{verdict.relation} {shown}{unit}{label}"
