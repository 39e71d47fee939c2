"""Text forms of a weight image: rendering and parsing, without files and without weights.

Rendering takes the weight stream; parsing gives (register address, bytes) pairs, which `asic_flow.images.assemble`
joins and checks for completeness.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from asic_flow.errors import WeightError
from asic_flow.registers.model import RegisterLayout, WeightRegister

_P1_BLOCK = re.compile(r"AUTOENCODER_(\d+|\*)INPUT")
_C_ARRAY = re.compile(r"\[\s*(\d+)[uU]?\s*\]\s*=\s*\{([^}]*)\}")
_C_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_BYTES_PER_LINE = 16


def render_yaml(layout: RegisterLayout, stream: bytes, head: list[str]) -> str:
    """Test-stand YAML, production spelling."""

    def entry(register: WeightRegister, value: str) -> str:
        return f"    {register.name}: {value}"

    return _render_stand(layout, stream, head, ["Encoder:"], "  {}:", entry)


def render_p1(layout: RegisterLayout, stream: bytes, head: list[str]) -> str:
    """Test-stand YAML, P1 spelling."""

    def entry(register: WeightRegister, value: str) -> str:
        return f"        {register.name}:\n          value: {value}"

    return _render_stand(
        layout, stream, head, ["ECON-T:", "  RW:"], "    AUTOENCODER_{}INPUT:\n      registers:", entry
    )


def render_hex(writes: list[tuple[int, bytes]], head: list[str]) -> str:
    """``address: bytes`` lines, all hexadecimal."""
    return "\n".join([*_comments(head), *(f"{address:04x}: {data.hex(' ')}" for address, data in writes)]) + "\n"


def render_frames(frames: list[bytes], head: list[str]) -> str:
    """One I2C frame per line: register address (most significant byte first) and data, hexadecimal."""
    note = "one frame per line: two address bytes, most significant first, then the data"
    return "\n".join([*_comments([*head, note]), *(frame.hex(" ") for frame in frames)]) + "\n"


def render_c(stream: bytes, crc32: int, head: list[str]) -> str:
    """C array of the stream."""
    lines = [f"/* {line} */" for line in head]
    lines += ["#include <stdint.h>", "", f"#define ECON_AE_WEIGHTS_CRC32 0x{crc32:08x}u"]
    lines += [f"static const uint8_t econ_ae_weights[{len(stream)}] = {{"]
    for start in range(0, len(stream), _BYTES_PER_LINE):
        lines.append("    " + " ".join(f"0x{byte:02x}," for byte in stream[start : start + _BYTES_PER_LINE]))
    return "\n".join([*lines, "};", ""])


def parse_hex(text: str) -> list[tuple[int, bytes]]:
    """Inverse of `render_hex`; ``#`` starts a comment.

    Raises:
        WeightError: a line is not ``address: bytes``.
    """
    result = []
    for number, line in _content_lines(text):
        address, colon, data = line.partition(":")
        try:
            if not colon:
                raise ValueError
            result.append((int(address, 16), bytes.fromhex(data)))
        except ValueError:
            raise WeightError(f"line {number}: found {line[:40]!r}, expected 'address: bytes' in hexadecimal") from None
    return result


def parse_frames(text: str) -> list[tuple[int, bytes]]:
    """Inverse of `render_frames`.

    Raises:
        WeightError: a line is not a frame of 3 to 16 bytes.
    """
    result = []
    for number, line in _content_lines(text):
        try:
            frame = bytes.fromhex(line)
        except ValueError:
            raise WeightError(f"line {number}: found {line[:40]!r}, expected bytes in hexadecimal") from None
        if not 3 <= len(frame) <= 16:
            raise WeightError(f"line {number}: {len(frame)} bytes; an lpGBT frame has 2 address and 1 to 14 data bytes")
        result.append((int.from_bytes(frame[:2], "big"), frame[2:]))
    return result


def parse_c(text: str) -> bytes:
    """Stream from the first array with a stated length.

    Raises:
        WeightError: no array, a wrong length, or an element that is not a byte.
    """
    match = _C_ARRAY.search(_C_COMMENT.sub(" ", text))
    if match is None:
        raise WeightError("no C array with a stated length, as in 'uint8_t name[1608] = { ... }'")
    items = [item.strip() for item in match[2].split(",")]
    if items and not items[-1]:
        items.pop()
    try:
        stream = bytes(int(item.rstrip("uU"), 0) for item in items)
    except ValueError:
        bad = next(item for item in items if not _is_byte(item))
        raise WeightError(f"array element {bad!r} is not a byte") from None
    if len(stream) != int(match[1]):
        raise WeightError(f"the array declares {match[1]} elements and lists {len(stream)}")
    return stream


def parse_stand_yaml(layout: RegisterLayout, text: str) -> list[tuple[int, bytes]]:
    """Weights in a test-stand YAML of either spelling; other sections of the file are ignored.

    Values are little endian. A register that is left out is not assumed to be zero: `assemble` reports it.

    Raises:
        WeightError: not YAML, a key twice, no weights, an unknown block or register, or a value that does not fit.
    """
    try:
        content = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise WeightError(f"{where}{getattr(error, 'problem', None) or 'not YAML'}") from error
    blocks = _production_blocks(content) or _p1_blocks(content, layout.n_blocks)
    if not blocks:
        raise WeightError("no encoder weights: neither 'Encoder:' nor 'ECON-T: RW: AUTOENCODER_0INPUT:' is there")
    result = []
    for block, registers in blocks:
        if not 0 <= block < layout.n_blocks:
            raise WeightError(f"block {block}: the structure has blocks 0..{layout.n_blocks - 1}")
        known = {r.name: (r.address, r.size) for r in layout.weight_registers() if r.block == block}
        known["weights"] = (layout.block_address(block), layout.block_size(block))
        for name, value in registers.items():
            if name not in known:
                raise WeightError(f"block {block}: unknown register {name!r}; expected {', '.join(known)}")
            address, size = known[name]
            result.append((address, _value_bytes(f"block {block}, {name}", value, size)))
    return result


class _UniqueKeyLoader(yaml.SafeLoader):
    """Safe loader that refuses a key given twice, which YAML would silently overwrite."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Mapping with unique keys."""
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int) and key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            if isinstance(key, str | int):
                seen.add(key)
        return dict(super().construct_mapping(node, deep=deep))


def _production_blocks(content: Any) -> list[tuple[int, dict[Any, Any]]]:
    encoder = content.get("Encoder") if isinstance(content, dict) else None
    if not isinstance(encoder, dict):
        return []
    blocks = []
    for key, registers in encoder.items():
        if not str(key).isdigit() or not isinstance(registers, dict):
            raise WeightError(f"Encoder: {key!r}: expected a block number with registers below it")
        blocks.append((int(key), registers))
    return blocks


def _p1_blocks(content: Any, n_blocks: int) -> list[tuple[int, dict[Any, Any]]]:
    for key in ("ECON-T", "RW"):
        content = content.get(key) if isinstance(content, dict) else None
    blocks: list[tuple[int, dict[Any, Any]]] = []
    for name, body in (content or {}).items() if isinstance(content, dict) else ():
        match = _P1_BLOCK.fullmatch(str(name))
        if match is None:
            continue
        registers = body.get("registers") if isinstance(body, dict) else None
        if not isinstance(registers, dict):
            raise WeightError(f"{name}: expected 'registers:' below it")
        values = {r: entry.get("value") if isinstance(entry, dict) else None for r, entry in registers.items()}
        blocks += [(b, values) for b in (range(n_blocks) if match[1] == "*" else [int(match[1])])]
    return blocks


def _value_bytes(where: str, value: Any, size: int) -> bytes:
    if not isinstance(value, int) or isinstance(value, bool):
        raise WeightError(f"{where}: found {value!r}, expected an integer of {size} bytes")
    try:
        return value.to_bytes(size, "little")
    except OverflowError:
        raise WeightError(f"{where}: {value:#x} does not fit into {size} unsigned bytes") from None


def _render_stand(
    layout: RegisterLayout,
    stream: bytes,
    head: list[str],
    top: list[str],
    block: str,
    entry: Callable[[WeightRegister, str], str],
) -> str:
    lines, current = [*_comments(head), *top], -1
    for register in layout.weight_registers():
        if register.block != current:
            current = register.block
            lines.append(block.format(current))
        value = int.from_bytes(stream[register.first : register.first + register.size], "little")
        lines.append(entry(register, f"0x{value:0{2 * register.size}x}"))
    return "\n".join(lines) + "\n"


def _comments(head: list[str]) -> list[str]:
    return [f"# {line}" for line in head]


def _content_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if content:
            yield number, content


def _is_byte(item: str) -> bool:
    try:
        return 0 <= int(item.rstrip("uU"), 0) <= 255
    except ValueError:
        return False
