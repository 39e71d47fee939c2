"""Radiation tolerance of the encoder: upset sensitivity, rates, fault campaigns, proofs (part 6 of the plan; not begun)."""
