"""The chip's data path from input words to link words, for all algorithms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hgcal_data.baselines.best_choice import best_choice
from hgcal_data.baselines.repeater import repeater
from hgcal_data.baselines.super_trigger_cell import super_trigger_cell
from hgcal_data.baselines.threshold_sum import threshold_sum
from hgcal_data.errors import DataError
from hgcal_data.frontend import chip_charges, module_sum_code, normalise, to_image
from hgcal_data.packets import ae_packet
from hgcal_data.registers import Algorithm, ChipConfig

IntArray = npt.NDArray[np.int64]
Encode = Callable[[npt.NDArray[np.uint8]], IntArray]
"""Images uint8[n,8,8] to 9-bit latents int64[n,16]."""


def run_front_end(words: npt.NDArray[np.uint32], config: ChipConfig) -> tuple[IntArray, IntArray]:
    """CALQ int64[n,48] (post-mux channels) and crossing numbers int64[n] of input words uint32[n,12]."""
    return chip_charges(words, config.mux, config.cal, config.density, config.chip)


def autoencoder_inputs(
    words: npt.NDArray[np.uint32], config: ChipConfig
) -> tuple[npt.NDArray[np.uint8], IntArray, IntArray]:
    """Images uint8[n,8,8].

    9-bit sum codes int64[n] and crossing numbers int64[n] (the multiplexer realises the AE order).
    """
    charges, bx = run_front_end(words, config)
    return to_image(normalise(charges)), module_sum_code(charges), bx


def run_chip(words: npt.NDArray[np.uint32], config: ChipConfig, encode: Encode | None = None) -> npt.NDArray[np.uint32]:
    """Link words uint32[n,13] of consecutive crossings, input words uint32[n,12].

    Args:
        words: one row per crossing.
        config: registers.
        encode: needed for the autoencoder: images uint8[n,8,8] to latents int64[n,16].

    Raises:
        DataError: autoencoder without ``encode``, or more links or groups than the chip has.
    """
    if not 1 <= config.links <= 13:
        raise DataError(f"running the chip: {config.links} active links, expected 1 to 13")
    if config.algorithm is Algorithm.AUTOENCODER:
        if encode is None:
            raise DataError("running the chip: the autoencoder needs an encoder (argument 'encode')")
        images, code, bx = autoencoder_inputs(words, config)
        return ae_packet(encode(images), code, bx, config.links, config.keep_mask)
    charges, bx = run_front_end(words, config)
    if config.algorithm is Algorithm.BEST_CHOICE:
        return best_choice(charges, bx, config.links, config.drop, config.use_sum, config.map_order)
    if config.algorithm is Algorithm.SUPER_TRIGGER_CELL:
        return super_trigger_cell(charges, bx, config.links, config.stc_type, config.drop, config.stc_tie)
    if config.algorithm is Algorithm.REPEATER:
        return repeater(charges, bx, config.links, config.drop)
    link_words, _ = threshold_sum(
        charges,
        bx,
        config.links,
        config.thresholds,
        drop=config.drop,
        use_sum=config.use_sum,
        map_order=config.map_order,
        idle_pattern=config.idle_pattern,
        buffer_thresholds=(config.t1, config.t2, config.t3),
    )
    return link_words
