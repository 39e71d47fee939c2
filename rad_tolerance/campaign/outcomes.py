"""Outcome classes of injections, and their counts by part of the chip and phase of the run."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rad_tolerance.campaign.injections import IntTable
from rad_tolerance.campaign.machine import Machine, Register
from rad_tolerance.campaign.stimulus import Stimulus
from rad_tolerance.intervals import clopper_pearson

ANSWERS: Final = 6
"""Columns of a result: settled, counted, clocks with wrong data, wrong bus, wrong live flag, clocks run."""
CLASSES: Final = ("masked", "corrected", "visible", "stuck")
MASKED, CORRECTED, VISIBLE, STUCK = range(4)
CONFIDENCE: Final = 0.95
EXAMPLES: Final = 5


class Cell(NamedTuple):
    """What is counted apart."""

    part: str
    storage: str
    phase: str
    found: str
    output: str


def classify(results: IntTable) -> NDArray[np.int64]:
    """Class of every injection, int64[n].

    masked: nothing wrong at any output, all flip-flops as without the fault in the end, nothing counted. corrected: the same,
    and an upset counter went up. visible: outputs (data, I2C, live flag) wrong for some clocks, then everything as without the
    fault. stuck: flip-flops still differ at the end of the window, whether or not an output was wrong by then.
    """
    settled, wrong = results[:, 0] > 0, results[:, 2:5].any(axis=1)
    quiet = np.where(results[:, 1] > 0, CORRECTED, MASKED)
    return np.where(~settled, STUCK, np.where(wrong, VISIBLE, quiet))


def tally(machine: Machine, stimulus: Stimulus, injections: IntTable, results: IntTable) -> dict[str, Any]:
    """Counts of one chunk, ready for a line of JSON.

    Returns:
        ``cells``: counts by ``part|storage|phase|class|output``, the last ``right`` or ``wrong``; ``longest``: most clocks of
        wrong output by ``part|storage``; ``examples``: the first wrong ones by name.
    """
    classes, wrong_clocks = classify(results), results[:, 2:5].max(axis=1, initial=0)
    phases = stimulus.phase_of(injections[:, 0].astype(np.int64))
    cells: Counter[str] = Counter()
    longest: dict[str, int] = {}
    examples: list[dict[str, Any]] = []
    for row, (number, phase, found) in enumerate(zip(injections[:, 2], phases, classes, strict=True)):
        register, wrong = machine.registers[int(number)], int(wrong_clocks[row])
        key = f"{register.part}|{storage(register)}"
        cells[f"{key}|{phase}|{CLASSES[found]}|{'wrong' if wrong else 'right'}"] += 1
        longest[key] = max(longest.get(key, 0), wrong)
        if found in (VISIBLE, STUCK) and len(examples) < EXAMPLES:
            examples.append(
                {
                    "register": register.name, "bit": int(injections[row, 3]), "clock": int(injections[row, 0]),
                    "class": CLASSES[found], "wrong_clocks": wrong,
                }
            )  # fmt: skip
    return {"cells": dict(sorted(cells.items())), "longest": longest, "examples": examples}


def storage(register: Register) -> str:
    """``triplicated`` or ``single``."""
    return "triplicated" if register.copy or register.is_voter or ".gen_copy[" in register.name else "single"


def summarise(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts over all chunks of an experiment: total, by part, by phase, with limits on the wrong share."""
    cells: Counter[Cell] = Counter()
    longest: Counter[str] = Counter()
    for chunk in chunks:
        for key, count in chunk["cells"].items():
            cells[Cell(*key.split("|"))] += count
        for key, count in chunk["longest"].items():
            longest[key] = max(longest[key], count)
    by_part = [
        {
            "part": part, "storage": kind, **_row(Counter({c: n for c, n in cells.items() if c[:2] == (part, kind)})),
            "most_wrong_clocks": longest[f"{part}|{kind}"],
        }
        for part, kind in sorted({cell[:2] for cell in cells})
    ]  # fmt: skip
    by_phase = [
        {"phase": phase, **_row(Counter({c: n for c, n in cells.items() if c.phase == phase}))}
        for phase in sorted({cell.phase for cell in cells})
    ]
    examples = [example for chunk in chunks for example in chunk["examples"]][:EXAMPLES]
    return {**_row(cells), "by_part": by_part, "by_phase": by_phase, "examples": examples}


def _row(cells: Counter[Cell]) -> dict[str, Any]:
    """Counts of classes, their number, how many gave a wrong output, and the share of wrong ones with its interval."""
    counts = {name: sum(n for cell, n in cells.items() if cell.found == name) for name in CLASSES}
    injections, wrong = cells.total(), counts["visible"] + counts["stuck"]
    low, high = clopper_pearson(wrong, injections, CONFIDENCE) if injections else (0.0, 1.0)
    return {
        "injections": injections, **counts, "wrong_output": sum(n for cell, n in cells.items() if cell.output == "wrong"),
        "wrong_fraction": wrong / injections if injections else 0.0, "wrong_low": low, "wrong_high": high,
    }  # fmt: skip
