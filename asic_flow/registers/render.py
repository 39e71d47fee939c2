"""All files of the register map, as text: SystemRDL and what follows from it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import yaml

from asic_flow.ir import Structure
from asic_flow.registers import model
from asic_flow.registers.model import register_layout
from asic_flow.registers.rdl import Block, Register, RegisterMap, banner, compile_rdl, environment, render_rdl

_LOG = logging.getLogger(__name__)
_STAND_CHANNELS = 12
"""Index range of ``*INPUT`` in the test stand's YAML (its ``ninput``)."""
_STAND_OUTPUTS = 13
_TEXT_FILES = ("econ_ae.h", "econ_ae.md", "econ_ae.html", "econ_ae_registers.py")


def render_registers(structure: Structure) -> dict[str, str]:
    """Render the register map of a structure.

    A pure function of the structure: no weights, no date, no host name. Two runs give identical bytes.

    Returns:
        Text by path relative to the folder ``registers/``: ``econ_ae.rdl``, ``.yaml``, ``.h``, ``.md``, ``.html`` and
        ``econ_ae_registers.py``.

    Raises:
        StructureError: the structure does not fit its register profile.
        RegisterError: the description does not compile.
    """
    rdl = render_rdl(structure)
    registers = compile_rdl(rdl)
    context = {
        "banner": banner(structure), "map": registers, "rows": list(_rows(registers)), "m": model,
        "layout": register_layout(structure), "structure": structure,
        "weight_registers": list(register_layout(structure).weight_registers()),
    }  # fmt: skip
    env = environment()
    files = {"econ_ae.rdl": rdl, "econ_ae.yaml": _stand_yaml(registers, banner(structure))}
    files |= {name: env.get_template(f"{name}.j2").render(context) for name in _TEXT_FILES}
    return files


def write_peakrdl_html(structure: Structure, folder: Path) -> bool:
    """Write browsable HTML with peakrdl-html, if that package is installed.

    Returns:
        Whether it was written; without the package nothing happens and the plain ``econ_ae.html`` remains.
    """
    try:
        from peakrdl_html import HTMLExporter
    except ImportError:
        _LOG.info("peakrdl-html is not installed: no browsable HTML of the registers (pip install peakrdl-html)")
        return False
    from systemrdl import RDLCompiler

    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "econ_ae.rdl"
    source.write_text(render_rdl(structure), encoding="utf-8")
    compiler = RDLCompiler()
    compiler.compile_file(str(source))
    HTMLExporter().export(compiler.elaborate().top, str(folder))
    return True


class _Hex(int):
    """An integer that YAML shows in hexadecimal."""


class _Dumper(yaml.SafeDumper):
    """Safe dumper that knows `_Hex`."""


_Dumper.add_representer(
    _Hex, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:int", f"{int(value):#06x}")
)


def _stand_yaml(registers: RegisterMap, first_line: str) -> str:
    """Map in the layout of the ECON-T test stand (econt_sw; facts/style-anchors.md section 4.2)."""
    access: dict[str, Any] = {"ninput": _STAND_CHANNELS, "noutput": _STAND_OUTPUTS, "RW": {}, "RO": {}}
    for block in registers.blocks:
        for name, base in _stand_instances(block):
            for register in block.registers:
                entry = access[register.access].setdefault(name, {})
                if block.count == _STAND_CHANNELS and "*" in name:
                    entry["block_shift"] = block.stride
                entry["addr_base"] = _Hex(base)
                array = register.count is not None
                entry.setdefault("registers", {})[f"{register.name}_*" if array else register.name] = _stand_register(
                    register
                )
    text = yaml.dump({"ECON-T": access}, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=110)
    return f"# {first_line}\n{text}"


def _stand_instances(block: Block) -> list[tuple[str, int]]:
    """Block names of the test stand with their addresses; it can expand ``*`` only over its own 12 inputs."""
    if block.count is None or block.count == _STAND_CHANNELS:
        return [(block.stand_name, block.base)]
    return [(block.stand_name.replace("*", str(i)), block.base + i * block.stride) for i in range(block.count)]


def _stand_register(register: Register) -> dict[str, Any]:
    entry: dict[str, Any] = {"addr_offset": _Hex(register.offset), "size_byte": register.size}
    if register.count is None:
        entry["value"] = _Hex(register.reset)
    else:
        entry |= {
            "addr_shift": register.stride,
            "n_iterations": register.count,
            "value": [register.reset] * register.count,
        }
    if len(register.fields) > 1:
        entry["params"] = {
            field.name: {"param_mask": _Hex((1 << field.width) - 1), "param_shift": field.low}
            for field in register.fields
        }
    return entry


def _rows(registers: RegisterMap) -> list[tuple[int, str, int, str, int, Register]]:
    """(address, full name, bytes, access, reset, register) of every register, in address order."""
    rows = []
    for block in registers.blocks:
        for i in range(block.count or 1):
            prefix = f"{block.name}{i}" if block.count is not None else block.name
            for register in block.registers:
                for j in range(register.count or 1):
                    name = f"{register.name}{j}" if register.count is not None else register.name
                    address = block.base + i * block.stride + register.offset + j * register.stride
                    rows.append((address, f"{prefix}.{name}", register.size, register.access, register.reset, register))
    return sorted(rows, key=lambda row: row[0])
