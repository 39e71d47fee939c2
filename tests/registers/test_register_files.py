"""Files of the register map: all say the same, work in their languages, and depend on nothing but the structure."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from asic_flow.ir import Structure, econ_t_structure
from asic_flow.registers import (
    RegisterError,
    compile_rdl,
    register_layout,
    render_rdl,
    render_registers,
    write_peakrdl_html,
)
from asic_flow.weights import random_weights

FILES = {"econ_ae.rdl", "econ_ae.yaml", "econ_ae.h", "econ_ae.md", "econ_ae.html", "econ_ae_registers.py"}
STRUCTURES = {
    "chip": econ_t_structure(),
    "partial last block": econ_t_structure(filters=4, units=7, weight_bits=5),
    "one block": econ_t_structure(filters=1, units=1, weight_bits=6),
    "twelve full blocks and a rest": econ_t_structure(filters=8, units=16, weight_bits=6).model_copy(
        update={"register_profile": "generic"}
    ),
    "odd bits": econ_t_structure(filters=3, units=1, weight_bits=3),
}


@pytest.fixture(params=list(STRUCTURES), ids=lambda name: name.replace(" ", "-"))
def structure(request: pytest.FixtureRequest) -> Structure:
    return STRUCTURES[request.param]


def stand_registers(text: str) -> dict[int, tuple[str, int, str, int]]:
    """Expand a map as the test stand does: ``*`` in a block over ninput, ``*`` in a register over n_iterations."""
    tree = yaml.safe_load(text)["ECON-T"]
    found: dict[int, tuple[str, int, str, int]] = {}
    for access in ("RW", "RO"):
        for block, body in tree[access].items():
            copies = tree["ninput"] if "*" in block else 1
            for name, register in body["registers"].items():
                repeats = register.get("n_iterations", 1)
                values = register["value"] if "*" in name else [register["value"]]
                assert len(values) == repeats
                for i in range(copies):
                    for j in range(repeats):
                        address = body["addr_base"] + i * body.get("block_shift", 0)
                        address += register["addr_offset"] + j * register.get("addr_shift", 0)
                        label = f"{block.replace('*', str(i))}.{name.replace('*', str(j))}"
                        assert address not in found, label
                        found[address] = (label, register["size_byte"], access, values[j])
    return found


def test_all_files_are_written_and_repeatable(structure: Structure) -> None:
    first = render_registers(structure)
    compile_rdl.cache_clear()
    assert render_registers(Structure.model_validate_json(structure.to_json())) == first
    assert set(first) == FILES
    for name, text in first.items():
        assert structure.sha256 in text, name
        assert text.endswith("\n"), name
        assert not re.search(r"[ \t]+$", text, re.MULTILINE), f"{name}: trailing blanks"


def test_no_weight_is_inside(structure: Structure) -> None:
    """The files are a function of the structure alone, so two weight sets of it share them byte for byte."""
    weights = random_weights(structure, np.random.default_rng(7))
    assert render_registers(weights.structure) == render_registers(structure)
    if structure.n_weights > 100:
        assert weights.to_bytes()[:16].hex() not in "".join(render_registers(structure).values()).lower()


def test_compiled_description_agrees_with_the_layout(structure: Structure) -> None:
    layout = register_layout(structure)
    compiled = compile_rdl(render_rdl(structure))
    weight_addresses, bits = [], 0
    for block in compiled.blocks:
        if not block.name.startswith("autoencoder"):
            continue
        for i in range(block.count or 1):
            for register in block.registers:
                start = block.base + i * block.stride + register.offset
                weight_addresses += list(range(start, start + register.size))
                bits += sum(field.width for field in register.fields)
                assert register.access == "RW"
                assert register.reset == 0
    assert weight_addresses == [layout.byte_address(k) for k in range(layout.n_bytes)]
    assert bits == structure.weight_bits
    others = {block.name: block for block in compiled.blocks}
    assert others["misc"].base == layout.misc_base
    assert {f.name: f.low for f in others["misc"].registers[0].fields} == {"rw_ecc_err_clr": 0, "run": 1}
    monitor = {r.name: r for r in others["monitor"].registers}
    assert {r.access for r in monitor.values()} == {"RO"}
    assert others["monitor"].base + monitor["crc"].offset == layout.crc_address
    assert monitor["structure_hash"].reset.to_bytes(4, "little") == bytes.fromhex(structure.sha256[:8])
    assert monitor["id"].reset.to_bytes(4, "little") == b"ECAE"
    assert monitor["weight_bytes"].reset == layout.n_bytes
    offsets = ("bank_status", "crc_mismatches", "active_version", "shadow_crc")
    assert [monitor[name].offset for name in offsets] == [0x0D, 0x0E, 0x16, 0x18]
    control = {r.name: (r.offset, r.size, r.access, r.reset) for r in others["control"].registers}
    assert others["control"].base == layout.control_base
    assert control == {
        "fmt_links": (0, 1, "RW", 0), "bank_control": (1, 1, "RW", 0), "refresh_period": (2, 2, "RW", 0),
        "commit_bx": (4, 2, "RW", 0), "commit": (6, 1, "RW", 0), "expected_crc": (8, 4, "RW", 0),
        "weight_version": (12, 2, "RW", 0),
    }  # fmt: skip
    assert (monitor["seu_count"].count, monitor["seu_count"].stride) == (layout.n_blocks, 2)


def test_test_stand_yaml_expands_to_the_same_registers(structure: Structure) -> None:
    layout = register_layout(structure)
    found = stand_registers(render_registers(structure)["econ_ae.yaml"])
    weights = {a: entry for a, entry in found.items() if entry[0].startswith("AUTOENCODER_")}
    expected = {r.address: (f"AUTOENCODER_{r.block}INPUT.{r.name}", r.size, "RW", 0) for r in layout.weight_registers()}
    assert weights == expected
    assert found[layout.misc_base] == ("MISC_ALL.misc_rw_0", 1, "RW", 0)
    assert found[layout.crc_address] == ("MONITOR_ALL.crc", 4, "RO", 0)
    assert found[layout.seu_address][0] == "MONITOR_ALL.seu_count_0"


def test_chip_yaml_uses_the_stands_own_names() -> None:
    tree = yaml.safe_load(render_registers(econ_t_structure())["econ_ae.yaml"])["ECON-T"]
    block = tree["RW"]["AUTOENCODER_*INPUT"]
    assert (block["addr_base"], block["block_shift"], tree["ninput"]) == (0x0538, 143, 12)
    assert tree["RW"]["MISC_ALL"]["registers"]["misc_rw_0"]["params"] == {
        "rw_ecc_err_clr": {"param_mask": 1, "param_shift": 0},
        "run": {"param_mask": 1, "param_shift": 1},
    }


def test_python_module_has_the_addresses(structure: Structure) -> None:
    layout = register_layout(structure)
    names: dict[str, Any] = {}
    exec(compile(render_registers(structure)["econ_ae_registers.py"], "econ_ae_registers.py", "exec"), names)  # noqa: S102
    weight_address = names["weight_address"]
    assert [weight_address(k) for k in range(layout.n_bytes)] == [layout.byte_address(k) for k in range(layout.n_bytes)]
    with pytest.raises(IndexError, match="outside"):
        weight_address(layout.n_bytes)
    assert (names["MISC_MISC_RW_0"], names["MONITOR_CRC"]) == (layout.misc_base, layout.crc_address)
    assert (names["CONTROL_COMMIT"], names["COMMIT_KEY"]) == (layout.control_base + 6, 0xA5)
    assert names["CONTROL_BANK_CONTROL_READ_SHADOW"] == 1
    stand = stand_registers(render_registers(structure)["econ_ae.yaml"])
    assert {(a, size, access) for _, a, size, access in names["REGISTERS"]} == {(a, *e[1:3]) for a, e in stand.items()}


@pytest.mark.tools
def test_c_header_has_the_addresses(structure: Structure, tmp_path: Path) -> None:
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("gcc is not installed")
    layout = register_layout(structure)
    (tmp_path / "econ_ae.h").write_text(render_registers(structure)["econ_ae.h"])
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "econ_ae.h"\n'
        "int main(void) {\n"
        'for (uint32_t k = 0; k < ECON_AE_WEIGHT_BYTES; ++k) printf("%u\\n", econ_ae_weight_address(k));\n'
        'printf("%u %u ", ECON_AE_MISC_MISC_RW_0_ADDRESS, ECON_AE_MONITOR_CRC_ADDRESS);\n'
        'printf("%u ", ECON_AE_MISC_MISC_RW_0_RUN);\n'
        'printf("%u %u ", ECON_AE_CONTROL_COMMIT_BX_ADDRESS, ECON_AE_COMMIT_AT_ONCE);\n'
        'printf("%u\\n", ECON_AE_CONTROL_BANK_CONTROL_READ_SHADOW);\n'
        "return 0; }\n"
    )
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run([gcc, *flags, "main.c", "-o", "main"], cwd=tmp_path, check=True, timeout=60)
    lines = subprocess.run(
        [tmp_path / "main"], capture_output=True, text=True, check=True, timeout=10
    ).stdout.splitlines()
    assert [int(line) for line in lines[:-1]] == [layout.byte_address(k) for k in range(layout.n_bytes)]
    assert lines[-1] == f"{layout.misc_base} {layout.crc_address} 2 {layout.control_base + 4} 65535 1"


def test_markdown_and_html_name_every_register(structure: Structure) -> None:
    files = render_registers(structure)
    stand = stand_registers(files["econ_ae.yaml"])
    in_markdown = [int(a, 16) for a in re.findall(r"^\| (0x[0-9A-F]{4}) \|", files["econ_ae.md"], re.MULTILINE)]
    assert in_markdown == sorted(stand)
    assert files["econ_ae.md"].count("| 0 |") >= 1
    for name in ("misc_rw_0", "seu_count", "rw_ecc_err_clr", "weights_byte0"):
        assert name in files["econ_ae.html"]
    assert "<script" not in files["econ_ae.html"]
    assert "http" not in files["econ_ae.html"]


def test_overlapping_registers_do_not_compile() -> None:
    """Negative control: the compiler is really asked."""
    text = render_rdl(econ_t_structure())
    assert compile_rdl(text)
    with pytest.raises(RegisterError, match="overlap"):
        compile_rdl(text.replace("misc_t misc @0x0BEC", "misc_t misc @0x0538"))
    with pytest.raises(RegisterError, match="line"):
        compile_rdl(text.replace("regwidth = 128", "regwidth = 100", 1))


def test_peakrdl_html_is_optional(tmp_path: Path) -> None:
    try:
        import peakrdl_html  # noqa: F401
    except ImportError:
        assert write_peakrdl_html(econ_t_structure(), tmp_path / "html") is False
        assert not (tmp_path / "html").exists()
    else:
        assert write_peakrdl_html(econ_t_structure(), tmp_path / "html") is True
        assert (tmp_path / "html" / "index.html").is_file()
