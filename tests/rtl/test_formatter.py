"""The output formatter in RTL against the packets of hgcal_data, and the words of other structures."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_chip import deep

from asic_flow.errors import FlowError
from asic_flow.formats import Integers
from asic_flow.ir import Structure, econ_t_structure
from asic_flow.links import MAX_LINKS, ORBIT, bits_per_latent, link_words
from asic_flow.rtl import PACKAGE_FILE, RTL_FOLDER, render_package
from asic_flow.sim.simulators import BenchOutcome, Model, build_model, run_bench
from asic_flow.sim.tools import verilator_executable
from asic_flow.tb.events import pack_events
from hgcal_data.packets import BITS_PER_LATENT, ae_packet, keep_mask_for

pytestmark = pytest.mark.tools
BENCH = "econ_formatter_bench"
STRUCTURES = {"econ_t": econ_t_structure(), "deep": deep()}
WRAPPER = Path(__file__).parent / "benches" / f"{BENCH}.sv"
Data = tuple[Integers, Integers, Integers]
Run = Callable[..., BenchOutcome]


def draw(structure: Structure, events: int = 120, seed: int = 21) -> Data:
    """Latents, sum codes and crossings: edges first, then random."""
    fmt, rng = structure.latent_format, np.random.default_rng(seed)
    latents = rng.integers(fmt.minimum, fmt.maximum + 1, size=(events, structure.n_latents))
    latents[0], latents[1], latents[2] = 0, fmt.maximum, fmt.minimum
    latents[3 : 3 + structure.n_latents] = np.eye(structure.n_latents, dtype=np.int64) * fmt.maximum
    codes = rng.integers(0, 512, size=events)
    codes[:3] = [511, 0, 511]
    bx = np.arange(ORBIT - 40, ORBIT - 40 + events) % ORBIT  # over the end of the orbit
    bx[:2] = [0, ORBIT - 1]
    return latents, codes, bx


def naive(structure: Structure, latents: Integers, code: int, bx: int, links: int) -> str:
    """The packet of one event as a text of bits, straight from the description."""
    width = structure.latent_format.width
    room = min(18 + 32 * (links - 1), 146)
    sent = min(room // structure.n_latents, width)
    data = "".join(f"{int(v) % (1 << width):0{width}b}"[:sent] for v in latents[::-1])
    return f"{31 if bx == 0 else bx % 16:05b}{code:09b}" + data.rjust(room, "0")


@pytest.fixture
def run_formatter(model_cache: Path, tmp_path: Path, run_bench_env: Callable[..., dict[str, str]]) -> Run:
    """Run segments (links, events, expected words) one behind the other in one simulation."""
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")

    def run(structure: Structure, *segments: tuple[int, Data, Any]) -> BenchOutcome:
        (tmp_path / PACKAGE_FILE).write_text(render_package(structure))
        sources = (tmp_path / PACKAGE_FILE, RTL_FOLDER / "econ_formatter.sv", WRAPPER)
        described = [(links, describe(structure, data, words)) for links, data, words in segments]
        (tmp_path / "events.json").write_text(json.dumps(described))
        built = build_model("icarus", Model(sources=sources, top=BENCH), model_cache)
        environment = run_bench_env(
            events=str(tmp_path / "events.json"), latency=structure.latency_clocks,
            compared=sum(len(events) for _, events in described),
        )  # fmt: skip
        return run_bench(built, "bench_formatter", tmp_path / "run", environment=environment)

    return run


def describe(structure: Structure, data: Data, words: Any) -> list[dict[str, Any]]:
    """Events as the bench reads them; every seventh clock is without an event."""
    latents, codes, bx = data
    width = structure.latent_format.width
    packed = pack_events(latents & ((1 << width) - 1), width)
    return [
        {
            "latents": f"{packed[i]:x}", "sum_code": int(codes[i]), "bx": int(bx[i]), "valid": int(i % 7 != 5),
            "words": f"{sum(int(w) << (32 * k) for k, w in enumerate(words[i])) * int(i % 7 != 5):x}",
        }
        for i in range(len(latents))
    ]  # fmt: skip


def test_packets_of_the_chip(run_formatter: Run) -> None:
    """All link counts against hgcal_data.packets; then off, and more links than there are."""
    structure = STRUCTURES["econ_t"]
    segments = []
    for links in range(1, MAX_LINKS + 1):
        data = draw(structure, seed=links)
        packets = ae_packet(*data, links, keep_mask_for(BITS_PER_LATENT[links]))
        assert not packets[:, MAX_LINKS:].any()
        segments.append((links, data, packets[:, :MAX_LINKS]))
    data = draw(structure, 20)
    segments += [
        (links, data, link_words(structure, *data, used)) for links, used in ((0, 0), (6, 5), (8, 5), (255, 5))
    ]
    outcome = run_formatter(structure, *segments)
    assert (outcome.tests, outcome.failures) == (1, ())


def test_another_structure_with_signed_latents(run_formatter: Run) -> None:
    structure = STRUCTURES["deep"]
    data = draw(structure, 60)
    outcome = run_formatter(structure, *((n, data, link_words(structure, *data, n)) for n in range(1, MAX_LINKS + 1)))
    assert (outcome.tests, outcome.failures) == (1, ())


def test_one_wrong_bit_is_found(run_formatter: Run) -> None:
    structure = STRUCTURES["econ_t"]
    data = draw(structure)
    words = link_words(structure, *data, 2)
    words[50, 1] ^= np.uint32(1)
    outcome = run_formatter(structure, (2, data, words))
    assert len(outcome.failures) == 1
    assert "2 links, event 50" in outcome.failures[0]


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("links", range(1, MAX_LINKS + 1))
def test_words_are_those_of_the_description(name: str, links: int) -> None:
    structure = STRUCTURES[name]
    latents, codes, bx = draw(structure)
    words = link_words(structure, latents, codes, bx, links)
    for row, event in enumerate(words):
        found = "".join(f"{word:032b}" for word in event)
        assert found == naive(structure, latents[row], codes[row], bx[row], links).ljust(32 * MAX_LINKS, "0")


def test_bits_per_latent() -> None:
    assert {n: bits_per_latent(STRUCTURES["econ_t"], n) for n in range(1, 6)} == BITS_PER_LATENT
    assert [bits_per_latent(STRUCTURES["deep"], n) for n in range(1, 6)] == [9] * 5  # capped by the width
    for links in (0, 6):
        with pytest.raises(FlowError, match="1 to 5"):
            bits_per_latent(STRUCTURES["econ_t"], links)


def test_a_table_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    package = render_package(STRUCTURES["econ_t"])
    bad = package.replace("LinkLatentBits = {32'd9,", "LinkLatentBits = {32'd10,")
    assert bad != package
    (tmp_path / PACKAGE_FILE).write_text(bad)
    command = [
        str(verilator_executable()), "--lint-only", "-Wall", "--top-module", BENCH, str(tmp_path / PACKAGE_FILE),
        str(RTL_FOLDER / "econ_formatter.sv"), str(WRAPPER),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "the bits per latent" in done.stdout + done.stderr
    assert done.returncode != 0
