"""What every benchmark needs: repeated timing, the machine it ran on, a JSON file with history, and a table."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from asic_flow.errors import FlowError
from hgcal_data.files import atomic_write_text

SCHEMA_VERSION = 1
PACKAGES = ("numpy", "numba", "h5py", "POT")
"""Packages whose version is part of the machine's description."""


@dataclass(frozen=True)
class Measurement:
    """Times of one task, and of the same task done by a peer.

    Attributes:
        name: what was done.
        unit: what is counted, e.g. ``rows``.
        amount: units per repeat.
        seconds: wall time of every repeat.
        peer: name of the peer, or None.
        peer_amount, peer_seconds: the same for the peer.
        note: what else is to be said, e.g. the largest difference of the results.
    """

    name: str
    unit: str
    amount: int
    seconds: tuple[float, ...]
    peer: str | None = None
    peer_amount: int = 0
    peer_seconds: tuple[float, ...] = ()
    note: str = ""

    @property
    def rate(self) -> float:
        """Units per second, from the median time."""
        return self.amount / median(self.seconds)

    @property
    def peer_rate(self) -> float | None:
        """Units per second of the peer, or None."""
        return self.peer_amount / median(self.peer_seconds) if self.peer_seconds else None


def timed(work: Callable[[], object], repeats: int, warm_up: bool = True) -> tuple[float, ...]:
    """Wall seconds of `repeats` calls; one more call before them, not counted, compiles and fills caches."""
    if repeats < 1:
        raise FlowError(f"benchmark: {repeats} repeats, expected at least 1")
    if warm_up:
        work()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return tuple(seconds)


def machine() -> dict[str, Any]:
    """Processor, cores this process may use, load (1 minute), system and versions."""
    names = [line.split(":", 1)[1].strip() for line in _cpu_info() if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_1_minute": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def _cpu_info() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def append_history(path: Path, bench: str, described: dict[str, Any], results: Sequence[Measurement]) -> None:
    """Add one entry (time, machine, results) to the JSON history of a benchmark.

    Raises:
        FlowError: `path` holds something else; it is left as it is.
    """
    history: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "bench": bench, "runs": []}
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise FlowError(f"benchmark: {path} is no JSON history ({error}); name another file") from error
        if not isinstance(found, dict) or found.get("bench") != bench or not isinstance(found.get("runs"), list):
            raise FlowError(f"benchmark: {path} is no history of the benchmark {bench!r}; name another file")
        history = found
    history["runs"].append(entry(described, results))
    atomic_write_text(path, json.dumps(history, indent=1) + "\n")


def entry(described: dict[str, Any], results: Sequence[Measurement]) -> dict[str, Any]:
    """One run of a benchmark as plain values."""
    rows = [asdict(r) | {"rate": r.rate, "peer_rate": r.peer_rate} for r in results]
    return {"time": datetime.now(UTC).isoformat(timespec="seconds"), "machine": described, "results": rows}


def table(title: str, described: dict[str, Any], results: Sequence[Measurement]) -> Table:
    """Our rates beside the peer's."""
    caption = f"{described['processor']}, {described['cores']} cores, load {described['load_1_minute']} at the start"
    result = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for column in ("task", "ours", "peer", "ours / peer", "note"):
        result.add_column(column, justify="left" if column in {"task", "note"} else "right", overflow="fold")
    for r in results:
        peer, ratio = "", ""
        if r.peer_rate is not None:
            peer, ratio = f"{r.peer}: {r.peer_rate:,.0f} {r.unit}/s", f"{r.rate / r.peer_rate:.1f}"
        result.add_row(r.name, f"{r.rate:,.0f} {r.unit}/s", peer, ratio, r.note)
    return result
