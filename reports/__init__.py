"""Reports of a run: one typed ``results.json``, rendered as a self-contained HTML page and as Markdown.

The package reads the result files of a run folder and nothing else; the only other package of ours it imports is
`hgcal_data.geometry`, for the shapes of the trigger cells.
"""

from __future__ import annotations

from typing import Final

SCHEMA_VERSION: Final = 1
"""Version of ``report/results.json``."""
