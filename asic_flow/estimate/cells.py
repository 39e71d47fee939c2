"""What a Liberty library says about energy: pin capacitances, internal energy, output slews, leakage.

Energies follow Liberty's look-up tables: with voltages in volt and capacitances in picofarad a table holds picojoule per
transition (Liberty user guide, "internal_power group"). The energy of charging the net itself is not in the tables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asic_flow.errors import FlowError
from asic_flow.synthesis.liberty import Group, liberty_groups

Floats = NDArray[np.float64]

_PREFIX = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0}
_QUANTITY = re.compile(r"^([0-9.eE+-]+)\s*([fpnum]?)[a-zA-Z]+$")
_LOAD = "total_output_net_capacitance"


@dataclass(frozen=True)
class Table:
    """A look-up table over load (pF) and input slew (ns); linear between its points and beyond them.

    Attributes:
        loads: float64[n], ascending; one entry if the table does not depend on the load.
        slews: float64[m], ascending; one entry if the table does not depend on the slew.
        values: float64[n, m].
    """

    loads: Floats
    slews: Floats
    values: Floats

    def at(self, load: ArrayLike, slew: ArrayLike) -> Floats:
        """Values at loads and slews, which are broadcast against each other."""
        i, u = _place(self.loads, np.asarray(load, dtype=np.float64))
        j, v = _place(self.slews, np.asarray(slew, dtype=np.float64))
        top, right = min(1, len(self.loads) - 1), min(1, len(self.slews) - 1)
        low = (1 - v) * self.values[i, j] + v * self.values[i, j + right]
        high = (1 - v) * self.values[i + top, j] + v * self.values[i + top, j + right]
        result: Floats = (1 - u) * low + u * high
        return result


@dataclass(frozen=True)
class Energy:
    """Internal energy of a transition of a pin.

    Attributes:
        pin: the pin that changes.
        related: the input that makes an output change; None for an input pin of its own.
        rise: energy of a rising edge (pJ).
        fall: energy of a falling edge (pJ).
    """

    pin: str
    related: str | None
    rise: Table
    fall: Table

    def mean(self, load: ArrayLike, slew: ArrayLike) -> Floats:
        """Energy per transition (pJ), rising and falling edges equally often."""
        return 0.5 * (self.rise.at(load, slew) + self.fall.at(load, slew))


@dataclass(frozen=True)
class PowerCell:
    """Electrical side of a cell.

    Attributes:
        name: cell name.
        capacitance: input pin to pF.
        leakage_nw: leakage power, nW.
        energies: internal energies.
        slews: output pin to transition-time tables (ns) of its timing arcs, rise and fall.
    """

    name: str
    capacitance: Mapping[str, float]
    leakage_nw: float
    energies: tuple[Energy, ...]
    slews: Mapping[str, tuple[Table, ...]]

    def output_slew(self, pin: str, load: ArrayLike, slew: float) -> Floats:
        """Mean transition time (ns) of an output over its arcs and both edges, for an input slew."""
        tables = self.slews.get(pin, ())
        if not tables:
            return np.full(np.shape(load), slew)
        total: Floats = sum((table.at(load, slew) for table in tables), np.zeros(np.shape(load)))
        return total / len(tables)


@dataclass(frozen=True)
class PowerLibrary:
    """Electrical side of a Liberty library, in pF, ns, pJ, nW.

    Attributes:
        path: the file.
        voltage: nominal supply, V.
        temperature_c: nominal temperature.
        cells: cells by name.
    """

    path: Path
    voltage: float
    temperature_c: float
    cells: Mapping[str, PowerCell]


def read_power_library(path: Path) -> PowerLibrary:
    """Read capacitances, energies, slews and leakage of a Liberty file.

    Raises:
        FlowError: the file is missing or malformed, or gives no nominal voltage.
    """
    library = liberty_groups(path)
    try:
        voltage = float(library.attributes["nom_voltage"])
        reader = _Reader(library)
        cells = {cell.arguments[0]: reader.cell(cell) for cell in library.children("cell")}
    except KeyError as error:
        raise FlowError(f"reading library {path}: it has no {error.args[0]}, which the power estimate needs") from error
    except ValueError as error:
        raise FlowError(f"reading library {path}: a table or unit is malformed ({error})") from error
    return PowerLibrary(path, voltage, float(library.attributes.get("nom_temperature", "25")), cells)


class _Reader:
    """Units and templates of one library."""

    def __init__(self, library: Group) -> None:
        capacitance = library.attributes.get("capacitive_load_unit", "1 pf").split()
        self._pf = float(capacitance[0]) * (1e-3 if capacitance[1].lower() == "ff" else 1.0)
        self._ns = _quantity(library.attributes.get("time_unit", "1ns")) / 1e-9
        self._nw = _quantity(library.attributes.get("leakage_power_unit", "1nW")) / 1e-9
        self._pj = self._pf * _quantity(library.attributes.get("voltage_unit", "1V")) ** 2
        self._templates = {
            group.arguments[0]: group
            for kind in ("lu_table_template", "power_lut_template")
            for group in library.children(kind)
        }

    def cell(self, group: Group) -> PowerCell:
        pins = {pin.arguments[0]: pin for pin in group.children("pin")}
        outputs = {name: pin for name, pin in pins.items() if pin.attributes.get("direction") in {"output", "inout"}}
        return PowerCell(
            name=group.arguments[0],
            capacitance={
                name: self._pf * float(pin.attributes.get("capacitance", "0"))
                for name, pin in pins.items() if name not in outputs
            },
            leakage_nw=self._leakage(group),
            energies=tuple(energy for name, pin in pins.items() for energy in self._energies(name, pin)),
            slews={name: tuple(self._slews(pin)) for name, pin in outputs.items()},
        )  # fmt: skip

    def _leakage(self, group: Group) -> float:
        """That of the cell, or the mean over its states."""
        states = [float(item.attributes["value"]) for item in group.children("leakage_power")]
        given = group.attributes.get("cell_leakage_power")
        return self._nw * (float(given) if given is not None else sum(states) / max(1, len(states)))

    def _energies(self, name: str, pin: Group) -> list[Energy]:
        found = []
        for power in pin.children("internal_power"):
            both = next(power.children("power"), None)
            tables = [next(power.children(kind), both) for kind in ("rise_power", "fall_power")]
            rise, fall = (self._table(table, self._pj) if table else _constant(0.0) for table in tables)
            related: list[str] | list[None] = power.attributes.get("related_pin", "").split() or [None]
            found += [Energy(name, pin_name, rise, fall) for pin_name in related]
        return found

    def _slews(self, pin: Group) -> list[Table]:
        return [
            self._table(table, self._ns)
            for timing in pin.children("timing")
            for kind in ("rise_transition", "fall_transition")
            for table in timing.children(kind)
        ]

    def _table(self, group: Group, unit: float) -> Table:
        template = self._templates.get(group.arguments[0] if group.arguments else "")
        values = np.array(_numbers(group.attributes["values"])) * unit
        axes: dict[str, Floats] = {"load": np.zeros(1), "slew": np.zeros(1)}
        order = []
        for number in ("1", "2"):
            variable = template.attributes.get(f"variable_{number}") if template else None
            if variable is None:
                break
            index = group.attributes.get(f"index_{number}") or (
                template.attributes[f"index_{number}"] if template else ""
            )
            axis = "load" if variable == _LOAD else "slew"
            axes[axis] = np.array(_numbers(index)) * (self._pf if axis == "load" else self._ns)
            order.append(axis)
        shape = [len(axes[axis]) for axis in order]
        grid = values.reshape(shape or (1, 1))
        if order == ["slew", "load"]:
            grid = grid.T
        return Table(axes["load"], axes["slew"], grid.reshape(len(axes["load"]), len(axes["slew"])))


def _constant(value: float) -> Table:
    return Table(np.zeros(1), np.zeros(1), np.full((1, 1), value))


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.replace(",", " ").split()]


def _quantity(text: str) -> float:
    match = _QUANTITY.match(text.strip())
    if match is None:
        raise ValueError(f"unit {text!r}")
    return float(match[1]) * _PREFIX[match[2]]


def _place(axis: Floats, x: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Index of the interval of the axis that holds x (the outermost beyond the ends), and the position in it."""
    if len(axis) == 1:
        return np.zeros(x.shape, dtype=np.int64), np.zeros(x.shape)
    index = np.clip(np.searchsorted(axis, x, side="right") - 1, 0, len(axis) - 2)
    return index, (x - axis[index]) / (axis[index + 1] - axis[index])
