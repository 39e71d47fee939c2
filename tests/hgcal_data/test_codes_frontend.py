"""Codes, front end, packets of the autoencoder."""

from __future__ import annotations

import numpy as np
import pytest

from hgcal_data import codes, frontend, packets
from hgcal_data.geometry import MUX_P1, MUX_PRODUCTION

# facts/baselines.md section 3: value -> 4E3M, 5E3M, 5E4M
TABLE = {
    0: (0x00, 0x00, 0x000),
    7: (0x07, 0x07, 0x007),
    8: (0x08, 0x08, 0x008),
    15: (0x0F, 0x0F, 0x00F),
    16: (0x10, 0x10, 0x010),
    17: (0x10, 0x10, 0x011),
    18: (0x11, 0x11, 0x012),
    31: (0x17, 0x17, 0x01F),
    33: (0x18, 0x18, 0x020),
    63: (0x1F, 0x1F, 0x02F),
    64: (0x20, 0x20, 0x030),
    127: (0x27, 0x27, 0x03F),
    255: (0x2F, 0x2F, 0x04F),
    1023: (0x3F, 0x3F, 0x06F),
    65535: (0x6F, 0x6F, 0x0CF),
    245759: (0x7E, 0x7E, 0x0ED),
    245760: (0x7F, 0x7F, 0x0EE),
    262143: (0x7F, 0x7F, 0x0EF),
    262144: (0x7F, 0x80, 0x0F0),
    2**22 - 1: (0x7F, 0x9F, 0x12F),
    2**28 - 1: (0x7F, 0xCF, 0x18F),
}


@pytest.mark.parametrize("value", sorted(TABLE))
def test_codes_of_table(value: int) -> None:
    formats = ((4, 3), (5, 3), (5, 4))
    assert tuple(int(codes.encode_float(value, e, m)) for e, m in formats) == TABLE[value]


@pytest.mark.parametrize("drop", [0, 1, 3])
def test_decode_then_encode_is_identity(drop: int) -> None:
    code = np.arange(128)
    for rule in ("chip", "lower", "centre"):
        value = codes.decode_float(code, 4, 3, drop, rule=rule)  # type: ignore[call-overload]
        assert (codes.encode_float(np.floor(value).astype(np.int64), 4, 3, drop) == code).all(), rule
    assert codes.decode_float(0, 4, 3, drop, rule="centre") == 0.0


def test_codes_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match="negative"):
        codes.encode_float([-1], 4, 3)
    with pytest.raises(ValueError, match="7 bits"):
        codes.decode_float([128], 4, 3)


def test_float_to_fix_examples() -> None:
    code = np.array([0, 1, 7, 8, 15, 16, 31, 64, 127])
    assert frontend.float_to_fix(code, "LD").tolist() == [1, 3, 15, 17, 31, 34, 124, 2176, 507904]
    assert frontend.float_to_fix(code, "HD").tolist() == [4, 12, 60, 68, 124, 136, 496, 8704, 2031616]


def test_calibration_limits() -> None:
    assert int(frontend.calibrate(2031616, 4095)) == 4062240
    assert int(frontend.calibrate(1, 1023)) == 0
    assert int(frontend.calibrate(4, 512)) == 1


@pytest.mark.parametrize("order", ["p1", "production"])
def test_words_round_trip(order: str) -> None:
    rng = np.random.default_rng(0)
    code, bx = rng.integers(0, 128, (40, 48)), np.arange(40) % 30
    words = frontend.pack_words(code, bx, order)  # type: ignore[arg-type]
    again, counter = frontend.unpack_words(words, order)  # type: ignore[arg-type]
    assert (again == code).all()
    assert (counter == bx).all()
    other, _ = frontend.unpack_words(words, "production" if order == "p1" else "p1")
    assert not (other == code).all()  # negative control
    mux = {"p1": MUX_P1, "production": MUX_PRODUCTION}
    a = frontend.select_channels(code, mux[order])
    b = frontend.select_channels(other, mux["production" if order == "p1" else "p1"])
    assert (a == b).all()  # both chips see the same cells


def test_bx_counter_starts_anywhere_and_wraps() -> None:
    headers = np.full(3570, 0xA)
    headers[3] = 9
    counter = frontend.bx_counter(headers)
    assert counter[:5].tolist() == [0, 1, 2, 0, 1]
    assert counter[3 + 3563] == 3563
    assert counter[3 + 3564] == 0


def test_normalise_edges() -> None:
    q = np.zeros((4, 48), dtype=np.int64)
    q[1, 0], q[2, :2], q[3] = 1, (3, 1), 4062240
    x = frontend.normalise(q)
    assert not x[0].any()
    assert x[1, 0] == 128
    assert x[2, :2].tolist() == [96, 32]
    assert x.max() <= 255
    image = frontend.to_image(x)
    assert image.shape == (4, 8, 8)
    assert not image[:, 4:, 4:].any()
    with pytest.raises(ValueError, match="8 bits"):
        frontend.to_image(np.full((1, 48), 256))


def test_sum_code_is_truncating() -> None:
    q = np.zeros((1, 48), dtype=np.int64)
    q[0, :3] = 11
    assert frontend.module_sum_code(q).tolist() == [0x020]


@pytest.mark.parametrize("links", [1, 2, 3, 4, 5, 13])
def test_ae_packet_keeps_the_top_bits(links: int) -> None:
    rng = np.random.default_rng(links)
    latents, code, bx = rng.integers(0, 512, (50, 16)), rng.integers(0, 512, 50), np.arange(50)
    bits = packets.bits_per_latent(links)
    mask = packets.keep_mask_for(bits)
    words = packets.ae_packet(latents, code, bx, links, mask)
    decoded = packets.decode_ae_packet(words, links, mask)
    assert (decoded.latents == (latents >> (9 - bits)) << (9 - bits)).all()
    assert (decoded.sum_code == code).all()
    assert decoded.header[:3].tolist() == [31, 1, 2]
    assert not words[:, min(links, 5) :].any()


def test_full_mask_on_two_links_sends_the_low_outputs() -> None:
    latents = np.arange(1, 17)[None, :] * 31
    words = packets.ae_packet(latents, [0], [1], 2)
    decoded = packets.decode_ae_packet(words, 2)
    assert decoded.latents[0, :5].tolist() == latents[0, :5].tolist()
    assert decoded.latents[0, 5] == latents[0, 5] & 31
    assert not decoded.latents[0, 6:].any()


def test_packet_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="latent"):
        packets.ae_packet(np.full((1, 16), 512), [0], [0], 5)
    with pytest.raises(ValueError, match="links"):
        packets.data_width(14)
