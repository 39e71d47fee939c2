"""Weight images: every format gives back the same weights, and nothing damaged is accepted."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from asic_flow.errors import WeightError
from asic_flow.images import (
    ImageFormat,
    assemble,
    lpgbt_frames,
    lpgbt_library_calls,
    pack,
    read_image,
    transactions,
    unpack,
    write_image,
)
from asic_flow.ir import Structure, econ_t_structure
from asic_flow.registers import register_layout
from asic_flow.weights import WeightSet, random_weights

CHIP = econ_t_structure()
SMALL = econ_t_structure(filters=4, units=7, weight_bits=5)  # 2,475 bits: three blocks, padding in the last byte
TINY = econ_t_structure(filters=1, units=1, weight_bits=6)


def make(structure: Structure, kind: str = "uniform", seed: int = 3) -> WeightSet:
    return random_weights(structure, np.random.default_rng(seed), kind=kind)


def same(a: WeightSet, b: WeightSet) -> bool:
    return all(np.array_equal(a.tensors[name], b.tensors[name]) for name in a.tensors) and a.structure == b.structure


@pytest.mark.parametrize("image_format", list(ImageFormat))
@pytest.mark.parametrize("structure", [CHIP, SMALL, TINY], ids=["chip", "small", "tiny"])
@pytest.mark.parametrize("kind", ["uniform", "minimum", "maximum"])
def test_round_trip(image_format: ImageFormat, structure: Structure, kind: str) -> None:
    weights = make(structure, kind)
    data = pack(weights, image_format)
    assert same(unpack(structure, data, image_format), weights)
    assert pack(weights, image_format) == data
    assert unpack(structure, data, image_format).crc32 == weights.crc32


@pytest.mark.parametrize("name", ["w.yaml", "w.yml", "w.hex", "w.raw", "w.bin", "w.c", "w.h", "w.lpgbt", "w.json"])
def test_round_trip_through_files(name: str, tmp_path: Path) -> None:
    weights = make(CHIP)
    write_image(weights, tmp_path / name)
    assert same(read_image(tmp_path / name, CHIP), weights)
    assert [p.name for p in tmp_path.iterdir()] == [name], "no temporary file is left"


def test_transactions_are_the_test_stands_registers() -> None:
    """108 writes of 16 or 6 bytes, MSB-first addresses (facts/econ-t.md section 2.5)."""
    weights = make(CHIP)
    stream = weights.to_bytes()
    writes = transactions(register_layout(CHIP), stream)
    assert len(writes) == 108
    assert sum(len(t.data) for t in writes) == 1608
    assert writes[0].wire == b"\x05\x38" + stream[:16]
    assert (writes[8].address, writes[8].data) == (0x0538 + 128, stream[128:134])
    assert (writes[9].address, writes[9].data) == (0x0538 + 143, stream[134:150])
    assert writes[-1].address + len(writes[-1].data) == 0x0538 + 11 * 143 + 134
    bursts = transactions(register_layout(CHIP), stream, 134)
    assert [(t.address, len(t.data)) for t in bursts] == [(0x0538 + 143 * i, 134) for i in range(12)]
    with pytest.raises(WeightError, match="at most 0 data bytes"):
        transactions(register_layout(CHIP), stream, 0)
    with pytest.raises(WeightError, match="found 1607 bytes"):
        transactions(register_layout(CHIP), stream[:-1])


def test_lpgbt_frames() -> None:
    """Ten frames per block, at most 16 bytes each; the library takes the address with its bytes swapped."""
    layout, stream = register_layout(CHIP), make(CHIP).to_bytes()
    frames = lpgbt_frames(layout, stream)
    assert len(frames) == 120
    assert max(map(len, frames)) == 16
    assert frames[0] == b"\x05\x38" + stream[:14]
    assert frames[9] == (0x0538 + 126).to_bytes(2, "big") + stream[126:134]
    calls = lpgbt_library_calls(layout, stream)
    assert calls[0].address == 0x3805
    sent_lsb_first = [c.address.to_bytes(2, "little") + c.data for c in calls]
    assert sent_lsb_first == frames


def test_assemble_takes_any_order_and_insists_on_every_byte() -> None:
    layout, stream = register_layout(CHIP), make(CHIP).to_bytes()
    writes = [(t.address, t.data) for t in transactions(layout, stream)]
    assert assemble(layout, reversed(writes)) == stream
    with pytest.raises(WeightError, match=r"16 of 1608 bytes are missing, first at address 0x0548"):
        assemble(layout, writes[:1] + writes[2:])
    with pytest.raises(WeightError, match="0x0538 is given twice"):
        assemble(layout, [*writes, (0x0538, b"\0")])
    with pytest.raises(WeightError, match="0x05be holds no weight"):
        assemble(layout, [(0x0538 + 128, bytes(7))])


def test_production_yaml_is_what_the_stand_reads() -> None:
    weights = make(CHIP)
    tree = yaml.safe_load(pack(weights, "yaml"))
    assert list(tree) == ["Encoder"]
    assert list(tree["Encoder"]) == list(range(12))
    stream = b"".join(
        tree["Encoder"][i][f"weights_byte{n}"].to_bytes(16 if n < 128 else 6, "little")
        for i in range(12)
        for n in range(0, 129, 16)
    )
    assert stream == weights.to_bytes()


def test_p1_yaml_in_all_its_spellings() -> None:
    weights = make(CHIP)
    stream = weights.to_bytes()
    tree = yaml.safe_load(pack(weights, "p1"))
    blocks = tree["ECON-T"]["RW"]
    assert list(blocks) == [f"AUTOENCODER_{i}INPUT" for i in range(12)]
    assert blocks["AUTOENCODER_0INPUT"]["registers"]["weights_byte0"]["value"] == int.from_bytes(stream[:16], "little")
    tree["ECON-T"]["RW"]["MFC_ALGORITHM_SEL_DENSITY"] = {
        "registers": {"algo": {"params": {"select": {"param_value": 4}}}}
    }
    assert same(unpack(CHIP, yaml.safe_dump(tree).encode(), "yaml"), weights), "either spelling is found by its content"
    whole = {
        f"AUTOENCODER_{i}INPUT": {
            "registers": {"weights": {"value": int.from_bytes(stream[134 * i : 134 * i + 134], "little")}}
        }
        for i in range(12)
    }
    assert same(unpack(CHIP, yaml.safe_dump({"ECON-T": {"RW": whole}}).encode(), "p1"), weights)
    everywhere = {"ECON-T": {"RW": {"AUTOENCODER_*INPUT": {"registers": {"weights": {"value": 1}}}}}}
    assert unpack(CHIP, yaml.safe_dump(everywhere).encode(), "p1").to_bytes() == (b"\1" + bytes(133)) * 12


def test_public_vectors_image(public_data: Path) -> None:
    """The 2,144 weights of the public case AE, decoded here a second way: one big integer, six bits at a time."""
    path = public_data / "econ_t_vectors" / "mcDataset" / "AE" / "init.yaml"
    encoder = yaml.safe_load(path.read_text())["Encoder"]
    number, shift = 0, 0
    for block in range(12):
        for offset in range(0, 129, 16):
            number |= encoder[block][f"weights_byte{offset}"] << shift
            shift += 128 if offset < 128 else 48
    assert shift == 12864
    words = [(number >> 6 * i & 63) for i in range(2144)]
    words = [w - 64 if w > 31 else w for w in words]
    weights = read_image(path, CHIP)
    assert weights.words().tolist() == words
    assert weights.crc32 == 0x351AF86B
    assert weights.tensors["dense.kernel"][5, 3] == words[80 + 3 * 128 + 5], "dense kernels are stored output-major"
    assert same(unpack(CHIP, pack(weights, "yaml"), "yaml"), weights)


def lines(change: Callable[[list[str]], object]) -> Callable[[bytes], bytes]:
    def apply(data: bytes) -> bytes:
        content = data.decode().splitlines()
        change(content)
        return "\n".join(content).encode()

    return apply


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def replace(old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda data: re.sub(old, new, data.decode(), count=1, flags=re.DOTALL).encode()


DAMAGE = [
    (fmt, what, damage, message)
    for fmt, what, damage, message in [
        ("raw", "short", lambda d: d[:-1], "found 1607 bytes"),
        ("raw", "long", lambda d: d + b"\0", "found 1609 bytes"),
        ("raw", "empty", lambda _: b"", "found 0 bytes"),
        ("yaml", "cut", cut, "missing"),
        ("yaml", "empty", lambda _: b"", "no encoder weights"),
        ("yaml", "binary", lambda d: b"\xff\xfe" + d, "not text at byte 0"),
        ("yaml", "not yaml", lambda _: b"Encoder: [", "line 1"),
        ("yaml", "a list", lambda _: b"- 1\n", "no encoder weights"),
        ("yaml", "other key", replace("Encoder:", "Decoder:"), "no encoder weights"),
        ("yaml", "a flipped digit", replace("weights_byte0: 0x.", "weights_byte0: 0x5"), "it was changed"),
        (
            "yaml",
            "too wide",
            replace("weights_byte128: 0x", "weights_byte128: 0x1"),
            r"block 0, weights_byte128: 0x1.* 6 unsigned",
        ),
        ("yaml", "negative", replace("weights_byte0: 0x[0-9a-f]+", "weights_byte0: -1"), "does not fit"),
        ("yaml", "text", replace("weights_byte0: 0x[0-9a-f]+", "weights_byte0: spam"), "'spam', expected an integer"),
        ("yaml", "boolean", replace("weights_byte0: 0x[0-9a-f]+", "weights_byte0: true"), "True, expected an integer"),
        ("yaml", "key twice", replace("weights_byte16:", "weights_byte0:"), "'weights_byte0' is given twice"),
        (
            "yaml",
            "unknown register",
            replace("weights_byte16:", "weights_byte17:"),
            "unknown register 'weights_byte17'",
        ),
        ("yaml", "unknown block", replace("  11:", "  12:"), r"block 12: the structure has blocks 0..11"),
        ("yaml", "block not a number", replace("  11:", "  eleven:"), "'eleven': expected a block number"),
        ("p1", "cut", cut, "missing|expected an integer"),
        ("p1", "no registers", replace("registers:", "regs:"), "expected 'registers:' below"),
        ("p1", "no value", replace("value:", "valve:"), "None, expected an integer"),
        ("p1", "a flipped digit", replace("value: 0x.", "value: 0x5"), "it was changed"),
        ("hex", "cut", cut, "missing|expected 'address: bytes'"),
        ("hex", "no colon", replace("0538:", "0538"), "line 4"),
        ("hex", "not hex", replace("0538: ..", "0538: zz"), "line 4"),
        ("hex", "line twice", lines(lambda c: c.append(c[-1])), "given twice"),
        ("hex", "line lost", lines(lambda c: c.pop(50)), "16 of 1608 bytes are missing|6 of 1608"),
        ("hex", "wrong address", replace("0538:", "0000:"), "0x0000 holds no weight"),
        ("hex", "a flipped digit", replace("0538: .", "0538: 5"), "it was changed"),
        ("c", "cut", cut, "no C array"),
        ("c", "element lost", replace(r"0x[0-9a-f]{2},\n\};", "};"), "declares 1608 elements and lists 1607"),
        ("c", "not a byte", replace(r"\{\n    0x..", "{\n    0x100"), "'0x100' is not a byte"),
        ("c", "a name", replace(r"\{\n    0x..", "{\n    W0"), "'W0' is not a byte"),
        ("c", "a flipped digit", replace(r"\{\n    0x.", "{\n    0x5"), "it was changed"),
        ("lpgbt", "cut", cut, "missing|hexadecimal|2 address"),
        ("lpgbt", "long frame", replace("05 38", "05 38 00 00"), "18 bytes; an lpGBT frame"),
        ("lpgbt", "address only", lines(lambda c: c.append("05 38")), "2 bytes; an lpGBT frame"),
        ("lpgbt", "address swapped", replace("05 38", "38 05"), "0x3805 holds no weight"),
        ("lpgbt", "a flipped digit", replace("05 38 .", "05 38 5"), "it was changed"),
    ]
]


@pytest.mark.parametrize(
    ("image_format", "what", "damage", "message"), DAMAGE, ids=[f"{d[0]}-{d[1]}".replace(" ", "_") for d in DAMAGE]
)
def test_damage_is_refused(image_format: str, what: str, damage: Callable[[bytes], bytes], message: str) -> None:
    weights = make(CHIP, "maximum")  # first byte 0xdf: the digit 5 is a change
    data = pack(weights, image_format)
    damaged = damage(data)
    assert damaged != data, f"{what}: the damage did nothing"
    with pytest.raises(WeightError, match=message) as caught:
        unpack(CHIP, damaged, image_format, "some.file")
    assert str(caught.value).startswith(f"reading some.file as {image_format}: ")


def test_one_bit_anywhere_in_the_stream_is_caught_by_the_crc() -> None:
    weights = make(CHIP)
    original = pack(weights, "hex").decode()
    head, body = original.split("bytes\n", 1)
    for bit in (0, 1071, 1072, 6432, 12863):
        other = pack(weights.flip_bit(bit), "hex").decode().split("bytes\n", 1)[1]
        assert other != body
        with pytest.raises(WeightError, match="it was changed"):
            unpack(CHIP, f"{head}bytes\n{other}".encode(), "hex")
    bare = "\n".join(line for line in original.splitlines() if not line.startswith("#"))
    assert same(unpack(CHIP, bare.encode(), "hex"), weights), "files of other tools carry no CRC"


def test_an_image_of_another_structure_is_refused() -> None:
    exact = econ_t_structure("exact")
    for image_format in set(ImageFormat) - {ImageFormat.RAW}:
        with pytest.raises(WeightError, match="made for structure"):
            unpack(exact, pack(make(CHIP), image_format), image_format)
    with pytest.raises(WeightError, match="found 1608 bytes, the structure needs 310"):
        unpack(SMALL, pack(make(CHIP), "raw"), "raw")


def test_padding_bits_must_be_zero() -> None:
    data = bytearray(pack(make(SMALL), "raw"))
    data[-1] |= 0x80
    with pytest.raises(WeightError, match="padding bit"):
        unpack(SMALL, bytes(data), "raw")


def test_files_that_cannot_be_read_or_named(tmp_path: Path) -> None:
    with pytest.raises(WeightError, match="No such file"):
        read_image(tmp_path / "none.hex", CHIP)
    with pytest.raises(WeightError, match=r"unknown suffix '\.txt'"):
        read_image(tmp_path / "w.txt", CHIP)
    (tmp_path / "w.txt").write_bytes(pack(make(CHIP), "hex"))
    assert same(read_image(tmp_path / "w.txt", CHIP, ImageFormat.HEX), make(CHIP))
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightError, match="writing weight image"):
        write_image(make(CHIP), tmp_path / "file" / "w.hex")


@pytest.mark.tools
def test_c_array_compiles(tmp_path: Path) -> None:
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("gcc is not installed")
    weights = make(CHIP)
    write_image(weights, tmp_path / "w.h")
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "w.h"\n'
        "int main(void) { return fwrite(econ_ae_weights, 1, sizeof econ_ae_weights, stdout) != 1608; }\n"
    )
    subprocess.run([gcc, "-Wall", "-Werror", "main.c", "-o", "main"], cwd=tmp_path, check=True, timeout=60)
    done = subprocess.run([tmp_path / "main"], capture_output=True, check=True, timeout=10)
    assert done.stdout == weights.to_bytes()
