"""Proofs of the I2C target and of its input filter."""

from __future__ import annotations

from collections.abc import Iterator

from asic_flow.formal.engine import Proof, edited, harness_text, rtl_modules

_REGISTERS = {
    "state": "state", "kind": "kind", "count": "count", "shift": "shift", "high": "high", "read": "read",
    "scl": "scl_old", "sda": "sda_late", "sda_old": "sda_old",
}  # fmt: skip
FIRST_WRITE_CLOCKS = 80
"""Enough for a START and four bytes with two clocks per bit, the shortest transfer that writes."""


def _target(name: str, claim: str, *, parameters: dict[str, int], depth: int | None, planted: bool = False) -> Proof:
    modules = rtl_modules("econ_voter", "econ_tmr_reg", "econ_i2c_target", upsets=True)
    modules["econ_i2c_filter.sv"] = harness_text("i2c_levels")
    if planted:
        target = modules["econ_i2c_target.sv"]
        modules["econ_i2c_target.sv"] = edited(target, "if (!addressed) begin", "if (!addressed && read_bit) begin")
    wires = {f"its_{name}": f"u_dut.{register}_q" for name, register in _REGISTERS.items()}
    return Proof(name, claim, modules, harness_text("i2c"), parameters, wires, depth=depth)


def bus_proofs() -> Iterator[Proof]:
    """The target follows the protocol for any sequence of line levels; the filter lets no short spike through."""
    yield _target(
        "I2C target", "SDA pulled only when addressed, from SCL low; free behind START and STOP; writes only what was sent",
        parameters={}, depth=None,
    )  # fmt: skip
    yield _filter("I2C input filter", 3)


def bus_controls() -> Iterator[Proof]:
    """A target that answers every address, and a filter that is claimed to be longer than it is."""
    yield _target("I2C target that acknowledges foreign writes", "", parameters={"Helpers": 0}, depth=40, planted=True)
    yield _filter("I2C filter one sample short", 4)


def write_reachable() -> Proof:
    """Claims that nothing is ever written; the counter-example is a whole write, so the proofs are not about a dead target."""
    parameters = {"Helpers": 0, "NeverWrite": 1}
    return _target("a write reaches the registers", "", parameters=parameters, depth=FIRST_WRITE_CLOCKS)


def _filter(name: str, length: int) -> Proof:
    wires = {}
    for copy in "abc":
        wires[f"u_dut.u_chain_{copy}.upset"] = f"upset_{copy}"
        wires[f"u_dut.u_level.u_copy_{copy}.upset"] = f"level_{copy}"
        wires[f"chain_{copy}"] = f"u_dut.chain_{copy}"
        wires[f"copy_{copy}"] = f"u_dut.u_level.copy_{copy}"
    modules = rtl_modules("econ_voter", "econ_tmr_reg", "econ_i2c_filter", upsets=True)
    claim = "no spike shorter than three samples passes, whatever happens to one copy"
    return Proof(name, claim, modules, harness_text("filter"), {"Length": length}, wires)
