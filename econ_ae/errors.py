"""Errors of training and evaluation. The command line turns every `TrainingError` into one message and exit code 2."""

from __future__ import annotations


class TrainingError(Exception):
    """Base class: wrong configuration, wrong input data, or a run folder that cannot be used."""


class LoweringError(TrainingError):
    """A Keras model holds something that integer hardware would not reproduce exactly; the message names it."""
