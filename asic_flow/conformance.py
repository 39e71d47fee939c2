"""Replay of public ECON-T vectors: real events in, words of the chip's emulator out, every packet compared.

A case is a folder with ``init.yaml`` (registers) and ``testOutput.csv`` (13 output words per crossing); its input is
the nearest ``testInput.csv`` beside or above it: the layout of the public repository cmantill/econt_test-vectors. The
emulator level covers all five algorithms; C++ and RTL levels exist for the autoencoder, the part this flow designs.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asic_flow.emulator import Emulator
from asic_flow.errors import FlowError
from asic_flow.generate import write_project
from asic_flow.hls import CompiledEncoder
from asic_flow.ir import econ_t_structure
from asic_flow.links import MAX_LINKS
from asic_flow.sim import simulate_rtl
from asic_flow.vectors import Vectors
from asic_flow.weights import WeightSet, from_bytes
from hgcal_data.chip import run_chip, run_front_end
from hgcal_data.errors import DataError
from hgcal_data.frontend import module_sum_code, normalise, to_image
from hgcal_data.packets import MASK_BITS, ae_packet, bits_per_latent, data_width, decode_ae_packet, keep_mask_for
from hgcal_data.registers import Algorithm, ChipConfig, read_registers
from hgcal_data.vectors import read_input_words, read_output_words

LEVELS = ("emulator", "cpp", "rtl")
Words = NDArray[np.uint32]

BUFFER_LIMIT = 400
"""Largest buffer threshold T1 at which the published threshold-sum files show chip behaviour (16-bit words)."""
KNOWN_FILES = {
    "counterPatternInTC_by2/BC_9eTx": "the published file is the output for 10 links, stored under 9",
    "randomPatternExpInTC/TS_Thr0": "the published file is byte-identical to that of TS_Thr1000000",
    "randomPatternExpInTC/BC_10eTx": "the published file predates the fix that keeps selected cells of zero charge",
}
"""Published files that do not belong to the registers beside them (facts/baselines.md section 0)."""


@dataclass(frozen=True)
class ReplayResult:
    """One case at one level.

    Attributes:
        status: ``exact``; ``differs``; ``known`` (a published file that is wrong or mislabelled, with the reason);
            ``not applicable`` (C++ and RTL levels of the other algorithms).
        detail: first difference, the reason, or why the level does not apply.
    """

    case: str
    algorithm: str
    level: str
    exact: int
    total: int
    status: str
    detail: str = ""


def find_cases(folder: Path) -> list[Path]:
    """Case folders at or below `folder`, sorted.

    Raises:
        FlowError: the folder does not exist or holds no case.
    """
    if not folder.is_dir():
        raise FlowError(f"conformance: no folder {folder}")
    cases = sorted(path.parent for path in folder.rglob("init.yaml") if (path.parent / "testOutput.csv").is_file())
    if not cases:
        raise FlowError(f"conformance: no case (a folder with init.yaml and testOutput.csv) in {folder}")
    return cases


def input_of(case: Path, root: Path) -> Path:
    """The nearest ``testInput.csv`` beside or above a case, not above `root`'s parent.

    Raises:
        FlowError: there is none.
    """
    for folder in (case, *case.parents):
        if (folder / "testInput.csv").is_file():
            return folder / "testInput.csv"
        if folder == root.parent:
            break
    raise FlowError(f"conformance: case {case} has no testInput.csv beside or above it")


def run_conformance(
    folder: Path, names: set[str], levels: tuple[str, ...], rtl_events: int | None = None
) -> list[ReplayResult]:
    """Replay the cases of a folder.

    Args:
        folder: where to look for cases.
        names: only cases whose folder has one of these names (last part, or path below `folder`); empty = all.
        levels: some of `LEVELS`.
        rtl_events: crossings replayed in the RTL; default: all.

    Raises:
        FlowError: no such case, or a malformed file (named in the message).
    """
    root = folder.resolve()
    cases = [c for c in find_cases(root) if not names or c.name in names or str(c.relative_to(root)) in names]
    if not cases:
        known = ", ".join(c.name for c in find_cases(root))
        raise FlowError(f"conformance: no case {sorted(names)} in {folder}; there are {known}")
    results: list[ReplayResult] = []
    for case in cases:
        try:
            config = read_registers(case / "init.yaml")
            words = read_input_words(input_of(case, root))
            expected = read_output_words(case / "testOutput.csv")
        except DataError as error:
            raise FlowError(f"conformance: {error}") from error
        if len(words) != len(expected):
            raise FlowError(f"conformance: case {case} has {len(words)} input but {len(expected)} output crossings")
        name = str(case.relative_to(root)) if case != root else case.name
        results += [_replay(name, config, words, expected, level, rtl_events) for level in levels]
    return results


def case_weights(config: ChipConfig) -> WeightSet:
    """Encoder weights of an autoencoder case.

    Raises:
        FlowError: the registers hold no weights.
    """
    if config.weight_stream is None:
        raise FlowError("conformance: the registers select the autoencoder but hold no encoder weights")
    return from_bytes(econ_t_structure(), config.weight_stream, {"source": "registers of a conformance case"})


def _replay(
    name: str, config: ChipConfig, words: Words, expected: Words, level: str, rtl_events: int | None
) -> ReplayResult:
    algorithm = config.algorithm.name.lower()
    if config.algorithm is not Algorithm.AUTOENCODER:
        if level != "emulator":
            why = "the design of this flow is the autoencoder block"
            return ReplayResult(name, algorithm, level, 0, 0, "not applicable", why)
        return _compare_published(name, config, words, expected)
    weights = case_weights(config)
    if level == "emulator":
        return _compare(name, config, level, run_chip(words, config, Emulator(weights).run), expected)
    count = min(rtl_events or len(words), len(words)) if level == "rtl" else len(words)
    charges, bx = run_front_end(words[:count], config)
    images = to_image(normalise(charges))
    emulated = Emulator(weights).run(images)
    vectors = Vectors(
        charges, images.reshape(count, -1).astype(np.int64), module_sum_code(charges), emulated, weights.words()
    )
    with tempfile.TemporaryDirectory(prefix="conformance_") as scratch:
        project = Path(scratch) / "asic"
        write_project(weights.structure, project, vectors)
        if level == "cpp":
            latents, codes = CompiledEncoder(project).run_charges(charges, weights)
            packets = ae_packet(latents, codes, bx, config.links, config.keep_mask)
            return _compare(name, config, level, packets, expected)
        return _replay_rtl(name, config, project, vectors, bx, expected[:count])


def _replay_rtl(
    name: str, config: ChipConfig, project: Path, vectors: Vectors, bx: NDArray[np.int64], expected: Words
) -> ReplayResult:
    """The whole chip in Verilator: charges in, words on the links out.

    The formatter sends the top bits of every latent. For a keep mask that selects other bits the latents are compared on
    the chip, and the words only after packing them with that mask; the result says so.
    """
    links = min(config.links, MAX_LINKS)
    result = simulate_rtl(project, project / "tb_data", work_dir=project / "sim", links=links, bx=bx)
    algorithm = config.algorithm.name.lower()
    if result.events != len(expected) or result.mismatches or len(result.link_words) != len(expected):
        detail = f"RTL and emulator differ: {result.first_mismatch or '; '.join(result.failures)}"
        return ReplayResult(name, algorithm, "rtl", 0, len(expected), "differs", detail)
    if _sent_bits(config.keep_mask, config.links) == _sent_bits(keep_mask_for(bits_per_latent(links)), links):
        packets = np.zeros(expected.shape, dtype=np.uint32)
        packets[:, :MAX_LINKS] = result.link_words
        return _compare(name, config, "rtl", packets, expected)
    packets = ae_packet(vectors.latents, vectors.sum_codes, bx, config.links, config.keep_mask)
    packed = _compare(name, config, "rtl", packets, expected)
    reason = "the keep mask selects other bits than the formatter sends: latents of the RTL, packed in software"
    return replace(packed, detail="; ".join(filter(None, (packed.detail, reason))))


def _sent_bits(keep_mask: int, links: int) -> list[int]:
    """Which of the 144 latent bits leave: the lowest kept ones that the packet has room for."""
    return [bit for bit in range(MASK_BITS) if keep_mask >> bit & 1][: data_width(links)]


def _compare_published(case: str, config: ChipConfig, words: Words, expected: Words) -> ReplayResult:
    """Compare one of the chip's other algorithms, allowing for what is known about the published files.

    Some register files are in production style while the stored words are the prototype's: where only the order of the
    48-bit cell map differs, the case is exact and says so.
    """
    result = _compare(case, config, "emulator", run_chip(words, config), expected)
    if result.status == "exact":
        return result
    if config.algorithm in {Algorithm.BEST_CHOICE, Algorithm.THRESHOLD_SUM}:
        other: Literal["p1", "production"] = "p1" if config.map_order == "production" else "production"
        turned = _compare(case, config, "emulator", run_chip(words, replace(config, map_order=other)), expected)
        if turned.status == "exact":
            return replace(turned, detail=f"the stored words carry the cell map in {other} order")
    reason = next((text for path, text in KNOWN_FILES.items() if case == path or case.endswith("/" + path)), "")
    if config.algorithm is Algorithm.THRESHOLD_SUM and config.t1 > BUFFER_LIMIT:
        reason = f"T1 = {config.t1} exceeds {BUFFER_LIMIT}: the published emulator repeats buffer words there"
    return replace(result, status="known", detail=f"{reason}; {result.detail}") if reason else result


def _compare(case: str, config: ChipConfig, level: str, found: Words, expected: Words) -> ReplayResult:
    algorithm = config.algorithm.name.lower()
    same = (found == expected).all(axis=1)
    exact, total = int(same.sum()), len(expected)
    if exact == total:
        return ReplayResult(case, algorithm, level, exact, total, "exact")
    row = int(np.flatnonzero(~same)[0])
    link = int(np.flatnonzero(found[row] != expected[row])[0])
    detail = f"case {case}, packet {row}, link {link}: expected {expected[row, link]:08x}, found {found[row, link]:08x}"
    if config.algorithm is Algorithm.AUTOENCODER:
        detail += _first_latent(config, found[row], expected[row])
    return ReplayResult(case, algorithm, level, exact, total, "differs", detail)


def _first_latent(config: ChipConfig, found: NDArray[np.uint32], expected: NDArray[np.uint32]) -> str:
    """Which latent (or the sum) of an autoencoder packet differs first, with both integers as transmitted."""
    ours, theirs = (decode_ae_packet(words[None], config.links, config.keep_mask) for words in (found, expected))
    if ours.sum_code[0] != theirs.sum_code[0]:
        return f"; module sum code: expected {theirs.sum_code[0]}, found {ours.sum_code[0]}"
    wrong = np.flatnonzero(ours.latents[0] != theirs.latents[0])
    if len(wrong) == 0:
        return f"; header: expected {theirs.header[0]}, found {ours.header[0]}"
    index = int(wrong[0])
    return f"; latent {index}: expected {theirs.latents[0, index]}, found {ours.latents[0, index]}"
