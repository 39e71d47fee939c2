"""Packets of an encoder on its output links: how many bits of each latent leave, and the words of every event.

The format of ECON-T (facts/econ-t.md 2.2), for any number and width of latents: 5-bit header, module-sum code, then the top
bits of every latent, the last latent first, right-aligned. `asic_flow/rtl/econ_formatter.sv` makes the same words.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asic_flow.errors import FlowError
from asic_flow.formats import Integers
from asic_flow.ir import Structure
from hgcal_data.packets import data_width, header5

MAX_LINKS = 5
"""More links carry nothing more: with five, every bit of ECON-T's latents leaves."""
LINK_WIDTH = 32
"""Bits of one link and crossing (1.28 Gb/s at 40 MHz)."""
ORBIT = 3564
"""Crossings of one orbit; the header marks the first."""


def bits_per_latent(structure: Structure, links: int) -> int:
    """Bits of each latent that leave on `links` links: floor(data bits / latents), at most the latent's width.

    Args:
        structure: the encoder.
        links: 1 to `MAX_LINKS`; the data bits are ``min(18 + 32 (links - 1), 146)``.

    Raises:
        FlowError: another number of links.
    """
    if not 1 <= links <= MAX_LINKS:
        raise FlowError(f"packets on {links} links: the formatter serves 1 to {MAX_LINKS}")
    return min(data_width(links) // structure.n_latents, structure.latent_format.width)


def link_words(
    structure: Structure, latents: Integers, sum_codes: Integers, bx: Integers, links: int
) -> NDArray[np.uint32]:
    """Words on the links, uint32[n, MAX_LINKS]; unused links are zero.

    Args:
        structure: the encoder.
        latents: int64[n, latents], in the structure's output format (two's complement if signed).
        sum_codes: int64[n], 9-bit code of the module sum.
        bx: int64[n], bunch crossing of each event.
        links: links in use, 0 (transmitter off) to `MAX_LINKS`.

    Raises:
        FlowError: the number of links, or latents that do not have the structure's format.
    """
    words = np.zeros((len(latents), MAX_LINKS), dtype=np.uint32)
    if links == 0:
        return words
    fmt, sent = structure.latent_format, bits_per_latent(structure, links)
    if not fmt.contains(latents):
        raise FlowError(f"packets: a latent lies outside {fmt.minimum}..{fmt.maximum}")
    top = (latents & ((1 << fmt.width) - 1)) >> (fmt.width - sent)
    code_width = LINK_WIDTH - data_width(1) - 5
    columns = [(header5(bx), 5), (sum_codes, code_width)]
    columns += [(np.zeros(len(latents), dtype=np.int64), data_width(links) - sent * structure.n_latents)]
    columns += [(top[:, latent], sent) for latent in reversed(range(structure.n_latents))]
    bits = np.concatenate([(value[:, None] >> np.arange(width)[::-1]) & 1 for value, width in columns], axis=1)
    packed = np.packbits(bits.astype(np.uint8).reshape(len(latents), links, LINK_WIDTH), axis=2)
    words[:, :links] = packed.view(">u4")[..., 0]
    return words
