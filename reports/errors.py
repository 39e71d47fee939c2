"""Error type of the package."""

from __future__ import annotations


class ReportError(Exception):
    """A run folder that cannot be read: missing, empty, or with a malformed result file.

    The message names the file and key, what was found, what was expected and what to do next.
    """
