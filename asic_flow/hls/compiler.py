"""g++ builds of a generated project: find headers and compiler, compile once per content, keep the result."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from asic_flow.errors import FlowError, ToolFailedError, ToolNotFoundError
from asic_flow.hls.emitter import CXX_FLAGS
from hgcal_data.files import atomic_path

logger = logging.getLogger(__name__)

_COMPILE_TIMEOUT_S = 600
_HLS4ML_HEADERS = Path("templates/catapult/ac_types/include")


@dataclass(frozen=True)
class Toolchain:
    """Compiler program and the folder that holds ``ac_int.h`` and ``ac_fixed.h``."""

    cxx: str
    ac_types: Path


def find_ac_types(user: Path | None = None) -> Path:
    """Folder with the open ac_types headers.

    Looked for in this order: `user` (the folder itself or its ``include``), ``$AC_TYPES``, the copy inside the
    installed hls4ml wheel (located without importing hls4ml), ``$MGC_HOME/shared/include``.

    Raises:
        ToolNotFoundError: no folder holds them, or `user` does not.
    """
    if user is not None:
        if found := _with_headers(user):
            return found
        raise ToolNotFoundError(
            f"compiling the C++: no ac_int.h and ac_fixed.h in {user} or {user / 'include'} (option ac_types)"
        )
    candidates = [Path(os.environ["AC_TYPES"])] if os.environ.get("AC_TYPES") else []
    spec = importlib.util.find_spec("hls4ml")
    if spec is not None and spec.origin is not None:
        candidates.append(Path(spec.origin).parent / _HLS4ML_HEADERS)
    if os.environ.get("MGC_HOME"):
        candidates.append(Path(os.environ["MGC_HOME"]) / "shared" / "include")
    for candidate in candidates:
        if found := _with_headers(candidate):
            return found
    raise ToolNotFoundError(
        "compiling the C++: the ac_types headers were not found. Install them with: pip install hls4ml (its wheel "
        "ships them), or clone github.com/hlslibs/ac_types and set ac_types in the configuration, or $AC_TYPES."
    )


def _with_headers(folder: Path) -> Path | None:
    for place in (folder, folder / "include"):
        if (place / "ac_int.h").is_file() and (place / "ac_fixed.h").is_file():
            return place.resolve()
    return None


def find_toolchain(ac_types: Path | None = None) -> Toolchain:
    """The compiler ($CXX, or g++) and the headers.

    Raises:
        ToolNotFoundError: one of them is missing.
    """
    name = os.environ.get("CXX") or "g++"
    cxx = shutil.which(name)
    if cxx is None:
        raise ToolNotFoundError(f"compiling the C++: {name} is not on PATH. Install it, for example: apt install g++")
    return Toolchain(cxx, find_ac_types(ac_types))


def project_top(project: Path) -> str:
    """Name of a project's top function, from its file names.

    Raises:
        FlowError: the folder is no generated C++ project.
    """
    found = sorted(project.glob("*_bridge.cpp"))
    if len(found) != 1:
        raise FlowError(
            f"opening C++ project {project}: expected one *_bridge.cpp, found {len(found)}; run: asic_flow generate"
        )
    return found[0].name.removesuffix("_bridge.cpp")


def object_command(tools: Toolchain, project: Path, source: Path, target: Path) -> list[str]:
    """Command that compiles one source file."""
    includes = ["-I", str(project), "-isystem", str(tools.ac_types)]
    return [tools.cxx, *CXX_FLAGS, "-fPIC", *includes, "-c", str(source), "-o", str(target)]


def link_command(tools: Toolchain, objects: Sequence[Path], target: Path, *, shared: bool) -> list[str]:
    """Command that links objects to a program or a shared library."""
    return [tools.cxx, *(["-shared"] if shared else []), *map(str, objects), "-o", str(target)]


def build(project: Path, part: str, ac_types: Path | None = None) -> tuple[Path, float]:
    """Compile ``<top>_<part>.cpp`` together with the design.

    Args:
        project: generated project.
        part: ``bridge`` (shared library) or ``test`` (program).
        ac_types: headers, see `find_ac_types`.

    Returns:
        The file built, and the seconds spent compiling: 0 if an identical build lay in ``<project>/build`` already.

    Raises:
        FlowError: not a project; compiler or headers missing; the compiler failed (its first error is quoted).
    """
    project = project.resolve()
    top = project_top(project)
    tools = find_toolchain(ac_types)
    sources = [project / "firmware" / f"{top}.cpp", project / f"{top}_{part}.cpp"]
    folder = project / "build" / _key(project, tools)
    shared = part == "bridge"
    target = folder / (f"{top}.so" if shared else f"{top}_{part}")
    if target.is_file():
        return target, 0.0
    begin = time.monotonic()
    with atomic_path(target) as temporary:
        objects = [temporary.with_suffix(f".{source.stem}.o") for source in sources]
        try:
            with ThreadPoolExecutor(len(sources)) as pool:
                list(pool.map(lambda pair: _compile(tools, project, *pair), zip(sources, objects, strict=True)))
            _execute(link_command(tools, objects, temporary, shared=shared), project)
        finally:
            for path in objects:
                path.unlink(missing_ok=True)
    return target, time.monotonic() - begin


def _compile(tools: Toolchain, project: Path, source: Path, target: Path) -> None:
    _execute(object_command(tools, project, source, target), project)


def _key(project: Path, tools: Toolchain) -> str:
    """Hash of everything that decides the result: sources, flags, compiler, headers."""
    digest = hashlib.sha256(" ".join([tools.cxx, *CXX_FLAGS]).encode())
    for path in (Path(tools.cxx), tools.ac_types / "ac_int.h", tools.ac_types / "ac_fixed.h"):
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}".encode())
    for path in sorted([*project.glob("*.cpp"), *(project / "firmware").rglob("*.[ch]*")]):
        digest.update(path.relative_to(project).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _execute(command: Sequence[str], cwd: Path) -> None:
    logger.info("running %s", " ".join(command))
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=_COMPILE_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise ToolFailedError(f"compiling in {cwd}: {command[0]} did not end within {_COMPILE_TIMEOUT_S} s") from error
    if done.returncode:
        lines = done.stderr.splitlines()
        first = next((line for line in lines if "error" in line), lines[0] if lines else "no message")
        raise ToolFailedError(f"compiling in {cwd}: {command[0]} ended with status {done.returncode}: {first}")
