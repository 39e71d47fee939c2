"""Error of the package: the command line turns it into one message and exit code 2."""

from __future__ import annotations


class RadiationError(Exception):
    """Bad input, wrong usage or a missing tool."""
