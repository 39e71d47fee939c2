"""From a quantised encoder to a verified ASIC block: integer IR, emulator, C++, RTL, registers, verification."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("econ-ae")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0+unknown"
