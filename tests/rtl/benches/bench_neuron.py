"""econ_neuron against integer arithmetic in Python, for the parameters given by the pytest side."""

import cocotb
import numpy as np
from common import options, settle

from asic_flow.formats import Format
from asic_flow.tb.events import pack_events

O = options()  # noqa: E741
P = O["parameters"]


def reference(x, w, b, output):
    sums = ((x * w) >> P["ProductShift"]).sum(axis=1) + (b << P["BiasShift"])
    if P["Relu"]:
        sums = np.maximum(sums, 0)
    return output.cast(sums, output.fraction + P["OutputShift"])


def stimuli(rng, count):
    n, xw, ww = P["NumInputs"], P["InputWidth"], P["WeightWidth"]
    if O.get("every_product"):
        x, w = np.meshgrid(np.arange(1 << xw), np.arange(1 << ww) - (1 << (ww - 1)))
        return x.reshape(-1, 1), w.reshape(-1, 1), np.zeros(x.size, dtype=np.int64)
    x_low, x_high = (-(1 << (xw - 1)), (1 << (xw - 1)) - 1) if P["InputSigned"] else (0, (1 << xw) - 1)
    w_low, w_high = -(1 << (ww - 1)), (1 << (ww - 1)) - 1
    x = rng.integers(x_low, x_high, size=(count, n), endpoint=True)
    w = rng.integers(w_low, w_high, size=(count, n), endpoint=True)
    b = rng.integers(w_low, w_high, size=count, endpoint=True)
    corners = [(a, c, d) for a in (x_low, x_high, 0, 1) for c in (w_low, w_high, -1, 0, 1) for d in (w_low, w_high, 0)]
    for row, (a, c, d) in enumerate(corners):
        x[row], w[row], b[row] = a, c, d
    # sums near zero and near saturation: few inputs alive
    for row in range(len(corners), count, 2):
        x[row, rng.random(n) < 0.97 if n > 20 else rng.random(n) < 0.6] = 0
    return x, w, b


@cocotb.test()
async def matches_integer_model(dut):
    rng = np.random.default_rng(O["seed"])
    output = Format(
        width=P["OutputWidth"], fraction=0, signed=bool(P["OutputSigned"]),
        rounding=("floor", "half_up", "half_even")[P["Rounding"]], overflow="saturate" if P["Saturate"] else "wrap",
    )  # fmt: skip
    x, w, b = stimuli(rng, O["count"])
    want = reference(x, w, b, output)
    if O.get("fault"):
        want[-1] ^= 1
    mask = (1 << P["OutputWidth"]) - 1
    xs = pack_events(x & ((1 << P["InputWidth"]) - 1), P["InputWidth"])
    ws = pack_events(w & ((1 << P["WeightWidth"]) - 1), P["WeightWidth"])
    for row in range(len(x)):
        dut.x_i.value, dut.w_i.value = xs[row], ws[row]
        dut.b_i.value = int(b[row]) & ((1 << P["WeightWidth"]) - 1)
        await settle()
        found = int(dut.y_o.value)
        assert found == int(want[row]) & mask, f"vector {row}: expected {want[row]}, found {found}"
    ends = {int(want.min()), int(want.max())}
    if P["Saturate"] and not O.get("every_product"):
        assert ends == {output.minimum, output.maximum}, f"the stimuli reach only {ends}"
    dut._log.info("%d outputs compared", len(x))
