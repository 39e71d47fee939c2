"""Module readings of the CMS HGCAL trigger: geometry, files, simulation, chip front end, chip algorithms and metrics."""

from __future__ import annotations
