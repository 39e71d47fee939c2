"""From the files of a run to the typed results: what is known, what is not, and what it is worth."""

from __future__ import annotations

from reports.build.assemble import build_results

__all__ = ["build_results"]
