"""Running experiments in chunks: in parallel, each result appended to a file at once, finished chunks never run twice."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from asic_flow.sim.harness import execute
from rad_tolerance.campaign.experiments import Experiment
from rad_tolerance.campaign.injections import IntTable
from rad_tolerance.campaign.machine import PURPOSE, Machine
from rad_tolerance.campaign.outcomes import ANSWERS, tally
from rad_tolerance.campaign.stimulus import Stimulus, check_outputs
from rad_tolerance.errors import RadiationError

_TIMEOUT_S: Final = 7200


@dataclass(frozen=True)
class Chunk:
    """A part of an experiment's injections, with the key under which its result is kept."""

    experiment: Experiment
    index: int
    injections: IntTable
    window: int

    @property
    def key(self) -> str:
        """Hash of everything that the result depends on."""
        item = self.experiment
        state = hashlib.sha256(repr([item.machine.digest, item.name, self.index, self.window]).encode())
        for array in (item.stimulus.rows, item.stimulus.charges, self.injections):
            state.update(np.ascontiguousarray(array).tobytes())
        state.update(item.stimulus.preset.to_bytes() + item.stimulus.loaded.to_bytes())
        return state.hexdigest()[:24]


class Ledger:
    """Append-only file of chunk results, one line of JSON each; a line that a killed campaign left half-written is left out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lines: dict[str, dict[str, Any]] = {}
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            for line in text.splitlines():
                try:
                    content = json.loads(line)
                except json.JSONDecodeError:
                    continue
                self.lines[content["key"]] = content
            if text and not text.endswith("\n"):
                self._append("\n")

    def add(self, content: dict[str, Any]) -> None:
        """Keep one result."""
        self._append(json.dumps(content) + "\n")
        self.lines[content["key"]] = content

    def _append(self, text: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(text)


def chunks_of(experiment: Experiment, size: int, window: int) -> list[Chunk]:
    """The experiment in parts; one empty part if there is nothing to inject."""
    table = experiment.injections
    starts = range(0, max(len(table), 1), size)
    return [Chunk(experiment, index, table[first : first + size], window) for index, first in enumerate(starts)]


def run_chunks(
    chunks: Sequence[Chunk], ledger: Ledger, jobs: int, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> None:
    """Run what the ledger does not hold yet.

    Args:
        chunks: all parts of a campaign.
        ledger: results so far; gets the others.
        jobs: simulations at once.
        progress: called with the chunks done and in all.

    Raises:
        RadiationError: the run without faults is wrong.
        ToolFailedError: a simulation failed.
    """
    pending = [chunk for chunk in chunks if chunk.key not in ledger.lines]
    done = len(chunks) - len(pending)
    progress(done, len(chunks))
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(run_chunk, chunk) for chunk in pending]
        try:
            for future in as_completed(futures):
                ledger.add(future.result())
                done += 1
                progress(done, len(chunks))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def run_chunk(chunk: Chunk) -> dict[str, Any]:
    """One call of the simulation: a line for the ledger."""
    experiment, begin = chunk.experiment, time.monotonic()
    machine, stimulus = experiment.machine, experiment.stimulus
    outputs, results = simulate(machine, stimulus, chunk.injections, chunk.window)
    line = {"key": chunk.key, "experiment": experiment.name, "chunk": chunk.index}
    if experiment.reference is None:
        line |= {**tally(machine, stimulus, chunk.injections, results), "events": _checked(experiment, outputs)}
    else:
        nothing = np.zeros_like(chunk.injections[:0])
        reference, _ = simulate(machine, experiment.reference, nothing, chunk.window)
        _checked(experiment, reference, experiment.reference)
        line |= {"clocks": len(outputs), "wrong_clocks": int((outputs != reference).any(axis=1).sum())}
    return {**line, "seconds": round(time.monotonic() - begin, 2)}


def _checked(experiment: Experiment, outputs: NDArray[np.uint8], stimulus: Stimulus | None = None) -> int:
    events = check_outputs(stimulus or experiment.stimulus, outputs)
    if events <= 0:
        raise RadiationError(
            f"{PURPOSE}: {experiment.name}: without any upset the RTL's latents are not those of the emulator; "
            "run: asic_flow verify"
        )
    return events


def simulate(
    machine: Machine, stimulus: Stimulus, injections: IntTable, window: int
) -> tuple[NDArray[np.uint8], IntTable]:
    """Run a stimulus once without faults, then every injection from the state of its clock.

    Returns:
        Outputs without faults uint8[clocks, bytes], and the answers int32[n, ANSWERS] (`rad_tolerance.campaign.outcomes`).

    Raises:
        ToolFailedError: the simulation failed, or could not be repeated from its own states.
    """
    with tempfile.TemporaryDirectory(prefix="econ_campaign_") as scratch:
        inputs = {
            "stimulus": stimulus.rows, "events": stimulus.charges.astype("<u4"),
            "presets": machine.presets(stimulus.preset.to_bytes()), "roles": machine.roles,
            "injections": np.ascontiguousarray(injections, dtype="<i4"),
        }  # fmt: skip
        paths = {name: Path(scratch) / name for name in (*inputs, "outputs", "results")}
        for name, array in inputs.items():
            paths[name].write_bytes(array.tobytes())
        arguments = [
            *(str(paths[name]) for name in inputs), str(window), str(paths["outputs"]), str(paths["results"])
        ]  # fmt: skip
        execute(PURPOSE, [str(machine.program), "run", *arguments], _TIMEOUT_S)
        outputs = np.fromfile(paths["outputs"], dtype=np.uint8).reshape(len(stimulus.rows), -1)
        results = np.fromfile(paths["results"], dtype="<i4").reshape(-1, ANSWERS)
    return outputs, results
