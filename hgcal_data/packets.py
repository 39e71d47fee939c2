"""Packet of the autoencoder on the output links (facts/econ-t.md 2.2).

5-bit header (31 at BX 0, else BX mod 16), 9-bit module sum (5E4M), then the latent bits that the keep mask lets
through,
OUT15 (most significant bit first) to OUT0, right-aligned in min(18 + 32 (links - 1), 146) bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hgcal_data.bits import BitArray, bits_to_words, from_bits, int_to_bits, to_bits, words_to_bits

IntArray = npt.NDArray[np.int64]

N_LATENTS: Final = 16
LATENT_BITS: Final = 9
MASK_BITS: Final = N_LATENTS * LATENT_BITS
MAX_LINKS: Final = 13
BITS_PER_LATENT: Final[dict[int, int]] = {1: 1, 2: 3, 3: 5, 4: 7, 5: 9}
"""Bits of each latent that leave on n links (CMSSW's bitsPerLink)."""
FULL_MASK: Final = (1 << MASK_BITS) - 1


@dataclass(frozen=True)
class AePackets:
    """Fields of n decoded packets.

    Header int64[n], 9-bit sum_code int64[n], latents int64[n,16] (bits not sent are 0).
    """

    header: IntArray
    sum_code: IntArray
    latents: IntArray


def header5(bx: npt.ArrayLike) -> IntArray:
    """5-bit header of TS, RPT and AE: 31 at BX 0, else BX mod 16."""
    crossing = np.asarray(bx, dtype=np.int64)
    return np.where(crossing == 0, 31, crossing % 16)


def data_width(links: int) -> int:
    """Latent bits available on ``links`` links: min(18 + 32 (links - 1), 146). Raises ValueError outside 1..13."""
    if not 1 <= links <= MAX_LINKS:
        raise ValueError(f"{links} links, expected 1 to {MAX_LINKS}")
    return min(18 + 32 * (links - 1), 146)


def bits_per_latent(links: int) -> int:
    """Bits of each latent sent on ``links`` links (9 from five links on)."""
    data_width(links)
    return BITS_PER_LATENT[min(links, 5)]


def keep_mask_for(bits: int) -> int:
    """144-bit keep mask that sends the top ``bits`` (1..9) bits of every latent."""
    if not 1 <= bits <= LATENT_BITS:
        raise ValueError(f"{bits} bits per latent, expected 1 to {LATENT_BITS}")
    field = ((1 << bits) - 1) << (LATENT_BITS - bits)
    return sum(field << (LATENT_BITS * i) for i in range(N_LATENTS))


def _kept_columns(keep_mask: int) -> IntArray:
    """Places, in the 144 bits OUT15..OUT0, of the bits that are sent."""
    return np.flatnonzero(int_to_bits(keep_mask, MASK_BITS)).astype(np.int64)


def ae_packet(
    latents: npt.ArrayLike,
    sum_code: npt.ArrayLike,
    bx: npt.ArrayLike,
    links: int,
    keep_mask: int = FULL_MASK,
) -> npt.NDArray[np.uint32]:
    """Output words uint32[n,13] of latents int64[n,16] (9 bit unsigned).

    9-bit sum codes and crossing numbers int64[n].

    Raises ValueError for latents or sum codes that do not fit in 9 bits, for a mask over 144 bits or links outside
    1..13.
    """
    values = np.asarray(latents, dtype=np.int64).reshape(-1, N_LATENTS)
    code = np.asarray(sum_code, dtype=np.int64)
    for name, array in (("latent", values), ("sum code", code)):
        if array.size and (int(array.min()) < 0 or int(array.max()) >> LATENT_BITS):
            raise ValueError(f"ae_packet: a {name} does not fit in 9 bits unsigned")
    width = data_width(links)
    all_bits = to_bits(values[:, ::-1], LATENT_BITS).reshape(-1, MASK_BITS)
    sent = all_bits[:, _kept_columns(keep_mask)][:, -width:]
    data: BitArray = np.zeros((values.shape[0], width), dtype=np.uint8)
    if sent.shape[1]:
        data[:, width - sent.shape[1] :] = sent
    return bits_to_words(np.concatenate([to_bits(header5(bx), 5), to_bits(code, 9), data], axis=1))


def decode_ae_packet(words: npt.NDArray[np.uint32], links: int, keep_mask: int = FULL_MASK) -> AePackets:
    """Inverse of :func:`ae_packet` for words uint32[n,13]; latent bits that were not sent come back as 0."""
    bits = words_to_bits(words)
    width = data_width(links)
    columns = _kept_columns(keep_mask)[-width:]
    all_bits = np.zeros((bits.shape[0], MASK_BITS), dtype=np.uint8)
    if columns.size:
        all_bits[:, columns] = bits[:, 14 + width - columns.size : 14 + width]
    latents = from_bits(all_bits.reshape(-1, N_LATENTS, LATENT_BITS))[:, ::-1]
    return AePackets(from_bits(bits[:, :5]), from_bits(bits[:, 5:14]), np.ascontiguousarray(latents))
