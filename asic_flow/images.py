"""Weight images: the same weight stream as files and bus traffic that other people's tools understand.

========  ====================================================================================================
format    what it is
========  ====================================================================================================
yaml      ``Encoder: {0: {weights_byte0: ...}}``, the ECON-T test stand's spelling since the production chip
p1        ``ECON-T: RW: AUTOENCODER_0INPUT: registers: weights_byte0: value: ...``, its spelling for the P1 chip
hex       text, one ``address: bytes`` per register
raw       the bare stream, stream byte 0 first
c         C array of the stream
lpgbt     text, one I2C frame of an lpGBT master per line: two address bytes, then at most 14 data bytes
========  ====================================================================================================

Text formats carry a CRC-32 and the structure hash in a comment; both are checked where they are present. Addresses and
register order: `asic_flow.registers.model`; stream order: `asic_flow.weights`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from asic_flow import image_formats as text_formats
from asic_flow.errors import WeightError
from asic_flow.ir import Structure
from asic_flow.registers.model import RegisterLayout, register_layout
from asic_flow.weights import WeightSet, from_bytes, read_weights, write_weights
from hgcal_data.files import atomic_path

ADDRESS_BYTES = 2
LPGBT_FRAME_BYTES = 16
"""Longest I2C write of an lpGBT master, register address included (facts/radiation.md section 5.3)."""

_CRC = re.compile(r"crc32\W+0x([0-9a-fA-F]{8})\b", re.IGNORECASE)
_STRUCTURE = re.compile(r"structure sha256\W+([0-9a-f]{64})\b")


class ImageFormat(StrEnum):
    """File formats of a weight image."""

    YAML = "yaml"
    P1 = "p1"
    HEX = "hex"
    RAW = "raw"
    C = "c"
    LPGBT = "lpgbt"


_SUFFIXES = {
    ".yaml": ImageFormat.YAML, ".yml": ImageFormat.YAML, ".hex": ImageFormat.HEX, ".raw": ImageFormat.RAW,
    ".bin": ImageFormat.RAW, ".c": ImageFormat.C, ".h": ImageFormat.C, ".lpgbt": ImageFormat.LPGBT,
}  # fmt: skip


@dataclass(frozen=True)
class Transaction:
    """One I2C write behind the device address.

    Attributes:
        address: 16-bit register address.
        data: bytes for that address and the following ones.
    """

    address: int
    data: bytes

    @property
    def wire(self) -> bytes:
        """What travels: register address, most significant byte first, then the data."""
        return self.address.to_bytes(ADDRESS_BYTES, "big") + self.data


def transactions(layout: RegisterLayout, stream: bytes, max_data: int = 16) -> list[Transaction]:
    """Writes that put a weight stream into the registers, in stream order.

    Args:
        layout: addresses.
        stream: the weight stream, ``layout.n_bytes`` bytes.
        max_data: most data bytes per write. With 16 the writes are the test stand's registers (108 for ECON-T);
            ``layout.block_bytes`` gives one burst per block; a write never crosses a block.

    Raises:
        WeightError: the stream has the wrong length, or `max_data` is not positive.
    """
    if len(stream) != layout.n_bytes:
        raise WeightError(f"addressing a weight stream: found {len(stream)} bytes, the registers hold {layout.n_bytes}")
    if max_data < 1:
        raise WeightError(f"addressing a weight stream: at most {max_data} data bytes per write; expected 1 or more")
    result = []
    for block in range(layout.n_blocks):
        first, size = block * layout.block_bytes, layout.block_size(block)
        for offset in range(0, size, max_data):
            end = min(offset + max_data, size)
            result.append(Transaction(layout.block_address(block) + offset, stream[first + offset : first + end]))
    return result


def lpgbt_frames(layout: RegisterLayout, stream: bytes) -> list[bytes]:
    """I2C frames of an lpGBT master: two address bytes, most significant first, then up to 14 data bytes.

    These are the bytes on the wire. The lpGBT control library sends a register address least significant byte first, so
    a caller of that library passes the addresses of `lpgbt_library_calls` instead.
    """
    return [t.wire for t in transactions(layout, stream, LPGBT_FRAME_BYTES - ADDRESS_BYTES)]


def lpgbt_library_calls(layout: RegisterLayout, stream: bytes) -> list[Transaction]:
    """The same frames as (register address, data) for the lpGBT library, with the two address bytes swapped."""
    frames = transactions(layout, stream, LPGBT_FRAME_BYTES - ADDRESS_BYTES)
    return [Transaction(int.from_bytes(t.address.to_bytes(ADDRESS_BYTES, "big"), "little"), t.data) for t in frames]


def assemble(layout: RegisterLayout, writes: Iterable[tuple[int, bytes]]) -> bytes:
    """Weight stream from (address, bytes) pairs in any order.

    Raises:
        WeightError: an address holds no weight, is given twice, or is missing.
    """
    index = {layout.byte_address(k): k for k in range(layout.n_bytes)}
    stream = bytearray(layout.n_bytes)
    missing = set(range(layout.n_bytes))
    for start, data in writes:
        for address, value in enumerate(data, start):
            k = index.get(address)
            if k is None:
                raise WeightError(
                    f"assembling a weight image: address {address:#06x} holds no weight in profile {layout.profile!r}"
                )
            if k not in missing:
                raise WeightError(f"assembling a weight image: address {address:#06x} is given twice")
            missing.remove(k)
            stream[k] = value
    if missing:
        raise WeightError(
            f"assembling a weight image: {len(missing)} of {layout.n_bytes} bytes are missing, "
            f"first at address {layout.byte_address(min(missing)):#06x}"
        )
    return bytes(stream)


def pack(weights: WeightSet, image_format: ImageFormat | str) -> bytes:
    """A weight set as the bytes of an image file (UTF-8 for text formats); the same input gives the same bytes.

    Raises:
        StructureError: the structure does not fit its register profile.
    """
    image_format = ImageFormat(image_format)
    layout, stream = register_layout(weights.structure), weights.to_bytes()
    head = [
        "Encoder weights, written by asic_flow",
        f"structure sha256 {weights.structure.sha256}",
        f"crc32 0x{weights.crc32:08x} of the stream of {len(stream)} bytes",
    ]
    if image_format is ImageFormat.RAW:
        return stream
    if image_format is ImageFormat.YAML:
        text = text_formats.render_yaml(layout, stream, head)
    elif image_format is ImageFormat.P1:
        text = text_formats.render_p1(layout, stream, head)
    elif image_format is ImageFormat.HEX:
        text = text_formats.render_hex([(t.address, t.data) for t in transactions(layout, stream)], head)
    elif image_format is ImageFormat.C:
        text = text_formats.render_c(stream, weights.crc32, head)
    else:
        text = text_formats.render_frames(lpgbt_frames(layout, stream), head)
    return text.encode()


def unpack(
    structure: Structure, data: bytes, image_format: ImageFormat | str, source: str = "weight image"
) -> WeightSet:
    """Weight set from the bytes of an image file. ``yaml`` and ``p1`` are told apart by their content.

    Args:
        structure: what the weights belong to.
        data: content of the file.
        image_format: its format.
        source: name for messages and provenance.

    Raises:
        WeightError: malformed, incomplete, a value does not fit, the CRC differs, or made for another structure.
        StructureError: the structure does not fit its register profile.
    """
    image_format = ImageFormat(image_format)
    layout = register_layout(structure)
    provenance = {"source": source, "format": image_format.value}
    try:
        if image_format is ImageFormat.RAW:
            return from_bytes(structure, data, provenance)
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise WeightError(f"not text at byte {error.start}; a bare stream needs --format raw") from error
        _check_structure(structure, text)
        if image_format is ImageFormat.C:
            stream = text_formats.parse_c(text)
        elif image_format is ImageFormat.HEX:
            stream = assemble(layout, text_formats.parse_hex(text))
        elif image_format is ImageFormat.LPGBT:
            stream = assemble(layout, text_formats.parse_frames(text))
        else:
            stream = assemble(layout, text_formats.parse_stand_yaml(layout, text))
        weights = from_bytes(structure, stream, provenance)
        _check_crc(weights, text)
    except WeightError as error:
        raise WeightError(f"reading {source} as {image_format.value}: {error}") from error
    return weights


def image_format_of(path: Path) -> ImageFormat | None:
    """Format by the file's suffix; None for a weight file of our own (``.json``).

    Raises:
        WeightError: the suffix is unknown.
    """
    if path.suffix == ".json":
        return None
    try:
        return _SUFFIXES[path.suffix.lower()]
    except KeyError:
        known = ", ".join(sorted([*_SUFFIXES, ".json"]))
        raise WeightError(
            f"weight image {path}: unknown suffix {path.suffix!r}; known: {known}. Say --format."
        ) from None


def read_image(path: Path, structure: Structure, image_format: ImageFormat | None = None) -> WeightSet:
    """Read a weight set from any image format, or from our own ``.json``.

    Raises:
        WeightError: as `unpack`, or the file cannot be read.
    """
    chosen = image_format or image_format_of(path)
    if chosen is None:
        return read_weights(path, structure)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightError(f"reading weight image {path}: {error.strerror}") from error
    return unpack(structure, data, chosen, str(path))


def write_image(weights: WeightSet, path: Path, image_format: ImageFormat | None = None) -> None:
    """Write a weight set as an image, or as our own ``.json``; the file appears only when it is complete.

    Raises:
        WeightError: the suffix is unknown, or the file cannot be written.
    """
    chosen = image_format or image_format_of(path)
    try:
        if chosen is None:
            write_weights(weights, path)
            return
        with atomic_path(path) as temporary:
            temporary.write_bytes(pack(weights, chosen))
    except OSError as error:
        raise WeightError(f"writing weight image {path}: {error.strerror}") from error


def _check_structure(structure: Structure, text: str) -> None:
    found = _STRUCTURE.search(text)
    if found and found[1] != structure.sha256:
        raise WeightError(
            f"made for structure {found[1][:12]}, but this design is {structure.sha256[:12]}. "
            "Use the matching encoder.json."
        )


def _check_crc(weights: WeightSet, text: str) -> None:
    found = _CRC.search(text)
    if found and int(found[1], 16) != weights.crc32:
        raise WeightError(
            f"the bytes have CRC {weights.crc32:#010x}, the file says 0x{found[1].lower()}: it was changed"
        )
