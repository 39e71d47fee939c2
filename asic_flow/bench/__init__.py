"""Benchmarks of the flow: how fast it runs on this machine. Never part of timed tests."""

from __future__ import annotations
