"""What Catapult needs on this machine: the program and a licence."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from asic_flow.catapult.config import CatapultConfig
from asic_flow.errors import ToolNotFoundError

LICENCE_VARIABLES = ("MGLS_LICENSE_FILE", "SALT_LICENSE_SERVER", "LM_LICENSE_FILE")
HOME_VARIABLES = ("MGC_HOME", "CATAPULT_HOME")


@dataclass(frozen=True)
class ToolEnvironment:
    """Program to start, and the licence variable it will use."""

    executable: Path
    licence_variable: str


def check_environment(config: CatapultConfig, environment: Mapping[str, str]) -> ToolEnvironment:
    """Find Catapult and a licence setting.

    The program is looked for in the configuration, on PATH, then in ``$MGC_HOME/bin`` and ``$CATAPULT_HOME/bin``; each
    variable may be unset.

    Raises:
        ToolNotFoundError: with what to install or set.
    """
    executable = _executable(config, environment)
    for name in LICENCE_VARIABLES:
        if environment.get(name):
            return ToolEnvironment(executable, name)
    raise ToolNotFoundError(
        f"starting Catapult: found {executable}, but no licence ({', '.join(LICENCE_VARIABLES)} are all unset). "
        "Set MGLS_LICENSE_FILE to port@host of your Siemens licence server."
    )


def _executable(config: CatapultConfig, environment: Mapping[str, str]) -> Path:
    if config.executable is not None:
        if not os.access(config.executable, os.X_OK):
            raise ToolNotFoundError(
                f"starting Catapult: asic.catapult.executable {config.executable} is not an executable file"
            )
        return config.executable.resolve()
    places = [part for part in environment.get("PATH", "").split(os.pathsep) if part]
    places += [str(Path(environment[name]) / "bin") for name in HOME_VARIABLES if environment.get(name)]
    found = shutil.which("catapult", path=os.pathsep.join(places))
    if found is None:
        raise ToolNotFoundError(
            "starting Catapult: no program 'catapult' on PATH, in $MGC_HOME/bin or in $CATAPULT_HOME/bin. Install "
            "Siemens Catapult Ultra (2023.1 or newer) and put it on PATH, set MGC_HOME to its Mgc_home folder, or name "
            "the program in asic.catapult.executable. Without it the same C++ is verified with g++: asic_flow verify."
        )
    return Path(found).resolve()
