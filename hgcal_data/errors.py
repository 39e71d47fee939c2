"""Error type of the package: everything a user can cause ends in a :class:`DataError`."""

from __future__ import annotations


class DataError(Exception):
    """Bad input, wrong usage or an unreadable file.

    The message names what was being done, the file and row (or key), what was found, what was expected and what to
    do.
    """
