"""The chip's other algorithms: packets encoded and decoded, and the far side's reconstruction (facts/baselines.md).

Cells are numbered by chip channel (post-mux) here; :func:`to_chip` and :func:`to_tc` translate from and to the TC
order
of the data files.
"""

from __future__ import annotations

from hgcal_data.baselines.best_choice import BestChoicePackets, best_choice, decode_best_choice
from hgcal_data.baselines.order import to_chip, to_tc
from hgcal_data.baselines.reconstruction import (
    ShareTable,
    fit_share_table,
    reconstruct_best_choice,
    reconstruct_repeater,
    reconstruct_super_trigger_cell,
    reconstruct_threshold_sum,
)
from hgcal_data.baselines.repeater import decode_repeater, repeater
from hgcal_data.baselines.super_trigger_cell import (
    SuperTriggerCellPackets,
    decode_super_trigger_cell,
    super_trigger_cell,
)
from hgcal_data.baselines.threshold_sum import ThresholdSumPackets, decode_threshold_sum, threshold_sum

__all__ = [
    "BestChoicePackets",
    "ShareTable",
    "SuperTriggerCellPackets",
    "ThresholdSumPackets",
    "best_choice",
    "decode_best_choice",
    "decode_repeater",
    "decode_super_trigger_cell",
    "decode_threshold_sum",
    "fit_share_table",
    "reconstruct_best_choice",
    "reconstruct_repeater",
    "reconstruct_super_trigger_cell",
    "reconstruct_threshold_sum",
    "repeater",
    "super_trigger_cell",
    "threshold_sum",
    "to_chip",
    "to_tc",
]
