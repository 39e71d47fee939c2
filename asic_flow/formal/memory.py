"""Proofs of the weight memory: triplicated words, refresh, upset counters, CRC, commit, and the output that is held."""

from __future__ import annotations

from collections.abc import Iterator

from asic_flow.formal.engine import Proof, edited, harness_text, rtl_modules
from asic_flow.formats import Format
from asic_flow.ir import Dense, InputSpec, Profile, Structure
from asic_flow.rtl import MODULES, PACKAGE_FILE, render_rtl

_COPIES = "abc"
_WORD_WIDTHS = (6, 1, 32)
_BANK_BITS, _BLOCK_BITS = 12, 8
_GATE = {"econ_clock_gate.sv": harness_text("clock_gate")}


def upset_wires(register: str, signal: str, part: str = "") -> dict[str, str]:
    """Upset inputs of the three copies of an ``econ_tmr_reg`` joined to ``SIGNAL_a``, ``_b``, ``_c`` (or a part)."""
    return {f"{register}.u_copy_{copy}.upset": f"{signal}_{copy}{part}" for copy in _COPIES}


def _bank_wires(bank: str) -> dict[str, str]:
    """Upsets and copies of a bank of 12 bits in two blocks."""
    wires: dict[str, str] = {}
    for block in range(-(-_BANK_BITS // _BLOCK_BITS)):
        first, last = block * _BLOCK_BITS, min((block + 1) * _BLOCK_BITS, _BANK_BITS) - 1
        register = f"{bank}.gen_block[{block}].u_bits"
        wires |= upset_wires(register, "upset", f"[{last}:{first}]")
        wires |= {f"copy_{copy}[{last}:{first}]": f"{register}.copy_{copy}" for copy in _COPIES}
    return wires


def tiny_structure() -> Structure:
    """Two trigger cells, one latent, 2-bit weights: the smallest chip, for proofs about control."""
    weight = Format(width=2, fraction=1, signed=True)
    layer = Dense(
        name="dense", units=1, kernel=weight, bias=weight, output=Format(width=3, fraction=2, signed=False)
    )  # fmt: skip
    image = InputSpec(
        height=1, width=2, format=Format(width=3, fraction=2, signed=False), cell_positions=(0, 1)
    )  # fmt: skip
    return Structure(name="tiny", profile=Profile.EXACT, input=image, layers=(layer,), register_profile="generic")


def word_proofs() -> Iterator[Proof]:
    """Any upset of any bits of one copy in every clock never reaches the output of a triplicated word."""
    modules = rtl_modules("econ_voter", "econ_tmr_reg", upsets=True)
    wires, harness = upset_wires("u_dut", "upset"), harness_text("tmr_reg")
    for width in _WORD_WIDTHS:
        yield Proof(
            f"triplicated word of {width} bits", "one copy upset in every clock: never at the output, gone a clock on, flagged",
            modules, harness, {"Width": width}, wires,
        )  # fmt: skip
    yield Proof(
        "triplicated word with one of three clocks stopped", "one copy without clock and with upsets: never at the output",
        modules, harness, {"ClockMayStop": 1}, wires,
    )  # fmt: skip


def word_controls() -> Iterator[Proof]:
    """Faults in the triplicated word that must give counter-examples."""
    modules = rtl_modules("econ_voter", "econ_tmr_reg", upsets=True)
    wires, harness = upset_wires("u_dut", "upset"), harness_text("tmr_reg")
    voter = edited(modules["econ_voter.sv"], "(a_i & b_i) | (b_i & c_i) | (a_i & c_i)", "a_i")
    for name, parameters, text in (
        ("refresh switched off", {"Refresh": 0}, modules),
        ("voter removed", {}, {**modules, "econ_voter.sv": voter}),
        ("copies merged into one", {"Merged": 1}, modules),
        ("two copies hit in one clock", {"SecondHit": 1}, modules),
    ):
        yield Proof(name, "", text, harness, parameters, wires)


def refresh_proofs(**parameters: int) -> Iterator[Proof]:
    """The bank with gated clocks: one upset per refresh period, for any period."""
    modules = rtl_modules(
        "econ_voter", "econ_tmr_reg", "econ_error_counter", "econ_refresh_timer", "econ_weight_bank", upsets=True
    )
    yield Proof(
        "weight bank with refresh every T + 1 clocks, any T", "at most one upset per T + 1 clocks: the weights stay right",
        {**modules, **_GATE}, harness_text("bank"), parameters, {"timer": "u_timer.count_q", **_bank_wires("u_bank")},
    )  # fmt: skip


def refresh_controls() -> Iterator[Proof]:
    """Upsets that come one clock early, and no refresh at all."""
    for name, parameters in (("upset one clock early", {"Grace": 1}), ("bank without refresh", {"Refresh": 0})):
        for proof in refresh_proofs(Helpers=0, **parameters):
            yield Proof(name, "", proof.modules, proof.harness, proof.parameters, proof.wires)


def counter_proofs() -> Iterator[Proof]:
    """Upset counters count, saturate and clear, under upsets of themselves."""
    modules = rtl_modules("econ_voter", "econ_tmr_reg", "econ_error_counter", upsets=True)
    for width in (2, 16):
        yield Proof(
            f"upset counter of {width} bits", "counts, saturates, is zero while cleared, under upsets of itself",
            modules, harness_text("counter"), {"Width": width}, upset_wires("u_dut.u_count", "upset"),
        )  # fmt: skip


def commit_proofs(*, planted: str = "", name: str = "commit logic") -> Iterator[Proof]:
    """The commit logic; `planted` is a condition to leave out (negative control)."""
    modules = rtl_modules("econ_voter", "econ_tmr_reg", "econ_commit", upsets=True)
    if planted:
        modules["econ_commit.sv"] = edited(modules["econ_commit.sv"], planted, "")
    yield Proof(
        name, "a commit needs a pending request that is due, and the expected, valid CRC; under upsets of its state",
        modules, harness_text("commit"), {"HoldClocks": 2}, upset_wires("u_dut.u_state", "upset"),
    )  # fmt: skip


def store_proofs(
    *, planted: tuple[str, str, str] | None = None, name: str = "shadow bank and active bank"
) -> Iterator[Proof]:
    """The active bank behind a shadow bank with any contents.

    Args:
        planted: module, its text and what to write instead (negative control).
        name: title of the proof.
    """
    modules = rtl_modules(
        "econ_voter", "econ_tmr_reg", "econ_error_counter", "econ_refresh_timer", "econ_weight_bank", "econ_bank_crc",
        "econ_bank_port", "econ_commit", "econ_weight_store", upsets=True,
    )  # fmt: skip
    modules |= {**_GATE, "econ_shadow_bank.sv": harness_text("shadow_any")}
    if planted is not None:
        module, old, new = planted
        modules[f"{module}.sv"] = edited(modules[f"{module}.sv"], old, new)
    inside = "u_dut.gen_shadow"
    wires = {
        "its_commit": "u_dut.load", "its_valid": f"{inside}.shadow_crc_valid", "its_crc": "u_dut.shadow_crc_o",
        "its_pending": f"{inside}.pending", f"{inside}.u_shadow.anything": "contents", **_bank_wires("u_dut.u_bank"),
    }  # fmt: skip
    yield Proof(
        name, "the active weights change in a commit only, all bits in one clock; a request starts a fresh pass of the CRC",
        modules, harness_text("store"), {}, wires,
    )  # fmt: skip


def walker_proofs(*, silent: bool = False, name: str = "CRC of the weights") -> Iterator[Proof]:
    """A valid CRC is that of a complete pass over the present contents."""
    walker = "u_dut.u_crc"
    yield Proof(
        name, "a valid CRC is that of the present contents (two bytes)",
        rtl_modules("econ_voter", "econ_tmr_reg", "econ_bank_crc", "econ_bank_port", upsets=True),
        harness_text("walker"), {"Silent": int(silent)},
        {"its_sum": f"{walker}.sum_q", "its_block": f"{walker}.block_q", "its_byte": f"{walker}.byte_q"},
    )  # fmt: skip


def output_proofs(*, planted: bool = False) -> Iterator[Proof]:
    """No output before the weights are complete; with `planted`, faults that must give counter-examples."""
    rtl = render_rtl(tiny_structure())
    package = {PACKAGE_FILE: rtl[PACKAGE_FILE]}
    encoder = {name: rtl[name] for name in MODULES[MODULES.index("econ_converter.sv") :] if name != "econ_top.sv"}
    registers = {name: rtl[name] for name in MODULES[: MODULES.index("econ_converter.sv")]}
    registers |= {**_GATE, **rtl_modules(upsets=True), "econ_shadow_bank.sv": harness_text("shadow_any")}
    if planted:
        name = "econ_encoder.sv"
        encoder[name] = edited(
            encoder[name], "if (Last && !enable_i) begin", "if (Last && !enable_i && valid_in) begin"
        )
        name = "econ_registers.sv"
        registers[name] = edited(registers[name], "run_q & ~stale_q & ~hold", "run_q & ~hold")
    yield Proof(
        "latents and sum code held at zero" + (" only for valid events" if planted else ""),
        "output disabled: zero from the next clock on", {**package, **encoder}, harness_text("hold"),
    )  # fmt: skip
    yield Proof(
        "live flag" + (" without the stale flag" if planted else ""),
        "live only with run set and no weight written since; under upsets of both flags",
        {**package, **registers}, harness_text("live"), {},
        {**upset_wires("u_dut.u_misc", "upset"), **upset_wires("u_dut.u_stale", "stale")},
    )  # fmt: skip
