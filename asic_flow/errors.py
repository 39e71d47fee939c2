"""Errors of the design flow. The command line turns every `FlowError` into one message and exit code 2."""

from __future__ import annotations


class FlowError(Exception):
    """Base class: wrong input, wrong configuration or a tool that cannot run."""


class StructureError(FlowError):
    """A structure (``encoder.json``) is malformed or describes something the flow does not build."""


class WeightError(FlowError):
    """A weight file is malformed, corrupt, or belongs to another structure."""


class ToolNotFoundError(FlowError):
    """An external program that a step needs is not installed."""


class ToolFailedError(FlowError):
    """An external program ran and failed."""


class MismatchError(Exception):
    """Two levels of the design disagree. Not a `FlowError`: the command line exits 1, not 2."""
