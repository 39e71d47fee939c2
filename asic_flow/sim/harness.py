"""Verilator models with a C++ harness of their own, for what cocotb is too slow for: files in, files out."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asic_flow.errors import ToolFailedError
from asic_flow.sim.simulators import default_cache
from asic_flow.sim.tools import make_variables, require_build_tools, verilator_executable
from hgcal_data.files import atomic_dir

_BUILD_TIMEOUT_S = 1800
_LINT = ("-Wall", "-Wno-UNUSEDPARAM")
"""The package also holds the register map, which the encoder alone does not use."""


@dataclass(frozen=True)
class Harness:
    """A program to build.

    Attributes:
        purpose: what is being done, for error messages.
        name: of the program and of its folder in the cache.
        top: top module.
        modules: SystemVerilog text by file name, in compile order.
        program: the C++ source.
        defines: preprocessor constants of the program.
        control: lines of a Verilator control file.
    """

    purpose: str
    name: str
    top: str
    modules: Mapping[str, str]
    program: Path
    defines: Mapping[str, int]
    control: Sequence[str] = ()

    def build(self, cache: Path | None = None) -> Path:
        """Compile, or take the program from the cache; returns its path.

        Raises:
            ToolNotFoundError: Verilator, make, g++ or perl is missing.
            ToolFailedError: Verilator or the compiler failed.
        """
        require_build_tools()
        verilator = verilator_executable()
        shared = [f'no_inline -module "{module}"' for module in ("econ_neuron", "econ_compact_neuron")]
        control = ["`verilator_config", *shared, *self.control]
        state = [
            str(verilator), _LINT, make_variables(), self.top, sorted(self.defines.items()), control,
            list(self.modules.items()), self.program.read_text(encoding="utf-8"),
        ]  # fmt: skip
        digest = hashlib.sha256(repr(state).encode()).hexdigest()[:24]
        target = (cache or default_cache()) / f"{self.name}-{digest}"
        program = target / "model" / self.name
        if program.is_file():
            return program
        with atomic_dir(target) as folder:
            for name, text in self.modules.items():
                (folder / name).write_text(text, encoding="utf-8")
            (folder / "control.vlt").write_text("\n".join(control) + "\n", encoding="utf-8")
            command = [
                str(verilator), "--cc", "--exe", "--build", "-O3", "--no-timing", *_LINT, "--output-split", "20000",
                "--top-module", self.top, "--Mdir", str(folder / "model"), "-o", self.name,
                "-CFLAGS", " ".join(f"-D{key}={value}" for key, value in self.defines.items()),
                str(folder / "control.vlt"), *(str(folder / name) for name in self.modules), str(self.program),
            ]  # fmt: skip
            path = f"{verilator.parent}{os.pathsep}{os.environ['PATH']}"
            execute(self.purpose, command, _BUILD_TIMEOUT_S, {"PATH": path, "MAKEFLAGS": make_variables()})
        return program


def execute(purpose: str, command: Sequence[str], timeout_s: int, environment: Mapping[str, str] | None = None) -> str:
    """Run a program to its end; returns what it printed.

    Args:
        purpose: what is being done, for error messages.
        command: program and arguments.
        timeout_s: seconds.
        environment: variables that differ from this process's own.

    Raises:
        ToolFailedError: it ended with another status than 0, or not in time.
    """
    name = Path(command[0]).name
    variables = {**os.environ, **(environment or {})}
    try:
        done = subprocess.run(
            list(command), env=variables, capture_output=True, text=True, check=False, timeout=timeout_s
        )
    except subprocess.TimeoutExpired as error:
        raise ToolFailedError(f"{purpose}: {name} did not end within {timeout_s} s") from error
    if done.returncode:
        tail = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-25:])
        raise ToolFailedError(f"{purpose}: {name} ended with status {done.returncode}\n{tail}")
    return done.stdout
