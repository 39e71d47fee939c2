"""econ_converter against the front end of hgcal_data, integer by integer."""

import os

import cocotb
import numpy as np
from common import settle

from asic_flow.tb.events import pack_events, unpack_event
from asic_flow.vectors import MAX_CHARGE
from hgcal_data.frontend import module_sum_code, normalise


def edge_events():
    rows = [np.zeros(48, dtype=np.int64), np.full(48, MAX_CHARGE), np.ones(48, dtype=np.int64)]
    for bit in range(22):  # powers of two and their neighbours, alone and with one more count elsewhere
        for value in ((1 << bit) - 1, 1 << bit, min((1 << bit) + 1, MAX_CHARGE)):
            alone = np.zeros(48, dtype=np.int64)
            alone[bit] = value
            rows += [alone, alone + (np.arange(48) == 47)]
    rows += list(MAX_CHARGE * np.eye(48, dtype=np.int64)) + list(np.eye(48, dtype=np.int64))
    return np.array(rows)


@cocotb.test()
async def matches_front_end(dut):
    rng = np.random.default_rng(4)
    scale = 2.0 ** rng.uniform(0, 22, size=(250, 1))
    drawn = np.minimum((rng.random((250, 48)) * scale * (rng.random((250, 48)) < rng.random((250, 1)))), MAX_CHARGE)
    charges = np.concatenate([edge_events(), drawn.astype(np.int64)])
    want_x, want_code = normalise(charges), module_sum_code(charges)
    if os.environ.get("BENCH_FAULT"):
        want_x[-1, -1] ^= 1
    assert want_x.max() == 255
    assert want_x[0].max() == 0
    compared = 0
    for event, packed in enumerate(pack_events(charges, 22)):
        dut.charges_i.value = packed
        await settle()
        found = unpack_event(int(dut.x_o.value), 48, 8)
        assert found == want_x[event].tolist(), f"event {event}"
        assert int(dut.sum_code_o.value) == want_code[event], f"event {event}: sum code"
        compared += 49
    dut._log.info("%d integers compared", compared)
    assert compared == 49 * len(charges)
