"""``asic_flow bench emulator``: events per second and core of the emulator, beside hls4ml's and Keras' ``predict``."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from asic_flow.bench.core import Measurement
from asic_flow.emulator import Emulator
from asic_flow.errors import MismatchError, ToolFailedError
from asic_flow.formats import Integers
from asic_flow.ir import Profile, econ_t_structure
from asic_flow.vectors import stress_charges, to_images
from asic_flow.weights import WeightSet, random_weights, write_weights

PEER_EVENTS = 20_000
"""Events per call of a peer, which is two orders of magnitude slower."""
_PEER_TIMEOUT_S = 900


def bench_emulator(events: int, repeats: int, folder: Path, *, seed: int = 1, peers: bool = True) -> list[Measurement]:
    """The default network with random weights in both profiles: image in, latents out, one thread.

    Args:
        events: events of every call of the emulator.
        repeats: calls that are timed, in CPU seconds of one thread.
        folder: for the files passed to the peers.
        seed: seed of weights and events.
        peers: measure hls4ml and Keras too, in a process of their own.

    Raises:
        MismatchError: the engines of the emulator differ.
        ToolFailedError: the peers could not be measured.
    """
    results = []
    for profile in Profile:
        rng = np.random.default_rng(seed)
        weights = random_weights(econ_t_structure(profile), rng)
        images = to_images(weights, stress_charges(rng, events))
        emulator = Emulator(weights)
        head = images[:PEER_EVENTS]
        latents = Emulator(weights, engine="reference").run(head)
        if not np.array_equal(latents, emulator.run(head, threads=1)):
            raise MismatchError(f"benchmark: the {emulator.engine} engine differs from the reference in {profile}")
        measured = _peers(weights, head, latents, folder / profile, repeats) if peers else {}
        for dtype in (np.uint8, np.int64):
            batch = images.astype(dtype)
            seconds = _cpu_seconds(partial(emulator.run, batch, threads=1), repeats)
            name = f"emulator {profile}, {emulator.engine}, {np.dtype(dtype).name} images, per CPU second"
            results += _rows(name, events, seconds, measured, len(head))
    return results


def _cpu_seconds(work: Callable[[], object], repeats: int) -> tuple[float, ...]:
    """CPU seconds of each call behind one that is not counted: what the peers are measured in, whatever else runs."""
    work()
    seconds = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    return tuple(seconds)


def _rows(
    name: str, events: int, seconds: tuple[float, ...], peers: dict[str, dict[str, Any]], peer_events: int
) -> list[Measurement]:
    """One row per peer; the peer's CPU seconds count, because it may use several cores."""
    if not peers:
        return [Measurement(name, "events", events, seconds)]
    return [
        Measurement(
            name, "events", events, seconds, f"{peer}, per CPU second", peer_events, tuple(found["cpu_seconds"]),
            f"{found['differing_values']} of the peer's values differ from the emulator's",
        )
        for peer, found in peers.items()
    ]  # fmt: skip


def _peers(
    weights: WeightSet, images: Integers, latents: Integers, folder: Path, repeats: int
) -> dict[str, dict[str, Any]]:
    folder.mkdir(parents=True)
    (folder / "encoder.json").write_text(weights.structure.to_json(), encoding="utf-8")
    write_weights(weights, folder / "weights.json")
    np.save(folder / "images.npy", images)
    np.save(folder / "latents.npy", latents)
    command = [sys.executable, "-m", "econ_ae.peer_predict", str(folder), "--repeats", str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PEER_TIMEOUT_S)
    if done.returncode:
        raise ToolFailedError(
            f"benchmark: measuring hls4ml and Keras failed ({done.stderr.strip()[-400:]}); leave them out with --no-peers"
        )
    found: dict[str, dict[str, Any]] = json.loads((folder / "peers.json").read_text(encoding="utf-8"))
    return found
