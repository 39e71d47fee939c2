"""Area, timing and power of a generated design, scaling to the chip's technology, and the comparison with budgets."""
