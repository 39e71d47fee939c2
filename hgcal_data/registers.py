"""Chip configuration from the ``init.yaml`` files of the public vectors, in all three spellings.

* test-stand names of the prototype (``ECON-T: RW: MFC_MUX_SELECT: ...``),
* short names with a binary number of links (``Algorithm``, ``FormatterBuffer``): prototype too,
* production names (``ConfigAlgo`` with ``alg_type``; ``active_etxs`` is a mask).

Registers that a file does not set keep their reset values (facts/baselines.md section 1).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import yaml

from hgcal_data.errors import DataError
from hgcal_data.geometry import N_CELLS
from hgcal_data.packets import FULL_MASK, MAX_LINKS

IntArray = npt.NDArray[np.int64]
Chip = Literal["p1", "production"]

WEIGHT_BLOCKS: Final = 12
WEIGHT_BLOCK_BYTES: Final = 134
_WEIGHT_REGISTERS: Final = (*((offset, 16) for offset in range(0, 128, 16)), (128, 6))


class Algorithm(IntEnum):
    """Values of the algorithm register."""

    THRESHOLD_SUM = 0
    SUPER_TRIGGER_CELL = 1
    BEST_CHOICE = 2
    REPEATER = 3
    AUTOENCODER = 4


def _identity() -> IntArray:
    return np.arange(N_CELLS, dtype=np.int64)


def _full(value: int) -> IntArray:
    return np.full(N_CELLS, value, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class ChipConfig:
    """Everything the data path needs to know (defaults: reset values).

    Attributes:
        chip: prototype or production; decides the order of cells inside an input word.
        map_order: order of the 48-bit cell map of BC and TS ("p1": first bit = cell 0); default that of the chip.
        algorithm, high_density, links (1..13), drop_lsb (as written; values over 4 act as 0), stc_type, use_sum.
        mux, cal, thresholds: int64[48].
        idle_pattern: 11 bits of an idle word. t1, t2, t3: thresholds of the output buffer, in 16-bit words.
        keep_mask: 144 bits. weight_stream: the 12 x 134 bytes of encoder weights in address order, or None.
        stc_tie: which cell a super trigger cell reports among equal ones.
    """

    chip: Chip = "production"
    algorithm: Algorithm = Algorithm.THRESHOLD_SUM
    high_density: bool = False
    links: int = 2
    drop_lsb: int = 0
    stc_type: int = 1
    use_sum: bool = True
    mux: IntArray = field(default_factory=_identity)
    cal: IntArray = field(default_factory=lambda: _full(0x800))
    thresholds: IntArray = field(default_factory=lambda: _full(0))
    idle_pattern: int = 0x70F
    t1: int = 48
    t2: int = 511
    t3: int = 0
    keep_mask: int = FULL_MASK
    weight_stream: bytes | None = None
    map_order: Chip = "production"
    stc_tie: Literal["highest", "lowest"] = "highest"

    @property
    def density(self) -> Literal["LD", "HD"]:
        """Density of the module, which fixes the bits dropped before the input code."""
        return "HD" if self.high_density else "LD"

    @property
    def drop(self) -> int:
        """Bits dropped before the output code: register values over 4 act as 0."""
        return self.drop_lsb if 0 <= self.drop_lsb <= 4 else 0


class _Registers:
    """One parsed file: flat access with messages that name file and key."""

    def __init__(self, source: str, tree: Mapping[str, Any]) -> None:
        self.source = source
        self.tree = tree

    def fail(self, key: str, problem: str) -> DataError:
        return DataError(f"reading chip registers from {self.source}, key {key}: {problem}")

    def find(self, *path: str) -> Any:
        """Value under nested keys, or None."""
        node: Any = self.tree
        for key in path:
            if not isinstance(node, Mapping):
                return None
            node = node.get(key, node.get(int(key)) if key.isdigit() else None)
        return node

    def integer(self, key: str, value: Any, default: int, top: int) -> int:
        if value is None:
            return default
        if isinstance(value, str):
            try:
                value = int(value, 0)
            except ValueError as error:
                raise self.fail(key, f"found {value!r}, expected an integer") from error
        if not isinstance(value, int) or not 0 <= value <= top:
            raise self.fail(key, f"found {value!r}, expected an integer in 0..{top:#x}")
        return int(value)

    def array(self, key: str, value: Any, default: IntArray, top: int) -> IntArray:
        """48 integers from a list or from a mapping 0..47 (missing channels keep their reset value)."""
        if value is None:
            return default
        if isinstance(value, list):
            if len(value) != N_CELLS:
                raise self.fail(key, f"found {len(value)} values, expected {N_CELLS}")
            value = dict(enumerate(value))
        if not isinstance(value, Mapping):
            raise self.fail(key, f"found {type(value).__name__}, expected 48 values")
        result = default.copy()
        for channel, entry in value.items():
            index = self.integer(f"{key}.{channel}", channel, 0, N_CELLS - 1)
            result[index] = self.integer(f"{key}.{channel}", entry, 0, top)
        return result


def _short(r: _Registers, production: bool) -> dict[str, Any]:
    """Register values of the two short spellings."""
    algo = ("ConfigAlgo", "Global", "alg_type") if production else ("Algorithm", "Global", "select")
    density = ("ConfigAlgo", "Global", "alg_high_density") if production else ("Algorithm", "Global", "density")
    drop = r.find("AlgoDroplsb", "Global")
    values = {
        "algorithm": r.find(*algo),
        "density": r.find(*density),
        "drop": drop.get("drop_lsb") if isinstance(drop, Mapping) else drop,
        "mux": r.find("Mux"),
        "cal": r.find("Cal"),
        "thresholds": r.find("AlgoThreshold"),
        "links": r.find("FormatterBuffer", "Global", "active_etxs"),
        "keep": r.find("FormatterBuffer", "Global", "keep_auto_encoder_bits"),
        "idle": r.find("FormatterBuffer", "Global", "idle_pattern"),
    }
    for name in ("stc_type", "use_sum", "buff_t1", "buff_t2", "buff_t3"):
        values[name] = r.find("FormatterBuffer", "Global", name)
    if values["idle"] is None:
        values["idle"] = r.find("FormatterBuffer", "Global", "link_reset_pattern")
    if r.find("Encoder") is not None:
        values["weights"] = [r.find("Encoder", str(i)) for i in range(WEIGHT_BLOCKS)]
    return values


def _long(r: _Registers) -> dict[str, Any]:
    """Register values of the test-stand spelling."""

    def value(block: str, register: str) -> Any:
        return r.find("ECON-T", "RW", block, "registers", register, "value")

    def param(block: str, register: str, name: str) -> Any:
        return r.find("ECON-T", "RW", block, "registers", register, "params", name, "param_value")

    keep, low = value("FMTBUF_ALL", "mask_ae"), value("FMTBUF_ALL", "mask_ae2")
    values = {
        "algorithm": param("MFC_ALGORITHM_SEL_DENSITY", "algo", "select"),
        "density": param("MFC_ALGORITHM_SEL_DENSITY", "algo", "density"),
        "drop": value("ALGO_DROPLSB", "drop_lsb"),
        "mux": value("MFC_MUX_SELECT", "mux_select_*"),
        "cal": value("MFC_CAL_VAL", "cal_*"),
        "thresholds": value("ALGO_THRESHOLD_VAL", "threshold_val_*"),
        "links": param("FMTBUF_ALL", "config", "eporttx_numen"),
        # the emulator puts mask_ae2 at the OUT0 end (facts/econ-t.md 2.2; the register text says the opposite)
        "keep": None if keep is None or low is None else (int(keep) << 16) | int(low),
        "idle": value("FMTBUF_ALL", "tx_sync_word"),
    }
    for name in ("buff_t1", "buff_t2", "buff_t3"):
        values[name] = value("FMTBUF_ALL", name)
    for name in ("stc_type", "use_sum"):
        values[name] = param("FMTBUF_ALL", "config", name)
    blocks = [r.find("ECON-T", "RW", f"AUTOENCODER_{i}INPUT", "registers") for i in range(WEIGHT_BLOCKS)]
    if any(block is not None for block in blocks):
        values["weights"] = [
            None if block is None else {name: entry["value"] for name, entry in block.items()} for block in blocks
        ]
    return values


def _weight_stream(r: _Registers, blocks: list[Any] | None) -> bytes | None:
    """The 12 x 134 weight bytes; a register that a file does not set is 0 (its reset value)."""
    if blocks is None:
        return None
    stream = bytearray()
    for i, block in enumerate(blocks):
        for offset, size in _WEIGHT_REGISTERS:
            name = f"weights_byte{offset}"
            entry = None if block is None else block.get(name)
            stream += r.integer(f"encoder block {i}.{name}", entry, 0, (1 << 8 * size) - 1).to_bytes(size, "little")
    return bytes(stream)


def parse_registers(tree: Mapping[str, Any], source: str = "registers") -> ChipConfig:
    """Configuration from a parsed YAML mapping. Raises DataError naming source and key."""
    r = _Registers(source, tree)
    production = "ConfigAlgo" in tree
    if "ECON-T" in tree:
        values = _long(r)
    elif production or "Algorithm" in tree:
        values = _short(r, production)
    else:
        raise DataError(
            f"reading chip registers from {source}: none of the keys ConfigAlgo, Algorithm, ECON-T found; "
            "expected an init.yaml of the public ECON-T vectors"
        )
    links = r.integer(
        "active_etxs", values["links"], 3 if production else 2, (1 << MAX_LINKS) - 1 if production else MAX_LINKS
    )
    algorithm = r.integer("algorithm", values["algorithm"], 0, 7)
    chip: Chip = "production" if production else "p1"
    return ChipConfig(
        chip=chip,
        map_order=chip,
        algorithm=Algorithm(algorithm if algorithm <= Algorithm.AUTOENCODER else Algorithm.REPEATER),
        high_density=bool(r.integer("density", values["density"], 0, 1)),
        links=links.bit_count() if production else links,
        drop_lsb=r.integer("drop_lsb", values["drop"], 0, 255),
        stc_type=r.integer("stc_type", values["stc_type"], 1, 7),
        use_sum=bool(r.integer("use_sum", values["use_sum"], 1, 1)),
        mux=r.array("mux", values["mux"], _identity(), N_CELLS - 1),
        cal=r.array("cal", values["cal"], _full(0x800), 0xFFF),
        thresholds=r.array("threshold", values["thresholds"], _full(0), (1 << 22) - 1),
        idle_pattern=r.integer("idle_pattern", values["idle"], 0x70F, 0xFFFF) & 0x7FF,
        t1=r.integer("buff_t1", values["buff_t1"], 48, 0xFFFF),
        t2=r.integer("buff_t2", values["buff_t2"], 511, 0xFFFF),
        t3=r.integer("buff_t3", values["buff_t3"], 0, 0xFF),
        keep_mask=r.integer("keep_auto_encoder_bits", values["keep"], FULL_MASK, FULL_MASK),
        weight_stream=_weight_stream(r, values.get("weights")),
    )


def read_registers(path: str | os.PathLike[str]) -> ChipConfig:
    """Configuration from an ``init.yaml``. Raises DataError for a file that cannot be read or understood."""
    source = Path(path)
    try:
        tree = yaml.safe_load(source.read_bytes())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"reading chip registers from {source}: {error}") from error
    if not isinstance(tree, Mapping):
        raise DataError(f"reading chip registers from {source}: found no registers, expected a YAML mapping")
    return parse_registers(tree, str(source))
