"""Helpers of several tests of trainings."""

from __future__ import annotations

import pytest


def stop_after_first_epoch(config: object) -> None:
    from econ_ae.train import train
    from econ_ae.training import Trainer

    original = Trainer._epoch
    calls = {"n": 0}

    def limited(self: Trainer, *args: object) -> None:
        if calls["n"]:
            raise KeyboardInterrupt
        calls["n"] += 1
        original(self, *args)

    Trainer._epoch = limited  # type: ignore[method-assign]
    try:
        with pytest.raises(KeyboardInterrupt):
            train(config)  # type: ignore[arg-type]
    finally:
        Trainer._epoch = original  # type: ignore[method-assign]
