"""Module readings of the CMS HGCAL trigger.

Geometry, files, simulation, chip front end, chip algorithms and metrics.
"""

from __future__ import annotations
