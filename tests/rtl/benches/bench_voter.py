"""econ_voter: every combination of three 3-bit inputs."""

from itertools import product

import cocotb
from common import settle


@cocotb.test()
async def exhaustive(dut):
    seen = 0
    for a, b, c in product(range(8), repeat=3):
        dut.a_i.value, dut.b_i.value, dut.c_i.value = a, b, c
        await settle()
        votes = [sum((v >> bit) & 1 for v in (a, b, c)) for bit in range(3)]
        want = sum((count >= 2) << bit for bit, count in enumerate(votes))
        assert int(dut.y_o.value) == want, f"{a:03b} {b:03b} {c:03b}: expected {want:03b}, found {dut.y_o.value}"
        seen += 1
    assert seen == 512
